"""Books of one well-behaved stay, its places and its node, for rules: a test changes what it is about."""

from dataclasses import replace

from cloud_sync.core.books import (
    Books,
    Company,
    Drained,
    ListedStay,
    MemberBook,
    Moment,
    StayBook,
    StayOfPerson,
)
from cloud_sync.core.evidence import Body, Evidence
from cloud_sync.core.judging import evaluate
from cloud_sync.core.lifecycles import PassState, RegistrationState, StayState
from cloud_sync.core.policy import CN_DEFAULT, DAY_MS, HOUR_MS, MINUTE_MS, PolicyProfile
from cloud_sync.core.reconcile import Word

IN, OUT = 100 * DAY_MS, 103 * DAY_MS
MID = IN + 26 * HOUR_MS
TOLD_ALL = Drained(200 * DAY_MS, "TRUSTED", 0)
GATE, OTHER_GATE, DOOR = "AP-1", "AP-2", "AP-3"


def at(ms: int, seq: int = 1, *, door: str = GATE, node: str = "gate-1", night: bool = False) -> Moment:
    return Moment(f"{node}/e/{seq}", ms - 10, ms + 10, door, night)


def unsure(since_ms: int, until_ms: int, seq: int = 9) -> Moment:
    """Told by a clock that is not to be believed."""
    return Moment(f"gate-1/e/{seq}", since_ms, until_ms, GATE)


CAME = at(IN + HOUR_MS)
MEMBER = MemberBook(
    "PS-1",
    verified=True,
    minor=False,
    entries=(CAME,),
    used=True,
    presence="in",
    person="PN-1",
    registration="RG-1",
    reported=RegistrationState.VERIFIED,
    submitted_ms=IN - DAY_MS,
    due_ms=IN,
)
STAY = StayBook(
    "ST-1",
    StayState.IN_HOUSE,
    IN,
    OUT,
    None,
    ("gate-1",),
    (MEMBER,),
    listing="L-1",
    operator="O-1",
    unit="U-1",
    max_guests=2,
    booked_ms=IN - 5 * DAY_MS,
)
WAITING = replace(
    STAY,
    state=StayState.REGISTERED,
    members=(replace(MEMBER, entries=(), used=False, presence="unknown"),),
)
LATE = replace(MEMBER, verified=False, reported=RegistrationState.SUBMITTED)


def one(**changes: object) -> StayBook:
    """The stay, its one member changed."""
    return replace(STAY, members=(replace(MEMBER, **changes),))  # type: ignore[arg-type]


def gone(ms: int) -> StayBook:
    """Last seen leaving."""
    return one(outs=(at(ms, 2),), presence="out")


def told(
    body: Body, *, key: str = "k", subject: str = "ST-1", since_ms: int = IN, ended_ms: int | None = None
) -> Evidence:
    return Evidence(subject, key, since_ms, ended_ms, body)


def company(*hours: float, extra: int = 1) -> tuple[Company, ...]:
    return tuple(Company(at(IN + round(h * HOUR_MS), 50 + n), extra) for n, h in enumerate(hours))


def judged(
    kind: str,
    *,
    now_ms: int = MID,
    profile: PolicyProfile = CN_DEFAULT,
    drained: Drained = TOLD_ALL,
    **books: object,
) -> list[tuple[str, str, str]]:
    """(word, severity, subject) of everything of this kind that is not clear."""
    made = Books(now_ms, {"gate-1": drained}, gates=frozenset({GATE, OTHER_GATE}), **books)  # type: ignore[arg-type]
    found = evaluate(made, profile).verdicts
    return [
        (verdict.word.value, verdict.severity, verdict.key.subject)
        for verdict in found
        if verdict.key.kind == kind and verdict.word is not Word.CLEAR
    ]


def listed(stay: str, begin_ms: int, end_ms: int, registered: int, *, counts: bool = True) -> ListedStay:
    return ListedStay(stay, begin_ms, end_ms, registered, counts)


def stayed(stay: str, planned_ms: int, since_ms: int, until_ms: int) -> StayOfPerson:
    return StayOfPerson(stay, planned_ms, since_ms, until_ms, (f"gate-1/e/{stay}",))


ARMED, OVER = PassState.ARMED, PassState.EXPIRED
MINUTES = MINUTE_MS
