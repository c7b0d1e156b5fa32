"""What gates and service may say to each other, and nothing about how it travels.

The only room of the service that a gate imports.  ``messages`` are the words, ``topics`` their addresses,
``chain`` and ``merkle`` the two proofs, ``code`` the text inside a guest's QR, ``gate_peer`` and ``sink_peer``
the two ends of the conversation as pure state: no MQTT, no clock, no dice, no cryptography (signature checks
are handed in as callables).
"""
