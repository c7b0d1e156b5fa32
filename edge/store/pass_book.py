"""What this node knows of passes: two slots, a floor that never goes down, and the memory of used codes.

The rows are kept as the packed bytes whose root was signed; the decoder is handed in.  An older version is
refused for ever, whoever brings it (sync.md §7.1).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import sqlite_utils

from edge.core.events import PassId
from edge.core.freshness import Lease
from edge.core.passes import Denial, Pass, PassState, denials_after
from edge.store.ballast import Ballast
from edge.store.sqlite import connect, migrate, transaction

# What is honoured without the pass aboard lives a day (domain.md invariant 15), and a node a month without contact.
DENIED_FOR_MS = 40 * 86_400_000
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
    """One writer at a time; safe from any thread."""

    def __init__(self, path: Path, *, decode: Callable[[bytes], list[Pass]], ballast: Ballast) -> None:
        self._path = path
        self._decode = decode
        self._ballast = ballast
        self._lock = threading.Lock()
        self._db = connect(path)
        migrate(self._db, Path(__file__).parent / "migrations" / "passes")
        self._small = sqlite_utils.Database(self._db)
        self.floor = Floor(
            *self._db.execute(
                "select auth_ver, issued_ms, lease_until_ms, erase_ver, wall_floor_ms from floor"
            ).fetchone()
        )
        self.slot, self.auth_ver, self.root, self.passes = self._load()
        self.denied = self._load_denied()

    def _load(self) -> tuple[int, int, str, tuple[Pass, ...]]:
        """The newest slot that decodes; the other one if it does not; nothing if neither does."""
        for slot, auth_ver, root, rows in self._db.execute(
            "select slot, auth_ver, root, rows from slot order by auth_ver desc"
        ).fetchall():
            try:
                return slot, auth_ver, root, tuple(self._decode(rows))
            except ValueError:
                continue  # a torn slot: fall back to the previous one, the floor stays
        return 1, 0, "", ()

    def _load_denied(self) -> dict[PassId, Denial]:
        """Read from its own table: a slot that falls back to the previous one takes no denial back with it."""
        rows = self._db.execute("select pass_id, pass_version, state from denied").fetchall()
        return {
            PassId(pass_id): Denial(version, None if state == LEFT else PassState(state))
            for pass_id, version, state in rows
        }

    @property
    def head_issued_ms(self) -> int | None:
        """When the newest verified head was signed; None before the first."""
        return self.floor.issued_ms or None

    @property
    def lease(self) -> Lease:
        """Until when the newest verified head lends these passes."""
        return Lease(self.floor.lease_until_ms or None)

    def apply(self, auth_ver: int, root: str, packed: bytes, *, now_ms: int) -> bool:
        """Put a verified snapshot in force, atomically; False for a version at or below the floor."""
        passes = tuple(self._decode(packed))
        with self._lock:
            if auth_ver <= self.floor.auth_ver:
                return False
            slot = 1 - self.slot
            denied = denials_after(self.denied, self.passes, passes)
            with transaction(self._db, self._path):
                self._db.execute(
                    "insert or replace into slot (slot, auth_ver, root, applied_ms, rows) values (?, ?, ?, ?, ?)",
                    (slot, auth_ver, root, now_ms, packed),
                )
                self._db.execute("update floor set auth_ver = ?", (auth_ver,))
                self._keep_denied(denied, now_ms)
                denied = self._load_denied()
            self.denied = denied
            self.floor = replace(self.floor, auth_ver=auth_ver)
            self.slot, self.auth_ver, self.root, self.passes = slot, auth_ver, root, passes
            return True

    def _keep_denied(self, denied: dict[PassId, Denial], now_ms: int) -> None:
        """Write the difference; what is as it was keeps its age, and ends by it."""
        for pass_id in self.denied.keys() - denied.keys():
            self._db.execute("delete from denied where pass_id = ?", (pass_id,))
        for pass_id, denial in denied.items():
            if self.denied.get(pass_id) != denial:
                self._db.execute(
                    "insert or replace into denied values (?, ?, ?, ?)",
                    (pass_id, denial.pass_version, denial.state or LEFT, now_ms),
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
