"""Gates of five simulated days: real bodies, real chains, the real sending peer, and beside it what really happened."""

import random
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from cloud_sync.ports import Delivery
from cloud_sync.protocol import chain
from cloud_sync.protocol.gate_peer import GatePeer
from cloud_sync.protocol.messages import Ack, Batch, DoorHealth, EventBody, Hello, Lag, State, decode, encode
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SOFTWARE = "days-1"
FREE_MB = 12_000
EVENTS_PER_PUBLISH = 20  # what 16 KB hold


def wall_text(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Fact:
    """One event as it happened at a gate, whatever anybody hears of it."""

    at_ms: int
    type: str
    pass_id: str | None = None
    direction: str | None = None

    @property
    def decides(self) -> bool:
        return self.type in ("access.granted", "access.denied")


def body_of(fact: Fact, access_point: str) -> bytes:
    decision = {"access.granted": "allow", "access.denied": "deny"}.get(fact.type)
    return msgspec.json.encode(
        EventBody(
            type=fact.type,
            boot_id="b7c41f0a",
            mono_ms=fact.at_ms % DAY_MS,
            wall=wall_text(fact.at_ms),
            clock_state="TRUSTED",
            clock_bound_ms=12,
            access_point=access_point,
            pass_id=fact.pass_id,
            direction=fact.direction,
            decision=decision,
            reason={"allow": "Granted", "deny": "CredentialNotFound"}.get(decision or ""),
            credential_kind="qr" if decision else None,
        )
    )


class Bus:
    """``Inbox`` and ``Publisher`` in memory, in order; what is sent down waits for its gate."""

    session = 1

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.up: deque[Delivery] = deque()
        self.down: dict[str, list[Ack]] = {}
        self.settled = 0

    def say(self, topic: str, payload: bytes) -> None:
        self.up.append(Delivery(topic, payload, retain=False, token=0))

    def take(self, *, most: int, within_s: float) -> list[Delivery]:
        return [self.up.popleft() for _ in range(min(most, len(self.up)))]

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        self.settled += len(deliveries)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if topic.endswith("/ack"):
            self.down.setdefault(topic, []).append(decode(payload, Ack))

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Gate:
    """One gate with its ledger; ``facts`` is the truth, ``heard`` how much of it has reached the service."""

    node: str
    name: str
    access_point: str
    bus: Bus
    epoch: str
    facts: list[Fact] = field(default_factory=list)
    heard: int = 0
    offered: int = 0
    said_ms: int = 0  # its last hello that arrived
    said_head: int = 0
    said_outbox: int = 0
    online: bool = False  # as anybody may know: heard, and not declared gone
    hellos: list[tuple[int, int]] = field(default_factory=list)  # (head, wall) not known complete yet
    drained_ms: int = 0

    def __post_init__(self) -> None:
        self.topics = NodeTopics(self.bus.tenant, self.node)
        self.peer = GatePeer(self.epoch)
        self._rows: deque[tuple[bytes, bytes]] = deque()  # not acknowledged; row 0 is seq _first
        self._first = 1
        self._h = chain.start(self.node, self.epoch)

    # --- at the door --------------------------------------------------------------------------------------

    def record(self, fact: Fact) -> None:
        raw = body_of(fact, self.access_point)
        self._h = chain.link(self._h, chain.digest(raw))
        self._rows.append((raw, self._h))
        self.facts.append(fact)
        self.peer.recorded(len(self.facts))

    # --- on the line --------------------------------------------------------------------------------------

    def hello(self, now_ms: int) -> None:
        message = Hello(
            v=WIRE_VERSION,
            n=self.node,
            e=self.epoch,
            sg=self.peer.sink_gen,
            head=len(self.facts),
            oldest=1,
            acked=self.peer.acked,
            head_h=self._h.hex(),
            sw=SOFTWARE,
            wv=WIRE_VERSION,
            wv_min=WIRE_VERSION_MIN,
            boot_id="b7c41f0a",
            mono_ms=now_ms % DAY_MS,
            wall=wall_text(now_ms),
            clock_state="TRUSTED",
            clock_bound_ms=12,
            lag=Lag(outbox=len(self.facts) - self.peer.acked, free_mb=FREE_MB),
        )
        self.bus.say(self.topics.up("hello"), encode(message))
        self.said_ms, self.said_head = now_ms, len(self.facts)
        self.said_outbox = len(self.facts) - self.peer.acked
        self.hellos.append((len(self.facts), now_ms))
        self.online = True

    def state(self, *, on: bool) -> None:
        door = DoorHealth(
            access_point=self.access_point,
            mode="LOCKED",
            contact="closed",
            alarm="NORMAL",
            camera="OK",
            lock="OK",
        )
        message = State(on=on, e=self.epoch, boot_id="b7c41f0a", sw=SOFTWARE, doors=[door] if on else [])
        self.bus.say(self.topics.up("st"), encode(message))
        self.online = on

    def send(self, now_s: float) -> int:
        """What the window allows, as frames; how many events that were."""
        self.peer.tick(now_s)
        sent = 0
        while due := self.peer.due()[:EVENTS_PER_PUBLISH]:
            rows = [(seq, self._rows[seq - self._first]) for seq in due]
            frame = Batch(
                v=WIRE_VERSION,
                n=self.node,
                e=self.epoch,
                sg=self.peer.sink_gen,
                ev=[(seq, msgspec.Raw(raw), chain.short(h)) for seq, (raw, h) in rows],
            )
            self.bus.say(self.topics.up("ev"), encode(frame))
            self.peer.sending(due[-1], now_s)
            self.heard = max(self.heard, due[-1])
            sent += len(due)
        self.offered += sent
        return sent

    def hear(self, now_s: float, *, lost: bool = False) -> None:
        """The acknowledgements that have come; ``lost``: they never do."""
        for ack in self.bus.down.pop(self.topics.ack, []):
            if not lost:
                self.peer.on_ack(ack.e, ack.upto, ack.sg, refuse=ack.refuse, now_s=now_s)
        while self._first <= self.peer.acked:
            self._rows.popleft()
            self._first += 1

    # --- the truth ----------------------------------------------------------------------------------------

    def settle_truth(self) -> None:
        """The newest hello all of whose events have reached the service."""
        whole = [wall for head, wall in self.hellos if head <= self.heard]
        if whole:
            self.drained_ms = max(self.drained_ms, *whole)
            self.hellos = [(head, wall) for head, wall in self.hellos if head > self.heard]

    def recorded_by(self, at_ms: int) -> int:
        """How many facts had happened by then."""
        return bisect_right(self.facts, at_ms, key=lambda fact: fact.at_ms)


# --- what happens in five days ------------------------------------------------------------------------------------

# Residents leave in the morning and come back in the evening; the small hours are quiet.
BY_HOUR = (2, 1, 1, 1, 1, 2, 5, 9, 10, 6, 4, 4, 5, 5, 5, 6, 7, 9, 11, 10, 8, 6, 4, 3)
BUSY_EVERY, BUSY_FACTOR = 10, 6


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody booked for one of the days, with one pass."""

    stay: str
    person: str
    pass_id: str
    planned_in_ms: int


def passage(at_ms: int, pass_id: str, direction: str) -> list[Fact]:
    return [
        Fact(at_ms, "access.granted", pass_id, direction),
        Fact(at_ms + 1_500, "access.taken", pass_id, direction),
        Fact(at_ms + 4_000, "door.closed"),
    ]


def write_days(
    dice: random.Random, begins_ms: int, days: int, gates: int, per_day: int, stays: int
) -> tuple[list[list[Fact]], list[Member]]:
    """For each gate its facts in order of time, ``per_day`` each day in all; and who was booked."""
    weights = [BUSY_FACTOR if gate % BUSY_EVERY == 0 else 1 for gate in range(gates)]
    facts: list[list[Fact]] = [[] for _ in range(gates)]
    members: list[Member] = []
    for day in range(days):
        starts_ms = begins_ms + day * DAY_MS
        left = per_day
        for k in range(stays):
            member = Member(f"ST-{day}-{k}", f"PE-{day}-{k}", f"PA-{day}-{k}", starts_ms + 14 * HOUR_MS)
            members.append(member)
            at_ms = member.planned_in_ms + dice.randrange(0, 9 * HOUR_MS)
            if dice.random() < 0.15:
                continue  # never comes
            for direction in ("in", "out", "in")[: dice.choice((1, 2, 3))]:
                if at_ms < starts_ms + DAY_MS - 10_000 and left >= 3:
                    facts[dice.choices(range(gates), weights)[0]] += passage(at_ms, member.pass_id, direction)
                    left -= 3
                at_ms += dice.randrange(600_000, 3 * HOUR_MS)
        while left:
            gate = dice.choices(range(gates), weights)[0]
            hour = dice.choices(range(24), BY_HOUR)[0]
            at_ms = starts_ms + hour * HOUR_MS + dice.randrange(0, HOUR_MS - 10_000)
            if left < 3 or dice.random() < 0.12:
                facts[gate].append(Fact(at_ms, "access.denied"))
                left -= 1
            else:
                resident = f"R-{dice.randrange(3_000):04d}"
                facts[gate] += passage(at_ms, resident, dice.choice(("in", "out")))
                left -= 3
    return [sorted(one, key=lambda fact: fact.at_ms) for one in facts], members
