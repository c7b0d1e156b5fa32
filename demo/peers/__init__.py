"""Devices as programs of their own, for the demonstration and for the tests: each is the far side of one driver."""
