"""One gate on the real core, without processes: its lock, its screen, its ledger and its clock are lists."""

import itertools
from dataclasses import dataclass, field

from cloud_sync.protocol import merkle
from cloud_sync.protocol.messages import Cred, PassRow
from cloud_sync.protocol.pin import pin_credential
from edge.compose import parse_code, read_pin
from edge.core.decision_types import Liveness, Policy
from edge.core.door_events import Boot
from edge.core.door_profile import DoorProfile
from edge.core.door_types import Contact
from edge.core.events import AccessPointId, ClockState, Fact
from edge.core.passes import LocationClass, PassSet
from edge.link.translate import decode_passes
from edge.ports import ClockReading, Outcome, Result
from edge.ports_io import Show
from edge.runtime.gate import Gate
from edge.runtime.hands import Hands, Knowledge
from edge.store.device_key import verify_ed25519

GATE = AccessPointId("AP-1")
KEY = bytes(range(32))
HOUR_MS = 3_600_000
NOW_MS = 1_795_276_800_000


def pass_row(
    pass_id: str = "PS-1", *, pin: str | None = None, cls: str = "guest", **changes: object
) -> PassRow:
    """A pass that opens GATE now, with a PIN where one is given."""
    words = {
        "pass_id": pass_id, "pass_version": 1, "subject_ref": f"SJ-{pass_id}", "cls": cls, "state": "ARMED",
        "scope": [GATE], "schedule": "", "not_before": NOW_MS - HOUR_MS, "not_after": NOW_MS + 20 * HOUR_MS,
        "prereq": 7, "policy": 1, "creds": [],
    }  # fmt: skip
    creds = [Cred("pin", *pin_credential(KEY, pin))] if pin else []
    return PassRow(**{**words, "creds": creds, **changes})


@dataclass
class LoneGate:
    """``facts`` are what stands in the ledger, ``shown`` the words of the screen, ``pulses`` the lock's releases."""

    rows: list[PassRow]
    dry_run: bool = False
    key: bytes = KEY
    facts: list[Fact] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    pulses: list[int] = field(default_factory=list)
    at_ns: int = 0
    clock: ClockState = ClockState.TRUSTED
    sees_faces: bool = True
    door: AccessPointId = GATE
    lights: list[str] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)  # the durable memory of used codes

    def __post_init__(self) -> None:
        numbers = itertools.count(1)
        hands = Hands(
            io=self,
            clock=self,
            screens=self,
            codes=self,
            record=self._record,
            knowledge=self._knowledge,
            parse_code=parse_code,
            verify=verify_ed25519,
            new_id=lambda: f"id-{next(numbers)}",
            read_pin=lambda digits: read_pin(self.key, digits),
            sees_faces=lambda _door: self.sees_faces,
        )
        profile = DoorProfile(access_point=self.door)
        self.gate = Gate(
            profile, LocationClass.GATE, hands, Liveness.OFF_DEMO, simulation=False, dry_run=self.dry_run
        )

    async def boot(self) -> "LoneGate":
        await self.gate.on_event(Boot("b1", Contact.CLOSED))
        self.facts.clear()
        return self

    @property
    def kinds(self) -> list[str]:
        return [fact.type for fact in self.facts]

    async def _record(self, facts) -> None:
        self.facts += facts

    def _knowledge(self) -> Knowledge:
        passes = PassSet.build(1, decode_passes(merkle.pack(self.rows)))
        return Knowledge(passes, True, 0, 0, Policy(1, 1))

    def read(self) -> ClockReading:
        return ClockReading(NOW_MS + self.at_ns // 1_000_000, self.at_ns, self.clock, 0)

    def show(self, _door, word, until_ms=None) -> None:
        """The screen's words and the lights' colours come by the same name; each is kept apart."""
        (self.lights if isinstance(word, Show) else self.shown).append(str(word))

    def code_memory(self, cred_id):
        return self.codes.get(cred_id)

    def remember_code(self, cred_id, memory) -> None:
        self.codes[cred_id] = memory

    async def pulse(self, _door, _cmd, ms) -> Result:
        self.pulses.append(ms)
        return Result(Outcome.DONE, self.at_ns)

    async def lock(self, _door, _cmd) -> Result:
        return Result(Outcome.DONE, self.at_ns)
