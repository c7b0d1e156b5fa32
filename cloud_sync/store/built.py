"""Statements for a table and some of its columns, each built once: building one costs several times what asking it does.

A registration asks some fifty; the names come from the code that asks, so that there are few different ones.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from cloud_sync.store.plain import dialect_of, execute, is_postgres, rows

BUILT_MAX = 1_000  # the program knows some three hundred; beyond it the oldest are built again

_KEY = "key_"  # a changed column may be part of the key as well: the two values need two names


@lru_cache(BUILT_MAX)
def _select(table: sa.Table, names: tuple[str, ...], empty: tuple[str, ...], postgres: bool) -> str:
    return _sql(sa.select(table).where(*_where(table, names, empty)), postgres)


@lru_cache(BUILT_MAX)
def _insert(table: sa.Table, names: tuple[str, ...], postgres: bool) -> str:
    _check(table, names)
    return _sql(sa.insert(table), postgres, names)


@lru_cache(BUILT_MAX)
def _update(
    table: sa.Table, names: tuple[str, ...], empty: tuple[str, ...], changed: tuple[str, ...], postgres: bool
) -> str:
    _check(table, changed)
    return _sql(sa.update(table).where(*_where(table, names, empty)), postgres, changed)


def _sql(statement: sa.Executable, postgres: bool, columns: tuple[str, ...] | None = None) -> str:
    assert isinstance(statement, sa.ClauseElement)
    made = statement.compile(dialect=dialect_of(postgres=postgres), column_keys=columns)
    return made.string


def _where(table: sa.Table, names: tuple[str, ...], empty: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
    return [
        table.c[name].is_(None) if name in empty else table.c[name] == sa.bindparam(_KEY + name)
        for name in names
    ]


def _check(table: sa.Table, names: tuple[str, ...]) -> None:
    """What a statement is given when it is asked is not checked by SQLAlchemy: a name it does not know goes unseen."""
    unknown = [name for name in names if name not in table.c]
    assert not unknown, f"{table.name} has no column {', '.join(unknown)}"


def _empty(key: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(name for name, value in key.items() if value is None)


def _named(key: Mapping[str, object]) -> dict[str, object]:
    return {_KEY + name: value for name, value in key.items() if value is not None}


def select(connection: sa.Connection, table: sa.Table, key: Mapping[str, object]) -> list[Any]:
    """The rows with this key; None means that a column is empty."""
    sql = _select(table, tuple(key), _empty(key), is_postgres(connection))
    return rows(execute(connection, sql, _named(key)))


def insert(connection: sa.Connection, table: sa.Table, values: Mapping[str, object]) -> None:
    execute(connection, _insert(table, tuple(values), is_postgres(connection)), values)


def update(
    connection: sa.Connection, table: sa.Table, key: Mapping[str, object], values: Mapping[str, object]
) -> int:
    """Change the rows with this key; how many there were."""
    sql = _update(table, tuple(key), _empty(key), tuple(values), is_postgres(connection))
    return int(execute(connection, sql, {**_named(key), **values}).rowcount)
