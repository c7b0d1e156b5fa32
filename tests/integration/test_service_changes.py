"""A booking changes by hand: what the doors say next, at once where they hear of it, and by the rule where not."""

import pytest
import sqlalchemy as sa

from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.pass_feed import StoredPassFeed
from cloud_sync.store.pass_sets import StoredPassSets
from tests.fakes.community_house import (
    CODE,
    DOOR,
    GATE,
    NOON_MS,
    Gate,
    SteppedClock,
    booking_row,
    listing_row,
    local,
    new_house,
    take,
    with_guest,
)
from tests.fakes.row_at_a_door import said_at

HOUR = 3_600_000
WHY = {"actor": "cli:li", "reason": "the guest asked"}
OTHER_ROOM = f"{CODE}-302"


@pytest.fixture
def books(tmp_path):
    books = new_house(tmp_path, SteppedClock())
    yield books
    books.close()


@pytest.fixture
def gate(books):
    gate = Gate(books)
    yield gate
    gate.close()


def row(books):
    (held,) = books.registry.rows_for("gate-1")
    return held


def comes_in(books, gate):
    gate.tells("access.taken", direction="in", pass_id=row(books).pass_id)
    books.registry.advance_time(since_ms=0)


def audited(books, action):
    table = tables.audit
    with books.engine.connect() as db:
        return [
            tuple(one)
            for one in db.execute(sa.select(table.c.actor, table.c.reason).filter_by(action=action))
        ]


def test_extended_the_same_credentials_go_on_past_the_old_end(books, gate):
    token = with_guest(books)
    books.registry.issue_pin(token, None)
    comes_in(books, gate)
    before = row(books)
    books.clock.step(hours=11.8)  # 23:48
    later = NOON_MS + 44 * HOUR
    assert books.registry.move_departure("xc", "1001", later, **WHY) == "IN_HOUSE"
    after = row(books)
    assert (after.pass_id, after.creds) == (before.pass_id, before.creds)
    assert after.pass_version == before.pass_version + 1
    past = before.not_after + 1
    assert said_at(before, GATE, past) == "CredentialExpired"
    assert said_at(after, GATE, past) == "Granted"


def test_a_cut_off_door_goes_by_what_it_last_heard(books, gate):
    """Until the window it knows is over it opens; then the stay is over there, whatever was agreed elsewhere."""
    with_guest(books)
    comes_in(books, gate)
    heard = row(books)
    books.registry.move_departure("xc", "1001", NOON_MS + 44 * HOUR, **WHY)
    assert said_at(heard, GATE, heard.not_after, online=False) == "Granted"
    assert said_at(heard, GATE, heard.not_after + 1, online=False) == "CredentialExpired"


def test_shortened_the_window_ends_with_the_new_departure_and_its_hold(books, gate):
    with_guest(books)
    comes_in(books, gate)
    sooner = NOON_MS + 4 * HOUR
    books.registry.move_departure("xc", "1001", sooner, **WHY)
    hold = books.house.profile.overstay_hold_ms
    assert row(books).not_after == sooner + hold
    assert said_at(row(books), GATE, sooner + hold + 1) == "CredentialExpired"


def test_cancelled_before_arrival_nobody_comes_in_and_nobodys_document_stays(books):
    with_guest(books, hours=(5, 30))
    assert books.registry.cancel_booking("xc", "1001", **WHY) == "CANCELLED_BEFORE"
    assert row(books).state == "REVOKED"
    assert said_at(row(books), GATE, NOON_MS + 6 * HOUR) == "CredentialNotActive"
    with books.engine.connect() as db:
        person, hashed = db.execute(sa.select(tables.person.c.person, tables.person.c.doc_hash)).one()
    assert hashed is None
    assert not books.house.vault.holds(person, "name")


@pytest.mark.story("5a", "5e")
def test_cancelled_inside_the_guest_gets_out_and_not_back_in(books, gate):
    with_guest(books)
    comes_in(books, gate)
    assert books.registry.cancel_booking("xc", "1001", **WHY) == "CANCELLED_DURING"
    held = row(books)
    assert held.state == "EXIT_ONLY"
    for door in (GATE, DOOR):
        assert said_at(held, door, NOON_MS + HOUR) == "CredentialExpired"
    gate.tells("access.taken", direction="out", pass_id=held.pass_id)
    books.registry.advance_time(since_ms=0)
    assert books.registry.party("xc", "1001").state == "CHECKED_OUT"


def with_two_rooms(books):
    take(books, "listings", listing_row(), listing_row(room=OTHER_ROOM, label="302", access_points=GATE))


@pytest.mark.story("20a", "20b")
def test_moved_the_old_room_says_no_and_the_way_to_the_new_one_opens(books, gate):
    with_two_rooms(books)
    with_guest(books)
    comes_in(books, gate)
    assert said_at(row(books), DOOR, NOON_MS, room=True) == "Granted"
    assert books.registry.move_room("xc", "1001", OTHER_ROOM, **WHY) == "IN_HOUSE"
    held = row(books)
    assert held.scope == [GATE]
    assert said_at(held, DOOR, NOON_MS, room=True) == "Unauthorized"
    assert said_at(held, GATE, NOON_MS) == "Granted"


