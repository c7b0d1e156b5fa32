"""Who changed what, and who looked at whom: append-only rows, each hashed over the one before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from cloud_sync.store import built
from cloud_sync.store.engine import reading
from cloud_sync.store.plain import dialect_of, execute, is_postgres, rows
from cloud_sync.store.tables import audit, disclosure
from cloud_sync.store.tables_privacy import chain_cut


@dataclass(frozen=True, slots=True)
class Deed:
    """One change: ``before`` and ``after`` are states or versions, never a person's data."""

    actor: str
    role: str
    action: str
    object: str
    before: str | None = None
    after: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One opening of one sealed field."""

    actor: str
    purpose: str
    person: str
    field: str
    screen: str


def _digest(previous: str, row: Mapping[str, Any]) -> str:
    canonical = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{canonical}".encode()).hexdigest()


def append(connection: sa.Connection, table: sa.Table, community: str, row: Mapping[str, Any]) -> int:
    """Number, chain and insert; the caller's transaction holds the write lock, so that numbers have no gap."""
    last = rows(execute(connection, _newest(table, is_postgres(connection)), {"mine": community}))
    n, previous = (last[0].n + 1, last[0].hash) if last else _begins(connection, table, community)
    full = {"community": community, "n": n, **row}
    built.insert(connection, table, {**full, "hash": _digest(previous, full)})
    return n


@cache
def _newest(table: sa.Table, postgres: bool) -> str:
    mine = table.c.community == sa.bindparam("mine")
    query = sa.select(table.c.n, table.c.hash).where(mine).order_by(table.c.n.desc())
    return f"{query.compile(dialect=dialect_of(postgres=postgres))} LIMIT 1"


def _begins(connection: sa.Connection, table: sa.Table, community: str) -> tuple[int, str]:
    """The number of the first row there may be, and the hash it follows."""
    mine = (chain_cut.c.community == community, chain_cut.c.chain == table.name)
    cut = connection.execute(sa.select(chain_cut.c.n, chain_cut.c.hash).where(*mine)).one_or_none()
    return (cut.n + 1, str(cut.hash)) if cut is not None else (1, "")


def record(connection: sa.Connection, community: str, deed: Deed, at_ms: int) -> int:
    """Write one audit row in the caller's transaction; returns its number."""
    return append(
        connection,
        audit,
        community,
        {
            "at_ms": at_ms,
            "actor": deed.actor,
            "role": deed.role,
            "action": deed.action,
            "object": deed.object,
            "before": deed.before,
            "after": deed.after,
            "reason": deed.reason,
        },
    )


def disclose(engine: sa.Engine, community: str, look: Look, at_ms: int) -> None:
    """Write one disclosure row and commit it, before anything is disclosed."""
    with engine.begin() as connection:
        disclose_in(connection, community, look, at_ms)


def disclose_in(connection: sa.Connection, community: str, look: Look, at_ms: int) -> None:
    """Write one disclosure row in the caller's transaction, which commits before it tells anybody anything."""
    append(
        connection,
        disclosure,
        community,
        {
            "at_ms": at_ms,
            "actor": look.actor,
            "purpose": look.purpose,
            "person": look.person,
            "field": look.field,
            "screen": look.screen,
        },
    )


def first_break(engine: sa.Engine, table: sa.Table, community: str) -> int | None:
    """The first row number of a chain whose hash does not follow, or None."""
    with reading(engine).connect() as connection:
        first, previous = _begins(connection, table, community)
        kept = connection.execute(
            sa.select(table).where(table.c.community == community).order_by(table.c.n)
        ).mappings()
        for expected, row in enumerate(kept, start=first):
            body = {key: value for key, value in row.items() if key != "hash"}
            previous = _digest(previous, body)
            if row["n"] != expected or row["hash"] != previous:
                return expected
    return None
