"""Some of the nodes of ``bench_revocation``: the real link, pass book, ledger and decision, without door and camera.

Tells on its standard output, one JSON line each, when a node's decision refused a pass that was taken away.
"""

import argparse
import json
import secrets
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import State
from cloud_sync.protocol.topics import NodeTopics
from edge.compose_passes import BookPasses
from edge.core.commands import Received
from edge.core.decision import decide
from edge.core.decision_types import Attempt, Deny, DoorView, Moment, Policy
from edge.core.door_types import Mode
from edge.core.events import AccessPointId, ClockState, CredentialKind, NodeId, PassId
from edge.core.passes import LocationClass
from edge.drivers.clock import SystemClock, clock_of
from edge.link.link import Aboard, Link
from edge.link.mqtt import Broker, Session
from edge.link.translate import decode_passes, encode_fact
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.device_key import Join, read_join
from edge.store.ledger import SqliteLedger
from edge.store.pass_book import PassBook

_saying = threading.Lock()


def say(**words: object) -> None:
    with _saying:
        print(json.dumps(words), flush=True)


class OneNode:
    """``NodeSide`` of a node that has no door: it answers what the link asks."""

    def __init__(self, folder: Path, join: Join, door: str) -> None:
        self.name, self.door = join.node, AccessPointId(door)
        self._clock: SystemClock = clock_of("present", None)
        ballast = Ballast(folder / "reserve")
        self.ledger = SqliteLedger(
            folder / "events.db",
            NodeId(join.node),
            encode=encode_fact,
            chain=chain,
            new_epoch=lambda: secrets.token_hex(12),
            ballast=ballast,
        )
        self.book = PassBook(folder / "passes.db", decode=decode_passes, ballast=ballast)
        self.passes = BookPasses(self.book, self._clock, self._changed)
        self._denied: set[PassId] = set()
        self._count = 0

    def _changed(self) -> None:
        """The doors decide by the new set from here on: what was taken away is tried, by the real decision."""
        for pass_id in self.book.denied.keys() - self._denied:
            if self._is_refused(pass_id):
                say(node=self.name, refused=pass_id, at_ns=time.monotonic_ns())
        self._denied = set(self.book.denied)
        if len(self.book.passes) != self._count:
            self._count = len(self.book.passes)
            say(node=self.name, passes=self._count, auth_ver=self.book.auth_ver)

    def _is_refused(self, pass_id: PassId) -> bool:
        attempt = Attempt(kind=CredentialKind.PIN, holder=self.book.held.get(pass_id))
        view = DoorView(access_point=self.door, location_class=LocationClass.GATE, mode=Mode.LOCKED)
        now_ms = self._clock.read().wall_ms
        moment = Moment(now_ms=now_ms, clock=ClockState.TRUSTED, floor_ms=0, contact_age_ms=0, online=True)
        return isinstance(decide(attempt, view, moment, Policy(1, self.book.auth_ver)), Deny)

    def aboard(self) -> Aboard:
        return Aboard(self.book.auth_ver, self.book.root, self.book.floor.erase_ver)

    def clock(self) -> ClockReading:
        return self._clock.read()

    def state(self) -> State:
        return State(on=True, e=self.ledger.epoch, boot_id="bench", sw="bench")

    def free_mb(self) -> int:
        return 0

    def erase(self, _: Sequence[str], erase_ver: int) -> int:
        self.book.note_erased(erase_ver)
        return 0

    def link_changed(self, up: bool) -> None:
        """Nobody here wants to know."""

    def command(self, got: Received) -> None:
        """No door, no command."""


def started(folder: Path, port: int) -> Link:
    join = read_join(folder / "join.json")
    node = OneNode(folder, join, f"AP-{join.node}")
    link = Link(
        topics=NodeTopics(join.community, join.node),
        software="bench",
        boot_id=secrets.token_hex(4),
        ledger=node.ledger,
        node=node,
        verify=join.verify,
        open_session=lambda subscribe, topic, will: Session(
            Broker("127.0.0.1", port), join.node, subscribe=subscribe, will_topic=topic, will=will
        ),
    )
    link.start()
    return link


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--port", type=int, required=True)
    asked.add_argument("folders", nargs="+", type=Path, help="One for each node, with its join.json.")
    words = asked.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    links = [started(folder, words.port) for folder in words.folders]
    sys.stdin.read()  # until whoever started this closes it
    for link in links:
        link.stop()


if __name__ == "__main__":
    main()
