"""Door contacts, request-to-exit buttons, fire, tamper and bolt inputs: each file an ``InputLines`` of ``edge.ports``."""
