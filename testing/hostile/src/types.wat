;; Wants what costs a host nothing: the name of a type.
(component
  (import "wasi:clocks/wall-clock@0.2.0"
    (instance
      (type $seconds u64)
      (export "seconds" (type (eq $seconds))))))
