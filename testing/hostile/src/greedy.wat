;; Wants a clock, a network and files, and offers another version's interface.
(component
  (import "host:clock/now" (func (result u64)))
  (import "wasi:sockets/tcp@0.2.0" (instance (export "connect" (func (param "port" u16)))))
  (import "wasi:filesystem/types@0.2.0" (instance))
  (component $offer)
  (instance $flow (instantiate $offer))
  (export "latchstring:login/flow@0.1.0" (instance $flow)))
