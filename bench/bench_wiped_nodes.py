"""Some of the nodes of ``bench.bench_wiped``: the real ledger and the real link of each, without cameras and doors.

``python -m bench.bench_wiped_nodes FOLDER PORT EVENTS NAME…`` fills what ledgers are missing with 90 quiet days, says
``ready``, and serves until its input ends.
"""

import secrets
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import State
from cloud_sync.protocol.topics import NodeTopics
from edge.core.commands import Received
from edge.core.events import (
    AccessPointId,
    ClockState,
    CredentialKind,
    Fact,
    GrantId,
    NodeId,
    PassId,
    Stamp,
    SubjectRef,
)
from edge.link.link import Aboard, Link
from edge.link.mqtt import Broker, Session
from edge.link.translate import encode_fact
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger

COMMUNITY = "wiped"
DAYS = 90
DAY_MS = 86_400_000
FIRST_DAY_MS = 1_787_000_000_000


class Quiet:
    """What a link asks of a node at which nothing happens."""

    def __init__(self, epoch: str) -> None:
        self._epoch = epoch

    def aboard(self) -> Aboard:
        return Aboard(0, "", 0)

    def clock(self) -> ClockReading:
        return ClockReading(time.time_ns() // 1_000_000, time.monotonic_ns(), ClockState.TRUSTED, 12)

    def state(self) -> State:
        return State(on=True, e=self._epoch, boot_id="b1")

    def free_mb(self) -> int:
        return 5_120

    def apply_passes(self, _auth_ver: int, _root: str, _packed: bytes) -> bool:
        return False

    def note_head(self, _issued_ms: int, _lease_until_ms: int) -> None:
        """Nobody opens a door here."""

    def erase(self, _pass_ids: Sequence[str], _erase_ver: int) -> int:
        return 0

    def link_changed(self, _up: bool) -> None:
        """Nothing depends on it."""

    def command(self, _got: Received) -> None:
        """Nobody commands."""


def passages(node: str, events: int) -> Iterator[Fact]:
    """Quiet days: somebody enters, the door falls shut, now and then a code is refused."""
    door = AccessPointId(f"AP-{node}")
    for number in range(events):
        grant, who = GrantId(f"g-{number // 3:06d}"), SubjectRef(f"r-{number % 97:07d}")
        pass_id = PassId(f"01JD7M3K9QXD4T8V2N6P0R{number % 97:04d}")
        match number % 3:
            case 0:
                yield Fact(
                    "access.granted", access_point=door, direction="in", mode="LOCKED", contact="closed",
                    bolt="secured", subject_ref=who, cls="guest", pass_id=pass_id, pass_version=3, grant_id=grant,
                    credential_kind=CredentialKind.QR, registered=True, decision="allow", reason="Granted",
                    link_state="ONLINE", freshness="FRESH", policy_version=42, auth_ver=918_273,
                )  # fmt: skip
            case 1:
                yield Fact(
                    "access.taken", access_point=door, direction="in", mode="RELEASED", contact="open",
                    subject_ref=who, cls="guest", pass_id=pass_id, pass_version=3, grant_id=grant,
                    credential_kind=CredentialKind.QR,
                )  # fmt: skip
            case _:
                yield Fact("door.closed", access_point=door, mode="LOCKED", contact="closed", bolt="secured")


def filled(path: Path, node: str, events: int) -> SqliteLedger:
    """The node's ledger with so many events of 90 days; one that is there already is only opened."""
    ledger = SqliteLedger(
        path, NodeId(node), encode=encode_fact, chain=chain, new_epoch=lambda: secrets.token_hex(12),
        ballast=Ballast(path.with_suffix(".reserve")),
    )  # fmt: skip
    if ledger.head == 0:
        facts = list(passages(node, events))
        for day in range(DAYS):
            today = facts[len(facts) * day // DAYS : len(facts) * (day + 1) // DAYS]
            stamp = Stamp(f"b{day}", day, FIRST_DAY_MS + day * DAY_MS, ClockState.TRUSTED, 12)
            if today:
                ledger.append(today, stamp)
    return ledger


def open_link(node: str, ledger: SqliteLedger, port: int) -> Link:
    return Link(
        topics=NodeTopics(COMMUNITY, node),
        software="bench",
        boot_id="b1",
        ledger=ledger,
        node=Quiet(ledger.epoch),
        verify=lambda _kid, _message, _signature: False,
        open_session=lambda subscribe, topic, will: Session(
            Broker("127.0.0.1", port), node, subscribe=subscribe, will_topic=topic, will=will
        ),
    )


def main(folder: Path, port: int, events: int, names: Sequence[str]) -> None:
    ledgers = {name: filled(folder / f"{name}.db", name, events) for name in names}
    links = [open_link(name, ledger, port) for name, ledger in ledgers.items()]
    for link in links:
        link.start()
    print("ready", flush=True)
    sys.stdin.read()
    ending = [threading.Thread(target=link.stop) for link in links]
    for thread in ending:
        thread.start()
    for thread in ending:
        thread.join()
    for ledger in ledgers.values():
        ledger.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
