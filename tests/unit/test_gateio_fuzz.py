"""gate-io's socket under any bytes, in any order, from any number of strangers: nothing dies, nothing moves that should not.

The desk, the board and the server are the real ones and the sockets are sockets; time and the lock are the test's.
"""

import contextlib
import selectors
import socket

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.events import AccessPointId
from edge.gateio import wire
from edge.gateio.board import LEASE_NS, Board, DoorRules
from edge.gateio.desk import Asked, Desk, Hooks, House, Order
from edge.gateio.outputs import MS
from edge.gateio.server import MALFORMED_MAX, Peer, Server
from edge.ports import FailMode, Feedback, LockCaps, Outcome, Point
from edge.ports_io import BusTold, Show

GATE, STAIR = AccessPointId("gate"), AccessPointId("stair")
START = 5_000_000 * MS
HASH = "f" * 32
STRANGERS = 3
RULES = DoorRules(
    release_energises=True,
    min_pulse_ms=50,
    max_pulse_ms=20_000,
    rex_unlocks=True,
    t_rex_ms=3000,
    fire_group="house",
)
CAPS = LockCaps(FailMode.SECURE, False, Feedback.NONE, 50, 20_000, 300, 2000)


class Room:
    """Desk, board and server with three clients; the stair's lock stands behind a bus and says nothing by itself."""

    def __init__(self, tmp_path):
        self.now = START
        self.board = Board({GATE: RULES, STAIR: RULES}, frozenset())
        self.asked, self.online, self.shown = 0, True, []
        hooks = Hooks(
            now=lambda: self.now,
            step=self.step,
            energised=lambda: self.board.wanted(self.now),
            silent=lambda: [] if self.online else [STAIR],
            asked=self.ask,
            selftest=lambda door: f"{door}: well.",
            show=lambda door, what: self.shown.append((door, what)),
            seq=lambda: 0,
        )
        self.desk = Desk(self.board, House(HASH, "b" * 12, {"gate": CAPS, "stair": CAPS}), hooks)
        self.selector = selectors.DefaultSelector()
        self.server = Server(tmp_path / "unused", frozenset(), self.desk.hear, self.selector)
        self.desk.server = self.server
        self.clients = [self.connect() for _ in range(STRANGERS)]

    def connect(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        theirs.setblocking(False)
        peer = Peer(ours)
        self.server.peers.append(peer)
        self.selector.register(ours, selectors.EVENT_READ, lambda: self.server._read(peer))
        return theirs

    def step(self, order: Order) -> str:
        self.board.settle(self.now)
        self.asked += order.door == STAIR
        return ""

    def ask(self, door):
        return Asked(self.asked, self.board.released(STAIR, self.now), self.online) if door == STAIR else None

    def turn(self):
        for key, _ in self.selector.select(0):
            key.data()
        for door in self.desk.expire(self.now):
            self.board.withdraw(door, self.now)
        self.board.settle(self.now)

    def say(self, client, packet):
        with contextlib.suppress(OSError):
            self.clients[client].send(packet)
        self.turn()

    def heard(self, client):
        packets = []
        with contextlib.suppress(OSError):
            while packet := self.clients[client].recv(wire.PACKET_MAX + 1):
                packets.append(wire.decode_from_gate(packet))
        return packets

    def wait(self, ms):
        self.now += ms * MS
        self.desk.cut_off_the_silent(self.now)
        self.turn()

    def close(self):
        self.server.close()
        for client in self.clients:
            client.close()
        self.selector.close()


# --- what strangers say ----------------------------------------------------------------------------------------

TIMES = st.sampled_from([0, START - 1, START + 300 * MS, START + 5000 * MS, 2**62, 2**63 - 1])
DOORS = st.sampled_from(["gate", "stair", "cellar", "g" * 40])
IDS = st.sampled_from(["a", "b", "c", "d", "e" * 40])
HELLOS = st.builds(
    wire.Hello,
    st.sampled_from([wire.PROTOCOL, wire.PROTOCOL - 1, wire.PROTOCOL + 1, 0, -1]),
    st.sampled_from([HASH, "", "0" * 32]),
    st.booleans(),
)
COMMANDS = st.builds(
    wire.Command,
    IDS,
    st.sampled_from(["pulse", "hold", "lock", "latch"]),
    DOORS,
    TIMES,
    st.just("fuzz"),
    ms=st.none() | st.integers(0, 86_400_000),
    until_ns=st.none() | TIMES,
    kind=st.none() | st.sampled_from(["fire", "evacuate"]),
    on=st.none() | st.booleans(),
    actor=st.sampled_from(["", "staff-1"]),
)
MESSAGES = st.one_of(
    HELLOS,
    COMMANDS,
    st.builds(wire.Beat, st.integers(0, 2**63 - 1)),
    st.builds(wire.LatchReset, IDS, DOORS, st.sampled_from(["fire", "evacuate"]), st.just("staff-1"), TIMES),
    st.builds(wire.AskSnapshot, st.text(max_size=20)),
    st.builds(wire.SelfTest, IDS, DOORS),
    st.builds(wire.ShowIt, DOORS, st.sampled_from(Show)),
)


@st.composite
def spoiled(draw):
    """A packet of ours with a few bytes changed, cut or added."""
    packet = bytearray(wire.encode(draw(MESSAGES)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(packet) - 1))
        packet[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
        if not packet:
            break
    return bytes(packet)


PACKETS = st.one_of(MESSAGES.map(wire.encode), spoiled(), st.binary(min_size=1, max_size=wire.PACKET_MAX + 8))
CLIENTS = st.integers(0, STRANGERS - 1)
STEPS = st.one_of(
    st.tuples(st.just("say"), CLIENTS, PACKETS),
    st.tuples(st.just("say"), CLIENTS, MESSAGES.map(wire.encode)),
    st.tuples(st.just("wait"), st.integers(0, 3000), st.none()),
    st.tuples(st.just("tell"), st.integers(0, 3), st.sampled_from(Outcome)),
    st.tuples(st.just("link"), st.booleans(), st.none()),
    st.tuples(st.just("leave"), CLIENTS, st.none()),
)


class Law:
    """Who may have moved what, kept by the test's own reading of the packets."""

    def __init__(self):
        self.commander: int | None = None
        self.may_open = {"gate": False, "stair": False}

    def hears(self, client, packet, now):
        match wire.decode_for_gate(packet):
            case wire.Hello(protocol=wire.PROTOCOL, profile_hash=h, watch=False) if h == HASH:
                self.commander = client if self.commander is None else self.commander
            case wire.Command(door=door) as said if client == self.commander and now < said.deadline_ns:
                self.may_open[door] = self.may_open.get(door) or asks_to_open(said, now)


def asks_to_open(said, now):
    match said:
        case wire.Command(verb="pulse", ms=int(ms)):
            return RULES.min_pulse_ms <= ms <= RULES.max_pulse_ms
        case wire.Command(verb="hold", until_ns=int(until)):
            return now < until
        case wire.Command(verb="latch", kind=str(), on=True):
            return said.actor != ""
    return False


def play(room, law, step):
    match step:
        case ("say", client, packet):
            law.hears(client, packet, room.now)
            room.say(client, packet)
        case ("wait", ms, _):
            room.wait(ms)
        case ("tell", back, outcome):
            room.desk.told(STAIR, BusTold(max(0, room.asked - back), outcome, room.now), None)
        case ("link", online, _):
            room.online = online
        case ("leave", client, _):
            room.clients[client].close()
            room.turn()
            room.clients[client] = room.connect()
    if law.commander is not None and not room.desk.commanded:
        law.commander = None


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.lists(STEPS, max_size=40))
def test_whatever_is_said_nothing_dies_and_nothing_moves_without_a_commander(tmp_path_factory, steps):
    room, law = Room(tmp_path_factory.getbasetemp()), Law()
    try:
        for step in steps:
            play(room, law, step)
            assert sum(peer.commands for peer in room.server.peers) <= 1
            for door in (GATE, STAIR):
                assert law.may_open[door] or not room.board.released(door, room.now)
        # The way out, and the door's own end, whatever was said before.
        room.board.sense(GATE, Point.REX, True, room.now, room.now)
        room.turn()
        assert room.board.released(GATE, room.now)
        room.wait(2 * LEASE_NS // MS)
        room.wait(3000)
        assert set(room.desk.snapshot().latches) >= {
            door for door in (GATE, STAIR) if room.board.released(door, room.now)
        }
        fresh = room.connect()
        room.clients.append(fresh)
        room.say(STRANGERS, wire.encode(wire.Hello(wire.PROTOCOL, HASH)))
        assert isinstance(room.heard(STRANGERS)[0], wire.Welcome)
    finally:
        room.close()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(PACKETS, max_size=60))
def test_who_never_said_a_right_hello_is_never_obeyed(tmp_path_factory, packets):
    room = Room(tmp_path_factory.getbasetemp())
    try:
        for packet in packets:
            said = wire.decode_for_gate(packet)
            if isinstance(said, wire.Hello) and said.profile_hash == HASH and not said.watch:
                continue
            room.say(0, packet)
            assert not room.desk.commanded
            assert not any(room.board.wanted(room.now).values())
        assert room.shown == []
        assert all(
            not isinstance(said, wire.Answer)
            or said.outcome is not Outcome.DONE
            or said.detail.endswith("well.")
            for said in room.heard(0)
        )
    finally:
        room.close()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(COMMANDS, st.sampled_from(Outcome)), min_size=1, max_size=30))
