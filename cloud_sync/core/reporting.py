"""What is owed upstream about one registered person, and what may be in it (domain.md §§5.3, 5.11, 16).  Pure.

A recipient brings its ``Shape`` (which fields at most, by operation) and its ``ReportRule`` (on which law, by when).
What is owed is derived from the records and from what was told before, so that whoever changed the records need not
think of it, and nothing is told twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Literal

from cloud_sync.core.lifecycles_upstream import FINAL, SubmissionState
from cloud_sync.core.policy import DAY_MS


class Op(StrEnum):
    SUBMIT = "submit"
    CORRECT = "correct"
    CHECKOUT = "checkout"
    CANCEL = "cancel"


class Certainty(StrEnum):
    """What can be done when a report went out and no answer came."""

    ASKS = "asks"  # the recipient says whether it has a report of ours, by our own reference
    KEYED = "keyed"  # the same bytes again are the same report there, whatever became of the first ones
    ONCE = "once"  # neither: it is never sent again before a person has looked


When = Literal["always", "foreigner", "minor"]


@dataclass(frozen=True, slots=True)
class Field:
    """One value that may leave, and for whom."""

    name: str
    when: When = "always"
    needed: bool = True  # without it nothing is sent: the recipient would refuse it


@dataclass(frozen=True, slots=True)
class Shape:
    """One recipient's protocol as far as the queue has to know it."""

    name: str
    certainty: Certainty
    fields: Mapping[Op, tuple[Field, ...]]  # an operation that is not here is not spoken

    def wanted(self, op: Op, *, foreigner: bool, minor: bool) -> tuple[Field, ...]:
        """The fields of this operation for such a person; () where the operation is not spoken."""
        holds = {"always": True, "foreigner": foreigner, "minor": minor}
        return tuple(field for field in self.fields.get(op, ()) if holds[field.when])


@dataclass(frozen=True, slots=True)
class ReportRule:
    """On which law a recipient is told, from when on and by when."""

    basis: str
    at: Literal["verified", "arrival"] = "verified"  # some recipients take arrivals only
    clock_ms: int = DAY_MS  # counted from the first entry, or the planned one
    short_clock_ms: int | None = None  # for a stay of less than a day
    checkout: bool = False  # the end of the stay is told too

    def due_ms(self, arrival_ms: int, departure_ms: int) -> int:
        short = self.short_clock_ms is not None and departure_ms - arrival_ms < DAY_MS
        return arrival_ms + (self.short_clock_ms if short and self.short_clock_ms else self.clock_ms)


@dataclass(frozen=True, slots=True)
class Told:
    """One submission as it stands: ``facts`` is the digest of what it told."""

    op: Op
    state: SubmissionState
    facts: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One registration now; ``facts`` is the digest of what would be told."""

    facts: str
    proved: bool  # the person is who they say, as far as the profile asks
    arrived: bool
    checked_out: bool
    void: bool  # nobody came: cancelled before arrival, or a no-show


def reference_of(registration: str, connector: str, turn: int, round_: int) -> str:
    """What a recipient knows a report by: the same again for the same report, so that books restored from a backup do not
    tell under a new name what they no longer remember.  Made from random identifiers, it says nothing of anybody."""
    text = "\0".join((registration, connector, str(turn), str(round_)))
    return f"GH-{sha256(text.encode()).hexdigest()[:24].upper()}"


def owed(rule: ReportRule, ops: frozenset[Op], now: Standing, told: Sequence[Told]) -> tuple[Op, ...]:
    """What has to be queued now, in this order; () while something is under way or a person has to decide.

    ``told``: every submission about this registration to this recipient, oldest first.
    """
    if any(one.state not in FINAL for one in told):
        return ()
    last = told[-1] if told else None
    if last is not None and last.state is SubmissionState.DEAD_LETTER:
        return ()
    held = _held(told)
    if now.void:
        return (Op.CANCEL,) if held is not None and not _refused(last, Op.CANCEL, now) else ()
    if held is None:
        ready = now.proved and (rule.at == "verified" or now.arrived)
        return (Op.SUBMIT,) if ready and not _refused(last, Op.SUBMIT, now) else ()
    if _ended(told):
        return ()
    if held != now.facts:
        return () if _refused(last, Op.CORRECT, now) else _correction(ops)
    if now.checked_out and rule.checkout and not _refused(last, Op.CHECKOUT, now):
        return (Op.CHECKOUT,)
    return ()


def _held(told: Sequence[Told]) -> str | None:
    """The facts the recipient holds by its own word; None: nothing, or nothing any more."""
    held: str | None = None
    for one in told:
        if one.state is SubmissionState.ACKED:
            if one.op in (Op.SUBMIT, Op.CORRECT):
                held = one.facts
            elif one.op is Op.CANCEL:
                held = None
    return held


def _ended(told: Sequence[Told]) -> bool:
    return any(one.op is Op.CHECKOUT and one.state is SubmissionState.ACKED for one in told)


def _refused(last: Told | None, op: Op, now: Standing) -> bool:
    """The same was refused already: only other facts are worth another try."""
    if last is None or last.state is not SubmissionState.REJECTED or last.facts != now.facts:
        return False
    return last.op is op or (op is Op.CORRECT and last.op in (Op.CANCEL, Op.SUBMIT))


def _correction(ops: frozenset[Op]) -> tuple[Op, ...]:
    """As one word where there is one, else by taking back and telling anew; a recipient with neither needs a person."""
    if Op.CORRECT in ops or Op.CANCEL not in ops:
        return (Op.CORRECT,)
    return (Op.CANCEL, Op.SUBMIT)
