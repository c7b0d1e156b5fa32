"""The link and commands: which nonces live, what is handed to the desk, and how answers go up."""

from pathlib import Path

import pytest

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import CmdAck, Hello, State, decode, encode
from cloud_sync.protocol.topics import NodeTopics
from edge.core.commands import Answer, Received
from edge.core.commands import State as CommandState
from edge.core.events import ClockState, NodeId
from edge.link.link import NONCE_CROSSING_S, Aboard, Link
from edge.link.mqtt import Heard
from edge.link.translate import encode_fact
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger
from tests.fakes.command_node import NOW_MS, Issuer

TOPICS = NodeTopics("dongfang", "n1")


class Session:
    """A session that is up and keeps what is said."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []
        self.bell = self

    def set(self) -> None:
        """Nobody sleeps here."""

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        self.said.append((topic, payload))
        return True


class Side:
    """A node that only takes commands over."""

    def __init__(self) -> None:
        self.got: list[Received] = []
        self.passes = None

    def aboard(self) -> Aboard:
        return Aboard(0, "", 0)

    def clock(self) -> ClockReading:
        return ClockReading(NOW_MS, 0, ClockState.HOLDOVER, 300_000)

    def free_mb(self) -> int:
        return 1

    def state(self) -> State:
        return State(on=True, e="e", boot_id="b")

    def command(self, got: Received) -> None:
        self.got.append(got)


@pytest.fixture
def link(tmp_path: Path):
    ledger = SqliteLedger(
        tmp_path / "events.db",
        NodeId("n1"),
        encode=encode_fact,
        chain=chain,
        new_epoch=lambda: "e" * 24,
        ballast=Ballast(tmp_path / "reserve"),
    )
    session = Session()
    yield Link(
        topics=TOPICS,
        software="1",
        boot_id="b",
        ledger=ledger,
        node=Side(),
        verify=lambda *_: True,
        open_session=lambda *_: session,
        sign=lambda _: bytes(64),
    )
    ledger.close()


def hello(link: Link, now_s: float) -> str:
    link._hello(now_s)
    said = [decode(payload, Hello) for topic, payload in link._session.said if topic == TOPICS.up("hello")]
    return said[-1].nonce


def test_every_hello_brings_a_nonce_and_the_last_one_lives_only_as_long_as_a_command(link: Link) -> None:
    assert link._nonces(0) == frozenset()
    first = hello(link, 100)
    assert link._nonces(130) == {first}
    second = hello(link, 130)
    assert link._nonces(130 + NONCE_CROSSING_S - 1) == {first, second}
    assert link._nonces(130 + NONCE_CROSSING_S) == {second}


def test_a_nonce_that_was_quoted_makes_a_new_hello_due(link: Link) -> None:
    hello(link, 100)
    link.nonce_used()
    assert link._hello_asked.is_set()
    hello(link, 101)
    assert not link._hello_asked.is_set()


@pytest.mark.parametrize("retained", [False, True])
def test_a_command_is_handed_over_with_its_flag_and_the_nonces_of_that_moment(
    link: Link, retained: bool
) -> None:
    nonce, frame = hello(link, 100), Issuer().frame()
    link._receive(Heard("message", TOPICS.cmd, frame, retained), 101)
    link._receive(Heard("message", TOPICS.cmd, b"noise", retained), 101)
    command, noise = link._node.got
    assert (command.retained, command.nonces, command.order.door) == (retained, {nonce}, "AP-1")
    assert (noise.retained, noise.order) == (retained, None)


def test_answers_go_up_in_order(link: Link) -> None:
    link.answer(Answer("5f0c9e1b2a7d4c36", CommandState.ACCEPTED))
    link.answer(Answer("5f0c9e1b2a7d4c36", CommandState.REFUSED, "pt:Blocked", "BLOCKED", 7))
    link._send_answers()
    assert link._session.said == [
        (TOPICS.up("cmdack"), encode(CmdAck(id="5f0c9e1b2a7d4c36", state="accepted"))),
        (
            TOPICS.up("cmdack"),
            encode(CmdAck(id="5f0c9e1b2a7d4c36", state="refused", why="pt:Blocked", mode="BLOCKED", seq=7)),
        ),
    ]
