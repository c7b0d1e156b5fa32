"""May this credential open this door now?  The pipeline of access.md §5, in order, as data.

The first step that fails gives the single reason.  What a step has not been given a rule for is NOT_CONFIGURED
and lets pass.  How a pass stands on the node maps to step 5 so (window = not_before − early buffer … not_after):

| state            | before the window   | in the window                           | after it            |
|------------------|---------------------|-----------------------------------------|---------------------|
| ARMED            | CredentialNotActive | goes on                                 | CredentialExpired   |
| PENDING, missing | CredentialNotActive | goes on: step 7 names what is missing   | CredentialExpired   |
| PENDING, whole   | CredentialNotActive | CredentialNotActive                     | CredentialExpired   |
| EXIT_ONLY        | CredentialExpired   | CredentialExpired                       | CredentialExpired   |
| EXPIRED          | CredentialExpired   | CredentialExpired                       | CredentialExpired   |
| SUSPENDED        | CredentialNotEnabled| CredentialNotEnabled                    | CredentialNotEnabled|
| REVOKED          | CredentialNotActive | CredentialNotActive                     | CredentialNotActive |

With an UNTRUSTED clock "before the window" is not known to be so; such a pass goes on to step 9.
"""

from collections.abc import Callable
from dataclasses import dataclass

from edge.core.credentials import CodeRefused
from edge.core.decision_types import (
    Allow,
    Attempt,
    Decision,
    Deny,
    DoorView,
    GrantFlag,
    Liveness,
    Moment,
    Policy,
    Retry,
    Ruling,
)
from edge.core.door_types import Camera, Mode
from edge.core.events import ClockState, CredentialKind
from edge.core.evidence import Look
from edge.core.freshness import Freshness, freshness
from edge.core.passes import Pass, PassState, Prereq, SubjectClass, Window
from edge.core.reasons import Reason
from edge.core.requirement import Require, is_whole

# The schedules every door can honour without a schedule rule; any other word needs a rule that says MET.
ANY_TIME = frozenset({"", "always"})

# Doors that ask nobody for a sign of life: a face without one opens them, and the grant says so.
UNASKED = frozenset({Liveness.OFF_DEMO, Liveness.PASSIVE})

# Not the person's failure: asked again, and no denial is recorded.
RETRIES = frozenset({Reason.LOW_QUALITY, Reason.RETRY_LATER, Reason.SECOND_FACTOR, Reason.SECOND_PERSON})


@dataclass(frozen=True, slots=True)
class Case:
    """Everything one decision looks at."""

    attempt: Attempt
    door: DoorView
    moment: Moment
    policy: Policy

    @property
    def holder(self) -> Pass:
        """The pass; steps after 5 can count on it."""
        assert self.attempt.holder is not None
        return self.attempt.holder

    @property
    def window(self) -> Window:
        return self.holder.window(self.moment.span, self.door.early_ms)

    @property
    def freshness(self) -> Freshness:
        return freshness(
            self.holder.cls,
            _least(self.moment.contact_age_ms, self.attempt.signed_age_ms),
            online=self.moment.online,
            signed_code=CredentialKind.QR in self.attempt.also | {self.attempt.kind},
            window_over=self.window is Window.AFTER,
            # A signed word shown here lives a day at most: it is news, and does not rest on what was lent.
            lease_over=self.moment.lease_over and self.attempt.signed_age_ms is None,
        )


def _least(age_ms: int | None, signed_age_ms: int | None) -> int | None:
    """A signed word shown at the door is news of this pass, whoever carried it."""
    known = [age for age in (age_ms, signed_age_ms) if age is not None]
    return min(known, default=None)


def door_mode(case: Case) -> Reason | None:
    """Door mode."""
    if case.door.lock_silent and case.door.mode is not Mode.LOCKED_OPEN:
        return Reason.LOCK_SILENT
    match case.door.mode:
        case Mode.LOCKED_DOWN:
            return Reason.LOCKED_DOWN
        case Mode.BLOCKED | Mode.UNKNOWN:  # a door that has not read its sensors yet opens for nobody
            return Reason.BLOCKED
        case _:
            return None


def back_off(case: Case) -> Reason | None:
    """Back-off after wrong tries (T_retry_lock)."""
    until_ms = case.attempt.locked_until_ms
    return Reason.RETRY_LATER if until_ms is not None and until_ms > case.moment.now_ms else None


def picture(case: Case) -> Reason | None:
    """Camera and quality."""
    face = case.attempt.face
    if face is None:
        return None
    blurred = face.verdict.look is Look.LOW_QUALITY or case.door.camera is Camera.LOST
    return Reason.LOW_QUALITY if blurred else None


