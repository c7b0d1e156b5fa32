"""Keys that follow keys: from the key a node was given by hand to those that sign today, link by link.

Each link is signed by the key before it.  Whoever stole a key can sign a link too, so the first link a node has
followed holds for ever: a second one from the same key is not looked at.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from cloud_sync.protocol.identity import KeyLink, Use, identity_bytes

KEY_BYTES = 32

VerifyWith = Callable[[bytes, bytes, bytes], bool]  # (public key, message, signature)


@dataclass(frozen=True, slots=True)
class Trusted:
    """A key and until when it is believed; the newest has no end."""

    kid: str
    key: bytes
    until_ms: int | None = None


def kid_of(key: bytes) -> str:
    """The id of a public key: long enough that two of one community never share it, short enough to read aloud."""
    return hashlib.sha256(key).hexdigest()[:16]


def walk(
    root: Trusted, use: Use, community: str, links: Iterable[KeyLink], verify: VerifyWith
) -> tuple[list[Trusted], list[KeyLink]]:
    """Every key believed, the newest last, and the links that led there; what leads nowhere is left out."""
    keys, followed = [root], []
    for link in links:
        newest = keys[-1]
        if (link.use, link.community, link.prev) != (use, community, newest.kid):
            continue
        key = _raw(link.key, KEY_BYTES)
        signature = _raw(link.sig, 64)
        if key is None or signature is None or kid_of(key) != link.kid:
            continue
        if verify(newest.key, identity_bytes(link), signature):
            keys[-1:] = [replace(newest, until_ms=link.until), Trusted(link.kid, key)]
            followed.append(link)
    return keys, followed


def believed(keys: Sequence[Trusted], kid: str, now_ms: int) -> Iterable[Trusted]:
    """Keys that may sign now and whose id begins so, newest first; an empty beginning names none."""
    if not kid:
        return
    for key in reversed(keys):
        if key.kid.startswith(kid) and (key.until_ms is None or now_ms < key.until_ms):
            yield key


def _raw(text: str, size: int) -> bytes | None:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if len(data) == size else None
