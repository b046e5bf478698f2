;; Offers an empty interface under the contract's name.
(component
  (component $offer)
  (instance $flow (instantiate $offer))
  (export "latchstring:login/flow@0.1.0" (instance $flow)))
