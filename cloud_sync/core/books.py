"""The four books as reconciliation reads them (domain.md §§8, 9): frozen, and only what a rule asks about."""

from dataclasses import dataclass
from typing import Literal

from cloud_sync.core.evidence import Evidence
from cloud_sync.core.lifecycles import BookingState, ListingState, PassState, RegistrationState, StayState

ClockName = Literal["TRUSTED", "HOLDOVER", "UNTRUSTED"]


@dataclass(frozen=True, slots=True)
class Drained:
    """Through when a node has delivered everything, by its own clock and that clock's quality."""

    through_ms: int
    clock: ClockName
    bound_ms: int

    def covers(self, moment_ms: int) -> bool:
        """True only when nothing from before ``moment_ms`` can still be on the way."""
        return self.clock != "UNTRUSTED" and self.through_ms - self.bound_ms >= moment_ms


@dataclass(frozen=True, slots=True)
class Moment:
    """Something a door told of a pass: ``ref`` is node/epoch/seq, and it surely happened within these times.

    A clock that is right to a bound gives wall time ± the bound.  An UNTRUSTED clock gives the time between the last
    event of its ledger whose time is known and the time at which the service received it.
    """

    ref: str
    since_ms: int
    until_ms: int
    door: str = ""
    night: bool = False  # the whole interval lies at night


@dataclass(frozen=True, slots=True)
class Company:
    """A passage on this pass's grant in which the door counted more people than grants."""

    at: Moment
    extra: int  # people above grants


@dataclass(frozen=True, slots=True)
class MemberBook:
    """One member of a stay: the pass, its registration, and what the doors told of it.

    ``entries`` are taken ways in or of unknown direction, ``outs`` taken ways out, ``refused`` denials at doors that
    are not on the pass; each in order of time.
    """

    pass_id: str
    verified: bool
    minor: bool
    entries: tuple[Moment, ...]
    used: bool  # any event at all names the pass
    presence: Literal["in", "out", "unknown"]
    person: str = ""
    pass_state: PassState = PassState.ACTIVE
    outs: tuple[Moment, ...] = ()
    refused: tuple[Moment, ...] = ()
    company: tuple[Company, ...] = ()
    elsewhere: tuple[Moment, ...] = ()  # ways in at rooms that were never those of the booking
    guarded: bool = True  # a minor's guardian and relation are known
    registration: str = ""
    reported: RegistrationState | None = None
    submitted_ms: int | None = None
    due_ms: int = 0

    def inside_at(self, moment_ms: int) -> bool:
        """True when the last way that was surely before or at ``moment_ms`` led in."""
        last_in = max((e.since_ms for e in self.entries if e.since_ms <= moment_ms), default=None)
        last_out = max((e.since_ms for e in self.outs if e.since_ms <= moment_ms), default=-1)
        return last_in is not None and last_in > last_out


@dataclass(frozen=True, slots=True)
class StayBook:
    stay: str
    state: StayState
    planned_in_ms: int
    planned_out_ms: int
    checked_out_ms: int | None
    nodes: tuple[str, ...]  # those whose doors are on the way in
    members: tuple[MemberBook, ...]
    listing: str = ""
    operator: str = ""
    unit: str = ""
    listing_state: ListingState = ListingState.ACTIVE
    shut_ms: int | None = None  # since when the listing takes nobody new; None while it does
    max_guests: int = 0  # 0: not known
    booking_state: BookingState = BookingState.CONFIRMED
    booked_ms: int = 0
    headcount: int = 0  # as the order says; 0: not known
    told: tuple[Evidence, ...] = ()

    @property
    def registered(self) -> int:
        return sum(member.verified for member in self.members)

    @property
    def first_entry(self) -> Moment | None:
        found = [member.entries[0] for member in self.members if member.entries]
        return min(found, key=lambda entry: entry.since_ms) if found else None


@dataclass(frozen=True, slots=True)
class ListedStay:
    """As much of a stay as the question asks who else sleeps in the listing."""

    stay: str
    planned_in_ms: int
    planned_out_ms: int
    registered: int
    counts: bool  # neither cancelled nor over
    headcount: int = 0  # as the order says
    room_max: int = 0  # how many their room may hold; 0: not known
    extra: int = 0  # how many more were approved by name


@dataclass(frozen=True, slots=True)
class ListingBook:
    """A listing whose stays overlap; verdicts are given for ``judged`` and no other."""

    listing: str
    max_guests: int
    stays: tuple[ListedStay, ...]
    judged: frozenset[str]


@dataclass(frozen=True, slots=True)
class StayOfPerson:
    """From the first way in to the last way out, the checkout or, where neither is known, the planned end."""

    stay: str
    planned_in_ms: int
    since_ms: int
    until_ms: int
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonBook:
    """Everybody with one document; ``person`` is the first of their internal ids."""

    person: str
    stays: tuple[StayOfPerson, ...]


@dataclass(frozen=True, slots=True)
class TopicBook:
    """What was told about a subject that is no stay: a unit, a listing, an operator, a door, a clock, a pass."""

    subject: str
    told: tuple[Evidence, ...]
    listing: bool = False  # the subject is a listing's code
    coded: bool = False  # the unit has a listing with a code
    uncoded_entries: tuple[str, ...] = ()  # entries at a listing of this unit that has no code


@dataclass(frozen=True, slots=True)
class PathBook:
    """The last day at one door: how often a known credential of a kind was judged, and how often it was let in."""

    access_point: str
    counts: tuple[tuple[str, int, int], ...]  # (kind, let in, judged)


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch of seqs that is missing, declared lost, or contradicted."""

    ref: str
    since_ms: int
    kind: Literal["gap", "lost", "conflict"]


@dataclass(frozen=True, slots=True)
class NodeBook:
    node: str
    online: bool
    set_ver: int  # 0: nothing was ever sent to it
    set_root: str
    built_ms: int
    told_ver: int
    told_root: str
    revoked_ms: int | None  # the oldest taking-away that no receipt covers yet
    erase_ms: int | None  # the oldest erasure without a receipt
    holes: tuple[Hole, ...]


@dataclass(frozen=True, slots=True)
class DoorFact:
    """One event that says a door and its lock disagreed; ``window_ms`` is the day it belongs to."""

    ref: str
    access_point: str
    kind: Literal["forced", "held", "not_taken"]
    window_ms: int


@dataclass(frozen=True, slots=True)
class Books:
    now_ms: int
    drained: dict[str, Drained]
    stays: tuple[StayBook, ...] = ()
    nodes: tuple[NodeBook, ...] = ()
    doors: tuple[DoorFact, ...] = ()
    listings: tuple[ListingBook, ...] = ()
    persons: tuple[PersonBook, ...] = ()
    topics: tuple[TopicBook, ...] = ()
    paths: tuple[PathBook, ...] = ()
    gates: frozenset[str] = frozenset()  # access points at the edge of the community

    def watermark_ms(self, nodes: tuple[str, ...]) -> int:
        """T_eff of these nodes; 0 where one of them never reported or has no trustworthy clock."""
        held = [self.drained.get(node) for node in nodes]
        return min(
            (
                one.through_ms - one.bound_ms if one is not None and one.clock != "UNTRUSTED" else 0
                for one in held
            ),
            default=0,
        )

    def drained_through(self, nodes: tuple[str, ...], moment_ms: int) -> bool:
        """True when every one of these nodes has delivered all it saw until ``moment_ms``."""
        return bool(nodes) and self.watermark_ms(nodes) >= moment_ms
