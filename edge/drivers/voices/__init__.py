"""Loudspeakers that speak: each file a ``VoiceDriver`` of ``edge.ports``."""
