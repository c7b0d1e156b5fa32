"""A node's whole set for a request that its device has signed: made from the books, and only of the version told to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
import structlog

from cloud_sync.errors import Refused, StoreError
from cloud_sync.ports_delivery import Snapshot
from cloud_sync.protocol import delta, merkle
from cloud_sync.protocol.pull import SET_BYTES_MAX, SKEW_MS, request_bytes
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import House
from cloud_sync.store.issuing import held_row
from cloud_sync.store.losses import lost_nodes
from cloud_sync.store.pass_feed import StoredPassFeed
from cloud_sync.store.sink_vouched import verified

# Each set costs its size in memory and half a second: a node has one in ten seconds, and all of them one at a time.
APART_MS = 10_000
NONCES_MAX = 10_000  # of signed requests only; more in four minutes is no node of ours

log = structlog.get_logger()


class StoredSnapshots:
    """``Snapshots`` on the community's books; safe from any thread.  Nonces are known to this process only."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._feed = StoredPassFeed(house)  # asked for what is due; nothing is taken off its line
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self._nonces: dict[tuple[str, str], int] = {}
        self._served_ms: dict[str, int] = {}

    def pull(self, node: str, *, at_ms: int, nonce: str, signature: str) -> Snapshot:
        """See ``ports_delivery.Snapshots``; the same sentence for every no, so that nobody learns which nodes there are."""
        now_ms = self._house.clock.now_ms()
        said = request_bytes(self._house.community, node, at_ms, nonce)
        if abs(now_ms - at_ms) > SKEW_MS or not verified(self._key(node), said, signature):
            raise Refused("node.pull", "this request is not signed by the node's device for this moment.")
        self._once(node, nonce, now_ms)
        with self._alone():
            held = self._build(node, now_ms)
        log.info("passes_pulled", node=node, auth_ver=held.auth_ver, bytes=len(held.packed))
        return held

    def _key(self, node: str) -> str:
        """Empty for a node that is not there, or is lost."""
        table, code = tables.node, self._house.community
        mine = (table.c.community == code, table.c.node == node, table.c.node.not_in(lost_nodes(code)))
        with reading(self._house.engine).connect() as db:
            return db.execute(sa.select(table.c.device_public_key).where(*mine)).scalar() or ""

    def _once(self, node: str, nonce: str, now_ms: int) -> None:
        """A request can be played again as long as its time is believed: twice the skew, whichever clock is ahead."""
        with self._lock:
            self._nonces = {one: ms for one, ms in self._nonces.items() if now_ms - ms <= 2 * SKEW_MS}
            if (node, nonce) in self._nonces or len(self._nonces) >= NONCES_MAX:
                raise Refused("node.pull", "this request was sent before.")
            self._nonces[node, nonce] = now_ms
            before_ms = self._served_ms.get(node)
            if before_ms is not None and 0 <= now_ms - before_ms < APART_MS:
                raise StoreError(f"Node {node} asked a moment ago; its passes come in parts.")
            self._served_ms[node] = now_ms

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._building.acquire(blocking=False):
            raise StoreError("Another node is being served; the passes come in parts.")
        try:
            yield
        finally:
            self._building.release()

    def _build(self, node: str, now_ms: int) -> Snapshot:
        code, door, told = self._house.community, tables.access_point, tables.pass_set
        with reading(self._house.engine).begin() as db:
            mine = sa.select(told.c.auth_ver, told.c.root).where(
                told.c.community == code, told.c.node == node
            )
            version = db.execute(mine).one_or_none()
            doors = set(
                db.execute(
                    sa.select(door.c.access_point).where(door.c.community == code, door.c.node == node)
                ).scalars()
            )
            rows = {pass_id: raw for pass_id, raw in self._feed.due(db, now_ms) if _leads(raw, doors)}
        tree = merkle.Tree({pass_id: merkle.row_hash(raw) for pass_id, raw in rows.items()})
        if version is None or tree.root(version.auth_ver) != version.root:
            raise StoreError(f"The passes of node {node} are being changed; they come by the bus.")
        ids = [pass_id for bucket in range(merkle.BUCKETS) for pass_id in tree.ids(bucket)]
        packed = delta.join([rows[pass_id] for pass_id in ids])
        if len(packed) > SET_BYTES_MAX:
            raise StoreError(f"The passes of node {node} are more than {SET_BYTES_MAX} bytes.")
        return Snapshot(version.auth_ver, packed)


def _leads(raw: bytes, doors: set[str]) -> bool:
    row = held_row(raw)
    return row is not None and not doors.isdisjoint(row.scope)