def engine(case: Case) -> Reason | None:
    """Invented faces open doors of a simulation only."""
    face = case.attempt.face
    invented = face is not None and face.simulated and not case.door.simulation
    return Reason.SIMULATED_ENGINE if invented else None


def liveness(case: Case) -> Reason | None:
    """Liveness (PAD)."""
    face = case.attempt.face
    if face is None or face.pad.result == "pass":
        return None
    if face.pad.result == "na" and face.verdict.look is not Look.NAMED:
        return None  # who is nobody's guest was asked nothing, and is not accused of anything
    # Even where liveness is not asked for, a face that was found to be a picture is refused.
    excused = case.door.liveness in UNASKED and face.pad.result == "na"
    return None if excused else Reason.PRESENTATION_ATTACK


def match(case: Case) -> Reason | None:
    """Match and margin."""
    face = case.attempt.face
    if face is None:
        return None
    if face.verdict.look is Look.AMBIGUOUS:
        return Reason.SECOND_FACTOR if case.door.else_code else Reason.AMBIGUOUS
    return Reason.NOT_FOUND if face.verdict.look is Look.UNKNOWN else None


def credential(case: Case) -> Reason | None:
    """Credential and pass state."""
    if case.attempt.holder is None:
        return Reason.NOT_FOUND
    no_consent = Prereq.FACE_CONSENT not in case.holder.prereq
    if case.attempt.face is not None and no_consent:
        return Reason.NOT_ENABLED
    return _code(case) or _standing(case.holder) or _window(case)


def _code(case: Case) -> Reason | None:
    code = case.attempt.code
    if not isinstance(code, CodeRefused):
        return None
    untrusted = case.moment.clock is ClockState.UNTRUSTED
    # A step can only be out of time against a time one believes; step 9 says what is really wrong.
    return None if untrusted and code.reason is Reason.CODE_OUT_OF_TIME else code.reason


def _standing(holder: Pass) -> Reason | None:
    match holder.state:
        case PassState.SUSPENDED:
            return Reason.NOT_ENABLED
        case PassState.REVOKED:
            return Reason.NOT_ACTIVE
        case PassState.EXPIRED | PassState.EXIT_ONLY:
            return Reason.EXPIRED
        case PassState.PENDING | PassState.ARMED:
            return None


def _window(case: Case) -> Reason | None:
    if case.window is Window.AFTER:
        return Reason.EXPIRED
    if case.window is Window.BEFORE and case.moment.clock is not ClockState.UNTRUSTED:
        return Reason.NOT_ACTIVE
    unexplained = case.holder.state is PassState.PENDING and not case.holder.missing()
    return Reason.NOT_ACTIVE if unexplained else None


def scope(case: Case) -> Reason | None:
    """Door in scope, schedule."""
    if case.door.access_point not in case.holder.scope:
        return Reason.UNAUTHORIZED
    ruled = case.door.schedule
    unknown_rule = ruled is Ruling.NOT_CONFIGURED and case.holder.schedule not in ANY_TIME
    return Reason.NOT_AT_THIS_TIME if ruled is Ruling.BROKEN or unknown_rule else None


def prerequisites(case: Case) -> Reason | None:
    """Prerequisites aboard: listing permits, stay open, registration verified."""
    missing = case.holder.missing()
    if Prereq.LISTING in missing:
        return Reason.LISTING_NOT_PERMITTING
    if Prereq.STAY in missing:
        return Reason.STAY_CLOSED
    return Reason.NOT_REGISTERED if Prereq.REGISTERED in missing else None


def fresh_enough(case: Case) -> Reason | None:
    """Freshness of the node's knowledge; the way out is never gated by it."""
    if case.door.direction == "out":
        return None
    match case.freshness:
        case Freshness.EXPIRED:
            return Reason.OFFLINE_EXPIRED
        case Freshness.STALE if _needs_two(case.holder.cls) and case.attempt.factors < 2:
            return Reason.SECOND_FACTOR
        case _:
            return None


def second_factor(case: Case) -> Reason | None:
    """All that this door, this code or this class of pass asks of one person."""
    attempt, door = case.attempt, case.door
    if door.direction == "out":
        return None
    shown = attempt.also | {attempt.kind}
    whole = is_whole(door.require, shown) and (not attempt.needs_pin or CredentialKind.PIN in shown)
    lone = case.holder.cls is SubjectClass.EMERGENCY and attempt.factors < 2
    return None if whole and not lone else Reason.SECOND_FACTOR


