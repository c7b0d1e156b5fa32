"""The first of two: a factor of one pass, or the first of two people, remembered at its own door for a short while.

Whatever was remembered opens nothing: it only stands beside what is shown next, which is judged as if it came first.
"""

from dataclasses import dataclass, replace

from edge.core.bundle import Bundle
from edge.core.decision_types import Attempt, Retry
from edge.core.events import CredentialKind
from edge.core.passes import DENYING, Pass, PassSet
from edge.core.reasons import Reason
from edge.core.requirement import SECOND_WITHIN_NS, Require, takes_pin_second
from edge.runtime.shown_code import ShownCode

ASKS = frozenset({Reason.SECOND_FACTOR, Reason.SECOND_PERSON})


@dataclass(frozen=True, slots=True)
class First:
    """``is_person``: all of one person was good, and somebody else is waited for."""

    attempt: Attempt
    holder: Pass
    shown: ShownCode | None
    until_ns: int
    is_person: bool
    day_code: Bundle | None = None


def first_of(
    asked: Retry,
    attempt: Attempt,
    shown: ShownCode | None,
    bundle: Bundle | None,
    now_ns: int,
    held: First | None,
) -> First | None:
    """What is to be remembered after this answer, if anything: an unknown face or code is half of nothing.

    ``held`` is remembered already and its time is not over.  A passer-by's face takes nobody's place, and what has joined
    with it and is still not all leaves it standing.
    """
    if asked.reason not in ASKS or attempt.holder is None:
        return None
    is_person = asked.reason is Reason.SECOND_PERSON
    if held is not None and (attempt.kind is CredentialKind.FACE or (attempt.also and not is_person)):
        return held
    day_code = bundle if bundle is not None and bundle.pin_proof else None
    until_ns = now_ns + SECOND_WITHIN_NS
    if held is not None and attempt.seconded_by is not None:
        until_ns = (
            held.until_ns
        )  # a first person is not remembered longer for the second's needing two factors
    return First(attempt, attempt.holder, shown, until_ns, is_person, day_code)


def beside(first: First | None, attempt: Attempt, passes: PassSet, now_ns: int) -> Attempt:
    """The attempt with what this door remembers, where both belong together; else the attempt alone."""
    if first is None or now_ns > first.until_ns or attempt.holder is None:
        return attempt
    if not stands(first, passes):
        return attempt  # the first pass has changed since: it is to be shown again
    if first.is_person:
        other = first.holder.pass_id != attempt.holder.pass_id
        duress = attempt.duress or first.attempt.duress  # whoever of the two is made to calls for both
        return replace(attempt, seconded_by=first.holder, duress=duress) if other else attempt
    return _together(first.attempt, attempt)


def stands(first: First, passes: PassSet) -> bool:
    """Whether nothing newer is known of the passes that were shown first."""
    return all(_as_shown(one, passes) for one in (first.holder, first.attempt.seconded_by) if one is not None)


def _as_shown(shown: Pass, passes: PassSet) -> bool:
    known, denial = passes.get(shown.pass_id), passes.denied.get(shown.pass_id)
    if known is not None:
        newer_was_shown = known.state not in DENYING and known.pass_version < shown.pass_version
        return known == shown or newer_was_shown
    return denial is None or (denial.state is None and denial.pass_version < shown.pass_version)


def _together(first: Attempt, second: Attempt) -> Attempt:
    assert first.holder is not None
    assert second.holder is not None
    kinds = first.also | {first.kind}
    if first.holder.pass_id != second.holder.pass_id or second.kind in kinds:
        return second
    newer = max(first, second, key=lambda one: -1 if one.holder is None else one.holder.pass_version)
    carries_face = second.kind in {CredentialKind.QR, CredentialKind.PIN}
    return replace(
        second,
        holder=newer.holder,
        signed_age_ms=newer.signed_age_ms,
        aboard=newer.aboard,
        code=second.code or first.code,
        face=second.face or (first.face if carries_face else None),
        factors=first.factors + second.factors,
        also=kinds | second.also,
        needs_pin=first.needs_pin or second.needs_pin,
        duress=first.duress or second.duress,
        seconded_by=second.seconded_by or first.seconded_by,
    )


def with_pin(first: First, *, duress: bool) -> Attempt:
    """A day code and the PIN that goes with it."""
    first_kinds = first.attempt.also | {first.attempt.kind}
    return replace(
        first.attempt,
        kind=CredentialKind.PIN,
        also=first_kinds,
        factors=first.attempt.factors + 1,
        duress=first.attempt.duress or duress,
        locked_until_ms=None,
    )


def asks_for(asked: Retry, attempt: Attempt, require: Require) -> str | None:
    """The screen's word while the second is waited for; None where nobody may learn that the first was right."""
    if asked.reason is Reason.SECOND_PERSON:
        return "second_person"
    if attempt.holder is None:
        return None
    if attempt.kind is CredentialKind.PIN:
        return "now_second" if takes_pin_second(require) else None
    if attempt.kind is CredentialKind.FACE and takes_pin_second(require):
        return None  # a face is no half of these: it is asked for the code, as where it is not known
    return "now_pin" if attempt.needs_pin or takes_pin_second(require) else "now_second"
