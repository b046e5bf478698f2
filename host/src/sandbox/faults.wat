;; A component that does what a login component must never do, for the tests of
;; the sandbox.
(component
  (core module $module
    (memory 1)
    (func (export "trap") unreachable)
    (func (export "spin") (loop $again (br $again)))
    (func (export "eat")
      (loop $again
        (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
      unreachable))
  (core instance $core (instantiate $module))
  (func (export "trap") (canon lift (core func $core "trap")))
  (func (export "spin") (canon lift (core func $core "spin")))
  (func (export "eat") (canon lift (core func $core "eat"))))
