"""What this node knows of passes: whole sets and deltas, a floor that never goes down, and the memory of used codes.

The rows are kept as the packed bytes whose root was signed; the decoder is handed in.  An older version is
refused for ever, whoever brings it (sync.md §7.1).  What was denied takes effect before anything else, and stays.
"""

import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import sqlite_utils

from cloud_sync.protocol import delta
from edge.core.events import PassId
from edge.core.freshness import Lease
from edge.core.passes import BadPassSet, Denial, Pass, PassSet, PassState, denials_after
from edge.store.ballast import Ballast
from edge.store.pass_rows import Change, Decode, PassRows, hashes, join_sorted, read_set, replaced
from edge.store.sqlite import connect, migrate, settle, transaction

# What is honoured without the pass aboard lives a day (domain.md invariant 15), and a node a month without contact.
DENIED_FOR_MS = 40 * 86_400_000
FORGET_AFTER_MS = 86_400_000
LEFT = "LEFT"  # the pass leads to no door of this node any more


@dataclass(frozen=True, slots=True)
class Floor:
    """What is durable besides the rows: the highest version ever applied and the newest verified head."""

    auth_ver: int
    issued_ms: int
    lease_until_ms: int
    erase_ver: int
    wall_floor_ms: int


class PassBook:
    """One writer at a time; safe from any thread.  ``held`` is what the doors decide by."""

    def __init__(self, path: Path, *, decode: Decode, ballast: Ballast) -> None:
        self._path = path
        self._decode = decode
        self._ballast = ballast
        self._lock = threading.Lock()
        self._db = connect(path)
        migrate(self._db, Path(__file__).parent / "migrations" / "passes")
        self._rows = PassRows(self._db, decode)
        self._small = sqlite_utils.Database(self._db)
        self.floor = Floor(
            *self._db.execute(
                "select auth_ver, issued_ms, lease_until_ms, erase_ver, wall_floor_ms from floor"
            ).fetchone()
        )
        self._aboard = self._rows.load()
        self.denied = self._load_denied()
        self.held = PassSet.build(self._aboard.auth_ver, self._aboard.rows.values(), self.denied)

    @property
    def auth_ver(self) -> int:
        """The version in force: below the floor only where the newest set was torn on the disk."""
        return self._aboard.auth_ver

    @property
    def root(self) -> str:
        return self._aboard.root

    @property
    def passes(self) -> tuple[Pass, ...]:
        """The rows as they were told."""
        return tuple(self._aboard.rows.values())

    def leaves(self) -> list[bytes]:
        """The 256 leaf hashes of what is in force."""
        with self._lock:
            return self._aboard.tree.leaves()

    def _load_denied(self) -> dict[PassId, Denial]:
        """Read from its own table: a set that falls back to an older one takes no denial back with it."""
        rows = self._db.execute("select pass_id, pass_version, state, auth_ver from denied").fetchall()
        return {
            PassId(pass_id): Denial(version, None if state == LEFT else PassState(state), auth_ver)
            for pass_id, version, state, auth_ver in rows
        }

    @property
    def head_issued_ms(self) -> int | None:
        """When the newest verified head was signed; None before the first."""
        return self.floor.issued_ms or None

    @property
    def lease(self) -> Lease:
        """Until when the newest verified head lends these passes."""
        return Lease(self.floor.lease_until_ms or None)

    def apply(
        self, auth_ver: int, root: str, packed: bytes, *, now_ms: int, buckets: frozenset[int] | None = None
    ) -> bool:
        """Put a whole set in force, atomically; False for a version that is not newer.

        With ``buckets`` the rows take the place of those buckets only.

        Raises:
            BadPassSet: the rows do not give this root, or contradict each other; nothing has changed.
        """
        with self._lock:
            if self._is_old(auth_ver):
                return False
            if buckets is not None:
                packed = self._with_buckets(buckets, packed)
            found = read_set(1 - self._aboard.slot, auth_ver, root, packed, self._decode)
            denied = denials_after(self.denied, self._aboard.rows.values(), found.rows.values(), auth_ver)
            held = PassSet.build(auth_ver, found.rows.values(), denied)
            with transaction(self._db, self._path):
                self._rows.put_slot(found.slot, auth_ver, root, packed, now_ms)
                self._keep(auth_ver, denied, now_ms)
                denied = self._load_denied()
            self._aboard, self.denied, self.held = found, denied, held
            self.floor = replace(self.floor, auth_ver=auth_ver)
            return True

    def _is_old(self, auth_ver: int) -> bool:
        return auth_ver < self.floor.auth_ver or auth_ver <= self._aboard.auth_ver

    def _with_buckets(self, buckets: frozenset[int], packed: bytes) -> bytes:
        try:
            return replaced(self._rows.raws(self._aboard.slot), buckets, packed)
        except ValueError as error:
            raise BadPassSet(str(error)) from error

    def _keep(self, auth_ver: int, denied: dict[PassId, Denial], now_ms: int) -> None:
        self._db.execute("update floor set auth_ver = ?", (auth_ver,))
        self._keep_denied(denied, now_ms)

    def apply_delta(self, change: Change, *, now_ms: int) -> bool:
        """Take one step, atomically; False for a version that is not newer.

        Raises:
            BadPassSet: it leads on from another version, does not give its root, or contradicts what is there;
                nothing has changed.
        """
        with self._lock:
            if self._is_old(change.auth_ver):
                return False
            if change.since != self._aboard.auth_ver:
                raise BadPassSet(f"leads on from version {change.since}, not from {self._aboard.auth_ver}")
            told, raws = self._read(change)
            undo = self._aboard.tree.change({**dict.fromkeys(change.gone), **hashes(raws)})
            try:
                self._step(change, told, now_ms)
            except BaseException:
                self._aboard.tree.change(undo)
                raise
            return True

    def _read(self, change: Change) -> tuple[dict[PassId, Pass], dict[str, bytes]]:
        try:
            raws = dict(delta.split(change.packed))
            told = {row.pass_id: row for row in self._decode(change.packed)} if change.packed else {}
        except ValueError as error:
            raise BadPassSet(str(error)) from error
        if told.keys() & set(change.gone):
            raise BadPassSet("a pass is told and gone at once")
        return told, raws

    def _step(self, change: Change, told: dict[PassId, Pass], now_ms: int) -> None:
        aboard = self._aboard
        if aboard.tree.count != change.count or aboard.tree.root(change.auth_ver) != change.root:
            raise BadPassSet("the rows do not give the signed root")
        gone = [PassId(pass_id) for pass_id in change.gone]
        before = [row for pass_id in (*gone, *told) if (row := aboard.rows.get(pass_id)) is not None]
        denied = denials_after(self.denied, before, told.values(), change.auth_ver)
        held = self.held.changed(change.auth_ver, told.values(), gone, denied)
        with transaction(self._db, self._path):
            self._rows.put_delta(change)
            self._keep(change.auth_ver, denied, now_ms)
        for pass_id in gone:
            aboard.rows.pop(pass_id, None)
        aboard.rows.update(told)
        aboard.auth_ver, aboard.root = change.auth_ver, change.root
        self.denied, self.held = denied, held
        self.floor = replace(self.floor, auth_ver=change.auth_ver)

    def deny(self, auth_ver: int, items: Iterable[tuple[PassId, Denial]], *, now_ms: int) -> bool:
        """Take passes away ahead of version ``auth_ver``, in which it is so; False where that is in force already.

        On the disk when it returns.  A set older than ``auth_ver`` does not give anything of it back.
        """
        with self._lock:
            if auth_ver <= self._aboard.auth_ver:
                return False
            new = {
                pass_id: replace(denial, auth_ver=auth_ver)
                for pass_id, denial in items
                if not _covers(self.denied.get(pass_id), denial)
            }
            if not new:
                return True
            denied = {**self.denied, **new}
            rows = [row for pass_id in new if (row := self._aboard.rows.get(pass_id)) is not None]
            held = self.held.changed(self.held.version, rows, (), denied)
            with transaction(self._db, self._path):
                self._keep_denied(denied, now_ms)
            self.denied, self.held = denied, held
            return True

    def tidy(self, *, now_ms: int) -> bool:
        """Write a whole set where the deltas have grown long; costs about what a snapshot costs.  Whether it did."""
        with self._lock:
            aboard = self._aboard
            if not self._rows.is_long(aboard.slot):
                return False
            packed = join_sorted(self._rows.raws(aboard.slot))
            with transaction(self._db, self._path):
                self._rows.put_slot(1 - aboard.slot, aboard.auth_ver, aboard.root, packed, now_ms)
            aboard.slot = 1 - aboard.slot
            return True

    def forget(self, *, now_ms: int) -> bool:
        """Once a day at most: whoever has left is gone from both slots, from the deltas and from the log.  Whether it did.

        What was remembered of their codes goes a day later, so that a pass that comes back meets no forgotten code.
        """
        with self._lock:
            aboard, told = self._aboard, self._rows.told_before(now_ms - FORGET_AFTER_MS)
            if told is None:
                return False
            known = {cred.cred_id for row in (*aboard.rows.values(), *told) for cred in row.creds}
            codes = self._codes_beside(known)
            if (
                not codes
                and all(row.pass_id in aboard.rows for row in told)
                and not self._has_old_denials(now_ms)
            ):
                settle(
                    self._db, self._path
                )  # sets that came since have overwritten whoever left, and the log keeps them
                return False
            packed = join_sorted(self._rows.raws(aboard.slot))
            for slot in (
                1 - aboard.slot,
                aboard.slot,
            ):  # one after the other: one of the two is whole at any moment
                with transaction(self._db, self._path):
                    self._rows.put_slot(slot, aboard.auth_ver, aboard.root, packed, now_ms)
            with transaction(self._db, self._path):
                self._db.executemany("delete from code_memory where cred_id = ?", [(one,) for one in codes])
                self._db.execute("delete from denied where noted_ms < ?", (now_ms - DENIED_FOR_MS,))
            self.denied = self._load_denied()
            settle(self._db, self._path)
            return True

    def _has_old_denials(self, now_ms: int) -> bool:
        found = self._db.execute("select 1 from denied where noted_ms < ? limit 1", (now_ms - DENIED_FOR_MS,))
        return found.fetchone() is not None

    def _codes_beside(self, known: Collection[str]) -> list[str]:
        """Credentials whose codes are remembered, of no pass that stands here."""
        held = self._db.execute("select cred_id from code_memory").fetchall()
        return [str(cred_id) for (cred_id,) in held if cred_id not in known]

    def _keep_denied(self, denied: dict[PassId, Denial], now_ms: int) -> None:
        """Write the difference; what is as it was keeps its age, and ends by it."""
        for pass_id in self.denied.keys() - denied.keys():
            self._db.execute("delete from denied where pass_id = ?", (pass_id,))
        for pass_id, denial in denied.items():
            if self.denied.get(pass_id) != denial:
                self._db.execute(
                    "insert or replace into denied (pass_id, pass_version, state, noted_ms, auth_ver) "
                    "values (?, ?, ?, ?, ?)",
                    (pass_id, denial.pass_version, denial.state or LEFT, now_ms, denial.auth_ver),
                )
        self._db.execute("delete from denied where noted_ms < ?", (now_ms - DENIED_FOR_MS,))

    def note_head(self, issued_ms: int, lease_until_ms: int) -> None:
        """A verified head was seen; an older one changes nothing."""
        with self._lock:
            if issued_ms <= self.floor.issued_ms:
                return
            with transaction(self._db, self._path):
                self._db.execute(
                    "update floor set issued_ms = ?, lease_until_ms = ?", (issued_ms, lease_until_ms)
                )
            self.floor = replace(self.floor, issued_ms=issued_ms, lease_until_ms=lease_until_ms)

    def note_erased(self, erase_ver: int) -> None:
        with self._lock:
            if erase_ver <= self.floor.erase_ver:
                return
            with transaction(self._db, self._path):
                self._db.execute("update floor set erase_ver = ?", (erase_ver,))
            self.floor = replace(self.floor, erase_ver=erase_ver)

    def code_memory(self, cred_id: str) -> str | None:
        """What was remembered of this credential's codes, as the text the caller stored."""
        with self._lock:
            row = self._db.execute("select memory from code_memory where cred_id = ?", (cred_id,)).fetchone()
        return None if row is None else str(row[0])

    def remember_code(self, cred_id: str, memory: str) -> None:
        """Committed before the door moves, so that a code seen twice is refused even after a power cut."""
        with self._lock:
            self._ballast.spend_on(lambda: self._write_code(cred_id, memory))

    def _write_code(self, cred_id: str, memory: str) -> None:
        with transaction(self._db, self._path):
            self._db.execute(
                "insert or replace into code_memory (cred_id, memory) values (?, ?)", (cred_id, memory)
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _covers(known: Denial | None, told: Denial) -> bool:
    """What is known takes as much away as what is told."""
    return (
        known is not None
        and known.pass_version >= told.pass_version
        and (known.state is not None or told.state is None)
    )
