"""A node at which no camera and no door hangs: the real ledger and the real link, and what a link asks of a node."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from cloud_sync.protocol import chain
from cloud_sync.protocol.delta import Delta
from cloud_sync.protocol.messages import State
from cloud_sync.protocol.topics import NodeTopics
from edge.core.commands import Received
from edge.core.events import ClockState, NodeId, PassId, Stamp
from edge.core.passes import Denial
from edge.link.link import Aboard, Link
from edge.link.mqtt import Broker, Session
from edge.link.translate import encode_fact
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger

CLOCK_BOUND_MS = 12


class NoPasses:
    """Nobody opens a door here: no pass comes into force."""

    def version(self) -> tuple[int, str]:
        return 0, ""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def leaves(self) -> list[bytes]:
        return []

    def note_head(self, _issued_ms: int, _lease_until_ms: int) -> None:
        """Nothing is lent."""

    def deny(self, _auth_ver: int, _items: Sequence[tuple[PassId, Denial]]) -> bool:
        return False

    def apply_delta(self, _change: Delta, _packed: bytes) -> bool:
        return False

    def apply_set(self, _auth_ver: int, _root: str, _packed: bytes, _buckets: frozenset[int] | None) -> bool:
        return False

    def tidy(self) -> None:
        """There is nothing."""


class Quiet:
    """What a link asks of a node at which nothing is opened and nobody commands."""

    def __init__(self, epoch: str, boot_id: str) -> None:
        self._epoch = epoch
        self._boot_id = boot_id
        self.passes = NoPasses()

    def aboard(self) -> Aboard:
        return Aboard(0, "", 0)

    def clock(self) -> ClockReading:
        return ClockReading(
            time.time_ns() // 1_000_000, time.monotonic_ns(), ClockState.TRUSTED, CLOCK_BOUND_MS
        )

    def state(self) -> State:
        return State(on=True, e=self._epoch, boot_id=self._boot_id)

    def free_mb(self) -> int:
        return 5_120

    def erase(self, _pass_ids: Sequence[str], _erase_ver: int) -> int:
        return 0

    def link_changed(self, _up: bool) -> None:
        """Nothing depends on it."""

    def command(self, _got: Received) -> None:
        """Nobody commands."""


def open_ledger(path: Path, node: str) -> SqliteLedger:
    """The node's ledger, made when it is not there; its reserve lies beside it."""
    return SqliteLedger(
        path, NodeId(node), encode=encode_fact, chain=chain, new_epoch=lambda: secrets.token_hex(12),
        ballast=Ballast(path.with_suffix(".reserve")),
    )  # fmt: skip


def open_link(community: str, node: str, ledger: SqliteLedger, port: int, boot_id: str) -> Link:
    """Not started yet; it speaks to the broker on this port of loopback."""
    return Link(
        topics=NodeTopics(community, node),
        software="quiet",
        boot_id=boot_id,
        ledger=ledger,
        node=Quiet(ledger.epoch, boot_id),
        verify=lambda _kid, _message, _signature: False,
        open_session=lambda subscribe, topic, will: Session(
            Broker("127.0.0.1", port), node, subscribe=subscribe, will_topic=topic, will=will
        ),
    )


def stamp_now(boot_id: str) -> Stamp:
    return Stamp(
        boot_id,
        time.monotonic_ns() // 1_000_000,
        time.time_ns() // 1_000_000,
        ClockState.TRUSTED,
        CLOCK_BOUND_MS,
    )
