"""One ledger file of one node, inside one sink transaction: what is new, what contradicts, what is missing."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import Batch, EventBody, Tombstone
from cloud_sync.protocol.sink_peer import SinkPeer
from cloud_sync.store.sink_db import EventRow, SinkDb

# A gate sends at most 1,000 events ahead of its acknowledgement; what a faulty one sends far beyond its gap is
# dropped unacknowledged above this many, so that loading an epoch stays cheap.
ABOVE_MAX = 10_000
DEADLETTERS_MAX = 10_000  # newest kept: enough to study a fault, too few to fill a disk
CONFLICTS_MAX = 100  # of one ledger
UNDECODABLE = "sys.undecodable"
NUL = b"\\u0000"
# No body that was ever read begins with it; one that was not and does breaks its own chain.
ERASED = b"\0"
ERASED_BYTES = len(ERASED) + chain.SIZE

_EPOCH_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_body_decoder = msgspec.json.Decoder(EventBody)

_ONE_EPOCH = "where community = ? and node = ? and epoch = ?"
_SAVE_MARK = """
insert into mark (community, node, epoch, upto, h, bump) values (?, ?, ?, ?, ?, ?)
on conflict (community, node, epoch) do update set upto = excluded.upto, h = excluded.h, bump = excluded.bump
"""
_SAVE_TOMBSTONE = """
insert into tombstone (community, node, epoch, lo, hi, reason, h, declared_ms) values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (community, node, epoch, lo) do update set hi = excluded.hi, reason = excluded.reason, h = excluded.h
where excluded.hi > tombstone.hi
"""
_SAVE_CONFLICT = """
insert into conflict (community, node, epoch, seq, stored_h, claimed_h, seen_ms) values (?, ?, ?, ?, ?, ?, ?)
on conflict (community, node, epoch, seq) do nothing
"""


Key = tuple[str, str, str]  # community, node, epoch
MarkRow = tuple[str, str, str, int, str, int]  # as ``mark``: upto, full chain hash there, bump


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """One row that was not there before this transaction; ``body`` is None when it does not decode."""

    node: str
    epoch: str
    seq: int
    wall_ms: int
    live: bool
    kind: str
    body: EventBody | None


def wall_ms(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time.

    Raises:
        ValueError: not a time, or without its zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} does not say its time zone")
    return (moment - _EPOCH_ZERO) // _MS


def read_body(raw: bytes) -> tuple[EventBody, int] | str:
    """The body and its wall time, or why it cannot be read."""
    if NUL in raw:
        return "a text holds the character NUL, which no database column keeps"
    try:
        body = _body_decoder.decode(raw)
        return body, wall_ms(body.wall)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError) as error:
        return str(error)


def bury(
    db: SinkDb,
    community: str,
    node: str,
    raw: bytes,
    error: str,
    now_ms: int,
    *,
    epoch: str | None = None,
    seq: int | None = None,
) -> None:
    """Keep what could not be read, newest ``DEADLETTERS_MAX`` only."""
    db.alone(community, "deadletter")
    (last,) = db.execute(
        "select coalesce(max(id), 0) from deadletter where community = ?", (community,)
    ).fetchone()
    db.execute(
        "insert into deadletter (community, id, node, epoch, seq, raw, error, seen_ms) values (?, ?, ?, ?, ?, ?, ?, ?)",
        (community, last + 1, node, epoch, seq, raw, error, now_ms),
    )
    db.execute(
        "delete from deadletter where community = ? and id <= ?", (community, last + 1 - DEADLETTERS_MAX)
    )


class Held(msgspec.Struct, frozen=True, gc=False):
    """What the database holds of one epoch when a transaction begins; ``mark`` is None for one never heard of."""

    mark: tuple[int, str, int] | None  # upto, full chain hash there, bump
    above: set[int]
    closed: list[tuple[int, int]]


def held(db: SinkDb, keys: Sequence[Key]) -> dict[Key, Held]:
    """All epochs of a transaction at once: three journeys to the server, however many gates tell."""
    marks = db.ask_all(f"select upto, h, bump from mark {_ONE_EPOCH}", keys)
    beyond = [(*key, mark[0][0] if mark else 0) for key, mark in zip(keys, marks, strict=True)]
    above = db.ask_all(f"select seq from event {_ONE_EPOCH} and seq > ?", beyond)
    closed = db.ask_all(f"select lo, hi from tombstone {_ONE_EPOCH} and hi > ?", beyond)
    return {
        key: Held(tuple(mark[0]) if mark else None, {seq for (seq,) in seqs}, [(lo, hi) for lo, hi in holes])
        for key, mark, seqs, holes in zip(keys, marks, above, closed, strict=True)
    }


def save_marks(db: SinkDb, rows: Sequence[MarkRow]) -> None:
    db.executemany(_SAVE_MARK, rows)


class Epoch:
    """Take batches, settle: all on one connection, all in the caller's transaction, as its node's only writer.

    New rows are gathered in ``rows``; the caller inserts them, of all epochs at once, before ``settle``.
    """

    def __init__(self, db: SinkDb, key: Key, found: Held, now_ms: int, rows: list[EventRow]) -> None:
        self._db = db
        self._key = key
        self._now_ms = now_ms
        self._rows = rows
        self._new: dict[int, tuple[int, bytes, str]] = {}
        self.conflicts = 0
        self.duplicates = 0
        self.changed = False
        self._known = found.mark is not None
        self._h: str
        upto, self._h, bump = found.mark or (0, chain.start(key[1], key[2]).hex(), 0)
        self._from = upto
        self._above = found.above
        self._has_holes = bool(found.closed)
        self._had_gaps = bool(found.closed or found.above)
        self.peer = SinkPeer(upto, set(self._above), bump, found.closed)

    def take(self, batch: Batch) -> list[NewEvent]:
        """Gather what is new and say which rows that are."""
        offered: dict[int, tuple[bytes, str]] = {}
        for seq, raw, h in batch.ev:
            if offered.setdefault(seq, (bytes(raw), h))[1] != h:
                self._conflict(seq, offered[seq][1], h)
        fresh = self.peer.fresh(list(offered))
        if len(fresh) < len(offered):
            self._probe(offered)
        new = [self._gather(seq, *offered[seq], live=batch.lv) for seq in self._within_bounds(fresh)]
        self.duplicates += len(batch.ev) - len(new)
        self.peer.store([event.seq for event in new])
        for tombstone in batch.tomb:
            self._close(tombstone)
        self.changed = self.changed or bool(new)
        return new

    def _within_bounds(self, fresh: list[int]) -> list[int]:
        if len(self.peer.above) < ABOVE_MAX:
            return fresh
        first_held = min(self.peer.above)
        return [seq for seq in fresh if seq < first_held]

    def _probe(self, offered: dict[int, tuple[bytes, str]]) -> None:
        """One probe per batch suffices: the chain carries any earlier difference forward (sync.md §3.4)."""
        last = max((seq for seq in offered if self.peer.holds(seq)), default=None)
        if last is not None:
            self.compare(last, offered[last][1])

    def compare(self, seq: int, claimed_h: str) -> None:
        """What is claimed of a seq against what is held of it, if it is held; a difference is a conflict."""
        stored = self._stored_h(seq)
        if stored is not None and stored != claimed_h:
            self._conflict(seq, stored, claimed_h)

    def _stored_h(self, seq: int) -> str | None:
        if seq in self._new:
            return self._new[seq][2]
        row = self._db.execute(f"select h from event {_ONE_EPOCH} and seq = ?", (*self._key, seq)).fetchone()
        return row[0] if row is not None else None

    def _conflict(self, seq: int, stored_h: str, claimed_h: str) -> None:
        (known,) = self._db.execute(f"select count(*) from conflict {_ONE_EPOCH}", self._key).fetchone()
        if known >= CONFLICTS_MAX:
            return  # a clone that goes on contradicts with everything it says; these say it
        self.conflicts += self._db.execute(
            _SAVE_CONFLICT, (*self._key, seq, stored_h, claimed_h, self._now_ms)
        ).rowcount

    def _gather(self, seq: int, raw: bytes, h: str, *, live: bool) -> NewEvent:
        read = read_body(raw)
        body, at_ms = (None, self._now_ms) if isinstance(read, str) else read
        columns = _columns(body)
        self._rows.append((*self._key, seq, *columns, at_ms, _clock(body), int(live), self._now_ms, h, raw))
        self._new[seq] = (seq, raw, h)
        community, node, epoch = self._key
        if isinstance(read, str):
            bury(self._db, community, node, raw, read, self._now_ms, epoch=epoch, seq=seq)
        return NewEvent(node, epoch, seq, at_ms, live, columns[0] or UNDECODABLE, body)

    def _close(self, tombstone: Tombstone) -> None:
        if tombstone.lo > tombstone.hi or tombstone.hi <= self.peer.upto:
            return  # upside down, or told again
        self._db.execute(
            _SAVE_TOMBSTONE,
            (*self._key, tombstone.lo, tombstone.hi, tombstone.reason, tombstone.h, self._now_ms),
        )
        self.peer.close(tombstone.lo, tombstone.hi)
        self._has_holes = self.changed = True

    # --- at the end of the transaction --------------------------------------------------------------------

    def settle(self) -> MarkRow | None:
        """Write the gaps as they now are, and give the mark to be written; the ack may say so once committed."""
        if self.peer.upto > self._from:
            self._h = self._chain_through().hex()
        if self._known and not self.changed:
            return None
        self._save_gaps()
        return (*self._key, self.peer.upto, self._h, self.peer.bump)

    def _chain_through(self) -> bytes:
        """The full chain hash at ``upto``, from the bodies as stored; the first claim that differs is a conflict."""
        tombstones, rows = self._run()
        h, broken = walk(bytes.fromhex(self._h), self._from, rows, tombstones)
        if broken is not None:
            seq, computed, claimed = broken
            known = self._db.execute(f"select 1 from conflict {_ONE_EPOCH} limit 1", self._key).fetchone()
            if known is None:  # every later hash differs too: one row says it
                self._conflict(seq, computed, claimed)
        assert h is not None, "a tombstone ends with the hash at its last seq"
        return h

    def _run(self) -> tuple[list[tuple[int, str]], Iterable[tuple[int, bytes, str]]]:
        """Tombstones and rows from the mark on; read back only where rows of earlier transactions take part."""
        upto = self.peer.upto
        span = (*self._key, self._from, upto)
        tombstones = (
            self._db.execute(
                f"select hi, h from tombstone {_ONE_EPOCH} and hi > ? and hi <= ? order by hi", span
            ).fetchall()
            if self._has_holes
            else []
        )
        if any(seq <= upto for seq in self._above):
            return tombstones, self._db.execute(
                f"select seq, body, h from event {_ONE_EPOCH} and seq > ? and seq <= ? order by seq", span
            )
        return tombstones, [self._new[seq] for seq in sorted(self._new) if seq <= upto]

    def _save_gaps(self) -> None:
        """Gaps as they are now; one that shrank keeps the moment it was first seen."""
        missing = self.peer.missing()
        if not missing and not self._had_gaps:
            return
        old = self._db.execute(f"select lo, hi, first_seen_ms from gap {_ONE_EPOCH}", self._key).fetchall()
        new = [
            (lo, hi, min([self._now_ms, *(seen for a, b, seen in old if a <= hi and lo <= b)]))
            for lo, hi in missing
        ]
        if sorted(new) == sorted(old):
            return
        self._db.execute(f"delete from gap {_ONE_EPOCH}", self._key)
        self._db.executemany(
            "insert into gap (community, node, epoch, lo, hi, first_seen_ms) values (?, ?, ?, ?, ?, ?)",
            [(*self._key, *row) for row in new],
        )


def walk(
    h: bytes | None,
    after: int,
    rows: Iterable[tuple[int, bytes, str]],
    tombstones: list[tuple[int, str]],
) -> tuple[bytes | None, tuple[int, str, str] | None]:
    """Follow the chain from ``h`` at ``after`` over (seq, body, claimed short hash) and (hi, full hash at hi).

    Returns the last full hash and the first (seq, computed, claimed) that differs.  Inside a declared hole
    nothing can be checked; the tombstone's own hash takes the chain on from its end.
    """
    broken: tuple[int, str, str] | None = None
    holes = iter([*tombstones, None])
    hole = next(holes)
    for seq, body, claimed in rows:
        while hole is not None and hole[0] < seq:
            h, after, hole = bytes.fromhex(hole[1]), hole[0], next(holes)
        h = chain.link(h, _digest(body)) if h is not None and seq == after + 1 else None
        after = seq
        if h is not None and broken is None and chain.short(h) != claimed:
            broken = (seq, chain.short(h), claimed)
    while hole is not None:
        h, hole = bytes.fromhex(hole[1]), next(holes)
    return h, broken


def erased(body: bytes) -> bytes:
    """What is left of a body whose clock has run out: its digest, by which the chain still verifies."""
    return body if is_erased(body) else ERASED + chain.digest(body)


def is_erased(body: bytes) -> bool:
    return len(body) == ERASED_BYTES and body.startswith(ERASED)


def _digest(body: bytes) -> bytes:
    return body[len(ERASED) :] if is_erased(body) else chain.digest(body)


def _columns(body: EventBody | None) -> tuple[str | None, ...]:
    if body is None:
        return (UNDECODABLE, *([None] * 9))
    return (
        body.type,
        body.access_point,
        body.direction,
        body.decision,
        body.reason,
        body.credential_kind,
        body.pass_id,
        body.subject_ref,
        body.class_,
        body.grant_id,
    )


def _clock(body: EventBody | None) -> str:
    return body.clock_state if body else "UNTRUSTED"
