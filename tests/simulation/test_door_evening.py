"""One evening at one gate, from what the camera saw to the last fact, through every pure room in turn."""

from dataclasses import replace

import pytest

from edge.core.clock import TimeSpan
from edge.core.credentials import CodeAccepted, CodeMemory, CodeRefused, SignedCode, judge_code
from edge.core.decision import decide
from edge.core.decision_fact import about
from edge.core.decision_types import (
    Allow,
    Attempt,
    Deny,
    DoorView,
    FaceEvidence,
    Liveness,
    Matcher,
    Moment,
    Policy,
)
from edge.core.door import next_deadline, output, step
from edge.core.door_events import Boot, Denied, DpsClose, DpsOpen, Granted, RexPressed, Tick
from edge.core.door_profile import DoorProfile
from edge.core.door_types import Contact, DoorState, Light, Mode, Output, Pulse, Relock, Signal
from edge.core.events import (
    AccessPointId,
    ClockState,
    CredentialKind,
    Fact,
    GrantId,
    PadFact,
    PassId,
    SubjectRef,
)
from edge.core.evidence import EvidenceRule, FrameVote, FusedVote, weigh
from edge.core.passes import (
    ENTRY_PREREQS,
    HOUR_MS,
    Credential,
    LocationClass,
    Pass,
    PassSet,
    PassState,
    Prereq,
    SubjectClass,
)

S_NS, STEP_MS = 1_000_000_000, 30_000
GATE = AccessPointId("AP-gate")
NOW = 20_000 * HOUR_MS
KEY = b"k" * 32


def guest(name: str, **changes: object) -> Pass:
    row = Pass(
        pass_id=PassId(f"P-{name}"), pass_version=1, subject_ref=SubjectRef(f"r-{name}"),
        cls=SubjectClass.GUEST, state=PassState.ARMED, scope=frozenset({GATE}), schedule="",
        not_before_ms=NOW, not_after_ms=NOW + 24 * HOUR_MS,
        prereq=ENTRY_PREREQS | Prereq.FACE_CONSENT, policy=1,
        creds=(Credential(CredentialKind.QR, name.encode().hex().ljust(32, "0"), KEY),),
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type]


ADA, BOB = guest("ada"), guest("bob", prereq=ENTRY_PREREQS)
CID = guest("cid", state=PassState.PENDING, prereq=Prereq.LISTING | Prereq.STAY)
DEE = guest("dee", not_before_ms=NOW - 48 * HOUR_MS, not_after_ms=NOW - HOUR_MS)
PASSES = PassSet.build(77, [ADA, BOB, CID, DEE])
VIEW = DoorView(
    access_point=GATE, location_class=LocationClass.GATE, mode=Mode.LOCKED, liveness=Liveness.OFF_DEMO
)
MOMENT = Moment(now_ms=NOW, clock=ClockState.TRUSTED, floor_ms=0, contact_age_ms=60_000, online=True)
POLICY = Policy(policy_version=5, auth_ver=PASSES.version)
PROFILE = DoorProfile(access_point=GATE, rex_unlocks=True)


class Code:
    """A shown code whose signature is its own bytes: the real ones are proven with the wire's own."""

    def __init__(self, holder: Pass, number: int, signature: bytes = KEY) -> None:
        self.credential = bytes.fromhex(holder.creds[0].cred_id)
        self.step, self.signed, self.signature = number, b"", signature


def attempt_by_code(code: SignedCode, memory: CodeMemory | None = None) -> Attempt:
    found = PASSES.find_credential(code.credential.hex())
    if found is None:
        return Attempt(kind=CredentialKind.QR, holder=None)
    holder, credential = found
    outcome = judge_code(
        code, credential, memory, GATE, NOW // STEP_MS, lambda public, _, signature: public == signature
    )
    return Attempt(kind=CredentialKind.QR, holder=holder, code=outcome)


def attempt_by_face(fused: FusedVote, *frames: FrameVote) -> Attempt:
    verdict = weigh(
        frames, fused, EvidenceRule(0.5, 0.05), first_seen_ns=0, now_ns=max(f.t_ns for f in frames)
    )
    holder = PASSES.get(verdict.pass_id) if verdict.pass_id else None
    face = FaceEvidence(verdict, Matcher("t7", "sface", 12, 1), PadFact("na"))
    return Attempt(kind=CredentialKind.FACE, holder=holder, face=face)


