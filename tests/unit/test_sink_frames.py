"""From publishes to transactions: what is taken, what is not, and in how large bites."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.errors import StoreError
from cloud_sync.ingest.frames import Ignored, read
from cloud_sync.ingest.sink import EVENTS_PER_TRANSACTION, Sink
from cloud_sync.ports import BadFrame, Delivery, Stored, Told
from cloud_sync.protocol.messages import Ack, Batch, CmdAck, Message, SealedAck, State, decode, encode
from cloud_sync.protocol.topics import UP, NodeTopics, parse_up
from tests.fakes.wire_ledger import WireLedger, body

HOME = "dongfang"


def delivery(
    kind: str, message: Message | bytes, *, node: str = "n1", retain: bool = False, token: int = 0
) -> Delivery:
    payload = message if isinstance(message, bytes) else encode(message)
    return Delivery(NodeTopics(HOME, node).up(kind), payload, retain, token)


def gate(count: int) -> WireLedger:
    made = WireLedger()
    made.record(*[body()] * count)
    return made


# --- one publish --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrived", "what"),
    [
        (Delivery("ac/v1/elsewhere/n/n1/hello", b"{}", False, 0), Ignored.FOREIGN),
        (Delivery("ac/v1/dongfang/d/n1/ack", b"{}", False, 0), Ignored.FOREIGN),
        (Delivery("$SYS/broker/load", b"1", False, 0), Ignored.FOREIGN),
        (delivery("ev", gate(1).batch([1]), node="n2"), Ignored.FOREIGN),
        (delivery("hello", gate(1).hello(), node="n2"), Ignored.FOREIGN),
        (delivery("ev", gate(1).batch([1]), retain=True), Ignored.RETAINED),
        (delivery("hello", gate(1).hello(), retain=True), Ignored.RETAINED),
        (delivery("cmdack", CmdAck(id="c", state="done"), retain=True), Ignored.RETAINED),
        (delivery("sealed", SealedAck(id="0" * 32, state="kept"), retain=True), Ignored.RETAINED),
    ],
)
def test_what_is_not_for_the_store_is_named_and_left_out(arrived: Delivery, what: Ignored) -> None:
    assert read(HOME, arrived).what is what


def test_state_is_taken_retained_or_not() -> None:
    state = State(on=True, e="e", boot_id="b")
    for retain in (True, False):
        assert read(HOME, delivery("st", state, retain=retain)).what == Told("n1", state, encode(state))


def test_of_an_envelope_nobody_could_read_the_dead_letter_has_the_reason_only() -> None:
    broken = read(HOME, delivery("sealed", b'{"v":1,"ct":"c2VjcmV0"}')).what
    assert isinstance(broken, BadFrame)
    assert (broken.node, broken.raw) == ("n1", b"")


@given(st.binary(max_size=400), st.sampled_from(UP))
def test_whatever_a_node_sends_is_answered_with_a_value(noise: bytes, kind: str) -> None:
    assert isinstance(read(HOME, delivery(kind, noise)).what, BadFrame | Ignored | Told)


# --- the loop, on a bus and a store that do as they are told -------------------------------------------------


class Bus:
    """A bus in memory: what arrived, what was settled, what was sent."""

    session = 1

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self.waiting = list(deliveries)
        self.settled: list[int] = []
        self.sent: list[tuple[str, bytes]] = []

    def take(self, *, most: int, within_s: float) -> list[Delivery]:
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return taken

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        self.settled += [one.token for one in deliveries]

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.sent.append((topic, payload))

    def close(self) -> None: ...


class Shelf:
    """A store in memory that notes each transaction, and fails where a test says so."""

    def __init__(self, bus: Bus, fails: object = None) -> None:
        self.bus = bus
        self.fails = fails or (lambda frames: None)
        self.transactions: list[list] = []
        self.settled_before: list[int] = []

    def sink_gen(self) -> str:
        return "g"

    def store(self, frames: Sequence, now_ms: int) -> Stored:
        self.fails(frames)
        self.settled_before.append(len(self.bus.settled))
        self.transactions.append(list(frames))
        names = dict.fromkeys(frame.node for frame in frames)
        ack = Ack(e="e", upto=1, sg="g", wv=1, wv_min=1)
        return Stored(tuple((name, ack) for name in names), (), 0, 0, 0)


class Noon:
    def now_ms(self) -> int:
        return 1


def turn(bus: Bus, fails: object = None) -> tuple[Shelf, Sink]:
    shelf = Shelf(bus, fails)
    sink = Sink(bus, shelf, Noon(), HOME)
    sink.turn(within_s=0)
    return shelf, sink


def test_nothing_is_settled_before_it_is_stored_and_order_is_kept() -> None:
    bus = Bus([delivery("ev", gate(1).batch([1]), token=token) for token in range(10)])
    shelf, _ = turn(bus)
    assert shelf.settled_before == [0]
    assert bus.settled == list(range(10))


def test_a_transaction_takes_at_most_so_many_events() -> None:
    whole = gate(100).batch(range(1, 101))
    bus = Bus([delivery("ev", whole, token=token) for token in range(120)])
    shelf, _ = turn(bus)
    sizes = [sum(len(frame.message.ev) for frame in frames) for frames in shelf.transactions]
    assert sizes == [EVENTS_PER_TRANSACTION, EVENTS_PER_TRANSACTION, 2_000]
    assert bus.settled == list(range(120))


def test_one_ack_for_each_node_and_transaction() -> None:
    frames = [delivery("ev", gate(3).batch([n]), token=n) for n in (1, 2, 3)]
    bus = Bus([*frames, delivery("hello", gate(3).hello(), token=4)])
    turn(bus)
    acks = [decode(payload, Ack) for topic, payload in bus.sent if topic.endswith("/d/n1/ack")]
    assert len(acks) == 1


def test_the_sink_says_once_a_session_that_it_is_there() -> None:
    bus = Bus([])
    _, sink = turn(bus)
    sink.turn(within_s=0)
    assert len(bus.sent) == 1
    bus.session = 2
    sink.turn(within_s=0)
    assert [topic for topic, _ in bus.sent] == ["ac/v1/dongfang/s/state"] * 2


def test_a_frame_that_breaks_the_store_becomes_a_dead_letter_alone() -> None:
    def breaks(frames: Sequence) -> None:
        if any(isinstance(frame, Told) and frame.node == "bad" for frame in frames):
            raise ZeroDivisionError("nobody foresaw this")

    good, bad = gate(1).hello(), WireLedger("bad").hello()
    bus = Bus([delivery("hello", good, token=1), delivery("hello", bad, node="bad", token=2)])
    shelf, _ = turn(bus, breaks)
    assert bus.settled == [1, 2]
    kept = [type(frame) for frames in shelf.transactions for frame in frames]
    assert kept == [Told, BadFrame]


def test_a_store_that_is_away_is_asked_again_and_nothing_is_settled_meanwhile() -> None:
    bus = Bus([delivery("hello", gate(1).hello(), token=1)])
    sinks: list[Sink] = []

    def away(frames: Sequence) -> None:
        assert bus.settled == []
        sinks[0]._stopping.set()
        raise StoreError("the disk is full.")

    shelf = Shelf(bus, away)
    sinks.append(Sink(bus, shelf, Noon(), HOME))
    assert sinks[0].turn(within_s=0) == 0
    assert (bus.settled, sinks[0].fault, shelf.transactions) == ([], "the disk is full.", [])


@given(st.text(max_size=60))
def test_any_topic_is_read_or_nobodys(topic: str) -> None:
    found = parse_up(topic)
    assert found is None or NodeTopics(found.tenant, found.node).up(found.kind) == topic


def test_a_batch_counts_its_events() -> None:
    assert read(HOME, delivery("ev", gate(3).batch([1, 2, 3]))).events == 3
    assert read(HOME, delivery("hello", gate(3).hello())).events == 0
    assert isinstance(read(HOME, delivery("ev", gate(1).batch([1]))).what.message, Batch)
