"""How the node tells and is told: MQTT, and the translation between core values and the wire."""