def test_a_room_that_is_let_is_no_room_to_move_into_or_to_stay_longer_in(books):
    with_two_rooms(books)
    with_guest(books)
    take(books, "bookings", booking_row("1002", room=OTHER_ROOM), booking_row("1003", hours=(21, 40)))
    with pytest.raises(Refused, match="let to another stay"):
        books.registry.move_room("xc", "1001", OTHER_ROOM, **WHY)
    with pytest.raises(Refused, match="let to another stay"):
        books.registry.move_departure("xc", "1001", NOON_MS + 30 * HOUR, **WHY)


def test_the_platform_s_next_word_decides_and_its_repeated_one_is_history(books):
    with_guest(books)
    books.registry.move_departure("xc", "1001", NOON_MS + 44 * HOUR, **WHY)
    assert take(books, "bookings", booking_row()) == ["unchanged"]
    assert books.registry.party("xc", "1001").planned_out_ms == NOON_MS + 44 * HOUR
    newer = booking_row(departure=local(NOON_MS + 30 * HOUR), external_revision=2)
    assert take(books, "bookings", newer) == ["updated"]
    assert books.registry.party("xc", "1001").planned_out_ms == NOON_MS + 30 * HOUR


def test_who_changed_it_and_why_stands_in_the_audit(books):
    with_guest(books)
    books.registry.move_departure("xc", "1001", NOON_MS + 44 * HOUR, **WHY)
    books.registry.move_departure("xc", "1001", NOON_MS + 30 * HOUR, **WHY)
    books.registry.cancel_booking("xc", "1001", **WHY)
    for action in ("booking.extend", "booking.shorten", "booking.cancel"):
        ((actor, reason),) = audited(books, action)
        assert actor == "cli:li"
        assert reason.startswith("the guest asked")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: r.move_departure("xc", "1001", NOON_MS + 20 * HOUR, **WHY), "at that time already"),
        (lambda r: r.move_departure("xc", "1001", NOON_MS - 2 * HOUR, **WHY), "not after the arrival"),
        (lambda r: r.move_room("xc", "1001", f"{CODE}-301", **WHY), "for room .* already"),
        (lambda r: r.cancel_booking("xc", "1001", actor="cli:li", reason=" "), "say why"),
    ],
)
def test_what_cannot_be_changes_nothing_and_says_why(books, change, sentence):
    with_guest(books)
    before = row(books)
    with pytest.raises(Refused, match=sentence):
        change(books.registry)
    assert row(books) == before


def test_what_is_not_there_or_over_is_not_changed(books):
    with pytest.raises(NotFound, match="no booking"):
        books.registry.cancel_booking("xc", "404", **WHY)
    with_guest(books)
    with pytest.raises(NotFound, match="no room"):
        books.registry.move_room("xc", "1001", "R-9", **WHY)
    books.registry.cancel_booking("xc", "1001", **WHY)
    with pytest.raises(Refused, match="CANCELLED"):
        books.registry.move_departure("xc", "1001", NOON_MS + 44 * HOUR, **WHY)


def test_a_guest_who_checked_out_is_not_extended(books, gate):
    with_guest(books)
    comes_in(books, gate)
    books.registry.check_out("xc", "1001", actor="t")
    with pytest.raises(Refused, match="CHECKED_OUT"):
        books.registry.move_departure("xc", "1001", NOON_MS + 44 * HOUR, **WHY)


def d21(books):
    table = tables.discrepancy
    with books.engine.connect() as db:
        return db.execute(
            sa.select(table.c.subject, table.c.severity, table.c.state).filter_by(kind="D21")
        ).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.move_departure("xc", "1001", NOON_MS + 4 * HOUR, **WHY),
        lambda r: r.move_room("xc", "1001", OTHER_ROOM, **WHY),
        lambda r: r.cancel_booking("xc", "1001", **WHY),
    ],
    ids=["shortened", "moved", "cancelled"],
)
def test_what_a_cut_off_node_was_not_told_is_grave_after_ten_minutes(books, gate, change):
    with_two_rooms(books)
    with_guest(books)
    comes_in(books, gate)
    Distributor(
        StoredPassFeed(books.house),
        StoredPassSets(books.engine, "dongfang"),
        books.keys.signer,
        Silence(),
        books.clock,
        "dongfang",
    ).tick()
    books.clock.step(ms=1000)
    change(books.registry)
    books.clock.step(ms=books.house.profile.drift_ms + 61_000)
    books.reconciler.run_full()
    assert d21(books) == [("gate-1", "S1", "open")]


def test_a_longer_stay_takes_nothing_away_from_anybody(books, gate):
    with_guest(books)
    comes_in(books, gate)
    books.registry.move_departure("xc", "1001", NOON_MS + 44 * HOUR, **WHY)
    assert audited(books, "pass.narrow") == []


class Silence:
    """A bus that carries nothing: the node is cut off."""

    session = 0

    def send(self, topic, payload, *, retain=False):
        raise AssertionError("nothing is sent without a session")
