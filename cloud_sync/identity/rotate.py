"""Another key in a key's place: the old one signs the new one in, and is gone.

``key-links.json`` in the key folder holds every link; nodes are told all of them, so that one that was away finds its way by
itself.  The order on the disk is: new key, link, swap; a power cut before the swap is made good at the next start.
"""

import base64
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from cloud_sync.errors import Refused, StoreError
from cloud_sync.protocol.identity import CHAIN_MAX, KeyChain, KeyLink, Use, identity_bytes
from cloud_sync.protocol.messages import BadMessage, decode, encode
from cloud_sync.store.house import House, acting
from cloud_sync.store.keys import COMMANDS, KEY_BYTES, SIGNING, CommunitySigner, write_private
from cloud_sync.web.tls import write_whole

LINKS = "key-links.json"
FILES: dict[Use, str] = {"community": SIGNING, "command": COMMANDS}
DAY_MS = 86_400_000
OVERLAP_DAYS_MAX = 366
WORDS_MAX = 200


def key_links(folder: Path) -> KeyChain:
    """Every link of this key folder, oldest first; empty where no key was ever changed.

    Raises:
        StoreError: the file is damaged.
    """
    path = folder / LINKS
    try:
        return decode(path.read_bytes(), KeyChain)
    except FileNotFoundError:
        return KeyChain(links=[])
    except (OSError, BadMessage) as error:
        raise StoreError(f"{path}: cannot be read ({error}); restore it from a backup.") from error


def finish_rotation(folder: Path) -> None:
    """A new key that is linked takes its place, also after a power cut within ``rotate``; one that is not stays aside.

    Raises:
        StoreError: the folder cannot be written.
    """
    linked = {link.kid for link in key_links(folder).links}
    for name in FILES.values():
        waiting = folder / f"{name}.next"
        try:
            if waiting.exists() and _signer(waiting).kid in linked:
                waiting.replace(folder / name)
        except OSError as error:
            raise StoreError(f"{waiting}: the new key cannot be put in its place ({error}).") from error


def rotate(
    house: House, folder: Path, use: Use, *, overlap_days: int, by: str, reason: str, actor: str
) -> KeyLink:
    """Make a new key and let the old one sign it in; what the old one signed before is believed for ``overlap_days``.

    A service that runs goes on with the old key until it is started again.

    Raises:
        Refused: no name, no reason, an overlap that cannot be, or too many links for one message.
        StoreError: the key folder cannot be written.
    """
    for what, text in (("name", by), ("reason", reason)):
        if not 0 < len(text.strip()) <= WORDS_MAX:
            raise Refused("keys", f"a change of keys has a {what} of 1 to {WORDS_MAX} characters.")
    if not 0 <= overlap_days <= OVERLAP_DAYS_MAX:
        raise Refused("keys", f"an overlap of {overlap_days} days is not from 0 to {OVERLAP_DAYS_MAX}.")
    with acting(house, actor, "staff") as act:  # two changes at once wait for each other here
        link = _linked(house, folder, use, act.now_ms, overlap_days)
        act.note("keys.rotate", use, link.prev, link.kid, f"by {by}: {reason}")
    return link


def _linked(house: House, folder: Path, use: Use, now_ms: int, overlap_days: int) -> KeyLink:
    finish_rotation(folder)
    links, old = key_links(folder).links, _signer(folder / FILES[use])
    waiting = folder / f"{FILES[use]}.next"
    waiting.unlink(
        missing_ok=True
    )  # made by a change that was cut off before its link; nothing was signed with it
    write_private(waiting, secrets.token_bytes(KEY_BYTES))
    new = _signer(waiting)
    link = KeyLink(
        community=house.community,
        use=use,
        kid=new.kid,
        key=base64.b64encode(new.public_key).decode(),
        prev=old.kid,
        since=now_ms,
        until=now_ms + overlap_days * DAY_MS,
    )
    signed = replace(link, sig=base64.b64encode(old.sign(identity_bytes(link))).decode())
    # A node whose key is older than the oldest link kept needs a new join file; forty changes ago is years ago.
    kept = [*links, signed][-CHAIN_MAX:]
    try:
        write_whole(folder / LINKS, encode(KeyChain(links=kept)), 0o644)
    except OSError as error:
        raise StoreError(f"{folder / LINKS}: cannot be written ({error}); nothing was changed.") from error
    finish_rotation(folder)
    return signed


def _signer(path: Path) -> CommunitySigner:
    try:
        return CommunitySigner(Ed25519PrivateKey.from_private_bytes(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read as a key ({error}); restore it from a backup.") from error
