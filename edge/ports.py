"""What a node needs from the world.  Small promises; who keeps them is ``compose``'s business."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from edge.core.commands import Answer, Order, Past
from edge.core.events import AccessPointId, ClockState, Fact, Stamp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClockReading:
    wall_ms: int
    mono_ns: int  # CLOCK_MONOTONIC: comparable between the processes of one machine
    state: ClockState
    bound_ms: int


class Clock(Protocol):
    """The only way to the time of day.  Tests step it; nothing else reads a clock."""

    def read(self) -> ClockReading: ...


# --- what feeds it -------------------------------------------------------------------------------------------


class SupplyState(StrEnum):
    MAINS = "mains"
    BATTERY = "battery"
    LOW = "low"  # on battery, and that nearly empty
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SupplyReading:
    """What the supply says of itself; None is what it does not say."""

    state: SupplyState
    charge: int | None = None  # percent
    left_s: int | None = None  # how long it expects the battery to last


class SupplyDriver(Protocol):
    """An uninterruptible supply (a driver's ``open_supply(settings)``); asked from one thread at a time."""

    def read(self) -> SupplyReading:
        """Ask it now; at most ten seconds.

        Raises:
            HardwareError: it cannot be asked, in one sentence.
        """
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence for somebody at a door, in one language: zh or en."""

    text: str
    language: str


class VoiceDriver(Protocol):
    """Something at a door that speaks (a driver's ``open_voice(settings, door, cache=folder)``); used by one thread.

    Both calls end within half a minute, and within a moment after ``wanted`` says no.
    """

    def prepare(self, words: Words, wanted: Callable[[], bool]) -> None:
        """Have it ready, so that it is said at once later.  Raises HardwareError."""
        ...

    def say(self, words: Words, volume: float, wanted: Callable[[], bool]) -> None:
        """Say it to its end, at this share of full volume.  Raises HardwareError."""
        ...


# --- doors ---------------------------------------------------------------------------------------------------


class LockState(StrEnum):
    LOCKED = "LOCKED"
    UNLOCKED = "UNLOCKED"
    MOVING = "MOVING"
    JAMMED = "JAMMED"
    UNKNOWN = "UNKNOWN"


class Outcome(StrEnum):
    DONE = "DONE"
    REFUSED = "REFUSED"  # nothing happened and nothing will
    TIMEOUT_UNKNOWN = "TIMEOUT_UNKNOWN"  # it may still happen later
    OFFLINE = "OFFLINE"


class FailMode(StrEnum):
    SAFE = "SAFE"  # no power = unlocked
    SECURE = "SECURE"  # no power = locked


class Feedback(StrEnum):
    NONE = "NONE"
    COIL = "COIL"  # the relay moved
    BOLT = "BOLT"  # the door is shut; only this feeds the bolt region


@dataclass(frozen=True, slots=True)
class LockCaps:
    fail_mode: FailMode
    self_timed_pulse: bool
    feedback: Feedback
    min_pulse_ms: int
    max_pulse_ms: int
    ack_ms: int
    supervise_ms: int


@dataclass(frozen=True, slots=True)
class Cmd:
    id: str
    deadline_ns: int  # CLOCK_MONOTONIC; a driver drops the command when it is late
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    outcome: Outcome
    done_ns: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LockReading:
    state: LockState
    source: str
    age_ns: int
    raw: str = ""


class Lock(Protocol):
    """A thing that holds a door shut (hardware.md §2.2).

    All calls are safe to repeat and return within ``caps.ack_ms``.  A re-pulse extends, never stacks; ``lock``
    is always allowed and pre-empts; a late command answers REFUSED and does nothing.
    """

    @property
    def caps(self) -> LockCaps: ...

    async def open(self) -> None:
        """Leave the lock at rest, and read it back."""
        ...

    async def pulse(self, cmd: Cmd, ms: int) -> Result: ...

    async def hold(self, cmd: Cmd, until_ns: int) -> Result:
        """Unlocked until ``until_ns``; a lease that ends by itself."""
        ...

    async def lock(self, cmd: Cmd) -> Result: ...

    async def state(self) -> LockReading: ...

    async def selftest(self) -> str:
        """One sentence; never unlocks."""
        ...

    async def close(self) -> None:
        """Rest state, in bounded time."""
        ...


@dataclass(frozen=True, slots=True)
class RadioReading:
    """What a lock behind a radio or a network last said of itself; None where it never did."""

    online: bool
    heard_ns: int | None = None  # CLOCK_MONOTONIC of its last own word
    battery: int | None = None  # percent
    linkquality: int | None = None  # 0 to 255, as the radio counts it


class NodeLock(Lock, Protocol):
    """A lock the node drives itself (a driver's ``open_lock(settings, door, *, bus, tell)``).

    ``bus`` is the node's one MQTT client, ``tell`` takes BoltNews and LockLink and returns at once.  Whenever the
    device is back the driver first puts it to rest and reads it back, whatever it was asked before it fell silent.
    """

    @property
    def radio(self) -> RadioReading: ...


class Point(StrEnum):
    CONTACT = "contact"  # level True = open
    REX = "rex"  # level True = pressed
    FIRE = "fire"  # level True = fire
    TAMPER = "tamper"
    BOLT = "bolt"  # level True = unlocked
    BEAM = "beam"  # level True = something stands in the way of a barrier or garage door
    POWER = "power"  # level True = the mains are gone, the door lives on its battery
    RESET = "reset"  # level True = the key switch at the panel is turned: a person ends a fire release


# True, False, or None where it is not known: a cut wire at a supervised input, a silent I/O module.
Level = bool | None


@dataclass(frozen=True, slots=True)
class Edge:
    """One change of one input, with kernel or device time."""

    door: AccessPointId
    point: Point
    level: Level
    t_ns: int
    seq: int


@dataclass(frozen=True, slots=True)
class IoSnapshot:
    """Levels, not edges.  A point that is not wired is absent."""

    points: dict[tuple[AccessPointId, Point], Level]
    outputs: dict[AccessPointId, bool]  # True = energised
    latches: frozenset[tuple[AccessPointId, str]]
    seq: int
    silent: frozenset[AccessPointId] = frozenset()  # doors whose lock does not answer just now
    doors: frozenset[AccessPointId] | None = None  # it speaks for these; None: for every door


@dataclass(frozen=True, slots=True)
class Latched:
    """gate-io set or cleared a latch (fire, evacuate) by itself or by command."""

    door: AccessPointId
    kind: str
    on: bool
    t_ns: int


@dataclass(frozen=True, slots=True)
class Lost:
    """gate-io is gone or came back; a snapshot follows before the next edge when it is back."""

    back: bool
    t_ns: int


@dataclass(frozen=True, slots=True)
class LockLink:
    """A lock behind a bus or a radio fell silent or is back; while silent, nobody is promised that it opens."""

    door: AccessPointId
    online: bool
    t_ns: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """Something was shown to a reader of this door; ``kind`` and ``data`` as in ``ports_io.Read``."""

    door: AccessPointId
    kind: str
    data: str = field(repr=False)
    t_ns: int


@dataclass(frozen=True, slots=True)
class BoltNews:
    """What a lock that the node drives itself says of its bolt; UNKNOWN where it says nothing or cannot be believed.

    ``late``: it unlocked after its command had been given up; the driver has locked it again already.
    """

    door: AccessPointId
    state: LockState
    t_ns: int
    late: bool = False
    detail: str = ""


IoNews = Edge | Latched | Lost | IoSnapshot | LockLink | Shown | BoltNews


class DoorIO(Protocol):
    """What gate-io offers to the node, for all doors of the node."""

    async def snapshot(self) -> IoSnapshot: ...

    def news(self) -> AsyncIterator[IoNews]:
        """A gap in ``Edge.seq`` is answered with a fresh IoSnapshot."""
        ...

    async def pulse(self, door: AccessPointId, cmd: Cmd, ms: int) -> Result: ...

    async def hold(self, door: AccessPointId, cmd: Cmd, until_ns: int) -> Result: ...

    async def lock(self, door: AccessPointId, cmd: Cmd) -> Result: ...

    async def latch(self, door: AccessPointId, cmd: Cmd, kind: str, on: bool, actor: str) -> Result: ...

    def show(self, door: AccessPointId, what: str) -> None:
        """Tell the lights and beepers of this door (``ports_io.Show``); fire and forget."""
        ...


# --- lines: what gate-io drives itself, synchronously, from its timing thread ---------------------------------


class LockLine(Protocol):
    """One lock output.  No call waits: each returns at once or raises HardwareError.

    A driver's ``open_lock(settings, door, *, energised, dead)`` opens it at the level ``energised``;
    ``dead`` is the level ``close`` leaves behind.
    """

    @property
    def feedback(self) -> Feedback:
        """What ``get`` is worth: NONE (the level we asked for) or COIL (the relay said so)."""
        ...

    def set(self, energised: bool) -> None:
        """Repeatable; the level stands when the call returns."""
        ...

    def get(self) -> bool:
        """The level as the device reads it now; True = energised."""
        ...

    def selftest(self) -> str:
        """One sentence; changes nothing."""
        ...

    def close(self) -> None:
        """Leave the dead level; repeatable."""
        ...


@dataclass(frozen=True, slots=True)
class LineEdge:
    """One debounced change of one input of one door."""

    point: Point
    level: Level
    t_ns: int  # CLOCK_MONOTONIC


class InputLines(Protocol):
    """The input points of one door (a driver's ``open_inputs(settings, door)``).  No call waits."""

    def fileno(self) -> int:
        """Readable while ``edges`` has something to say."""
        ...

    def edges(self) -> list[LineEdge]:
        """What changed since the last call, oldest first."""
        ...

    def levels(self) -> dict[Point, Level]:
        """Read now where that takes no time, else as the last poll found it; a point not wired is absent."""
        ...

    def close(self) -> None: ...


# --- eyes ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class CameraFrame:
    image: "NDArray[np.uint8]"  # (H, W, 3) BGR
    t_ns: int  # CLOCK_MONOTONIC at capture, or at arrival where the source does not say
    seq: int


class Camera(Protocol):
    """The newest picture and its time, nothing queued."""

    def newest(self, *, newer_than: int, within_s: float) -> CameraFrame | None:
        """The newest frame with ``seq > newer_than``, or None when none came in time.

        Raises:
            CameraLost: the source is gone; the driver keeps trying behind the scenes.
        """
        ...

    def close(self) -> None: ...


# --- memory --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LedgerRow:
    seq: int
    body: bytes  # the exact wire bytes
    h: bytes  # 32-byte chain hash


@dataclass(frozen=True, slots=True)
class Hole:
    """A range of a ledger that cannot be told any more; the last ``kept`` events of it can, and are."""

    lo: int
    hi: int
    reason: str
    h: bytes | None  # the chain hash at ``hi``; None where the end of a ledger went with its hashes
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a ledger says of the seqs up to ``through``: every one is in a row or in a hole."""

    rows: list[LedgerRow]
    holes: list[Hole]
    through: int


@dataclass(frozen=True, slots=True)
class MadeAnchor:
    """Where the chain of a ledger stood when its day's anchor was made."""

    seq: int
    h: bytes
    at_ms: int


class Ledger(Protocol):
    """The node's own truth.  ``append`` returns after the commit; what it returned is never lost or changed."""

    @property
    def epoch(self) -> str: ...

    @property
    def head(self) -> int: ...

    @property
    def disk_alarm(self) -> bool:
        """The disk was full once since the start; a person has to make room."""
        ...

    def open_grants(self) -> Sequence[Fact]:
        """Grants that have no end yet, oldest first; at a start, those of the life before."""
        ...

    def door_modes(self) -> Mapping[str, str]:
        """The mode each door was left in, by access point; what a door had before this node's last end."""
        ...

    def append(self, facts: Sequence[Fact], stamp: Stamp) -> list[int]:
        """Number, encode, chain and commit all of them in one transaction; returns their seqs.

        Raises:
            DiskFull, StoreError.
        """
        ...


class CommandBook(Protocol):
    """Which commands were carried out.  Every call is one transaction, on disk when it returns.

    All raise StoreError when the disk refuses; then nothing of the call was kept.
    """

    def past(self, order: Order) -> Past: ...

    def stored(self, command_id: str) -> list[Answer]:
        """What became of it, at each of its doors; empty when it never was accepted."""
        ...

    def accept(self, orders: Sequence[Order], at_ms: int) -> list[int]:
        """Note that one command will be carried out now at these doors; returns numbers above all before."""
        ...

    def finish(self, answer: Answer, fact: Fact, stamp: Stamp) -> int:
        """The result and its event in one commit; returns the event's seq."""
        ...

    def unfinished(self) -> list[Order]:
        """Accepted and without a result: the node ended in between."""
        ...
