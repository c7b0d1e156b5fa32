"""Questions written once: built when the module is loaded, made into SQL once, and asked of the driver itself.

Reconciliation asks some twenty of them for one touched stay, every second.  SQLAlchemy writes each; running one through it
costs some four times what SQLite takes to answer, and that is done here in a few lines.  A list travels as one value, an
array on PostgreSQL and JSON on SQLite: with a place for each of its words every length would be another statement.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from cloud_sync.store.house import Act
from cloud_sync.store.plain import begin, dialect_of, execute, is_postgres, rows, translated

MADE_MAX = 2_000  # of some two hundred questions; beyond it the oldest are made again

MINE: sa.BindParameter[str] = sa.bindparam("mine")
_LISTS = (list, tuple, set, frozenset)
Question = sa.Select[Any] | sa.CompoundSelect[Any]
_LIST = re.compile(r"(?P<before>NOT )?IN \(__\[POSTCOMPILE_(?P<name>\w+)\]\)")


def mine(table: sa.Table) -> sa.ColumnElement[bool]:
    """This community's rows."""
    return table.c.community == MINE


def many(name: str) -> sa.BindParameter[Any]:
    """A list, given when it is asked."""
    return sa.bindparam(name, expanding=True)


def ask(act: Act, query: Question, **words: object) -> Sequence[Any]:
    """The rows; every list among ``words`` has been made with ``many``."""
    return rows(_run(act, query, words))


def ask_all(act: Act, *asked: tuple[Question, Mapping[str, object]]) -> list[Sequence[Any]]:
    """The answers to questions that do not wait for each other: PostgreSQL is told all of them at once."""
    raw: Any = act.connection.connection.driver_connection
    if not is_postgres(act.connection):
        return [rows(_run(act, query, words)) for query, words in asked]
    begin(act.connection)
    with translated(act.connection.engine), raw.pipeline():
        cursors = [_run(act, query, words) for query, words in asked]
    return [rows(cursor) for cursor in cursors]


def ask_set(act: Act, query: Question, **words: object) -> set[str]:
    """The values of a question for one column."""
    return {row[0] for row in _run(act, query, words).fetchall()}


def do(act: Act, statement: sa.Delete, **words: object) -> None:
    """As ``ask``, for what has no answer."""
    _run(act, statement, words)


@dataclass(frozen=True, slots=True)
class _Made:
    sql: str
    fixed: dict[str, object]  # what the question says by itself


def _run(act: Act, statement: Question | sa.Delete, words: Mapping[str, object]) -> Any:
    connection = act.connection
    postgres = is_postgres(connection)
    lists = {name: value for name, value in words.items() if isinstance(value, _LISTS)}
    made = _made(statement, postgres, tuple(lists))
    given = {**made.fixed, "mine": act.house.community, **words}
    for name, values in lists.items():
        given[name] = list(values) if postgres else json.dumps(list(values))
    return execute(connection, made.sql, given)


@lru_cache(MADE_MAX)
def _made(statement: Question | sa.Delete, postgres: bool, lists: tuple[str, ...]) -> _Made:
    compiled = statement.compile(dialect=dialect_of(postgres=postgres))
    fixed = dict(compiled.params)

    def listed(found: re.Match[str]) -> str:
        name = found["name"]
        assert not found["before"], "a question asks for what is in a list, not for the rest"
        if name not in lists:
            return f"IN ({', '.join(map(_literal, fixed.pop(name)))})"
        if postgres:
            return f"= ANY(%({name})s)"
        return f"IN (SELECT value FROM json_each(:{name}))"

    constants = set(fixed)
    sql = _LIST.sub(listed, compiled.string)
    assert "POSTCOMPILE" not in sql, f"a list stands where none is known: {sql}"
    given = {*lists, "mine"}
    return _Made(
        sql, {name: fixed[name] for name in constants & set(fixed) - given if fixed[name] is not None}
    )


def _literal(value: object) -> str:
    """A word of the program's own, as its text."""
    if isinstance(value, int):
        return str(value)
    assert isinstance(value, str), f"{value!r} is no word"
    assert not {"'", "%", ":"} & set(value), f"{value!r} would have to be quoted"
    return f"'{value}'"
