;; Offers an empty interface under the contract's name.
(component
  (component $offer)
  (instance $flow (instantiate $offer))
  (export "latchstring:login/flow@0.3.0" (instance $flow)))
