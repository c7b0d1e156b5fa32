"""Answers that are given again: kept for a day under the key that a program sent, never more than so many."""

import zlib
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import Conflict, KeyMisused, TooMany
from cloud_sync.ports_api import Kept
from cloud_sync.store.engine import reading
from cloud_sync.store.house import House
from cloud_sync.store.tables_api import api_answer

KEPT_MS = DAY_MS
KEYS_PER_CALLER_MAX = 10_000
BODY_MAX = 1024 * 1024  # packed; an import of a year's bookings is a tenth of it
WAIT_S = 3_600
RULE = "idempotency"
DOING = "The same call is being done, or was when the service stopped; look at what is there before you send it under another key."
TOO_LARGE = "This was done, but its answer was too large to be kept; look at what is there."
MISUSED = "This Idempotency-Key came with another call or another body before; take a new key."
MANY = "There are too many Idempotency-Keys of this caller within a day; send fewer, or none where a call may be repeated anyhow."


class SqlAnswers:
    """``Answers`` of ports_api.py; what lasts longer than a process holds between processes too."""

    def __init__(self, house: House) -> None:
        self._house = house

    def begin(self, caller: str, key: str, digest: str) -> Kept | None:
        now_ms = self._house.clock.now_ms()
        with reading(self._house.engine).connect() as db:
            held = db.execute(self._held(caller, key, now_ms)).first()
        if held is not None:
            return _kept(held, digest)
        with self._house.engine.begin() as db:
            held = db.execute(self._held(caller, key, now_ms)).first()  # somebody may have been faster
            if held is None:
                self._claim(db, caller, key, digest, now_ms)
                return None
        return _kept(held, digest)

    def _claim(self, db: sa.Connection, caller: str, key: str, digest: str, now_ms: int) -> None:
        table = api_answer
        own = (table.c.community == self._house.community, table.c.caller == caller)
        db.execute(sa.delete(table).where(own[0], table.c.made_ms <= now_ms - KEPT_MS))
        held = db.execute(sa.select(sa.func.count()).select_from(table).where(*own)).scalar_one()
        if held >= KEYS_PER_CALLER_MAX:
            raise TooMany(MANY, wait_s=WAIT_S)
        row = {"community": self._house.community, "caller": caller, "sent_key": key}
        db.execute(sa.insert(table).values(**row, digest=digest, made_ms=now_ms))

    def finish(self, caller: str, key: str, answer: Kept) -> None:
        packed = zlib.compress(answer.body)
        kept = packed if len(packed) <= BODY_MAX else None
        table = api_answer
        with self._house.engine.begin() as db:
            db.execute(
                sa.update(table)
                .where(*self._mine(caller, key))
                .values(status=answer.status, media_type=answer.media_type, body=kept)
            )

    def release(self, caller: str, key: str) -> None:
        with self._house.engine.begin() as db:
            unfinished = api_answer.c.status.is_(None)
            db.execute(sa.delete(api_answer).where(*self._mine(caller, key), unfinished))

    def _held(self, caller: str, key: str, now_ms: int) -> sa.Select[Any]:
        fresh = api_answer.c.made_ms > now_ms - KEPT_MS
        return sa.select(api_answer).where(*self._mine(caller, key), fresh)

    def _mine(self, caller: str, key: str) -> tuple[sa.ColumnElement[bool], ...]:
        table = api_answer
        return table.c.community == self._house.community, table.c.caller == caller, table.c.sent_key == key


def _kept(held: Any, digest: str) -> Kept:
    if held.digest != digest:
        raise KeyMisused(MISUSED)
    if held.status is None:
        raise Conflict(RULE, DOING)
    if held.body is None:
        raise Conflict(RULE, TOO_LARGE)
    return Kept(int(held.status), str(held.media_type), zlib.decompress(held.body))
