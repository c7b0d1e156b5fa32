"""One gate on the real core, without processes: its lock, its screen, its ledger and its clock are lists."""

import itertools
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import merkle
from cloud_sync.protocol.messages import Cred, PassRow
from cloud_sync.protocol.pin import pin_credential
from edge.compose_credentials import day_proofs, parse_code, read_card, read_duress, read_pin
from edge.core.decision_types import Liveness, Policy
from edge.core.door_events import Boot
from edge.core.door_profile import DoorProfile
from edge.core.door_types import Contact
from edge.core.events import AccessPointId, ClockState, Fact
from edge.core.passes import LocationClass, PassSet
from edge.core.requirement import Require
from edge.kiosk.signs import SAID
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
COMMUNITY = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))  # the community's signing key
KID = "c0ffee01"


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
    holds: list[int] = field(default_factory=list)
    at_ns: int = 0
    clock: ClockState = ClockState.TRUSTED
    sees_faces: bool = True
    door: AccessPointId = GATE
    codes: dict[str, str] = field(default_factory=dict)  # the durable memory of used codes
    lights: list[str] = field(default_factory=list)
    require: Require = Require.ANY
    location: LocationClass = LocationClass.GATE
    denied: dict = field(default_factory=dict)
    online: bool = True
    contact_age_ms: int | None = 0
    direction: str = "in"
    community_key: bytes = COMMUNITY.public_key().public_bytes_raw()
    kid: str = KID
    now_ms: int = NOW_MS  # when ``at_ns`` is 0
    floor_ms: int = 0  # it is surely not earlier than this

    def __post_init__(self) -> None:
        numbers = itertools.count(1)
        hands = Hands(
            io=self,
            clock=self,
            screens=self,
            codes=self,
            record=self._record,
            knowledge=self._knowledge,
            parse_code=lambda text: parse_code(text, {self.door}),
            verify=verify_ed25519,
            new_id=lambda: f"id-{next(numbers)}",
            read_pin=lambda digits: read_pin(self.key, digits),
            read_duress=lambda digits: read_duress(self.key, digits),
            read_card=lambda data: read_card(self.key, data),
            day_proofs=lambda salt, digits: day_proofs(self.key, salt, digits),
            verify_pass=lambda kid, signed, signature: (
                kid == self.kid and verify_ed25519(self.community_key, signed, signature)
            ),
            sees_faces=lambda _door: self.sees_faces,
            front=self,
        )
        profile = DoorProfile(access_point=self.door, direction=self.direction)
        self.gate = Gate(
            profile, self.location, hands, Liveness.OFF_DEMO, simulation=False, dry_run=self.dry_run,
            require=self.require,
        )  # fmt: skip

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
        passes = PassSet.build(1, decode_passes(merkle.pack(self.rows)), self.denied)
        return Knowledge(passes, self.online, self.contact_age_ms, self.floor_ms, Policy(1, 1))

    def read(self) -> ClockReading:
        return ClockReading(self.now_ms + self.at_ns // 1_000_000, self.at_ns, self.clock, 0)

    def show(self, _door, word, until_ms=None) -> None:
        """The screen's words, and green and red as the screen's table has them."""
        self.shown.append(str(word))
        if (said := SAID.get(word)) in {Show.GRANTED, Show.DENIED}:
            self.lights.append(str(said))

    def light(self, _door, what) -> None:
        self.lights.append(str(what))

    def stands(self, _door, state, *, in_service) -> None:
        """What it is in is the state's to say; tests read it there."""

    def code_memory(self, cred_id):
        return self.codes.get(cred_id)

    def remember_code(self, cred_id, memory) -> None:
        self.codes[cred_id] = memory

    async def pulse(self, _door, _cmd, ms) -> Result:
        self.pulses.append(ms)
        return Result(Outcome.DONE, self.at_ns)

    async def hold(self, _door, _cmd, until_ns) -> Result:
        self.holds.append(until_ns)
        return Result(Outcome.DONE, self.at_ns)

    async def lock(self, _door, _cmd) -> Result:
        return Result(Outcome.DONE, self.at_ns)
