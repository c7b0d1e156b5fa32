"""Locks driven by gate-io: one file per device, each a ``LockLine`` of ``edge.ports``."""
