"""Old events leave the database for Parquet files: written, read back, compared row by row, and only then deleted.

Each ledger leaves from its beginning, so that what stays is verified from the chain hash at which the files end.  Whatever
dies in between, running it again ends in the same state: a file without its row in ``archived`` is a copy of what is
still here.  Only what is stored, acknowledged and proven leaves: never a row at or above the mark, never a ledger
whose chain is broken or contradicted.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cloud_sync.errors import StoreError
from cloud_sync.protocol import chain
from cloud_sync.store.archive_file import COLUMNS, read_file, write_file
from cloud_sync.store.engine import reading
from cloud_sync.store.proof import anchors_follow
from cloud_sync.store.sink_epoch import walk
from cloud_sync.store.tables import conflict, event, mark, tombstone
from cloud_sync.store.tables_archive import archived

# The deleting transaction reads the file back and holds the write lock meanwhile: about a second.
ROWS_PER_FILE = 50_000
FILES_PER_RUN = 200  # ten million events; the next run goes on

Row = tuple[Any, ...]
Key = tuple[str, str, str]  # community, node, epoch
NODE, EPOCH, SEQ, TYPE, STORED_MS, H, BODY = (
    COLUMNS.index(name) for name in ("node", "epoch", "seq", "type", "stored_ms", "h", "body")
)


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive rows of one ledger, ``lo`` to ``hi`` with declared holes, and the chain hash at ``hi``."""

    key: Key
    lo: int
    hi: int
    h: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Archived:
    """What one run did; ``kept`` names the ledgers that were left alone, with the reason."""

    events: int
    files: tuple[str, ...]
    kept: tuple[str, ...]


def archive(engine: sa.Engine, community: str, before_ms: int, folder: Path) -> Archived:
    """Move what was stored before ``before_ms`` into ``folder``; again is harmless.

    Raises:
        StoreError: the folder cannot be written, or what was read back differs; nothing was deleted then.
    """
    events = 0
    files: list[str] = []
    kept: dict[str, str] = {}
    for _ in range(FILES_PER_RUN):
        spans, refused = _plan(engine, community, before_ms)
        kept |= refused
        if not spans:
            break
        rows = [row for span in spans for row in span.rows]
        name = _name(rows)
        write_file(folder / name, rows)
        _replace(engine, spans, folder / name)
        events += len(rows)
        files.append(name)
    return Archived(events, tuple(files), tuple(f"{key}: {why}" for key, why in sorted(kept.items())))


def _name(rows: Sequence[Row]) -> str:
    """By content: the same rows always go to the same file."""
    whole = blake2b(digest_size=8)
    for row in rows:
        whole.update(repr(row).encode())
    day = datetime.fromtimestamp(min(row[STORED_MS] for row in rows) / 1000, UTC)
    return f"events-{day:%Y-%m-%d}-{whole.hexdigest()}.parquet"


# --- what may leave -------------------------------------------------------------------------------------------


def _plan(engine: sa.Engine, community: str, before_ms: int) -> tuple[list[Span], dict[str, str]]:
    """The next file's worth of spans, and the ledgers that have to stay."""
    spans: list[Span] = []
    refused: dict[str, str] = {}
    with reading(engine).connect() as db:
        marks = sa.select(mark.c.node, mark.c.epoch, mark.c.upto).where(mark.c.community == community)
        for node, epoch, upto in db.execute(marks.order_by(mark.c.node, mark.c.epoch)).all():
            room = ROWS_PER_FILE - sum(len(span.rows) for span in spans)
            if room <= 0:
                break
            found = _span(db, (community, node, epoch), upto, before_ms, room)
            if isinstance(found, Span):
                spans.append(found)
            elif found is not None:
                refused[f"{node} {epoch}"] = found
    return spans, refused


def _span(db: sa.Connection, key: Key, upto: int, before_ms: int, room: int) -> Span | str | None:
    """What of this ledger may leave now; a sentence when something is wrong with it, None when nothing is due."""
    after, h = archived_upto(db, key)
    young = sa.select(sa.func.min(event.c.seq)).where(*of(event, key), event.c.stored_ms >= before_ms)
    end = min(upto - 1, (db.scalar(young) or upto) - 1)
    due = (*of(event, key), event.c.seq > after, event.c.seq <= end)
    rows = [tuple(row) for row in db.execute(_rows().where(*due).order_by(event.c.seq).limit(room))]
    if not rows:
        return None
    if db.execute(sa.select(conflict.c.seq).where(*of(conflict, key)).limit(1)).first() is not None:
        return "it is contradicted by another ledger; what is stored is evidence"
    hi = rows[-1][SEQ]
    holes = sa.select(tombstone.c.hi, tombstone.c.h).where(
        *of(tombstone, key), tombstone.c.hi > after, tombstone.c.hi <= hi
    )
    told = [(at, tomb_h) for at, tomb_h in db.execute(holes.order_by(tombstone.c.hi))]
    end_h, broken = walk(h, after, ((row[SEQ], row[BODY], row[H]) for row in rows), told)
    if end_h is None or broken is not None:
        return "its chain is broken; 'gatehouse-sync db check' says where"
    if anchors_follow(db, key, after, h, hi).broken is not None:
        return "it is not what its node signed; 'gatehouse-sync db proof' says where"
    return Span(key, after + 1, hi, end_h.hex(), rows)


