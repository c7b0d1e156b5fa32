"""What a gate is given: the hands it acts with, and what the node knows."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge.core.bundle import Bundle, VerifyPass
from edge.core.credentials import SignedCode, Verify
from edge.core.decision_types import Policy
from edge.core.door_types import DoorState, Mode
from edge.core.events import AccessPointId, Fact
from edge.core.passes import PassSet
from edge.ports import Clock, DoorIO
from edge.ports_io import Show


class Screens(Protocol):
    """The person's screen; showing may fail silently, no decision depends on it."""

    def show(self, access_point: AccessPointId, word: str, until_ms: int | None = None) -> None: ...


class Front(Protocol):
    """The door's own face to people: screen, sounds and lights.  Like ``Screens``, no decision depends on it."""

    def stands(self, access_point: AccessPointId, state: DoorState, *, in_service: bool) -> None:
        """What the door is in now; ``in_service`` is False where it gives no grants because nobody signed its list."""

    def light(self, access_point: AccessPointId, what: Show) -> None:
        """WAIT while a second thing is waited for, IDLE when it is not any more."""

    def relight(self) -> None:
        """The lights were away and are back."""


class NoFront:
    """Of a door without a screen and without lights."""

    def stands(self, access_point: AccessPointId, state: DoorState, *, in_service: bool) -> None: ...

    def light(self, access_point: AccessPointId, what: Show) -> None: ...

    def relight(self) -> None: ...


class CodeBook(Protocol):
    """The durable memory of used codes."""

    def code_memory(self, cred_id: str) -> str | None: ...

    def remember_code(self, cred_id: str, memory: str) -> None: ...


async def no_revocation(_text: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the node knows right now, as one consistent picture."""

    passes: PassSet
    online: bool
    contact_age_ms: int | None
    floor_ms: int
    policy: Policy
    lease_left_ms: int | None = None  # ``freshness.Lease``; 0 when it is over


@dataclass(frozen=True, slots=True)
class Hands:
    """Everything a gate needs, handed in."""

    io: DoorIO
    clock: Clock
    screens: Screens
    codes: CodeBook
    record: Callable[[Sequence[Fact]], Awaitable[None]]
    knowledge: Callable[[], Knowledge]
    parse_code: Callable[[str], SignedCode | Bundle | None]
    verify: Verify
    new_id: Callable[[], str]
    # (credential id, verifier) of digits that have the shape of a PIN, else None.
    read_pin: Callable[[str], tuple[str, bytes] | None]
    # Likewise of digits that are a PIN as it is typed under duress.
    read_duress: Callable[[str], tuple[str, bytes] | None]
    # Likewise of what a reader says of a card (``ports_io.Read``).
    read_card: Callable[[str], tuple[str, bytes] | None]
    # The keyed proofs of digits as a day code carries them: typed freely, and under duress; None for what is no PIN.
    day_proofs: Callable[[bytes, str], tuple[bytes, bytes] | None]
    # Whether the community signed a pass that is shown.
    verify_pass: VerifyPass
    # Whether a face before this door would reach it now: no other use of its camera, and an engine that works.
    sees_faces: Callable[[AccessPointId], bool]
    front: Front = field(default_factory=NoFront)
    # A revocation that somebody shows to a door (``compose_carried``); False for every other text.
    carried: Callable[[str], Awaitable[bool]] = no_revocation
    # Held from reading what is remembered of a code to writing it anew: the doors of a node share that memory.
    code_turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Did:
    """What became of one input: the door afterwards, whether it had a row for it, and what went wrong."""

    mode: Mode
    refused: bool = False
    fault: str = ""
    why: str = ""  # of a refusal, where it does not lie with the door's mode
