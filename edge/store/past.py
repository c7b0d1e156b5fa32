"""A ledger that ended with a damaged page: still told until the service has all that could be read, then gone."""

import sqlite3
from collections.abc import Callable
from threading import Lock
from typing import Any

from edge.ports import Stretch
from edge.store.stretch import Telling

Transact = Callable[[Callable[[sqlite3.Connection], Any]], Any]


class PastLedger:
    """One epoch of an earlier file; nothing is ever added to it."""

    def __init__(self, telling: Telling, acked: int, sink_gen: str, lock: Lock, transact: Transact) -> None:
        self._telling = telling
        self._lock = lock
        self._transact = transact
        self.epoch, self.head = telling.epoch, telling.head
        self.acked, self.sink_gen = acked, sink_gen

    def stretch(self, seqs: range, *, bytes_max: int) -> Stretch:
        """As ``SqliteLedger.stretch``."""
        with self._lock:
            return self._telling.stretch(seqs, bytes_max=bytes_max)

    def remember(self, acked: int, sink_gen: str) -> None:
        """Note what the sink has; once it has everything, this ledger leaves the disk."""
        self.acked, self.sink_gen = acked, sink_gen
        self._transact(self._note)

    def _note(self, db: sqlite3.Connection) -> None:
        if self.acked < self.head:
            row = (self.acked, self.sink_gen, self.epoch)
            db.execute("update past set acked = ?, sink_gen = ? where epoch = ?", row)
            return
        for table in ("past", "past_event", "gone"):
            db.execute(f"delete from {table} where epoch = ?", (self.epoch,))
