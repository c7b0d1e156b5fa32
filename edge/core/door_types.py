"""The door as values: its regions, its timers, what happens to it and what it asks for (access.md §4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from edge.core.door_profile import HOLD_LEASE_MS, WAIT_FOR_CLOSE, DoorProfile, LockProfile
from edge.core.events import ClockState, Fact, GrantId
from edge.core.reasons import Advice

# --- regions -------------------------------------------------------------------------------------------------


class Mode(StrEnum):
    UNKNOWN = "UNKNOWN"
    LOCKED = "LOCKED"
    ACCESSED = "ACCESSED"
    UNLOCKED = "UNLOCKED"
    BLOCKED = "BLOCKED"
    LOCKED_DOWN = "LOCKED_DOWN"
    LOCKED_OPEN = "LOCKED_OPEN"


class Contact(StrEnum):
    """The door position switch."""

    UNKNOWN = "unknown"
    CLOSED = "closed"
    OPEN = "open"
    FAULT = "fault"


class Bolt(StrEnum):
    """The lock monitor; UNKNOWN for ever where none is wired."""

    UNKNOWN = "unknown"
    LOCKED = "secured"
    UNLOCKED = "released"
    JAMMED = "jammed"
    FAULT = "fault"


class Alarm(StrEnum):
    NORMAL = "NORMAL"
    FORCED = "FORCED"
    PRE_ALARM = "PRE_ALARM"
    HELD = "HELD"


class AlarmFlag(StrEnum):
    TAMPER = "TAMPER"
    LOCK_FAULT = "LOCK_FAULT"  # jammed
    LOCK_SILENT = "LOCK_SILENT"  # does not answer
    POWER_LOW = "POWER_LOW"


class Egress(StrEnum):
    IDLE = "IDLE"
    PULSE = "PULSE"


class LifeSafety(StrEnum):
    CLEAR = "CLEAR"
    FIRE = "FIRE"  # latched


class Drive(StrEnum):
    """What the mode asks of the lock while it is ACCESSED, or until a fail-safe door has closed."""

    SECURE = "SECURE"
    RELEASED = "RELEASED"


class Link(StrEnum):
    """OFFLINE is FRESH, STALE or EXPIRED per subject class, so only a decision can say which."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"


class Camera(StrEnum):
    OK = "OK"
    DEGRADED = "DEGRADED"
    LOST = "LOST"


class Timer(StrEnum):
    """Declared in the order in which timers of one instant are fired."""

    T_FORCED_CONFIRM = "T_forced_confirm"
    T_RELOCK_DELAY = "T_relock_delay"
    T_RELEASE = "T_release"
    T_REX = "T_rex"
    T_PREALARM = "T_open − T_prealarm"
    T_OPEN = "T_open"
    T_MAX_ENERGISE = "T_max_energise"
    T_BOLT_CONFIRM = "T_bolt_confirm"  # the bolt has until then to follow
    T_SECOND = "T_second"  # the second person has until then
    T_HOLD = "T_hold"  # renews the lease of an unlocked door, or of a barrier over a vehicle


@dataclass(frozen=True, slots=True)
class Grant:
    """A passage that was allowed and has not ended; ends as taken, not_taken or cancelled, once."""

    grant_id: GrantId
    fact: Fact


