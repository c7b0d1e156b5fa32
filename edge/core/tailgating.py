"""Did more people go through than were let in?  Counted, never recognised (access.md §4.6).

One passage lasts from the opening of the door to its closing.  Three senses that do not depend on each other each have a
say; two of them have to agree:

| cue | what says it |
|---|---|
| count | the camera: more faces in one picture than grants |
| long | the contact: open longer than 95 of 100 of this door's own passages |
| body | the beam: more bodies than grants, two of them within a second |

What is remembered of a door is how long its passages took and which were flagged; of the people nothing, not even how
many they were.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from edge.core.events import CredentialKind, Fact, GrantId

SECOND_BODY_MS = 1_000
PASSAGES_KEPT = 200
LONG_LEAST = 20  # passages; before that a door does not know what is long for it
# A door's own rate: in the last RECENT passages at least RECENT_LEAST flags, and more than TIMES as many as before.
RECENT = 20
RECENT_LEAST = 3
TIMES = 2.0
CUES_NEEDED = 2
GRANTS_MAX = 64  # of one passage; a door has at most 16 waiting


class Tailgate(StrEnum):
    """What a door does about it: nothing; write it down, and a case above its own rate; every one a case."""

    OFF = "off"
    FLAG = "flag"
    CASE = "case"


class Cue(StrEnum):
    COUNT = "count"
    LONG = "long"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class People:
    """So many faces in one picture."""

    count: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Beam:
    """Something broke the beam of the door, or it is clear again."""

    broken: bool
    at_ms: int


Sense = People | Beam


@dataclass(frozen=True, slots=True)
class Passage:
    """The door as it is now: whom it was opened for, and what was sensed since it opened.  Times are monotonic ms."""

    waiting: frozenset[GrantId] = frozenset()  # granted, and the grant has not ended
    grants: frozenset[GrantId] = frozenset()  # of this passage
    first: Fact | None = None  # access.taken, with which it began
    opened_ms: int | None = None
    faces: int = 0
    bodies: int = 0
    close_bodies: bool = False
    clear_ms: int | None = None  # when the last body left the beam
    held: bool = False


@dataclass(frozen=True, slots=True)
class Habit:
    """The last passages of one door, oldest first: how long each took (honest ones only), which were flagged."""

    open_ms: tuple[int, ...] = ()
    flags: tuple[bool, ...] = ()
    told: bool = False  # its rate is above its own, and a case was asked for


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one passage came to."""

    people: int
    grants: int
    open_ms: int
    cues: tuple[Cue, ...]

    @property
    def flagged(self) -> bool:
        return len(self.cues) >= CUES_NEEDED


def sensed(passage: Passage, sense: Sense) -> Passage:
    """What a camera or beam adds; before the door is open nothing counts."""
    if passage.opened_ms is None or sense.at_ms < passage.opened_ms:
        return passage
    match sense:
        case People(count=count):
            return replace(passage, faces=max(passage.faces, count))
        case Beam(broken=False, at_ms=at_ms):
            return replace(passage, clear_ms=at_ms)
        case Beam(at_ms=at_ms):
            near = passage.clear_ms is not None and at_ms - passage.clear_ms <= SECOND_BODY_MS
            return replace(passage, bodies=passage.bodies + 1, close_bodies=passage.close_bodies or near)


def heard(passage: Passage, fact: Fact, mono_ms: int) -> Passage:
    """What a fact of this door changes; its closing is for ``verdict``."""
    grant = fact.grant_id
    match fact.type:
        case "access.granted" | "access.would_allow" | "access.would_deny" if grant is not None:
            waiting = frozenset([*passage.waiting, grant][-GRANTS_MAX:])
            return replace(passage, waiting=waiting, grants=_more(passage, grant))
        case "access.not_taken" if grant is not None:
            return replace(passage, waiting=passage.waiting - {grant})
        case "access.taken" if grant is not None:
            # Whose grant still waits may go through with the first: the door counts openings, not people.
            if passage.opened_ms is None and inward(fact):
                passage = replace(passage, first=fact, opened_ms=mono_ms, grants=passage.waiting)
            return replace(passage, waiting=passage.waiting - {grant}, grants=_more(passage, grant))
        case "door.rex":  # a free handle on the inside: who leaves meanwhile is a body nobody was let in for
            return replace(passage, grants=_more(passage, GrantId(f"rex-{mono_ms}")))
        case "door.held":
            return replace(passage, held=True)
        case _:
            return passage


def inward(fact: Fact) -> bool:
    return fact.direction != "out" and fact.credential_kind is not CredentialKind.REX


def _more(passage: Passage, grant: GrantId) -> frozenset[GrantId]:
    if passage.opened_ms is None or len(passage.grants) >= GRANTS_MAX:
        return passage.grants
    return passage.grants | {grant}


def closed(passage: Passage) -> Passage:
    """The door after its closing: only grants that still wait go on."""
    return Passage(waiting=passage.waiting)


def verdict(passage: Passage, habit: Habit, mono_ms: int) -> Verdict | None:
    """What the passage that ends now came to; None where none was taken inward."""
    if passage.opened_ms is None:
        return None
    open_ms, grants = mono_ms - passage.opened_ms, len(passage.grants)
    long_ms = p95(habit)
    agreed = {
        Cue.COUNT: passage.faces > grants,
        # A door held open has a case of its own, and luggage is no second person.
        Cue.LONG: long_ms is not None and open_ms > long_ms and not passage.held,
        Cue.BODY: passage.close_bodies and passage.bodies > grants,
    }
    cues = tuple(cue for cue, holds in agreed.items() if holds)
    return Verdict(max(passage.faces, passage.bodies, grants), grants, open_ms, cues)


def p95(habit: Habit) -> int | None:
    """What 95 of 100 passages of this door did not exceed, in ms; None while it knows too few."""
    if len(habit.open_ms) < LONG_LEAST:
        return None
    ranked = sorted(habit.open_ms)
    return ranked[-(-95 * len(ranked) // 100) - 1]


def learn(habit: Habit, found: Verdict) -> Habit:
    """The habit after this passage; one of several grants or with doubt about it says nothing about what is usual."""
    plain = found.grants == 1 and not found.flagged
    taken = (*habit.open_ms, found.open_ms) if plain else habit.open_ms
    flags = (*habit.flags, found.flagged)[-PASSAGES_KEPT:]
    after = Habit(taken[-PASSAGES_KEPT:], flags, habit.told)
    return replace(after, told=above_own_rate(after))


def above_own_rate(habit: Habit) -> bool:
    """Whether the last passages were flagged far more often than those before them."""
    before, recent = habit.flags[:-RECENT], habit.flags[-RECENT:]
    if len(before) < RECENT:
        return False
    usual = sum(before) / len(before)
    return sum(recent) >= RECENT_LEAST and sum(recent) / len(recent) > TIMES * usual


def is_case(wanted: Tailgate, before: Habit, after: Habit, found: Verdict) -> bool:
    """Whether somebody has to look now: at a high-risk door always, elsewhere once when the rate rises."""
    if not found.flagged:
        return False
    return wanted is Tailgate.CASE or (after.told and not before.told)


def fact_of(found: Verdict, first: Fact) -> Fact:
    """What is written down: numbers, and the passage they belong to.  No pass: it is no accusation of its holder."""
    return Fact(
        "access.tailgate",
        access_point=first.access_point,
        direction=first.direction,
        grant_id=first.grant_id,
        x={
            "people": found.people,
            "grants": found.grants,
            "open_ms": found.open_ms,
            "cues": ",".join(found.cues),
        },
    )
