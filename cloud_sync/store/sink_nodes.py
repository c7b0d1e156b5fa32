"""What a node says about itself: its hello, its state, and its receipts for passes and erasures."""

from cloud_sync.core.node_clock import off_ms
from cloud_sync.protocol.delta import Repair
from cloud_sync.protocol.messages import AuthAck, EraseAck, Hello, State
from cloud_sync.store.sink_db import SinkDb
from cloud_sync.store.sink_epoch import wall_ms

_HELLO = """
insert into node_state (community, node, epoch, head, acked, hello_ms, drained_through_ms, auth_ver, root, erase_ver,
                        online, clock_state, clock_bound_ms, software, nonce, outbox, free_mb, wire, health,
                        clock_heard_ms, clock_off_ms)
values (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, 'yes', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (community, node) do update set
    epoch = excluded.epoch, head = excluded.head, acked = excluded.acked, hello_ms = excluded.hello_ms,
    auth_ver = excluded.auth_ver, root = excluded.root, erase_ver = excluded.erase_ver, online = 'yes',
    clock_state = excluded.clock_state, clock_bound_ms = excluded.clock_bound_ms, software = excluded.software,
    nonce = excluded.nonce, outbox = excluded.outbox, free_mb = excluded.free_mb, wire = excluded.wire,
    clock_heard_ms = excluded.clock_heard_ms, clock_off_ms = excluded.clock_off_ms
"""
_STATE = """
insert into node_state (community, node, epoch, head, acked, hello_ms, drained_through_ms, auth_ver, root, erase_ver,
                        online, clock_state, clock_bound_ms, software, health)
values (?, ?, ?, 0, 0, 0, 0, 0, '', 0, ?, ?, 0, ?, ?)
on conflict (community, node) do update set online = excluded.online, health = excluded.health
"""
_RECEIPT = """
update pass_set set receipt_ver = ?, receipt_root = ?, receipt_ms = ?
where community = ? and node = ? and receipt_ver <= ?
"""
# A receipt that got lost on the way: the hello that names version and root proves the same.
_RECEIPT_BY_HELLO = """
update pass_set set receipt_ver = auth_ver, receipt_root = root, receipt_ms = ?
where community = ? and node = ? and auth_ver = ? and root = ? and not (receipt_ver = auth_ver and receipt_root = root)
"""

# A guest's pass is at a node when the node's word names the version it went out in, or a later one, with its root.
_PROVED = """
update pass_line set receipt_ms = ? where community = ? and node = ? and receipt_ms is null and auth_ver <= ?
and (exists (select 1 from pass_set s where s.community = pass_line.community and s.node = pass_line.node
             and s.auth_ver = ? and s.root = ?)
     or exists (select 1 from pass_line p where p.community = pass_line.community and p.node = pass_line.node
                and p.auth_ver = ? and p.root = ?))
"""
_FELL_BACK = "update pass_line set receipt_ms = null where community = ? and node = ? and auth_ver > ?"

_REPAIR = """
insert into pass_wire (community, node, asked_ms, auth_ver, leaves) values (?, ?, ?, ?, ?)
on conflict (community, node) do update set
    asked_ms = excluded.asked_ms, auth_ver = excluded.auth_ver, leaves = excluded.leaves
"""


