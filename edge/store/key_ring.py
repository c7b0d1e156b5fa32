"""Whom this node believes: the keys of its join file, and what followed them by signed links; kept across restarts."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from cloud_sync.protocol.identity import CHAIN_MAX, KeyChain, KeyLink, Use
from cloud_sync.protocol.keychain import Trusted, VerifyWith, believed, walk
from cloud_sync.protocol.messages import BadMessage, decode, encode
from edge.errors import StoreError

log = structlog.get_logger()


class KeyRing:
    """Reading is safe from any thread; ``follow`` is the link's alone."""

    def __init__(
        self,
        path: Path,
        community: str,
        roots: dict[Use, Trusted | None],
        verify: VerifyWith,
        now_ms: Callable[[], int],
    ) -> None:
        """``roots`` are the keys of the join file; None where it brings none for this use."""
        self._path = path
        self._community = community
        self._roots = roots
        self._verify = verify
        self._now_ms = now_ms
        # A newer join file may begin beyond what was followed before: only what leads on from it is kept.
        self._keys, self._links = self._walked(_read(path))

    @property
    def kids(self) -> dict[Use, tuple[str, ...]]:
        """The ids of every key of the ring, by use, the newest last."""
        return {use: tuple(key.kid for key in keys) for use, keys in self._keys.items()}

    def verify(self, use: Use, kid: str, message: bytes, signature: bytes) -> bool:
        """True when a key with this id, or one whose id begins so, is still believed and signed the message."""
        keys = believed(self._keys[use], kid, self._now_ms())
        return any(self._verify(key.key, message, signature) for key in keys)

    def follow(self, chain: KeyChain) -> bool:
        """Take what leads on from the newest key; False when that is nothing.

        Raises:
            StoreError: the disk did not keep it, and nothing new is believed.
        """
        keys, links = self._walked([*self._links, *chain.links])
        if len(links) == len(self._links):
            return False
        if len(links) > CHAIN_MAX:
            log.error("key_ring_full", links=len(links), then="this node needs a new join file")
            return False
        _write(self._path, KeyChain(links=links))
        self._keys, self._links = keys, links
        return True

    def _walked(self, links: Sequence[KeyLink]) -> tuple[dict[Use, list[Trusted]], list[KeyLink]]:
        keys: dict[Use, list[Trusted]] = {}
        followed: list[KeyLink] = []
        for use, root in self._roots.items():
            keys[use] = []
            if root is not None:
                keys[use], more = walk(root, use, self._community, links, self._verify)
                followed += more
        return keys, followed


def _read(path: Path) -> list[KeyLink]:
    """What was followed before; every link is verified again, so a file that was changed leads nowhere."""
    try:
        return decode(path.read_bytes(), KeyChain).links
    except FileNotFoundError:
        return []
    except (OSError, BadMessage) as error:
        log.error(
            "key_ring_unreadable", path=str(path), why=str(error), then="the join file's keys are believed"
        )
        return []


def _write(path: Path, chain: KeyChain) -> None:
    beside = path.with_name(f"{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(encode(chain))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: the new keys were not kept ({error}).") from error
