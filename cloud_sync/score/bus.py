"""What the nodes say goes over the community's own broker to its own sink, and is waited for until it is acknowledged."""

import threading
import time
from collections.abc import Iterable

import msgspec

from cloud_sync.errors import SyncError
from cloud_sync.ingest.inbox import BrokerAddress, PahoInbox
from cloud_sync.ingest.sink import Sink
from cloud_sync.protocol.messages import Ack, SinkState, encode
from cloud_sync.protocol.topics import ROOT, NodeTopics, sink_state, up_filter
from cloud_sync.score.town import Town
from cloud_sync.store.sink import SinkStore

CONNECT_WITHIN_S = 10.0
CONNECT_LOOK_S = 0.01
ACKNOWLEDGED_WITHIN_S = 60.0
TURN_S = 0.02
ON_THEIR_WAY_MAX = 400  # publishes; the broker forgets what is too many for its segments
_ack = msgspec.json.Decoder(Ack)


class Bus:
    """One connection for all nodes, one for the sink, both to the broker of the run."""

    def __init__(self, town: Town) -> None:
        """
        Raises:
            SyncError: the broker does not answer.
        """
        self._tenant = town.folder.code
        port = town.books.config.broker.port
        self._post = PahoInbox(
            BrokerAddress("127.0.0.1", port, f"sync-{self._tenant}"), (up_filter(self._tenant),)
        )
        self._gates = PahoInbox(
            BrokerAddress("127.0.0.1", port, f"nodes-{self._tenant}"), (f"{ROOT}/{self._tenant}/d/+/ack",)
        )
        self._store = SinkStore(town.books.engine, self._tenant)
        self.sink = Sink(self._post, self._store, town.books.clock, self._tenant)
        self.acks: dict[str, Ack] = {}
        self.sent = 0  # events
        self._frames = 0
        self._settled = 0
        deadline, pause = time.monotonic() + CONNECT_WITHIN_S, threading.Event()
        while not (self._post.connected and self._gates.connected):
            if time.monotonic() > deadline:
                self.close()
                raise SyncError("the broker of this run does not answer.")
            pause.wait(CONNECT_LOOK_S)
        self._gates.send(sink_state(self._tenant), encode(SinkState(on=True)))

    def close(self) -> None:
        self._post.close()
        self._gates.close()
        self._store.close()

    def tell(self, frames: Iterable[tuple[str, str, bytes, int]]) -> None:
        """Publish, let the sink take, and wait until everything was acknowledged.

        Raises:
            SyncError: something was not acknowledged in time, or contradicted itself.
        """
        told: set[str] = set()
        for node, kind, payload, events in frames:
            self._gates.send(NodeTopics(self._tenant, node).up(kind), payload)  # type: ignore[arg-type]
            self.sent += events
            self._frames += 1
            told.add(node)
            if self._frames - self._settled >= ON_THEIR_WAY_MAX:
                self._until(self._frames - ON_THEIR_WAY_MAX // 2)
        self._until(self._frames)
        self._hear(told)

    def _until(self, frames: int) -> None:
        deadline = time.monotonic() + ACKNOWLEDGED_WITHIN_S
        while self._settled < frames:
            self._settled += self.sink.turn(within_s=TURN_S)
            if time.monotonic() > deadline:
                raise SyncError(
                    f"{frames - self._settled} publishes were not taken within {ACKNOWLEDGED_WITHIN_S:.0f} s."
                )

    def _hear(self, told: set[str]) -> None:
        """One acknowledgement at least from each node that spoke."""
        deadline = time.monotonic() + ACKNOWLEDGED_WITHIN_S
        missing = set(told)
        while missing:
            for delivery in self._gates.take(most=1_000, within_s=TURN_S):
                node = delivery.topic.split("/")[4]
                self.acks[node] = _ack.decode(delivery.payload)
                missing.discard(node)
                self._gates.settle([delivery])
            if time.monotonic() > deadline:
                raise SyncError(f"no acknowledgement came for {', '.join(sorted(missing)[:5])}.")
