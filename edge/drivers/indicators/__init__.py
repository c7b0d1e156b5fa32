"""Lights and beepers at a door: each file an ``IndicatorLines`` of ``edge.ports_io``."""
