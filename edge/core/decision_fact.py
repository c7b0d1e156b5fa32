"""A decision as the ledger keeps it: pseudonym, pass, buckets and the one reason; nothing that shows a person."""

from dataclasses import replace

from edge.core.decision import Case
from edge.core.decision_types import Allow, Attempt, Deny, DoorView, Moment, Policy
from edge.core.events import CredentialKind, Fact, MatchFact
from edge.core.freshness import link_state
from edge.core.passes import Prereq
from edge.core.reasons import Reason

UNSEEN_COUNTS_NS = 30_000_000_000  # time to find a phone; later it is somebody else


def about(decision: Allow | Deny, attempt: Attempt, door: DoorView, moment: Moment, policy: Policy) -> Fact:
    """The fact of a grant or denial; the door machine adds grant id, mode, contact and bolt."""
    allowed = isinstance(decision, Allow)
    fact = Fact(
        type="access.granted" if allowed else "access.denied",
        access_point=door.access_point,
        direction=door.direction,
        credential_kind=attempt.kind,
        match=_match(attempt),
        pad=attempt.face.pad if attempt.face else None,
        decision="allow" if allowed else "deny",
        reason=decision.reason,
        policy_version=policy.policy_version,
        auth_ver=policy.auth_ver,
        x=_marks(decision, attempt) | _pad_why(attempt) | _beside(attempt),
    )
    return fact if attempt.holder is None else _with_holder(fact, Case(attempt, door, moment, policy))


def retried(fact: Fact, unseen_ns: int | None, now_ns: int) -> Fact:
    """Something else is shown after a face that could not be seen well: the record says so, and of the look nothing more."""
    recent = unseen_ns is not None and now_ns - unseen_ns <= UNSEEN_COUNTS_NS
    by_face = fact.credential_kind is CredentialKind.FACE
    return replace(fact, quality=Reason.LOW_QUALITY.value) if recent and not by_face else fact


def _with_holder(fact: Fact, case: Case) -> Fact:
    holder = case.holder
    # A pass is a person as surely as a pseudonym is: whoever chose class-only logging leaves neither behind.
    named = Prereq.CLASS_ONLY not in holder.prereq
    return replace(
        fact,
        subject_ref=(holder.subject_ref or None) if named else None,  # a bundle does not tell it
        cls=holder.cls,
        pass_id=holder.pass_id if named else None,
        pass_version=holder.pass_version if named else None,
        registered=Prereq.REGISTERED in holder.prereq,
        freshness=case.freshness,
        link_state=link_state(case.freshness, online=case.moment.online),
    )


def _match(attempt: Attempt) -> MatchFact | None:
    """Buckets of a named face; of an unknown one nothing is kept."""
    if attempt.face is None or attempt.face.verdict.pass_id is None:
        return None
    verdict, matcher = attempt.face.verdict, attempt.face.matcher
    assert verdict.score_bucket is not None
    assert verdict.margin_bucket is not None
    return MatchFact(
        score_bucket=verdict.score_bucket,
        margin_bucket=verdict.margin_bucket,
        threshold_id=matcher.threshold_id,
        model=matcher.model,
        gallery_version=matcher.gallery_version,
        gallery_n=matcher.gallery_n,
    )


def _pad_why(attempt: Attempt) -> dict[str, int | str]:
    """The registered extra key ``pad_why``: why liveness failed; ``no_response`` is not an accusation."""
    why = attempt.face.pad_why if attempt.face else None
    return {} if why is None else {"pad_why": why.value}


def _marks(decision: Allow | Deny, attempt: Attempt) -> dict[str, int | str]:
    """The registered extra keys ``flags`` (of a grant) and ``duress``, present only when there is something to say.

    Whoever is made to open a door and is refused by it needs help no less.
    """
    marks: dict[str, int | str] = {}
    if isinstance(decision, Allow) and decision.flags:
        marks["flags"] = ",".join(sorted(decision.flags))
    if attempt.duress and attempt.holder is not None:
        marks["duress"] = 1
    return marks


def _beside(attempt: Attempt) -> dict[str, int | str]:
    """The registered extra keys of what was shown together: ``also`` (kinds), ``bundle``, ``second`` (another's pass)."""
    beside: dict[str, int | str] = {}
    if attempt.also:
        beside["also"] = ",".join(sorted(attempt.also))
    if attempt.signed_age_ms is not None:
        beside["bundle"] = 1
    other = attempt.seconded_by
    if other is not None and Prereq.CLASS_ONLY not in other.prereq:
        beside["second"] = other.pass_id
    return beside
