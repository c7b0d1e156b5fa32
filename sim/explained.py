"""Mutants of the door's table that nobody can notice, and why: each changes the words and not the behaviour."""

EXPLAINED: dict[str, str] = {}
