"""One door and its story, for tests of the machine: told every input at its second, it keeps what came of them."""

from dataclasses import replace

from edge.core.door import output, step
from edge.core.door_events import Boot, Denied, Event, Granted, RexPressed, Tick
from edge.core.door_profile import DoorProfile, LockProfile
from edge.core.door_types import Contact, DoorState, Effect, Output, Refusal
from edge.core.events import AccessPointId, CredentialKind, Fact, GrantId, PassId
from edge.core.reasons import Advice, GuestText

GATE = AccessPointId("AP-gate")
STRIKE = DoorProfile(access_point=GATE)
REX_STRIKE = replace(STRIKE, rex_unlocks=True)
MAGNET = replace(STRIKE, lock=LockProfile.MAGLOCK_FAIL_SAFE)
BOOT = Boot("b1", Contact.CLOSED)
RED = Denied(
    Fact(type="access.denied", reason="CredentialExpired", decision="deny"),
    Advice(GuestText.SEE_GUARD),
)


def grant(name: str, *, extended: bool = False) -> Granted:
    about = Fact(
        type="access.granted", direction="in", pass_id=PassId(f"P-{name}"), decision="allow",
        reason="Granted", credential_kind=CredentialKind.FACE,
    )  # fmt: skip
    return Granted(GrantId(name), about, extended)


def rex(name: str = "out") -> RexPressed:
    return RexPressed(GrantId(name))


class Door:
    """One door and its story: every input at its second, every fact and effect kept."""

    def __init__(self, profile: DoorProfile = STRIKE, boot: Boot | None = BOOT) -> None:
        self.profile, self.state, self.now_s = profile, DoorState(), 0.0
        self.facts: list[Fact] = []
        self.effects: list[Effect] = []
        self.refusal: Refusal | None = None
        if boot:
            self.at(0, boot)
            self.forget()

    def at(self, now_s: float, *events: Event) -> "Door":
        for event in events or (Tick(),):
            done = step(self.state, event, self.profile, round(now_s * 1_000_000_000))
            self.state, self.refusal = done.state, done.refusal
            self.facts += done.facts
            self.effects += done.effects
        return self

    def forget(self) -> None:
        self.facts, self.effects = [], []

    @property
    def told(self) -> list[str]:
        return [fact.type for fact in self.facts]

    @property
    def output(self) -> Output:
        return output(self.state, self.profile)

    def ends(self) -> list[tuple[str, str | None]]:
        kinds = {"access.taken", "access.not_taken"}
        return [(fact.type, fact.grant_id) for fact in self.facts if fact.type in kinds]
