"""How a node remembers: its ledger, its pass book, its sealed gallery; three SQLite files, each for itself.

Nothing here knows what the wire bytes mean: encoders, decoders and the chain formula are handed in.
"""
