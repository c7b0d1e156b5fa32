"""Calendars into bookings: what one read changed, in one transaction, and the alert when a calendar has nothing to say.

A calendar gives no revision of a booking.  Each change that is taken gets the next one, so that the order is that of our
reads; an older SEQUENCE than the one known is an old copy and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.calendar_feed import ALERT_AFTER, Deed, FeedEntry, Known, is_empty, judge
from cloud_sync.core.case_types import FEED_SILENT, CaseEvent, Family, Finding
from cloud_sync.core.case_types import Deed as CaseDeed
from cloud_sync.core.lifecycles import STAY_OPEN
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_booking import FeedRead, FeedState, FeedWish
from cloud_sync.store import tables
from cloud_sync.store.attempts import booking_attempted
from cloud_sync.store.bookings import BookingWish, ListingShut, take_booking
from cloud_sync.store.case_rows import move, open_with_key, raise_or_join
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.tables_booking import booking_feed, feed_entry

ROLE = "feed"
FAULT_MAX = 200


@dataclass(frozen=True, slots=True)
class SqlFeeds:
    """``Feeds`` of ports_booking.py."""

    house: House

    def state(self, feed: str) -> FeedState:
        with reading(self.house.engine).begin() as db:
            held = Act(self.house, db, self.house.clock.now_ms(), "service", ROLE).row(
                booking_feed, feed=feed
            )
        if held is None:
            return FeedState()
        return FeedState(held.etag, held.modified, held.tried_ms, held.good_ms, held.misses, held.fault)

    def unchanged(self, wish: FeedWish) -> None:
        with self._acting(wish) as act:
            _good(act, wish, None)

    def failed(self, wish: FeedWish, why: str) -> None:
        with self._acting(wish) as act:
            _missed(act, wish, why)

    def read(
        self, wish: FeedWish, entries: Sequence[FeedEntry], *, data: bytes, etag: str, modified: str
    ) -> FeedRead:
        with self._acting(wish) as act:
            known = _known(act, wish.feed)
            if is_empty(entries, known.values(), act.now_ms):
                _missed(act, wish, "the calendar came empty though bookings lie ahead")
                return FeedRead(0, 0, 0, ())
            done = [_do(act, wish, deed) for deed in judge(entries, known, act.now_ms)]
            digest = sha256(data).hexdigest()[:32]
            # An entry that was missed once has to be asked for again even if nothing changes at the far side.
            waits = any(row.absent for row in act.rows(feed_entry, feed=wish.feed))
            _good(act, wish, ("", "", digest) if waits else (etag, modified, digest))
        return FeedRead(
            taken=sum(did == "take" for did, _ in done),
            cancelled=sum(did == "cancel" for did, _ in done),
            refused=sum(did == "refused" for did, _ in done),
            said=tuple(said for _, said in done if said),
        )

    def _acting(self, wish: FeedWish) -> Any:
        return acting(self.house, f"feed:{wish.feed}", ROLE)


# --- entries -----------------------------------------------------------------------------------------------------


def _known(act: Act, feed: str) -> dict[str, Known]:
    return {
        row.external_ref: Known(
            row.external_ref, row.sequence, row.arrival_ms, row.departure_ms, row.absent, row.state
        )
        for row in act.rows(feed_entry, feed=feed)
    }


def _do(act: Act, wish: FeedWish, deed: Deed) -> tuple[str, str]:
    """(what was done, what somebody should know)."""
    remember, said, did = deed.remember, "", str(deed.do)
    if deed.do == "forget":
        key = (feed_entry.c.feed == wish.feed, feed_entry.c.external_ref == deed.entry.ref)
        act.connection.execute(
            sa.delete(feed_entry).where(feed_entry.c.community == act.house.community, *key)
        )
        return did, said
    if deed.do in ("take", "cancel"):
        remember, said = _taken(act, wish, deed)
        did = "refused" if remember.state == "refused" else did
    _remember(act, wish.feed, remember)
    return did, said


def _taken(act: Act, wish: FeedWish, deed: Deed) -> tuple[Known, str]:
    """Handed to the books as any other source's word; what they refuse is remembered and not asked again."""
    entry, remember = deed.entry, deed.remember
    held = act.row(tables.booking, source=wish.source, external_ref=entry.ref)
    if held is None and entry.cancelled:
        return remember, ""
    twin = _same_nights(act, wish, entry) if held is None else None
    if twin is not None:
        return replace(remember, state="same nights"), f"{entry.ref}: the same nights as booking {twin}."
    booked = BookingWish(
        source=wish.source,
        external_ref=entry.ref,
        revision=1 if held is None else int(held.external_revision) + 1,
        listing=wish.listing,
        room=wish.room,
        arrival_ms=entry.arrival_ms,
        departure_ms=entry.departure_ms,
        headcount=wish.headcount if held is None else int(held.headcount),
        cancelled=entry.cancelled,
    )
    waiting = len(act.after_commit)
    try:
        with act.connection.begin_nested():
            answer = take_booking(act, 0, booked)
    except (Refused, NotFound) as fault:
        del act.after_commit[waiting:]  # what did not happen is followed by nothing
        if isinstance(fault, ListingShut):
            booking_attempted(act, booked)
        return replace(remember, state="refused"), f"{entry.ref}: {fault}"
    return remember, f"{entry.ref}: {answer.reason}" if answer.reason else ""


