"""A community that does not exist: its place, its guests, its doors' events, and a table of what is wrong in it.

Everything here is pure (a seed in, rows out) but ``write`` and ``check``, which touch files.  Nothing here knows a
rule of reconciliation: the truth table would be worth nothing if the judge had written it (domain.md §18.8).
"""
