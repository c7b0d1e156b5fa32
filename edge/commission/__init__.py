"""Commissioning: a technician walks a door's list, and what node and gate-io report is written down and signed."""
