"""Plain SQL at the driver, within the connection and the transaction that SQLAlchemy keeps.

Running one statement through SQLAlchemy costs some four times what SQLite takes to answer it; what is asked thousands of
times an hour is compiled once (``asking``, ``built``) and handed over here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cloud_sync.store.engine import as_store_error

SHAPES_MAX = 2_000  # of rows: as many as there are different questions
# Without the driver's own words: places are named, and what is asked for tells its type.
_POSTGRES: sa.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
_SQLITE: sa.Dialect = sqlite.dialect(paramstyle="named")


def is_postgres(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


def dialect_of(*, postgres: bool) -> sa.Dialect:
    """The dialect in which plain statements are written."""
    return _POSTGRES if postgres else _SQLITE


def begin(connection: sa.Connection) -> None:
    """As SQLAlchemy does at the first word of a connection."""
    if not connection.in_transaction():
        connection.begin()


def execute(connection: sa.Connection, sql: str, given: Mapping[str, object]) -> Any:
    """The driver's cursor after this statement; what the machine did wrong becomes ours.

    Raises:
        StoreError: the disk, the file or a lock.
    """
    begin(connection)
    cursor = connection.connection.cursor()
    with translated(connection.engine):
        cursor.execute(sql, given)
    return cursor


def rows(cursor: Any) -> list[Any]:
    """Everything that is left of it; each row is a tuple whose columns have names."""
    shape = _shape(tuple(column[0] for column in cursor.description))
    return [shape(values) for values in cursor.fetchall()]


@contextmanager
def translated(engine: sa.Engine) -> Iterator[None]:
    """What the machine did wrong becomes ours, as it does for those who ask through SQLAlchemy."""
    try:
        yield
    except Exception as error:
        ours = as_store_error(engine, error)
        if ours is None:
            raise
        raise ours from error


class _Row(tuple[object, ...]):
    """One answer; columns may have any name, such as ``class``."""

    __slots__ = ()
    _names: tuple[str, ...] = ()

    def _asdict(self) -> dict[str, object]:
        return dict(zip(self._names, self, strict=True))


@lru_cache(SHAPES_MAX)
def _shape(names: tuple[str, ...]) -> type[_Row]:
    columns = {name: property(itemgetter(at)) for at, name in reversed(list(enumerate(names)))}
    return type("Row", (_Row,), {"__slots__": (), "_names": names, **columns})