@dataclass(frozen=True, slots=True)
class DoorState:
    """All regions of one door.  Equal states behave equally; nothing else is remembered anywhere."""

    mode: Mode = Mode.UNKNOWN
    contact: Contact = Contact.UNKNOWN
    bolt: Bolt = Bolt.UNKNOWN
    alarm: Alarm = Alarm.NORMAL
    flags: frozenset[AlarmFlag] = frozenset()
    egress: Egress = Egress.IDLE
    life_safety: LifeSafety = LifeSafety.CLEAR
    fire_input: bool = False
    drive: Drive = Drive.SECURE
    link: Link = Link.OFFLINE
    clock: ClockState = ClockState.UNTRUSTED
    camera: Camera = Camera.LOST
    waiting: tuple[Grant, ...] = ()  # granted, door not yet opened for them; oldest first
    passing: bool = False  # a taken passage holds the door open
    rex: Grant | None = None  # the anonymous passage out, until it is taken
    timers: Mapping[Timer, int] = field(default_factory=lambda: MappingProxyType({}))  # deadlines, ns
    at_ns: int = 0  # the last moment this door was told of; time never goes back here
    counter: int = 0  # of the last command carried out
    evacuated: bool = False  # opened by a command that only its release ends
    beam: bool = False  # something stands in the way of a barrier
    first_releaser: str | None = None  # asked to end a lockdown, and waits for a second person


def next_deadline(state: DoorState) -> int | None:
    """When ``step`` wants a ``Tick`` at the latest; None when no timer runs."""
    return min(state.timers.values(), default=None)


def held_until(state: DoorState, now_ns: int) -> int | None:
    """How long the lock is to be released without another word: by its mode, a grant, or for the way out.

    None: it is not.
    """
    ends = [now_ns + HOLD_LEASE_MS * 1_000_000] if Timer.T_HOLD in state.timers else []
    if state.egress is Egress.PULSE:
        ends.append(state.timers[Timer.T_REX])
    if state.drive is Drive.RELEASED:
        granted = (Timer.T_RELOCK_DELAY, Timer.T_RELEASE, Timer.T_MAX_ENERGISE)
        # Over a vehicle a barrier has none of them: its lease is what ends.
        ends += sorted(state.timers[timer] for timer in granted if timer in state.timers)[:1]
    return max(ends, default=None)


def shunted(state: DoorState) -> bool:
    """True while the way out was asked for: opening is no break-in."""
    return Timer.T_REX in state.timers


class Output(StrEnum):
    SECURED = "SECURED"
    RELEASED = "RELEASED"


def output(state: DoorState, profile: DoorProfile) -> Output:
    """What the lock should be doing: a function of the regions, and of nothing that happened on the way.

    RELEASED means "a person can open", energised on a strike, without current on a magnet.
    """
    free = (
        state.life_safety is LifeSafety.FIRE
        or state.mode in {Mode.LOCKED_OPEN, Mode.UNLOCKED}
        or (state.egress is Egress.PULSE and profile.rex_unlocks)
    )
    # A door that may only lock once it has closed, and a barrier over a vehicle, stay free in every mode until then.
    waits = profile.lock in WAIT_FOR_CLOSE or profile.lock is LockProfile.BARRIER
    released = state.drive is Drive.RELEASED and (state.mode is Mode.ACCESSED or waits)
    return Output.RELEASED if free or released else Output.SECURED


# --- what the door asks for ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pulse:
    """Released for ``ms`` from now; a second pulse extends, never stacks."""

    ms: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Released until then; a lease that ends by itself and that the door renews in time."""

    until_ns: int


@dataclass(frozen=True, slots=True)
class Relock:
    """Secured now, whatever pulse or lease runs; never cuts a REX pulse or a latch."""


@dataclass(frozen=True, slots=True)
class Latch:
    """Set or clear a latch of the I/O process; ``actor`` is a person when it is cleared."""

    kind: str
    on: bool
    actor: str


class Light(StrEnum):
    GREEN = "green"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Signal:
    light: Light
    advice: Advice | None = None


class Tone(StrEnum):
    PREALARM = "prealarm"
    ALARM = "alarm"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Sound:
    tone: Tone


Effect = Pulse | Hold | Relock | Latch | Signal | Sound


@dataclass(frozen=True, slots=True)
class Refusal:
    """This mode has no row for this input: nothing happened, and the caller has to say so."""

    mode: Mode
    happened: str


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one input: the door afterwards, what to do, what to write down."""

    state: DoorState
    effects: tuple[Effect, ...] = ()
    facts: tuple[Fact, ...] = ()
    refusal: Refusal | None = None
