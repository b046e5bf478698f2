;; Wants nothing and offers nothing.
(component)