def second_person(case: Case) -> Reason | None:
    """A second person, whose pass is another one, where the door asks for two."""
    if case.door.require is not Require.TWO_PERSONS or case.door.direction == "out":
        return None
    other, holder = case.attempt.seconded_by, case.holder
    another = other is not None and other.pass_id != holder.pass_id
    # One person may hold two passes, and a pass that is only shown says not whose it is: here both have to be known.
    known = other is not None and bool(other.subject_ref) and bool(holder.subject_ref)
    same_person = other is not None and other.subject_ref == holder.subject_ref
    return None if another and known and not same_person else Reason.SECOND_PERSON


def _needs_two(cls: SubjectClass) -> bool:
    return cls in {SubjectClass.OPERATOR, SubjectClass.MAINTENANCE, SubjectClass.GRID}


def clock(case: Case) -> Reason | None:
    """Clock, for rotating codes and windows that an UNTRUSTED clock cannot reach."""
    if case.moment.clock is not ClockState.UNTRUSTED:
        return None
    code_alone = case.attempt.kind is CredentialKind.QR and case.attempt.factors < 2
    unreached = case.window is Window.BEFORE
    # What is honoured without the pass aboard lives a day at most; without the time of day nobody can tell.
    ageless = not case.attempt.aboard
    return Reason.CLOCK_UNTRUSTED if code_alone or unreached or ageless else None


def anti_passback(case: Case) -> Reason | None:
    """Anti-passback."""
    return Reason.ANTI_PASSBACK if case.door.anti_passback is Ruling.BROKEN else None


def interlock(case: Case) -> Reason | None:
    """Interlock."""
    return Reason.INTERLOCK if case.door.interlock is Ruling.BROKEN else None


def occupancy(case: Case) -> Reason | None:
    """Occupancy of a space; never of a dwelling."""
    return Reason.OCCUPANCY if case.door.occupancy is Ruling.BROKEN else None


def duress(_case: Case) -> Reason | None:
    """Duress: never fails; the grant opens like any other, and its marker calls for help."""
    return None


# The number is that of access.md §5; back-off, engine and the second factor stand beside the step they belong to.  The
# second person comes last but one: two people, each of whom would have been let in alone.
PIPELINE: tuple[tuple[int, Callable[[Case], Reason | None]], ...] = (
    (1, door_mode),
    (1, back_off),
    (2, picture),
    (3, engine),
    (3, liveness),
    (4, match),
    (5, credential),
    (6, scope),
    (7, prerequisites),
    (8, fresh_enough),
    (8, second_factor),
    (9, clock),
    (10, anti_passback),
    (11, interlock),
    (12, occupancy),
    (12, second_person),
    (13, duress),
)


def decide(attempt: Attempt, door: DoorView, moment: Moment, policy: Policy) -> Decision:
    """Judge one attempt: the first failing step's reason, or Allow when none fails."""
    case = Case(attempt, door, moment, policy)
    for _, step in PIPELINE:
        reason = step(case)
        if reason is not None:
            return _refusal(case, reason)
    return Allow(case.holder, _flags(case), attempt.duress)


def _refusal(case: Case, reason: Reason) -> Deny | Retry:
    until_ms = _until_ms(case, reason)
    if reason in RETRIES:
        return Retry(reason, case.attempt.kind, until_ms)
    return Deny(reason, case.attempt.kind, case.attempt.holder, until_ms)


def _until_ms(case: Case, reason: Reason) -> int | None:
    """When the person may come back: only where that is certain to help."""
    if reason is Reason.RETRY_LATER:
        return case.attempt.locked_until_ms
    holder = case.attempt.holder
    if reason is Reason.NOT_AT_THIS_TIME and holder is not None:
        return _schedule_opens_ms(case)
    early = reason is Reason.NOT_ACTIVE and holder is not None and case.window is Window.BEFORE
    if early and holder is not None and _standing(holder) is None:
        return holder.opens_ms(case.door.early_ms)
    return None


def _schedule_opens_ms(case: Case) -> int | None:
    """The next opening, where the pass still stands then and nothing else of it is known to be in the way."""
    opens_ms = case.door.schedule_opens_ms
    sure = opens_ms is not None and opens_ms <= case.holder.not_after_ms and not case.holder.missing()
    return opens_ms if sure else None


def _flags(case: Case) -> frozenset[GrantFlag]:
    face = case.attempt.face
    unproven = face is not None and face.pad.result == "na"
    marks = {
        GrantFlag.STALE: case.freshness is Freshness.STALE,
        GrantFlag.CLOCK_UNTRUSTED: case.moment.clock is ClockState.UNTRUSTED,
        GrantFlag.LIVENESS_OFF: unproven,
        GrantFlag.SIMULATED: face is not None and face.simulated,
        GrantFlag.PASSBACK: case.door.anti_passback is Ruling.FLAGGED,
        GrantFlag.EMERGENCY: case.holder.cls is SubjectClass.EMERGENCY,
    }
    return frozenset(flag for flag, holds in marks.items() if holds)
