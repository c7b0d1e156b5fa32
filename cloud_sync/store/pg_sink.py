"""The sink's connection to PostgreSQL: COPY into a temporary table, then INSERT … ON CONFLICT (sync.md §6).

Several sinks share one database.  A transaction first locks its nodes, in one order for all, so that each node's mark has
one writer at a time and no two sinks wait for each other's nodes.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from cloud_sync.errors import StoreError
from cloud_sync.store.pg_engine import connect, is_machine_fault, lock_key, plain_url, shown, store_error
from cloud_sync.store.sink_db import EVENT_COLUMNS, EventRow, Rows

if TYPE_CHECKING:
    import psycopg

_COLUMNS = ", ".join(f'"{name}"' for name in EVENT_COLUMNS)
_GATHERED = "create temporary table if not exists gathered (like event) on commit delete rows"
_COPY = f"copy gathered ({_COLUMNS}) from stdin"
_INSERT = f"""
insert into event ({_COLUMNS}) select {_COLUMNS} from gathered
on conflict (community, node, epoch, seq) do nothing
"""
# ``unnest`` gives the keys in their order, and a lock is taken for each before the next is looked at.
_LOCKS = "select pg_advisory_xact_lock(key) from unnest(%s::bigint[]) as key"
_LOCK = "select pg_advisory_xact_lock(%s)"


@cache
def _spelled(sql: str) -> bytes:
    """The sink's statements are few and written with ``?``."""
    return sql.replace("%", "%%").replace("?", "%s").encode()


class PostgresSink:
    """``SinkDb``; a connection that was cut is opened anew with the next transaction, never inside one."""

    def __init__(self, engine: sa.Engine) -> None:
        self._dsn = plain_url(engine.url.render_as_string(hide_password=False))
        self._begun = False
        self._held: psycopg.Connection | None = None

    @property
    def _db(self) -> "psycopg.Connection":
        if self._held is None or (self._held.closed and not self._begun):
            self._held = connect(self._dsn)
        return self._held

    def begin(self, community: str, nodes: Sequence[str]) -> None:
        self._db.execute("begin")
        self._begun = True
        self._db.execute(_LOCKS, (sorted(lock_key("sink", community, node) for node in nodes),))

    def commit(self) -> None:
        self._db.execute("commit")
        self._begun = False

    def abandon(self) -> None:
        if not self._begun:
            return
        self._begun = False
        held = self._held
        if held is not None and not held.closed:
            try:
                held.execute("rollback")
            except Exception as error:
                held.close()
                if not is_machine_fault(error):
                    raise

    def execute(self, sql: str, values: Sequence[object] = ()) -> Rows:
        return self._db.execute(_spelled(sql), values)

    def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        if rows:
            self._db.cursor().executemany(_spelled(sql), rows)

    def ask_all(self, sql: str, keys: Sequence[Sequence[object]]) -> list[list[Any]]:
        with self._db.pipeline():
            asked = [self._db.execute(_spelled(sql), key) for key in keys]
        return [cursor.fetchall() for cursor in asked]

    def insert_events(self, rows: Sequence[EventRow]) -> int:
        if not rows:
            return 0
        cursor = self._db.cursor()
        cursor.execute(_GATHERED)
        with cursor.copy(_COPY.encode()) as copy:
            for row in rows:
                copy.write_row(row)
        return cursor.execute(_INSERT.encode()).rowcount

    def alone(self, community: str, what: str) -> None:
        self._db.execute(_LOCK, (lock_key("alone", community, what),))

    def machine_fault(self, error: Exception) -> StoreError | None:
        return store_error(shown(self._dsn), error) if is_machine_fault(error) else None

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
