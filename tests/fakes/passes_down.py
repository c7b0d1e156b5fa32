"""Both ends of the passes' way down without a broker: the real distributor, the real link's part and pass book.

What is on its way is a list that a test may lose from, repeat and shuffle; ``turn`` lets a tenth of a second pass.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.ports import HeldSet, NewVersion, NodeView, PassNews
from cloud_sync.protocol.delta import Repair
from cloud_sync.protocol.messages import AuthAck, PassRow, decode
from cloud_sync.protocol.topics import NodeTopics
from edge.compose_passes import BookPasses
from edge.core.events import ClockState
from edge.link.mqtt import Heard
from edge.link.passes import PassLink
from edge.link.translate import decode_passes
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.pass_book import PassBook

HOME, NODE, DOOR = "dongfang", "n1", "AP-1"
TOPICS = NodeTopics(HOME, NODE)
T0_MS = 1_795_276_800_000
TURN_MS = 100
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Signer:
    kid = "k1"

    def sign(self, message: bytes) -> bytes:
        return KEY.sign(message)


def verify(kid: str, message: bytes, signature: bytes) -> bool:
    try:
        KEY.public_key().verify(signature, message)
    except InvalidSignature:
        return False
    return kid == "k1"


@dataclass
class Node:
    """The node's end; ``restart`` opens the same file anew."""

    folder: Path
    now_ms: int = T0_MS
    wv: int = 2

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        if hasattr(self, "book"):
            self.book.close()
        self.book = PassBook(
            self.folder / "passes.db", decode=decode_passes, ballast=Ballast(self.folder / "reserve")
        )
        self.link = PassLink(TOPICS, BookPasses(self.book, self), verify)
        self.link.speaks(self.wv)
        self.link.connected(self.now_ms / 1000)
        self.said: list[tuple[str, bytes]] = []

    def read(self) -> ClockReading:
        return ClockReading(self.now_ms, 0, ClockState.TRUSTED, 0)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        self.said.append((topic, payload))
        return True

    def hear(self, topic: str, payload: bytes) -> None:
        assert self.link.hear(Heard("message", topic, payload), self.now_ms / 1000)

    def turn(self) -> None:
        self.link.tick(self.now_ms / 1000)
        self.link.send(self)

    def states(self) -> dict[str, str]:
        """By pass: what the doors decide by."""
        return {pass_id: str(row.state) for pass_id, row in self.book.held.passes.items()}


@dataclass
class Office:
    """The service's end, and the wire: ``wanted`` is what the books say now."""

    node: Node
    wanted: dict[str, PassRow] = field(default_factory=dict)
    down: deque[tuple[str, bytes]] = field(default_factory=deque)
    retained: dict[str, bytes] = field(default_factory=dict)
    now: int = T0_MS
    session: int = 1
    held: HeldSet | None = None
    asked_ms: int = 0
    leaves: str = ""
    told: tuple[int, str] = (0, "")
    online: bool = True
    kinds: list[str] = field(default_factory=list)  # of what was published, in order

    def __post_init__(self) -> None:
        self._before: dict[str, bytes] = {}
        self.restart()

    def restart(self) -> None:
        self.distributor = Distributor(self, self, Signer(), self, self, HOME)

    def now_ms(self) -> int:
        return self.now

    def news(self, *, whole: bool) -> PassNews:
        rows = {pass_id: msgspec.msgpack.encode(row) for pass_id, row in self.wanted.items()}
        changed = rows.items() - self._before.items()
        gone = dict.fromkeys(self._before.keys() - rows.keys())
        self._before = rows
        return PassNews(whole, rows if whole else {**gone, **dict(changed)}, {DOOR: NODE})

    def views(self, now_ms: int) -> list[NodeView]:
        return [
            NodeView(
                NODE, self.online, *self.told, self.held, 0, (), self.asked_ms, self.leaves, self.node.wv
            )
        ]

    def save(self, versions: list[NewVersion], now_ms: int) -> None:
        (one,) = versions
        before = self.held or HeldSet(0, "", 0, "")
        self.held = replace(before, auth_ver=one.auth_ver, root=one.root)

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        kind = topic.removeprefix(f"ac/v1/{HOME}/d/{NODE}/")
        self.kinds.append(kind)
        if retain:
            self.retained[topic] = payload
        self.down.append((topic, payload))

    def take(self, topic: str, payload: bytes) -> None:
        """What the sink would store."""
        if topic == TOPICS.up("authack"):
            ack = decode(payload, AuthAck)
            if ack.refused is None and self.held is not None and ack.auth_ver >= self.told[0]:
                self.told = (ack.auth_ver, ack.root)
                self.held = replace(self.held, receipt_ver=ack.auth_ver, receipt_root=ack.root)
        else:
            assert topic == TOPICS.up("repair")
            asked = decode(payload, Repair)
            self.asked_ms, self.leaves = self.now, asked.leaves

    def reconnect(self) -> None:
        """The node is back: what was on its way is lost, what is retained comes first, and hello says what it has."""
        self.down.clear()
        self.node.link.connected(self.node.now_ms / 1000)
        self.node.link.speaks(self.node.wv)
        self.told = self.node.book.auth_ver, self.node.book.root
        if self.held is not None and self.told == (self.held.auth_ver, self.held.root):
            self.held = replace(self.held, receipt_ver=self.told[0], receipt_root=self.told[1])
        self.down.extend(self.retained.items())

    def turn(self) -> None:
        self.now += TURN_MS
        self.node.now_ms = self.now
        self.distributor.tick()

    def deliver(self) -> None:
        while self.down:
            self.node.hear(*self.down.popleft())
        self.node.turn()
        for topic, payload in self.node.said:
            self.take(topic, payload)
        self.node.said = []

    def settle(self, turns: int = 1_200) -> int:
        """Until the node's receipt says that it has what is wanted; how many turns that took."""
        for turn in range(turns):
            self.turn()
            self.deliver()
            if self.is_settled():
                return turn + 1
        raise AssertionError(f"not settled: {self.held} {self.told} {self.distributor.counters}")

    def is_settled(self) -> bool:
        held = self.held
        return (
            held is not None
            and (held.receipt_ver, held.receipt_root) == (held.auth_ver, held.root)
            and {row.pass_id for row in self.node.book.passes} == self.wanted.keys()
        )


def a_pass(number: int, **more: object) -> PassRow:
    words: dict[str, object] = {
        "pass_id": f"PS-{number:05d}",
        "pass_version": 1,
        "subject_ref": f"r-{number}",
        "cls": "guest",
        "state": "ARMED",
        "scope": [DOOR],
        "schedule": "always",
        "not_before": T0_MS,
        "not_after": T0_MS + 86_400_000,
        "prereq": 7,
        "policy": 1,
        "creds": [["qr", f"{number:032x}", number.to_bytes(32, "big")]],
        **more,
    }
    return msgspec.convert([words[name] for name in PassRow.__struct_fields__], PassRow)


def passes(*numbers: int, **more: object) -> dict[str, PassRow]:
    return {(row := a_pass(number, **more)).pass_id: row for number in numbers}
