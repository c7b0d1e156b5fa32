"""What a node signs about its own ledger with its device key: that a range is gone, and where its chain stood.

The signed bytes are spelled out here field by field, so that no later field of a message changes an old signature.
Pure: who signs and who verifies is handed in elsewhere.
"""

from cloud_sync.protocol.messages import Anchor, Tombstone

# Where the end of a ledger is lost with its hashes, nothing follows in that epoch: its chain ends here, unproven.
UNKNOWN_H = "0" * 64
RETENTION = (
    "retention"  # the reason of a tombstone for what left the node acknowledged, on its clock or for newer
)
_TOMBSTONE, _ANCHOR = b"ac-tomb-v1\0", b"ac-anchor-v1\0"


def tombstone_bytes(node: str, epoch: str, tombstone: Tombstone) -> bytes:
    """What stands under a tombstone: whose ledger, which range, why, and where the chain goes on."""
    told = (node, epoch, tombstone.lo, tombstone.hi, tombstone.kept, tombstone.reason, tombstone.h)
    return _TOMBSTONE + _joined(told)


def anchor_bytes(node: str, epoch: str, anchor: Anchor) -> bytes:
    """What stands under an anchor: whose ledger, where, the full hash there, and when it was made."""
    return _ANCHOR + _joined((node, epoch, anchor.seq, anchor.h, anchor.at))


def _joined(words: tuple[str | int, ...]) -> bytes:
    """Length before each word: no two lists give the same bytes, whatever stands in a word."""
    said = [str(word).encode() for word in words]
    return b"".join(len(word).to_bytes(4, "big") + word for word in said)
