"""The compatibility policy, whole: what we speak, and how far back we still understand.

| version | brought |
|---|---|
| 1 | events, hello, commit-ack, pass sets, commands, sealed templates |
| 2 | tombstones signed by the node, ``kept`` in them; daily anchors with ``at``, acknowledged by ``Ack.anchored``; ``head_h`` is of ``head`` |
| 2 | deltas, denials that come ahead of them, and sets of some buckets on a node's asking; whole sets fetched over HTTPS |

A node of version 1 never declared a hole, so a tombstone without its node's signature is believed from nobody,
whatever version it speaks.  A sample of every message of every version stands in ``tests/golden/messages`` for ever.
"""

WIRE_VERSION = 2
WIRE_VERSION_MIN = 1
HEAD_H_SINCE = 2  # below it ``head`` and ``head_h`` of one hello may be of two moments, with an event between
ANCHORS_SINCE = 2  # below it nobody stores or acknowledges an anchor, so none is sent
DELTAS_SINCE = 2  # below it a node takes whole sets only, and a service answers no asking


def common_version(theirs: int, theirs_min: int) -> int | None:
    """The version both ends can talk at, or None when they cannot (sync.md §3.6)."""
    version = min(WIRE_VERSION, theirs)
    return version if version >= max(WIRE_VERSION_MIN, theirs_min) else None
