"""The claim code: a node's key as twelve letters a person compares between a screen and a list."""

import hashlib

# Without I, L, O, U: nobody takes one for another, and no words come out.
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, GROUP = 3, 4


def claim_code(node: str, public_key: bytes) -> str:
    """``7K3M-0QXA-9TFZ``, of this node id and its 32-byte device key; sixty bits, for comparing and nothing else."""
    digest = hashlib.sha256(b"gatehouse-claim-1\n" + node.encode() + b"\n" + public_key).digest()
    number = int.from_bytes(digest[:8], "big") >> 4
    letters = "".join(LETTERS[number >> 5 * at & 31] for at in reversed(range(GROUPS * GROUP)))
    return "-".join(letters[at : at + GROUP] for at in range(0, len(letters), GROUP))
