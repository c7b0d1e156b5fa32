"""The sync service: one per community.

``protocol`` is what may be said on the bus, shared with the gates; ``core`` says what it means for the
community; ``ingest``, ``distribute``, ``store``, ``connectors``, ``api`` and ``web`` are one technology each
and do not know each other; ``compose`` is the one room that knows them all.
"""
