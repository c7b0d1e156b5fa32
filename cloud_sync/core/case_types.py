"""What a case is made of (domain.md §11): families, states, events, kinds, and one frozen value for a case."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import StrEnum
from types import MappingProxyType

from cloud_sync.core.roles import Role


class Family(StrEnum):
    ALERT = "alert"
    DISCREPANCY = "discrepancy"
    MATTER = "matter"  # what a person reported: a resident, a guest, staff


class Severity(StrEnum):
    """S1 act now, S2 same day, S3 three days, S4 trend; the order of the names is the order of weight."""

    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    S4 = "S4"

    @property
    def grave(self) -> bool:
        return self in (Severity.S1, Severity.S2)


class CaseState(StrEnum):
    NEW = "NEW"
    RTN_UNACK = "RTN_UNACK"  # the condition is gone, eyes are still needed
    ACKED = "ACKED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    TRANSFERRED = "TRANSFERRED"  # whistled: a department has been asked and has not signed
    DEPT_SIGNED = "DEPT_SIGNED"
    DEPT_ACTING = "DEPT_ACTING"  # the department has reported in
    RESOLVED = "RESOLVED"  # waits for the check by another person
    CLOSED = "CLOSED"
    SHELVED = "SHELVED"  # one source silenced for a limited time
    SUPPRESSED = "SUPPRESSED"  # by design: another case is its cause
    OUT_OF_SERVICE = "OUT_OF_SERVICE"  # the device is under repair, by permit


UNSEEN = frozenset({CaseState.NEW, CaseState.RTN_UNACK})
OWNED = frozenset({CaseState.ACKED, CaseState.IN_PROGRESS, CaseState.ON_HOLD})
WORKED = frozenset({CaseState.ACKED, CaseState.IN_PROGRESS})  # the action clock runs
OPEN = frozenset(CaseState) - {CaseState.CLOSED}
QUIET = frozenset({CaseState.SHELVED, CaseState.SUPPRESSED, CaseState.OUT_OF_SERVICE})  # nobody is asked now
AWAY = frozenset({CaseState.TRANSFERRED, CaseState.DEPT_SIGNED, CaseState.DEPT_ACTING})  # with a department


class CaseEvent(StrEnum):
    RAISE = "raise"
    CLEARS = "condition clears"
    ACK = "acknowledge"
    ACK_CLOCK = "ack clock over"
    START = "start"
    ACT_CLOCK = "action clock over"
    OFFER = "offer"
    ACCEPT = "accept"
    HOLD = "hold"
    RESUME = "resume"
    RESOLVE = "resolve"
    VERIFY = "verify"
    REJECT = "reject"
    UNCHECKED = "not checked in time"
    MET = "closing condition met"
    RETRACT = "retract"
    REOPEN = "reopen"
    TRIAGE = "triage"
    SHELVE = "shelve"
    SHELF_OVER = "shelving over"
    SUPPRESS = "cause begins"
    CAUSE_ENDS = "cause ends"
    TAKE_OUT = "take out of service"
    PUT_BACK = "return to service"
    WHISTLE = "whistle"
    SIGN_CLOCK = "sign clock over"
    RETURN = "return"
    SIGN = "department signs"
    CONTACT = "department makes contact"
    DEPT_CLOCK = "contact or report clock over"
    REPORT_IN = "department reports in"
    RESULT = "department's result"


# What a person may press; the others are the world's or the clock's.
BY_PEOPLE = (
    CaseEvent.ACK,
    CaseEvent.START,
    CaseEvent.RESOLVE,
    CaseEvent.HOLD,
    CaseEvent.RESUME,
    CaseEvent.OFFER,
    CaseEvent.ACCEPT,
    CaseEvent.VERIFY,
    CaseEvent.REJECT,
    CaseEvent.REOPEN,
    CaseEvent.TRIAGE,
    CaseEvent.WHISTLE,
    CaseEvent.SHELVE,
    CaseEvent.TAKE_OUT,
    CaseEvent.PUT_BACK,
    CaseEvent.SIGN,
    CaseEvent.CONTACT,
    CaseEvent.REPORT_IN,
    CaseEvent.RESULT,
    CaseEvent.RETURN,
)


class OwnerRole(StrEnum):
    """Whose eyes a case asks for while nobody owns it: a rung of a ladder, not a login."""

    GUARD = "guard"
    SHIFT_LEAD = "shift_lead"
    OFFICER = "officer"
    OPERATOR = "operator"
    STREET = "street"
    DEPARTMENT = "department"
    CALL = "emergency_call"  # 110 or 119, by a human


class MatterClass(StrEnum):
    """大事, 小事, 私事 (domain.md §11.7): a rule suggests it, the officer sets it."""

    BIG = "big"
    SMALL = "small"
    PRIVATE = "private"


class Colour(StrEnum):
    """Whom a whistle asks: the section head, the deputy, the chief; a breach raises it by one."""

    BLUE = "blue"
    YELLOW = "yellow"
    RED = "red"


class Whistle(StrEnum):
    """How long a department has to report in: three working days, or five for what is hard."""

    WORK = "work"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class AlertKind:
    """``shut_first``: nobody settles it while its door stands open (domain.md §11.3).  ``silent``: no page makes a sound
    of it and no list of entries shows what raised it; only its case does.
    """

    name: str
    severity: Severity
    raised_by: str = ""
    cleared_by: tuple[str, ...] = ()
    shut_first: bool = False
    transient: bool = False
    silent: bool = False


FORCED = AlertKind("forced", Severity.S1, "door.forced", ("door.secured",), shut_first=True)
HELD = AlertKind("held", Severity.S2, "door.held", ("door.secured",), shut_first=True)
WATCHDOG = AlertKind("watchdog", Severity.S1, "door.watchdog")
FIRE_RELEASE = AlertKind("fire_release", Severity.S1, "fire.release", ("fire.reset",))
JAMMED = AlertKind("jammed", Severity.S2, "door.jammed", ("door.bolt_free",))
LOCK_SILENT = AlertKind("lock_silent", Severity.S2, "door.lock_silent", ("door.lock_back",))
CONTACT_FAULT = AlertKind("contact_fault", Severity.S3, "door.contact_fault")
TAMPER = AlertKind("tamper", Severity.S2, "door.tamper", ("door.tamper_off",))
POWER_LOW = AlertKind("power_low", Severity.S2, "door.power_low", ("door.power_back",))
# Somebody opened a door under threat: whoever threatens them may stand beside the guard's screen.
DURESS = AlertKind("duress", Severity.S1, "access.duress", silent=True)
TAILGATE_RATE = AlertKind("tailgate_rate", Severity.S2, "door.tailgating")
# Somebody goes on trying what does not open; and a face that is a picture by more than one of its signs.
WRONG_TRIES = AlertKind("wrong_tries", Severity.S2, "access.wrong_tries")
ATTACK = AlertKind("presentation_attack", Severity.S1, "access.attack")
EMERGENCY = AlertKind("emergency", Severity.S2, "access.emergency")
# Somebody at a door pressed the button; a person answers it, and nothing else ends it.
HELP = AlertKind("help", Severity.S2, "help.called")
# Conditions that a node's silence or state shows, not an event.  The first is S2 where everybody has to pass.
NODE_OFFLINE = AlertKind("node_offline", Severity.S3)
CAMERA_LOST = AlertKind("camera_lost", Severity.S2)
# What hellos show: the node's clock and the service's are more than ten seconds apart (access.md §8).
CLOCK_OFF = AlertKind("clock_off", Severity.S3, transient=True)
# What a hello shows: this node and this service have no version of the wire in common (sync.md §3.6).
VERSION_REFUSED = AlertKind("version_refused", Severity.S2)
# What the check of the day's passes shows (core.delivery); receipts that come late end it before anybody has to look.
DELIVERY_FAILED = AlertKind("delivery_failed", Severity.S2, transient=True)
# A person said so; no event of the node does, and nothing but a person ends it.
NODE_LOST = AlertKind("node_lost", Severity.S2, "node.lost")

# A room's calendar was empty or unreadable twice in a row: its bookings stand as last read (domain.md §5.2).
FEED_SILENT = AlertKind("feed_silent", Severity.S3, "feed.silent", ("feed.read",))

# Many alarms of one kind at once: one case stands for them (domain.md §11.6).
FLOOD = AlertKind("flood", Severity.S2, "case.flood")
# One source that chatters: it was silenced for ten minutes, and somebody has to repair it.
CHATTER = AlertKind("chatter", Severity.S3, "case.chatter")

ALERTS: Mapping[str, AlertKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            *(FORCED, HELD, WATCHDOG, FIRE_RELEASE, JAMMED, LOCK_SILENT, CONTACT_FAULT, TAMPER, POWER_LOW),
            *(DURESS, TAILGATE_RATE, WRONG_TRIES, ATTACK, EMERGENCY, HELP, NODE_OFFLINE, CAMERA_LOST),
            *(CLOCK_OFF, VERSION_REFUSED, NODE_LOST, DELIVERY_FAILED, FEED_SILENT, FLOOD, CHATTER),
        )
    }
)
RAISED_BY: Mapping[str, AlertKind] = MappingProxyType(
    {kind.raised_by: kind for kind in ALERTS.values() if kind.raised_by}
)
SILENT_KINDS = frozenset(kind.name for kind in ALERTS.values() if kind.silent)
SILENT_EVENTS = frozenset(kind.raised_by for kind in ALERTS.values() if kind.silent)
# A door that starts anew with its leaf shut is in alarm no more, and says so in no other way.
DOOR_BOOT = "door.boot"
ALERT_EVENTS = frozenset(
    {*RAISED_BY, DOOR_BOOT, *(name for kind in ALERTS.values() for name in kind.cleared_by)}
)


@dataclass(frozen=True, slots=True)
class Case:
    """``active``: the condition still holds, as far as is known.  ``next_ms``: when a clock acts by itself."""

    id: str
    family: Family
    kind: str
    severity: Severity
    state: CaseState
    subject: str
    group_key: str
    opened_ms: int
    first_seen_ms: int
    last_seen_ms: int
    owner_role: OwnerRole
    active: bool = True
    count: int = 1
    level: int = 0
    node: str | None = None
    access_point: str | None = None
    owner: str | None = None
    offered_to: str | None = None
    ack_due_ms: int | None = None
    act_due_ms: int | None = None
    next_ms: int | None = None
    held_ms: int | None = None
    resolution: str | None = None
    note: str | None = None
    resolved_by: str | None = None
    verified_by: str | None = None
    closed_ms: int | None = None
    reopened_from: str | None = None
    reopen_count: int = 0
    opener: str | None = None
    opener_role: str | None = None
    matter_class: MatterClass | None = None
    cause: str | None = None  # the case, or the work, that explains this one while it is SUPPRESSED
    whistle: Whistle | None = None  # kept when the case comes back: it was whistled once
    colour: Colour | None = None
    department: str | None = None
    sign_due_ms: int | None = None
    contact_due_ms: int | None = None
    report_due_ms: int | None = None
    burst: int = 1  # findings since burst_ms, all within a minute: what chatters is told by it
    burst_ms: int = 0

    @property
    def sounds(self) -> bool:
        """True and nobody has looked: an S1 or S2 alert is heard."""
        return self.family is Family.ALERT and self.severity.grave and self.state is CaseState.NEW

    @property
    def holder(self) -> str:
        """Who has it: a person once somebody acknowledged, before that a role; never nobody, never two."""
        return self.owner or self.owner_role


@dataclass(frozen=True, slots=True)
class Finding:
    """What the world says is so: enough to open a case, or to join an open one with the same key."""

    family: Family
    kind: str
    severity: Severity
    subject: str
    group_key: str
    seen_ms: int
    node: str | None = None
    access_point: str | None = None
    reopened_from: str | None = None
    opener: str | None = None
    opener_role: str | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """One event on a case; ``actor`` and ``role`` are empty when the world or a clock acts.

    ``code`` is the resolution, the class of a matter, or the kind of a whistle; ``to`` is a colleague or a department.
    ``zone`` is whose working days count.
    """

    event: CaseEvent
    actor: str = ""
    role: Role | None = None
    reason: str = ""
    code: str = ""
    to: str = ""
    until_ms: int | None = None
    seen_ms: int | None = None
    severity: Severity | None = None
    colour: str = ""
    cause: str = ""
    zone: tzinfo = UTC
