"""What the sink does with a lost node's words, and with a wish for a certificate."""

from collections.abc import Iterator
from dataclasses import dataclass

from cloud_sync.ports import Told
from cloud_sync.protocol.messages import Batch, Hello, State
from cloud_sync.store.sink_db import SinkDb

LOST = "told after its node was lost; a person decides ('gatehouse-sync node lost-events')"


@dataclass(frozen=True, slots=True)
class _Loss:
    epoch: str
    replaced: bool
    accepted: bool


class Losses:
    """For one sink transaction."""

    def __init__(self, db: SinkDb, community: str, now_ms: int) -> None:
        self._db = db
        self._community = community
        self._now_ms = now_ms
        self._losses: dict[str, list[_Loss]] = {}
        for node, epoch, replaced_ms, decided in db.execute(
            "select node, epoch, replaced_ms, decided from node_loss where community = ?", (community,)
        ):
            loss = _Loss(epoch, replaced_ms is not None, decided == "accepted")
            self._losses.setdefault(node, []).append(loss)

    def disbelieves(self, told: Told) -> bool:
        """True for what a lost node says, and for what is said out of its ledger after another took its place."""
        return any(self._binding(told))

    def _binding(self, told: Told) -> Iterator[bool]:
        message = told.message
        epoch = message.e if isinstance(message, Batch | Hello | State) else None
        for loss in self._losses.get(told.node, ()):
            accepted = loss.accepted and isinstance(message, Batch) and epoch == loss.epoch
            yield not accepted and (not loss.replaced or epoch == loss.epoch)

    def wants_certificate(self, told: Told) -> None:
        """The newest wish of each node stays until the service's jobs answer it."""
        self._db.execute(
            "insert into renewal (community, node, wish, asked_ms) values (?, ?, ?, ?) "
            "on conflict (community, node) do update set wish = excluded.wish, asked_ms = excluded.asked_ms",
            (self._community, told.node, told.raw, self._now_ms),
        )
