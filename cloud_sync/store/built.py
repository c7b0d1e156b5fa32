"""Statements for a table and some of its columns, each built once: building one costs several times what asking it does.

A registration asks some fifty; the names come from the code that asks, so that there are few different ones.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

BUILT_MAX = 1_000  # the program knows some three hundred; beyond it the oldest are built again

_KEY = "key_"  # a changed column may be part of the key as well: the two values need two names


@lru_cache(BUILT_MAX)
def _select(table: sa.Table, names: tuple[str, ...], empty: tuple[str, ...]) -> sa.Select[Any]:
    return sa.select(table).where(*_where(table, names, empty))


@lru_cache(BUILT_MAX)
def _insert(table: sa.Table, names: tuple[str, ...]) -> sa.Insert:
    _check(table, names)
    return sa.insert(table)


@lru_cache(BUILT_MAX)
def _update(
    table: sa.Table, names: tuple[str, ...], empty: tuple[str, ...], changed: tuple[str, ...]
) -> sa.Update:
    _check(table, changed)
    return sa.update(table).where(*_where(table, names, empty))


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


def select(
    connection: sa.Connection, table: sa.Table, key: Mapping[str, object]
) -> sa.CursorResult[tuple[object, ...]]:
    """The rows with this key; None means that a column is empty."""
    return connection.execute(_select(table, tuple(key), _empty(key)), _named(key))


def insert(connection: sa.Connection, table: sa.Table, values: Mapping[str, object]) -> None:
    connection.execute(_insert(table, tuple(values)), values)


def update(
    connection: sa.Connection, table: sa.Table, key: Mapping[str, object], values: Mapping[str, object]
) -> int:
    """Change the rows with this key; how many there were."""
    change = _update(table, tuple(key), _empty(key), tuple(values))
    return connection.execute(change, {**_named(key), **values}).rowcount
