"""What can happen to a door (access.md §4.3).  Frozen values; times are the caller's to tell."""

from dataclasses import dataclass
from enum import StrEnum

from edge.core.door_types import Bolt, Camera, Contact, Mode
from edge.core.events import ClockState, Fact, GrantId
from edge.core.reasons import Advice


@dataclass(frozen=True, slots=True)
class Boot:
    """The node's process starts with this door; levels read from the sensors, never remembered ones."""

    boot_id: str
    contact: Contact
    bolt: Bolt = Bolt.UNKNOWN
    fire_input: bool = False
    fire_latched: bool = False
    prev_mode: Mode | None = None  # as the ledger last knew it; only a lockdown or a block survives a restart
    evacuated: bool = False  # the latch of an evacuation stands at the I/O process
    beam: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """A credential was allowed; ``fact`` is what ``decision_fact.about`` said of it."""

    grant_id: GrantId
    fact: Fact
    extended: bool = False  # accessible passage: T_release + extension


@dataclass(frozen=True, slots=True)
class Denied:
    fact: Fact
    advice: Advice

    def __post_init__(self) -> None:
        assert self.fact.reason is not None, "no denial lacks a reason"


@dataclass(frozen=True, slots=True)
class RexPressed:
    """Somebody wants out; ``grant_id`` names the anonymous passage where the profile unlocks for it."""

    grant_id: GrantId


@dataclass(frozen=True, slots=True)
class RexReleased:
    pass


@dataclass(frozen=True, slots=True)
class DpsOpen:
    """An edge.  A level that differs after a gap in the edges is told as one too: nothing passes unseen."""


@dataclass(frozen=True, slots=True)
class DpsClose:
    pass


@dataclass(frozen=True, slots=True)
class DpsFault:
    pass


@dataclass(frozen=True, slots=True)
class BoltChanged:
    bolt: Bolt


class Verb(StrEnum):
    ACCESS = "access"
    LOCK = "lock"
    UNLOCK = "unlock"
    BLOCK = "block"
    LOCKDOWN = "lockdown"
    LOCKDOWN_RELEASE = "lockdown_release"
    LOCKOPEN = "lockopen"
    LOCKOPEN_RELEASE = "lockopen_release"


@dataclass(frozen=True, slots=True)
class Command:
    """A verified command of a person; ``counter`` rises, so that none is carried out twice."""

    verb: Verb
    actor: str
    counter: int
    grant_id: GrantId | None = None  # exactly for ACCESS
    cls: str | None = None  # whom an ACCESS lets in, where staff said
    second: str = ""  # of a zone's command: who else signed it

    def __post_init__(self) -> None:
        assert self.actor, "no override lacks a staff id"
        assert (self.grant_id is not None) == (self.verb is Verb.ACCESS)


@dataclass(frozen=True, slots=True)
class SchedOpen:
    pass


@dataclass(frozen=True, slots=True)
class SchedClose:
    pass


@dataclass(frozen=True, slots=True)
class FireOn:
    pass


@dataclass(frozen=True, slots=True)
class FireOff:
    """The fire input is normal again; the release stays until a person resets it."""


@dataclass(frozen=True, slots=True)
class FireReset:
    actor: str

    def __post_init__(self) -> None:
        assert self.actor, "a fire release ends by a person"


@dataclass(frozen=True, slots=True)
class FoundOpen:
    """The I/O process keeps this door open for an evacuation that nobody here knows of."""


@dataclass(frozen=True, slots=True)
class TamperOn:
    pass


@dataclass(frozen=True, slots=True)
class TamperOff:
    pass


@dataclass(frozen=True, slots=True)
class BeamBroken:
    """Something stands under the barrier or in the garage door."""


@dataclass(frozen=True, slots=True)
class BeamClear:
    pass


@dataclass(frozen=True, slots=True)
class PowerLow:
    """The mains are gone; the door lives on its battery."""


@dataclass(frozen=True, slots=True)
class PowerBack:
    pass


@dataclass(frozen=True, slots=True)
class LockLost:
    """The lock does not answer: nobody is promised that it opens."""


@dataclass(frozen=True, slots=True)
class LockBack:
    pass


@dataclass(frozen=True, slots=True)
class LinkUp:
    pass


@dataclass(frozen=True, slots=True)
class LinkDown:
    pass


@dataclass(frozen=True, slots=True)
class ClockChanged:
    clock: ClockState


@dataclass(frozen=True, slots=True)
class CameraChanged:
    camera: Camera


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; only timers fire."""


Event = (
    Boot
    | Granted
    | Denied
    | RexPressed
    | RexReleased
    | DpsOpen
    | DpsClose
    | DpsFault
    | BoltChanged
    | Command
    | SchedOpen
    | SchedClose
    | FireOn
    | FireOff
    | FireReset
    | FoundOpen
    | TamperOn
    | TamperOff
    | BeamBroken
    | BeamClear
    | PowerLow
    | PowerBack
    | LockLost
    | LockBack
    | LinkUp
    | LinkDown
    | ClockChanged
    | CameraChanged
    | Tick
)
