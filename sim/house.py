"""The lives of the node: what compose puts together for one door, built anew after each fall from what the disk kept."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import structlog

from edge.core.clock import ClockEvidence, judge_clock
from edge.core.commands import Answer, Received
from edge.core.decision_types import Liveness
from edge.core.door_events import ClockChanged, Event
from edge.core.events import AccessPointId, Fact, Stamp
from edge.core.passes import LocationClass, denials_after
from edge.errors import StoreError
from edge.ports import ClockReading
from edge.runtime.commands import CommandDesk, DeskParts, Place
from edge.runtime.gate import Gate
from edge.runtime.hands import Did, Hands
from edge.runtime.node import Node, Parts
from sim.box import DOOR, FIRE_GROUP, PEER, Box
from sim.client import QUICK_NS, Client
from sim.loop import Hours, ProcessLoop
from sim.memory import NODE, Disk
from sim.wires import Fitted

TENANT = "dongfang"
KEYS = {"k1": b"the guard's desk", "k2": b"the owner's desk"}
BUILD_MS = 1_760_000_000_000
BEGIN_MS = 1_790_000_000_000  # the true time of day when the night's clock says 0
T_CMD_AGE_MS = 10_000
LATELY_NS = 10_000_000_000
RESTART_NS = 5_000_000_000  # between a node that could not start and the next


class Fallen(BaseException):
    """The node's process ends here and now."""


@dataclass(frozen=True, slots=True)
class Code:
    """A rotating code as a phone shows it: ``<credential hex>:<step>:<signature hex>``."""

    credential: bytes
    step: int
    signature: bytes

    @property
    def signed(self) -> bytes:
        return self.credential + self.step.to_bytes(8, "big")


def signature_of(key: bytes, message: bytes) -> bytes:
    return blake2b(message, key=key[:64], digest_size=16).digest()


def code_text(cred_id: str, key: bytes, step: int) -> str:
    bare = Code(bytes.fromhex(cred_id), step, b"")
    return f"{cred_id}:{step}:{signature_of(key, bare.signed).hex()}"


def parse_code(text: str) -> Code | None:
    """Raises ValueError: ours, and broken."""
    if text.startswith("http"):
        return None
    cred, step, signature = text.split(":")
    return Code(bytes.fromhex(cred), int(step), bytes.fromhex(signature))


