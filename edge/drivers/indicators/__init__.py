"""Lights and beepers: each file an ``IndicatorLines`` of ``edge.ports_io``."""
