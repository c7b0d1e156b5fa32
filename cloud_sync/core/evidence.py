"""What people and other programs tell reconciliation: one small type for each thing that no book of our own holds.

Each says something about a subject and stands until it is ended; the same (subject, type, key) again replaces it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Literal, get_args, get_type_hints

from cloud_sync.errors import Refused

WORD_MAX = 200
COUNT_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class UnitVisit:
    """A unit was named by a visitor's pass, or opened by a pass that belongs to nobody living there."""

    pass_id: str
    unlocks: int
    visitor: bool  # a visitor's short pass; otherwise any pass of a non-resident


@dataclass(frozen=True, slots=True)
class Advertisement:
    """A page that offers a listing or a unit; ``shown_code`` is empty where it shows none."""

    platform: str
    shown_code: str
    matched_by: Literal["address", "position", "photo"]


@dataclass(frozen=True, slots=True)
class Inspection:
    """Somebody looked: a unit that is let without a code."""

    inspector: str
    operating: bool


@dataclass(frozen=True, slots=True)
class Complaint:
    """Somebody complained about a door without a plate."""

    matter: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """Rooms and beds as booked or seen, beside those of the register."""

    rooms_seen: int
    rooms_kept: int
    beds_seen: int
    beds_kept: int


@dataclass(frozen=True, slots=True)
class IdentityCheck:
    """How a check of a document or a person ended; the comparison of names is made by whoever writes this."""

    person: str
    outcome: Literal["checksum", "chip", "name_different", "live_proofing", "face_of_another", "passed"]


@dataclass(frozen=True, slots=True)
class TemplateMatch:
    """An enrolling node found that two passes with different documents have one face."""

    pass_id: str
    other_pass: str


@dataclass(frozen=True, slots=True)
class Headcount:
    """People counted by a sensor or a person in the rooms of a stay, for so long."""

    people: int
    minutes: int
    at_night: bool
    source: Literal["sensor", "spot_check"]


@dataclass(frozen=True, slots=True)
class WrongFact:
    """A fact of the registration that differs from the order, or from the document."""

    field: Literal["room", "dates", "headcount", "nationality", "document_type", "name"]
    source: Literal["platform", "operator", "document", "inspection"]


@dataclass(frozen=True, slots=True)
class MinorConcern:
    """Something about a minor that somebody has to look at."""

    what: Literal["unrelated_adult", "night_visitor", "no_guardian", "visitor", "suspicion"]


@dataclass(frozen=True, slots=True)
class LetIn:
    """Staff opened to somebody of this party who showed no pass of their own."""

    at_night: bool


@dataclass(frozen=True, slots=True)
class Submission:
    """A report to the authority's system about a registration: when it is due, and what came of it."""

    due_ms: int
    state: Literal["pending", "acked", "rejected"]


@dataclass(frozen=True, slots=True)
class DailyReturn:
    """An operator's return for a day; a nil return is one too."""

    due_ms: int
    filed: bool


@dataclass(frozen=True, slots=True)
class Household:
    """A unit's dossier: in which bucket the import put it, and when somebody last looked."""

    bucket: Literal["exact", "fuzzy", "conflict", "unmatched", "rejected"]
    verified_ms: int


@dataclass(frozen=True, slots=True)
class PathTimes:
    """Median time from showing a credential to the open door, for a day at an access point."""

    kind: str
    passages: int
    median_ms: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """Something that should have been erased; ``count`` of them are past their clock."""

    clock: str
    count: int


@dataclass(frozen=True, slots=True)
class ResidentPattern:
    """A resident's pass used by turns as if let; only where the impact assessment names the purpose."""

    changes: int


Body = (
    UnitVisit
    | Advertisement
    | Inspection
    | Complaint
    | Capacity
    | IdentityCheck
    | TemplateMatch
    | Headcount
    | WrongFact
    | MinorConcern
    | LetIn
    | Submission
    | DailyReturn
    | Household
    | PathTimes
    | Overdue
    | ResidentPattern
)
BODIES: Mapping[str, type[Body]] = MappingProxyType({body.__name__: body for body in get_args(Body)})
# Written once: reading them takes longer than everything else about a body.
_HINTS = MappingProxyType({kind: get_type_hints(kind) for kind in get_args(Body)})


# Who tells each type in this program, beside a person with ``reconcile tell``: "import KIND" is a file of that kind.
TELLERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "UnitVisit": (
            "import visitors",
            "a visitor admitted to a dwelling",
            "unlocks, counted by the service",
        ),
        "Advertisement": ("import advertisements",),
        "Inspection": ("import inspections", "a finding that another person confirmed"),
        "Complaint": ("import complaints",),
        "Capacity": ("import inspections", "import rooms"),
        "IdentityCheck": ("import registrations", "a guest's own form", "staff who proved a person"),
        "TemplateMatch": (),
        "Headcount": ("a check on the spot",),
        "WrongFact": (),
        "MinorConcern": ("a suspicion that staff report", "a visitor to the room of a minor alone"),
        "LetIn": ("staff who let in a companion",),
        "Submission": ("import reports",),
        "DailyReturn": ("the service, past noon", "a return that is filed after that"),
        "Household": ("import units", "import verifications", "the register of units"),
        "PathTimes": ("the service, of yesterday",),
        "Overdue": (),
        "ResidentPattern": (),
    }
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing told about a subject; ``ended_ms`` is when it ceased to be so."""

    subject: str
    key: str
    since_ms: int
    ended_ms: int | None
    body: Body

    @property
    def ref(self) -> str:
        return f"{type(self.body).__name__}/{self.key}"

    @property
    def stands(self) -> bool:
        return self.ended_ms is None


def body_of(type_: str, said: Mapping[str, Any]) -> Body:
    """The typed body of what somebody sent.

    Raises:
        Refused: no such type, a field too many or too few, or a value that is not of its kind.
    """
    kind = BODIES.get(type_)
    if kind is None:
        raise Refused("evidence.type", f"{type_!r} is not one of {', '.join(BODIES)}.")
    hints = _HINTS[kind]
    if set(said) != set(hints):
        raise Refused("evidence.fields", f"{type_} has the fields {', '.join(hints)}, no more and no fewer.")
    for name, hint in hints.items():
        _check(type_, name, hint, said[name])
    return kind(**said)


def _check(type_: str, name: str, hint: Any, value: Any) -> None:
    choices = get_args(hint)
    if choices:
        good, wanted = value in choices, f"one of {', '.join(choices)}"
    elif hint is bool:
        good, wanted = isinstance(value, bool), "true or false"
    elif hint is int:
        whole = isinstance(value, int) and not isinstance(value, bool)
        most = COUNT_MAX if not name.endswith("_ms") else 1 << 53
        good, wanted = whole and 0 <= value <= most, f"a whole number from 0 to {most}"
    else:
        good, wanted = isinstance(value, str) and len(value) <= WORD_MAX, f"at most {WORD_MAX} characters"
    if not good:
        raise Refused("evidence.value", f"{type_}.{name} is {wanted}.")


def said_by(body: Body) -> dict[str, Any]:
    """The fields of a body, as they are stored and sent."""
    return {field.name: getattr(body, field.name) for field in fields(body)}