class NightClock:
    """The node's clock: the night's time, moved and believed as the night says."""

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self.offset_ms = 0
        self.rtc_valid = True
        self.online = True  # a time server answers
        self.synced_ns: int | None = 0
        self.stepped_back_ms = 0
        self._asked: tuple[int, ...] = ()
        self._reading = self._read(0)

    def read(self) -> ClockReading:
        """Judged once a moment: a step asks many times."""
        now = self._hours.now_ns
        asked = (now, self.offset_ms, self.rtc_valid, self.online, self.stepped_back_ms)
        if asked != self._asked:
            self._reading, self._asked = self._read(now), asked
        return self._reading

    def _read(self, now: int) -> ClockReading:
        if self.online:
            self.synced_ns, self.stepped_back_ms = now, 0
        age_ms = None if self.synced_ns is None else (now - self.synced_ns) // 1_000_000
        known = self.synced_ns is not None
        told = judge_clock(ClockEvidence(self.rtc_valid, age_ms, known, self.stepped_back_ms))
        return ClockReading(BEGIN_MS + now // 1_000_000 + self.offset_ms, now, told.state, told.bound_ms)

    def step(self, by_ms: int) -> None:
        self.read()
        self.offset_ms += by_ms
        if not self.online:
            self.stepped_back_ms = max(self.stepped_back_ms, -by_ms)


class WatchedGate(Gate):
    """The real gate; whoever watches hears each input before and after the door has taken it."""

    __slots__ = ("after", "before")

    async def step(self, event: Event, *, trying: bool = False) -> Did:
        before = self.state
        self.before(event, self.now_ns())
        did = await super().step(event, trying=trying)
        self.after(event, before, self.state, did)
        return did


def _unseen(*_: object) -> None:
    """Nobody watches this door."""


class Screens:
    def __init__(self) -> None:
        self.word = ""

    def show(self, access_point: AccessPointId, word: str, until_ms: int | None = None) -> None:
        assert access_point in {DOOR, PEER}
        assert until_ms is None or until_ms > 0
        self.word = word


ERRORS: list[str] = []  # what the product logged as an error since somebody looked


def _keep_errors(_logger: Any, _name: str, said: Any) -> Any:
    if said.get("event") in {"input_failed", "command_not_carried_out"}:
        ERRORS.append(str(said))
    raise structlog.DropEvent


def quiet_logs() -> None:
    """Nothing is printed; a line that says a program failed is kept for whoever watches."""
    structlog.configure(
        processors=[_keep_errors],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        cache_logger_on_first_use=False,
    )
    logging.getLogger("edge").setLevel(logging.CRITICAL)


class Life:
    """One run of the node's process."""

    def __init__(self, house: "House", boot: int) -> None:
        self._cannot = house.cannot_start
        self.loop = ProcessLoop(house.hours)
        self.client = Client(house.hours, house.box)
        self.client.lag_ns = house.lag_ns
        self.screens = Screens()
        self._ids = 0
        self._boot = boot
        parts = Parts(
            clock=house.clock,
            io=self.client,
            ledger=house.disk.ledger,
            book=house.disk.book,
            templates=house.disk.templates,
            screens=self.screens,
            wake_link=lambda: None,
            tell_state=lambda: None,
            boot_id=f"b{boot}",
            build_ms=BUILD_MS,
            new_id=self.new_id,
        )
        self.node = Node(parts, {}, {})
        self.node._loop = self.loop
        self.gate = _gate(house, self.node, parts)
        others = [_gate(house, self.node, parts, PEER)] if house.fitted.peer else []
        self.gates = [self.gate, *others]
        self.node.take_gates(self.gates)
        self.desk = _desk(house, self.node, parts)

    def new_id(self) -> str:
        self._ids += 1
        return f"{self._boot:04x}{self._ids:08x}"

    def begin(self) -> None:
        self.loop.begin(self._run())

    async def _run(self) -> None:
        """As ``Node.run`` and compose begin; a node that cannot write its first line ends, and systemd starts the next."""
        try:
            await self.node.first_words()
        except StoreError:
            self._cannot()
            return
        self.loop.begin(self.node._io_news())
        for gate in self.gates:
            self.loop.begin(gate.run_timers())
        self.loop.begin(self.desk.run())

    def end(self) -> None:
        self.loop.kill()
        self.client.alive = False


def _gate(house: "House", node: Node, parts: Parts, door: AccessPointId = DOOR) -> WatchedGate:
    """The gate that is watched, or the other door of its fire group, which only burns."""
    hands = Hands(
        io=parts.io,
        clock=house.clock,
        screens=parts.screens,
        codes=house.disk.codes,
        record=node.record,
        knowledge=node.knowledge,
        parse_code=parse_code,
        verify=lambda key, message, signature: signature == signature_of(key, message),
        new_id=parts.new_id,
        read_pin=house.read_pin,
        read_duress=lambda _digits: None,
        read_card=lambda _data: None,
        day_proofs=lambda _salt, _digits: None,
        verify_pass=lambda *_: False,
        sees_faces=lambda _door: False,
    )
    profile = replace(house.fitted.profile, access_point=door)
    gate = WatchedGate(profile, LocationClass.GATE, hands, Liveness.PASSIVE, simulation=False)
    gate.fire_group = FIRE_GROUP
    gate.before, gate.after = (house.before_step, house.after_step) if door == DOOR else (_unseen, _unseen)
    return gate


def _desk(house: "House", node: Node, parts: Parts) -> CommandDesk:
    return CommandDesk(
        DeskParts(
            place=Place(TENANT, NODE, frozenset(KEYS), T_CMD_AGE_MS),
            clock=house.clock,
            book=house.disk.commands,
            recorder=node,
            doors=node.gates,
            verify=lambda kid, message, signature: signature == signature_of(KEYS[kid], message),
            answer=house.answer,
            nonce_used=lambda: None,
            tell_state=lambda: None,
            new_id=parts.new_id,
        )
    )


class House:
    """The machine at the gate: the node's lives, its disk, its clock and its link."""

    def __init__(self, hours: Hours, fitted: Fitted, box: Box) -> None:
        self.hours, self.fitted, self.box = hours, fitted, box
        self.disk = Disk()
        self.clock = NightClock(hours)
        self.life: Life | None = None
        self.boots = 0
        self.linked = False
        self.lag_ns = QUICK_NS
        self._was_slow_ns, self._slow_until_ns = QUICK_NS, 0
        self.read_pin: Callable[[str], tuple[str, bytes] | None] = lambda _digits: None
        self.before_step: Callable[..., None] = lambda *_: None
        self.after_step: Callable[..., None] = lambda *_: None
        self.answer: Callable[[Answer], None] = lambda _answer: None
        self.ended: Callable[[], None] = lambda: None
        self.on_code: Callable[[str], None] = lambda _text: None
        self.falls_after_record = False
        self.disk.ledger.written = self._written
        self.on_written: Callable[[Sequence[Fact], Stamp], None] = lambda _facts, _stamp: None
        box.beating = lambda: self.life is not None and self.life.client.connected
        box.told = self._hear
        box.came = lambda: self._soon_connect(5_000_000)
        box.went = self._box_went

    # --- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        if self.life is not None:
            return
        self.boots += 1
        self.life = Life(self, self.boots)
        self.life.begin()
        self._soon_connect(50_000_000)
        if self.linked:
            self.life.node.link_changed(up=True)

    def cannot_start(self) -> None:
        self.fall()
        self.hours.at(self.hours.now_ns + RESTART_NS, self.start)

    def fall(self) -> None:
        """kill -9."""
        if self.life is None:
            return
        life, self.life = self.life, None
        connected = life.client.connected
        life.end()
        self.falls_after_record = False
        self.ended()
        if connected:
            self.box.silence()

    def _written(self, facts: Sequence[Fact], stamp: Stamp) -> None:
        self.on_written(facts, stamp)
        if self.falls_after_record and any(fact.type != "sys.boot" for fact in facts):
            self.fall()
            raise Fallen

    def _soon_connect(self, after_ns: int) -> None:
        if self.life is not None:
            self.hours.at(self.hours.now_ns + after_ns, self.life.client.connect)

    def _box_went(self) -> None:
        if self.life is not None:
            self.life.client.lose()

    def _hear(self, news: Any) -> None:
        if self.life is not None:
            self.life.client.hear(news)

    # --- what comes to the node ------------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        if self.life is not None:
            self.life.loop.begin(self.life.gate.on_event(event))

    def show_code(self, text: str) -> None:
        self.on_code(text)
        if self.life is not None:
            self.life.loop.begin(self.life.gate.on_code(text, self.hours.now_ns))

    def type_pin(self, digits: str) -> None:
        if self.life is not None:
            self.life.loop.begin(self.life.node.type_pin(DOOR, digits))

    def command(self, got: Received) -> None:
        if self.life is not None:
            self.life.desk.take(got)

    @property
    def recent_lag_ns(self) -> int:
        """The slowest that the line was while what is on its way now was sent."""
        lately = self.hours.now_ns - self._slow_until_ns < LATELY_NS
        return max(self.lag_ns, self._was_slow_ns if lately else 0)

    def slow(self, lag_ns: int) -> None:
        self._was_slow_ns, self._slow_until_ns = self.lag_ns, self.hours.now_ns
        self.lag_ns = lag_ns
        if self.life is not None:
            self.life.client.lag_ns = lag_ns

    # --- link and clock --------------------------------------------------------------------------------------------

    def link(self, up: bool) -> None:
        if self.linked == up:
            return
        self.linked = up
        self.clock.online = up
        if self.life is not None:
            self.life.node.link_changed(up=up)
        self.tell_clock()

    def bring(self, passes: Sequence[Any]) -> None:
        """A new snapshot of the passes has come down and is applied."""
        book = self.disk.book
        book.auth_ver += 1
        book.denied = denials_after(book.denied, book.passes, passes)
        book.passes = tuple(passes)
        book.head_issued_ms = self.clock.read().wall_ms
        if self.life is not None:
            self.life.node.passes_changed()

    def bring_old_slot(self, passes: Sequence[Any]) -> None:
        """The newest snapshot is damaged; the one before it is in force again, and what was taken away stays taken."""
        self.disk.book.passes = tuple(passes)
        if self.life is not None:
            self.life.node.passes_changed()

    def tell_clock(self) -> None:
        self.tell(ClockChanged(self.clock.read().state))