def _same_nights(act: Act, wish: FeedWish, entry: FeedEntry) -> str | None:
    """A booking of another source for this room from and to the same days: platforms copy each other's calendars."""
    booking, stay = tables.booking, tables.stay
    found = (
        sa.select(booking.c.source, booking.c.external_ref, booking.c.arrival_ms, booking.c.departure_ms)
        .join(stay, (stay.c.community == booking.c.community) & (stay.c.booking == booking.c.booking))
        .where(
            booking.c.community == act.house.community,
            booking.c.room == wish.room,
            booking.c.source != wish.source,
            stay.c.state.in_(STAY_OPEN),
            booking.c.arrival_ms < entry.departure_ms,
            booking.c.departure_ms > entry.arrival_ms,
        )
    )
    days = [act.house.local_day(moment) for moment in (entry.arrival_ms, entry.departure_ms)]
    for row in act.connection.execute(found):
        if [act.house.local_day(row.arrival_ms), act.house.local_day(row.departure_ms)] == days:
            return f"{row.source} {row.external_ref}"
    return None


def _remember(act: Act, feed: str, one: Known) -> None:
    values = {
        "sequence": one.sequence,
        "arrival_ms": one.arrival_ms,
        "departure_ms": one.departure_ms,
        "absent": one.absent,
        "state": one.state,
    }
    if act.row(feed_entry, feed=feed, external_ref=one.ref) is None:
        act.insert(feed_entry, feed=feed, external_ref=one.ref, **values)
    else:
        act.update(feed_entry, {"feed": feed, "external_ref": one.ref}, **values)


# --- reads -------------------------------------------------------------------------------------------------------


def _good(act: Act, wish: FeedWish, told: tuple[str, str, str] | None) -> None:
    """``told``: the far side's names for this answer, and its digest; None: it said that nothing changed."""
    values: dict[str, object] = {"tried_ms": act.now_ms, "good_ms": act.now_ms, "misses": 0, "fault": ""}
    if told is not None:
        values |= {"etag": told[0], "modified": told[1], "digest": told[2]}
    _write(act, wish, values)
    for case in open_with_key(act, _key(wish)):
        if case.active:
            move(act, case, CaseDeed(CaseEvent.CLEARS, seen_ms=act.now_ms), ref=wish.feed)


def _missed(act: Act, wish: FeedWish, why: str) -> None:
    """The last good data stand; the second miss in a row is told to people."""
    held = act.row(booking_feed, feed=wish.feed)
    misses = (int(str(held.misses)) if held is not None else 0) + 1
    _write(act, wish, {"tried_ms": act.now_ms, "misses": misses, "fault": why[:FAULT_MAX]})
    if misses == ALERT_AFTER or (misses > ALERT_AFTER and not open_with_key(act, _key(wish))):
        finding = Finding(
            Family.ALERT, FEED_SILENT.name, FEED_SILENT.severity, wish.feed, _key(wish), act.now_ms
        )
        raise_or_join(act, finding, wish.feed)
        act.note("feed.silent", wish.feed, reason=f"{misses} reads without a calendar")


def _key(wish: FeedWish) -> str:
    return f"alert/{wish.feed}/{FEED_SILENT.name}"


def _write(act: Act, wish: FeedWish, values: dict[str, object]) -> None:
    if act.row(booking_feed, feed=wish.feed) is None:
        fresh: dict[str, object] = {"etag": "", "modified": "", "digest": "", "misses": 0, "fault": ""}
        act.insert(booking_feed, feed=wish.feed, **(fresh | values))
    else:
        act.update(booking_feed, {"feed": wish.feed}, **values)
