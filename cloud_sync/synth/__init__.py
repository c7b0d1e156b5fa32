"""Data sets that belong to nobody."""