def outcome_of(attempt: Attempt) -> tuple[Allow | Deny, Fact]:
    decision = decide(attempt, VIEW, MOMENT, POLICY)
    assert isinstance(decision, Allow | Deny)
    return decision, about(decision, attempt, VIEW, MOMENT, POLICY)


@pytest.mark.story("1a")
def test_a_guest_known_by_face_walks_in() -> None:
    assert PASSES.gallery_passes(GATE, TimeSpan.at(NOW), VIEW.early_ms) == (ADA,)
    attempt = attempt_by_face(
        FusedVote(ADA.pass_id, 0.63, 0.4, 2),
        FrameVote(ADA.pass_id, 0.6, 0.4, 0),
        FrameVote(ADA.pass_id, 0.61, 0.4, S_NS // 5),
    )
    decision, fact = outcome_of(attempt)
    assert decision.reason == "Granted"

    door = step(DoorState(), Boot("b1", Contact.CLOSED), PROFILE, 0).state
    granted = step(door, Granted(GrantId("g1"), fact), PROFILE, 10 * S_NS)
    assert granted.effects == (Pulse(5_000), Signal(Light.GREEN))
    assert output(granted.state, PROFILE) is Output.RELEASED
    taken = step(granted.state, DpsOpen(), PROFILE, 12 * S_NS)
    relocked_ns = next_deadline(taken.state)
    assert relocked_ns == 12 * S_NS + S_NS // 2
    relocked = step(taken.state, Tick(), PROFILE, relocked_ns)
    assert relocked.effects == (Relock(),)
    closed = step(relocked.state, DpsClose(), PROFILE, 15 * S_NS)
    assert closed.state.mode is Mode.LOCKED

    facts = [*granted.facts, *taken.facts, *closed.facts]
    assert [(one.type, one.grant_id, one.pass_id) for one in facts] == [
        ("access.granted", "g1", "P-ada"), ("access.taken", "g1", "P-ada"), ("door.closed", None, None),
    ]  # fmt: skip
    assert facts[0].x == {"flags": "liveness_off"}


def test_a_guest_without_face_consent_walks_in_by_code_and_a_screenshot_of_it_does_not() -> None:
    code = Code(BOB, NOW // STEP_MS)
    attempt = attempt_by_code(code)
    assert outcome_of(attempt)[0].reason == "Granted"
    assert isinstance(attempt.code, CodeAccepted)
    again = attempt_by_code(code, attempt.code.new_memory)
    assert isinstance(again.code, CodeRefused)
    assert outcome_of(again)[0].reason == "x:CodeReplayed"


def test_everybody_else_is_turned_away_with_the_true_reason() -> None:
    now_step = NOW // STEP_MS
    stranger = attempt_by_face(
        FusedVote(ADA.pass_id, 0.2, 0.01, 3),
        *(FrameVote(ADA.pass_id, 0.2, 0.01, i * S_NS // 5) for i in range(5)),
    )
    turned_away = {
        "a stranger": stranger,
        "a foreign code": attempt_by_code(Code(guest("eve"), now_step)),
        "another key": attempt_by_code(Code(BOB, now_step, b"x" * 32)),
        "not registered": attempt_by_code(Code(CID, now_step)),
        "window over": attempt_by_code(Code(DEE, now_step)),
    }
    assert {who: outcome_of(attempt)[0].reason for who, attempt in turned_away.items()} == {
        "a stranger": "CredentialNotFound", "a foreign code": "CredentialNotFound",
        "another key": "CredentialNotFound", "not registered": "x:NotRegistered",
        "window over": "CredentialExpired",
    }  # fmt: skip


def test_a_guest_whose_window_is_over_is_refused_in_and_let_out() -> None:
    decision, fact = outcome_of(attempt_by_code(Code(DEE, NOW // STEP_MS)))
    assert isinstance(decision, Deny)
    door = step(DoorState(), Boot("b1", Contact.CLOSED), PROFILE, 0).state
    refused = step(door, Denied(fact, decision.advice), PROFILE, S_NS)
    assert [one.reason for one in refused.facts] == ["CredentialExpired"]
    assert output(refused.state, PROFILE) is Output.SECURED

    out = step(refused.state, RexPressed(GrantId("g2")), PROFILE, 5 * S_NS)
    gone = step(out.state, DpsOpen(), PROFILE, 6 * S_NS)
    facts = [*out.facts, *gone.facts]
    assert [(one.type, one.direction, one.subject_ref) for one in facts] == [
        ("access.granted", "out", None), ("access.taken", "out", None),
    ]  # fmt: skip