def test_every_command_is_answered_once_whatever_its_lock_says(tmp_path_factory, said):
    room = Room(tmp_path_factory.getbasetemp())
    try:
        room.say(0, wire.encode(wire.Hello(wire.PROTOCOL, HASH)))
        room.heard(0)
        for number, (command, outcome) in enumerate(said):
            asked = msgspec.structs.replace(command, id=f"c{number}", deadline_ns=START + 900 * MS)
            room.say(0, wire.encode(asked))
            if number % 3 == 0:
                room.desk.told(STAIR, BusTold(room.asked, outcome, room.now), None)
        room.wait(1000)
        answers = [one.id for one in room.heard(0) if isinstance(one, wire.Answer)]
        assert sorted(answers) == sorted(f"c{number}" for number in range(len(said)))
    finally:
        room.close()


def test_a_client_that_only_speaks_nonsense_is_cut_off(tmp_path):
    room = Room(tmp_path)
    for _ in range(MALFORMED_MAX):
        room.say(0, b"nonsense")
    assert len(room.server.peers) == STRANGERS - 1
    room.close()


@pytest.mark.parametrize("version", [0, 1, wire.PROTOCOL + 1])
def test_another_version_is_told_so_and_let_go(tmp_path, version):
    room = Room(tmp_path)
    room.say(0, wire.encode(wire.Hello(version, HASH)))
    (nack,) = room.heard(0)
    assert nack == wire.Nack(f"protocol {version} is not {wire.PROTOCOL}: install one version of both")
    assert len(room.server.peers) == STRANGERS - 1
    room.close()
