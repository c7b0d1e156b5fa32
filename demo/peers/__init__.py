"""Simulated peers: devices as programs of their own, for a demo and for the tests alike."""
