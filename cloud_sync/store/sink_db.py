"""What the sink asks of its database: one connection of its own, plain SQL with ``?``, and the locks of a transaction.

``SqliteSink`` stands here, ``store.pg_sink`` beside it; the sink's statements are written once, in words both understand.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from cloud_sync.errors import StoreError
from cloud_sync.store.engine import driver, is_machine_fault, path_of, store_error
from cloud_sync.store.tables import event

EVENT_COLUMNS = tuple(column.name for column in event.columns)

# A row of ``event`` in the order of its columns.
EventRow = tuple[object, ...]

INSERT_EVENT = f"""
insert into event ({", ".join(EVENT_COLUMNS)}) values ({", ".join("?" * len(EVENT_COLUMNS))})
on conflict (community, node, epoch, seq) do nothing
"""


class Rows(Protocol):
    """What an executed statement answers."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Any: ...


class SinkDb(Protocol):
    """One writer's connection.  Errors are the driver's own, told apart by ``machine_fault``."""

    def begin(self, community: str, nodes: Sequence[str]) -> None:
        """Start a transaction as the only writer of these nodes until it ends."""
        ...

    def commit(self) -> None: ...

    def abandon(self) -> None:
        """Undo what was begun; nothing when nothing was."""
        ...

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows: ...

    def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None: ...

    def ask_all(self, sql: str, keys: Sequence[Sequence[object]]) -> list[list[Any]]:
        """The rows of one question for each of these keys, in one journey to the server."""
        ...

    def insert_events(self, rows: Sequence[EventRow]) -> int:
        """How many of them were not there before."""
        ...

    def alone(self, community: str, what: str) -> None:
        """Be the only writer of what numbers its rows by itself, until the transaction ends."""
        ...

    def machine_fault(self, error: Exception) -> StoreError | None:
        """The sentence for what may succeed later; None for an error of ours or of the data."""
        ...

    def close(self) -> None: ...


class SqliteSink:
    """One file, one writer: taking its lock at the start is all the locking there is."""

    def __init__(self, engine: sa.Engine) -> None:
        self._db = driver(engine)
        self._path = path_of(engine)

    def begin(self, community: str, nodes: Sequence[str]) -> None:  # noqa: ARG002 - the lock is the whole file's
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._db.execute("COMMIT")

    def abandon(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        return self._db.execute(sql, values)

    def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        self._db.executemany(sql, rows)

    def ask_all(self, sql: str, keys: Sequence[Sequence[object]]) -> list[list[Any]]:
        return [self._db.execute(sql, key).fetchall() for key in keys]

    def insert_events(self, rows: Sequence[EventRow]) -> int:
        return self._db.executemany(INSERT_EVENT, rows).rowcount if rows else 0

    def alone(self, community: str, what: str) -> None:
        """It is, since ``begin``."""

    def machine_fault(self, error: Exception) -> StoreError | None:
        if isinstance(error, sqlite3.DatabaseError) and is_machine_fault(error):
            return store_error(self._path, error)
        return None

    def close(self) -> None:
        self._db.close()
