"""What ``db check`` looks for; every finding is one line that says where and what."""

import json
from collections.abc import Iterator

import sqlalchemy as sa

from cloud_sync.store.chain_check import verify_chain
from cloud_sync.store.engine import reading
from cloud_sync.store.proof import proofs
from cloud_sync.store.tables import conflict, counter, deadletter, event, gap, mark, node
from cloud_sync.store.tables_archive import archived


def findings(engine: sa.Engine) -> Iterator[str]:
    """Everything that is not as it should be; nothing when the database is whole."""
    yield from _pages(engine)
    yield from _chains(engine)
    yield from _anchors(engine)
    with reading(engine).connect() as db:
        yield from _counters(db)
        yield from _gaps(db)
        yield from _kept_aside(db)
        yield from _unregistered(db)


def _pages(engine: sa.Engine) -> Iterator[str]:
    """SQLite proves its file; PostgreSQL's pages are its own business (``pg_amcheck``)."""
    if engine.dialect.name != "sqlite":
        return
    with reading(engine).connect() as db:
        for (line,) in db.execute(sa.text("pragma quick_check")):
            if line != "ok":
                yield f"pages: {line}"


def _chains(engine: sa.Engine) -> Iterator[str]:
    with reading(engine).connect() as db:
        ledgers = db.execute(sa.select(mark.c.community, mark.c.node, mark.c.epoch)).all()
        loose = db.execute(sa.select(event.c.community, event.c.node, event.c.epoch).distinct()).all()
    for community, name, epoch in ledgers:
        found = verify_chain(engine, community, name, epoch)
        if found.first_break is not None:
            yield f"chain: {name} {epoch}: broken at seq {found.first_break} of {found.upto}"
        elif found.events + found.declared_lost != found.upto:
            yield f"mark: {name} {epoch}: {found.events} events, mark at {found.upto}"
    for key in set(map(tuple, loose)) - set(map(tuple, ledgers)):
        yield f"mark: {key[1]} {key[2]}: events without a mark"


def _anchors(engine: sa.Engine) -> Iterator[str]:
    """What the nodes signed against what is stored: nobody at the service can have made that up."""
    for proof in proofs(engine):
        if proof.broken is not None:
            yield (
                f"anchor: {proof.node} {proof.epoch}: at seq {proof.broken} the chain here is not what the node signed"
            )


def _counters(db: sa.Connection) -> Iterator[str]:
    """The counters are effects; the events are the truth, here and in the files they left for."""
    columns = (event.c.community, event.c.node, event.c.type)
    counted = {
        (code, name, kind): n
        for code, name, kind, n in db.execute(sa.select(*columns, sa.func.count()).group_by(*columns))
    }
    for code, name, kinds in db.execute(sa.select(archived.c.community, archived.c.node, archived.c.kinds)):
        for kind, n in json.loads(kinds).items():
            counted[code, name, kind] = counted.get((code, name, kind), 0) + n
    told = {
        (code, name, kind): n
        for code, name, kind, n in db.execute(
            sa.select(counter.c.community, counter.c.node, counter.c.type, counter.c.n)
        )
    }
    for key in sorted(counted.keys() | told.keys()):
        if counted.get(key, 0) != told.get(key, 0):
            yield f"counter: {key[1]} {key[2]}: says {told.get(key, 0)}, events say {counted.get(key, 0)}"


def _gaps(db: sa.Connection) -> Iterator[str]:
    for row in db.execute(sa.select(gap)).mappings():
        yield f"gap: {row['node']} {row['epoch']}: {row['lo']}-{row['hi']} has not arrived"


def _kept_aside(db: sa.Connection) -> Iterator[str]:
    for row in db.execute(sa.select(conflict)).mappings():
        yield (
            f"conflict: {row['node']} {row['epoch']}: seq {row['seq']} is {row['stored_h']} here "
            f"and {row['claimed_h']} there"
        )
    for name, n in db.execute(sa.select(deadletter.c.node, sa.func.count()).group_by(deadletter.c.node)):
        yield f"deadletter: {name}: {n} could not be read"


def _unregistered(db: sa.Connection) -> Iterator[str]:
    known = sa.exists().where(node.c.community == mark.c.community, node.c.node == mark.c.node)
    for (name,) in db.execute(sa.select(mark.c.node).where(~known).distinct()):
        yield f"node: {name}: has told events and is not registered"
