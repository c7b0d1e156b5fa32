"""Sealed templates between nodes, as the driver that carries them sees it; nothing here can open one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Listed:
    """The roster in force, signed: the same bytes for every node."""

    ver: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """One envelope that its receiver has not answered; its frame of 14 KB is fetched when it is sent."""

    id: str
    to: str


@dataclass(frozen=True, slots=True)
class Owed:
    """What a sender has not been told about one of its envelopes."""

    id: str
    sender: str
    state: str  # stored | kept | refused
    why: str


class FaceRelay(Protocol):
    """The relay's memory; every method is one transaction."""

    def roster(self, now_ms: int) -> Listed | None:
        """The roster as it has to be now, a new version where it changed; None before anybody was ever approved.

        Raises:
            StoreError: it has grown too long for one message.
        """
        ...

    def online(self, now_ms: int) -> Sequence[tuple[str, bool]]:
        """Every node that has a sealing key, and whether it is there now."""
        ...

    def waiting(self, now_ms: int) -> Sequence[Waiting]:
        """Envelopes for nodes that are there, oldest first; what is over is deleted first."""
        ...

    def frame(self, envelope: str) -> bytes:
        """The ciphertext as it came; empty when it does not wait any more."""
        ...

    def owed(self, now_ms: int, *, most: int) -> Sequence[Owed]:
        """What senders that are there have not been told, oldest first; who is away holds up nobody."""
        ...

    def told(self, owed: Owed) -> None:
        """Its sender has been sent this; an envelope at its end is forgotten with it."""
        ...
