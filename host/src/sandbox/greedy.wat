;; A component that wants something of its host, for the tests of the sandbox.
(component
  (import "host:clock/now" (func (result u64))))
