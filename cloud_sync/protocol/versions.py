"""The compatibility policy, whole: what we speak, and how far back we still understand.

| version | brought |
|---|---|
| 1 | events, hello, commit-ack, pass sets, commands, sealed templates |
| 2 | deltas, denials that come ahead of them, and sets of some buckets on a node's asking |
"""

WIRE_VERSION = 2
WIRE_VERSION_MIN = 1
DELTAS_SINCE = 2  # below it a node takes whole sets only, and a service answers no asking


def common_version(theirs: int, theirs_min: int) -> int | None:
    """The version both ends can talk at, or None when they cannot (sync.md §3.6)."""
    version = min(WIRE_VERSION, theirs)
    return version if version >= max(WIRE_VERSION_MIN, theirs_min) else None