class Nodes:
    """Writes for one sink transaction; every method answers whether reconciliation should look again."""

    def __init__(self, db: SinkDb, community: str, now_ms: int) -> None:
        self._db = db
        self._community = community
        self._now_ms = now_ms

    def _row(self, node: str, columns: str) -> tuple[object, ...] | None:
        row: tuple[object, ...] | None = self._db.execute(
            f"select {columns} from node_state where community = ? and node = ?", (self._community, node)
        ).fetchone()
        return row

    def hello(self, node: str, hello: Hello) -> bool:
        row = self._row(node, "epoch, auth_ver, root, online, clock_state, clock_heard_ms")
        before, heard_before = (None, None) if row is None else (row[:5], row[5])
        ledger = (hello.e, hello.head, hello.acked, self._now_ms)
        aboard = (hello.auth_ver, hello.root, hello.erase_ver)
        clock = (hello.clock_state, hello.clock_bound_ms)
        told = (hello.sw, hello.nonce, hello.lag.outbox, hello.lag.free_mb, hello.wv, b"")
        off = self._clock_off(hello, heard_before)
        self._db.execute(_HELLO, (self._community, node, *ledger, *aboard, *clock, *told, *off))
        self._db.execute(_RECEIPT_BY_HELLO, (self._now_ms, self._community, node, hello.auth_ver, hello.root))
        held_ver = before[1] if before is not None else 0
        assert isinstance(held_ver, int)
        if held_ver > hello.auth_ver:  # torn on its disk, or another device
            self._db.execute(_FELL_BACK, (self._community, node, hello.auth_ver))
        self._proved(node, hello.auth_ver, hello.root)
        return before != (hello.e, hello.auth_ver, hello.root, "yes", hello.clock_state)

    def _clock_off(self, hello: Hello, before: object) -> tuple[int | None, int | None]:
        """Its time of day less ours now, and what is certain of that; a time that cannot be read says nothing."""
        try:
            heard_ms = wall_ms(hello.wall) - self._now_ms
        except (ValueError, OverflowError):
            return None, None
        return heard_ms, off_ms(heard_ms, before if isinstance(before, int) else None)

    def state(self, node: str, state: State, raw: bytes) -> bool:
        online = "yes" if state.on else "no"
        before = self._row(node, "online")
        if not state.on and before is not None:
            # A will carries no doors: the last health stays, it is what was known before the silence.
            self._db.execute(
                "update node_state set online = 'no' where community = ? and node = ?",
                (self._community, node),
            )
        else:
            row = (self._community, node, state.e, online, state.clock_state, state.sw, raw)
            self._db.execute(_STATE, row)
        return before != (online,)

    def receipt(self, node: str, receipt: AuthAck) -> None:
        """Recorded as told; equal or not is for whoever compares.  A refusal is no receipt."""
        if receipt.refused is not None:
            return
        told = (receipt.auth_ver, receipt.root)
        self._db.execute(_RECEIPT, (*told, self._now_ms, self._community, node, receipt.auth_ver))
        self._db.execute(
            "update node_state set auth_ver = ?, root = ? where community = ? and node = ? and auth_ver <= ?",
            (*told, self._community, node, receipt.auth_ver),
        )

        self._proved(node, receipt.auth_ver, receipt.root)

    def _proved(self, node: str, auth_ver: int, root: str) -> None:
        version = (auth_ver, root)
        self._db.execute(_PROVED, (self._now_ms, self._community, node, auth_ver, *version, *version))

    def repair(self, node: str, asked: Repair) -> None:
        """What the node said it has; the newest asking counts."""
        said = (self._now_ms, asked.auth_ver, asked.leaves)
        self._db.execute(_REPAIR, (*said, self._community, node))

    def erased(self, node: str, receipt: EraseAck) -> None:
        self._db.execute(
            "update erasure set acked_ms = ? where community = ? and node = ? and erase_ver <= ? and acked_ms is null",
            (self._now_ms, self._community, node, receipt.erase_ver),
        )
        self._db.execute(
            "update node_state set erase_ver = ? where community = ? and node = ? and erase_ver < ?",
            (receipt.erase_ver, self._community, node, receipt.erase_ver),
        )

    def drained(self, node: str, epoch: str, through_ms: int) -> None:
        """Everything the node had recorded at ``through_ms`` is stored; a later finding never takes that back."""
        self._db.execute(
            "update node_state set drained_through_ms = ? "
            "where community = ? and node = ? and epoch = ? and drained_through_ms < ?",
            (through_ms, self._community, node, epoch, through_ms),
        )
