"""The sink: what gates say, from the broker into the store, acknowledged only after the commit.

``inbox`` is the MQTT client behind a small port, ``frames`` reads what arrives, ``sink`` is the loop, ``feed``
hands new events to pages that are open.
"""
