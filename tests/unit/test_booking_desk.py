"""Programs' bookings, walk-ins and daily returns on the real books, on SQLite and PostgreSQL."""

import pytest

from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_booking import Told, WalkIn
from cloud_sync.ports_staff import Proof
from cloud_sync.store.booking_desk import SqlBookingDesk
from tests.fakes.community_house import CODE, NAME, ROOM, listing_row, local, new_house, resident_id, take


@pytest.fixture
def books(tmp_path, request):
    """On SQLite, unless the test asks for the ``database`` of either kind."""
    either = request.getfixturevalue("database") if "database" in request.fixturenames else ""
    books = new_house(tmp_path, database=either)
    take(books, "listings", listing_row())
    yield books
    books.close()


@pytest.fixture
def desk(books):
    return SqlBookingDesk(books.house)


def later(books, hours: float) -> str:
    return local(books.clock.now_ms() + round(hours * 3_600_000))


def told(books, ref: str = "B-1", revision: int = 1, **changes: object) -> Told:
    words = {"listing": CODE, "room": ROOM, "arrival": later(books, 2), "departure": later(books, 20)}
    return Told(ref, revision, **{**words, **changes})


def test_a_key_speaks_for_one_source_and_one_kind_until_it_ends(database, desk):
    key = desk.make_key("the platform", "bookings", "xc", actor="t")
    assert desk.whose(key, "bookings") == "xc"
    assert desk.whose(key, "returns") is None
    assert desk.whose(key + "x", "bookings") is None
    with pytest.raises(Refused, match="already"):
        desk.make_key("the platform", "bookings", "yc", actor="t")
    with pytest.raises(NotFound, match="OP-none"):
        desk.make_key("nobody", "returns", "OP-none", actor="t")
    desk.end_key("the platform", actor="t")
    assert desk.whose(key, "bookings") is None
    (line,) = desk.given_keys()
    assert line.ended_ms is not None
    assert key not in repr(line)


def test_each_telling_is_answered_by_itself(database, books, desk):
    answers = desk.take("xc", [told(books), told(books, "B-2", room="R-none"), told(books)], actor="api:xc")
    assert [one.status for one in answers] == ["new", "rejected", "unchanged"]
    assert answers[1].said == f"listing {CODE} has no room R-none."
    view = desk.look("xc", "B-1")
    assert (view.state, view.stay_state, view.registered, view.tellings[0].times) == (
        "CONFIRMED",
        "EXPECTED",
        0,
        2,
    )
    with pytest.raises(NotFound):
        desk.look("xc", "B-2")


def test_a_walk_in_gets_a_stay_and_a_pass_only_when_seen(books, desk):
    made = desk.walk_in(WalkIn(ROOM, later(books, 18), 1, "came to the desk"), actor="wang")
    (line,) = books.registry.passes()
    assert line.state == "PENDING"
    form = {
        "name": NAME,
        "document_type": "resident_id",
        "document_number": resident_id(),
        "birth_date": "1990-01-31",
    }
    done = books.registry.prove(
        Proof(made.source, made.external_ref, "staff", "card seen", form), actor="wang"
    )
    assert (done.pass_state, done.proofing) == ("ACTIVE", 4)
    with pytest.raises(Refused, match="let to another stay"):
        desk.walk_in(WalkIn(ROOM, later(books, 5), 1, "another one"), actor="wang")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"room": "R-none"}, "no room"),
        ({"departure": "2026-04-01T12:00"}, "in the past"),
        ({"departure": "soon"}, "not a date and time"),
        ({"headcount": 3}, "takes 1 to 2"),
        ({"reason": " "}, "say why"),
    ],
)
def test_a_walk_in_that_cannot_be_changes_nothing(books, desk, change, words):
    wish = {"room": ROOM, "departure": later(books, 18), "headcount": 1, "reason": "desk"}
    with pytest.raises((Refused, NotFound), match=words):
        desk.walk_in(WalkIn(**{**wish, **change}), actor="wang")
    assert books.registry.passes() == []


def test_a_suspended_listing_takes_no_walk_in(books, desk):
    take(books, "listings", listing_row(state="SUSPENDED"))
    with pytest.raises(Refused, match="SUSPENDED"):
        desk.walk_in(WalkIn(ROOM, later(books, 18), 1, "desk"), actor="wang")


def test_a_return_is_missing_from_noon_of_the_next_day_until_it_is_filed(database, books, desk):
    assert desk.missing_returns(days=7) == ()  # the listing is on record since today only
    books.clock.step(hours=23.9)
    assert desk.missing_returns(days=7) == ()
    books.clock.step(hours=0.2)
    (missing,) = desk.missing_returns(days=7)
    assert (missing.operator, missing.day, local(missing.due_ms)) == (
        "OP-1",
        "2026-05-01",
        "2026-05-02T12:00:00",
    )
    assert desk.file_return("OP-1", "2026-05-01", 0, actor="op").status == "new"
    assert desk.missing_returns(days=7) == ()
    assert desk.file_return("OP-1", "2026-05-01", 0, actor="op").status == "unchanged"
    corrected = desk.file_return("OP-1", "2026-05-01", 2, actor="op")
    assert (corrected.status, corrected.version) == ("updated", 2)


@pytest.mark.parametrize(
    ("operator", "day", "guests"),
    [
        ("OP-none", "2026-05-01", 1),
        ("OP-1", "2026-05-02", 1),
        ("OP-1", "2026-03-01", 1),
        ("OP-1", "today", 1),
        ("OP-1", "2026-05-01", -1),
    ],
)
def test_a_return_that_cannot_be_is_refused(desk, operator, day, guests):
    with pytest.raises((Refused, NotFound)):
        desk.file_return(operator, day, guests, actor="op")
