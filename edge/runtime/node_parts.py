"""What a node is made of, and what it asks of the stores it is given."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge.core.clock import ClockStep
from edge.core.events import AccessPointId
from edge.core.freshness import Lease
from edge.core.passes import Pass, PassSet
from edge.ports import Clock, DoorIO, Ledger, RadioReading
from edge.runtime.clock_notes import no_steps
from edge.runtime.face_models import Going, no_eyes
from edge.runtime.hands import Front, NoFront, Screens
from edge.runtime.sightings import Wanted


class StoredTemplate(Protocol):
    @property
    def pass_id(self) -> str: ...

    @property
    def data(self) -> bytes: ...


class Templates(Protocol):
    """The sealed gallery on disk."""

    def put(self, pass_id: str, data: bytes, *, not_after_ms: int) -> str: ...

    def all(self) -> Sequence[StoredTemplate]: ...

    def erase(self, pass_ids: set[str]) -> int: ...

    def rekey(self) -> None: ...

    def expired(self, now_ms: int) -> set[str]: ...

    def pairs(self) -> Sequence[tuple[str, str]]: ...

    def keep_pairs(self, pairs: Iterable[tuple[str, str]]) -> None: ...


class OwnLocks(Protocol):
    """The locks this node drives itself (``node_locks.NodeLocks``)."""

    @property
    def doors(self) -> frozenset[AccessPointId]: ...

    def radio(self, door: AccessPointId) -> RadioReading | None: ...

    def note_passes(self, passes: Iterable[Pass]) -> None: ...

    def rows(self) -> Sequence[dict[str, object]]: ...


class NoOwnLocks:
    """gate-io drives every lock of this node."""

    doors: frozenset[AccessPointId] = frozenset()

    def radio(self, door: AccessPointId) -> None: ...

    def note_passes(self, passes: Iterable[Pass]) -> None: ...

    def rows(self) -> list[dict[str, object]]:
        return []


class Book(Protocol):
    """The node's passes and the newest verified head."""

    @property
    def auth_ver(self) -> int: ...

    @property
    def held(self) -> PassSet:
        """What the doors decide by: the rows in force, less what was taken away since."""
        ...

    @property
    def head_issued_ms(self) -> int | None: ...

    @property
    def lease(self) -> Lease: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a node is made of."""

    clock: Clock
    io: DoorIO
    ledger: Ledger
    book: Book
    templates: Templates
    screens: Screens
    wake_link: Callable[[], None]
    tell_state: Callable[[], None]
    boot_id: str
    build_ms: int
    new_id: Callable[[], str]
    own_locks: OwnLocks = field(default_factory=NoOwnLocks)
    front: Front = field(default_factory=NoFront)
    clock_steps: Callable[[], Sequence[ClockStep]] = (
        no_steps  # how the time of day was set since the last asking
    )
    going: Going | None = None  # the face model that goes, while one does
    want_before: Callable[[Wanted], None] = no_eyes