def archived_upto(db: sa.Connection, key: Key) -> tuple[int, bytes]:
    """Up to which seq this ledger has left, and the chain hash there."""
    last = sa.select(archived.c.hi, archived.c.h).where(*of(archived, key))
    found = db.execute(last.order_by(archived.c.hi.desc()).limit(1)).first()
    return (found.hi, bytes.fromhex(found.h)) if found is not None else (0, chain.start(key[1], key[2]))


def of(table: sa.Table, key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    columns = (table.c.community, table.c.node, table.c.epoch)
    return tuple(column == value for column, value in zip(columns, key, strict=True))


def _rows() -> sa.Select[Any]:
    return sa.select(*(event.c[name] for name in COLUMNS))


# --- proven, then deleted -------------------------------------------------------------------------------------


def _replace(engine: sa.Engine, spans: Sequence[Span], file: Path) -> None:
    """One transaction: the file says what the table says, the rows go, ``archived`` says where they went."""
    with engine.begin() as db:
        _prove(db, spans, file)
        for span in spans:
            mine = (*of(event, span.key), event.c.seq >= span.lo, event.c.seq <= span.hi)
            gone = db.execute(sa.delete(event).where(*mine)).rowcount
            if gone != len(span.rows):
                raise StoreError(f"{file}: the table changed meanwhile; nothing was deleted, run it again.")
            db.execute(sa.insert(archived).values(**_entry(span, file.name)))


def _prove(db: sa.Connection, spans: Sequence[Span], file: Path) -> None:
    stored = (
        tuple(row)
        for span in spans
        for row in db.execute(
            _rows()
            .where(*of(event, span.key), event.c.seq >= span.lo, event.c.seq <= span.hi)
            .order_by(event.c.seq)
        )
    )
    written = read_file(file)
    for row in stored:
        if next(written, None) != row:
            raise StoreError(
                f"{file}: seq {row[SEQ]} of {row[NODE]} reads back differently; nothing was deleted."
            )
    if next(written, None) is not None:
        raise StoreError(f"{file}: it holds more than was written; nothing was deleted.")


def _entry(span: Span, file: str) -> dict[str, object]:
    community, node, epoch = span.key
    kinds = Counter(row[TYPE] for row in span.rows)
    return {
        "community": community,
        "node": node,
        "epoch": epoch,
        "lo": span.lo,
        "hi": span.hi,
        "h": span.h,
        "kinds": json.dumps(kinds, sort_keys=True),
        "newest_ms": max(row[STORED_MS] for row in span.rows),
        "file": file,
    }


# --- afterwards -----------------------------------------------------------------------------------------------


def forget(engine: sa.Engine, community: str, before_ms: int, folder: Path) -> tuple[str, ...]:
    """Delete the files whose newest event was stored before ``before_ms``; their hashes and counts stay.

    Raises:
        StoreError: a file cannot be deleted; ``archived`` still names it.
    """
    mine = archived.c.community == community
    newest = sa.select(archived.c.file).where(mine, archived.c.file != "").group_by(archived.c.file)
    with reading(engine).connect() as db:
        over = db.scalars(newest.having(sa.func.max(archived.c.newest_ms) < before_ms)).all()
    for name in over:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{folder / name}: cannot be deleted ({error.strerror}).") from error
        with engine.begin() as db:
            db.execute(sa.update(archived).where(mine, archived.c.file == name).values(file=""))
    return tuple(sorted(over))


def check_files(engine: sa.Engine, community: str, folder: Path) -> Iterator[str]:
    """One line for every file that is not what ``archived`` says; the chain is followed through all of them."""
    with reading(engine).connect() as db:
        entries = db.execute(
            sa.select(archived)
            .where(archived.c.community == community)
            .order_by(archived.c.node, archived.c.epoch, archived.c.lo)
        ).all()
        tombs = db.execute(
            sa.select(tombstone.c.node, tombstone.c.epoch, tombstone.c.hi, tombstone.c.h)
            .where(tombstone.c.community == community)
            .order_by(tombstone.c.hi)
        ).all()
    before: dict[tuple[str, str], bytes] = {}
    for entry in entries:
        ledger = (entry.node, entry.epoch)
        h = before.get(ledger, chain.start(*ledger))
        before[ledger] = bytes.fromhex(entry.h)
        if entry.file:
            holes = [
                (t.hi, t.h) for t in tombs if (t.node, t.epoch) == ledger and entry.lo <= t.hi <= entry.hi
            ]
            why = _follow(folder / entry.file, entry, h, holes)
            if why:
                yield f"{entry.file}: {entry.node} {entry.epoch}: {why}"


def _follow(file: Path, entry: Any, h: bytes, holes: list[tuple[int, str]]) -> str:
    """Why the file does not prove this entry, or nothing."""
    try:
        rows = [row for row in read_file(file) if (row[NODE], row[EPOCH]) == (entry.node, entry.epoch)]
    except StoreError as error:
        return str(error)
    kinds = Counter(row[TYPE] for row in rows)
    if kinds != json.loads(entry.kinds):
        return f"{len(rows)} events, {sum(json.loads(entry.kinds).values())} left the database"
    end, broken = walk(h, entry.lo - 1, ((row[SEQ], row[BODY], row[H]) for row in rows), holes)
    if broken is not None or end is None or end.hex() != entry.h:
        return f"its chain is broken at seq {broken[0] if broken else entry.hi}"
    return ""
