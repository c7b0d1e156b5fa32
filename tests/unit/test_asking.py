"""Questions asked of the driver: lists of any length, constants, several at once, errors in our words; on both databases."""

import sqlite3

import pytest
import sqlalchemy as sa

from cloud_sync.errors import StoreError
from cloud_sync.store import asking, tables
from cloud_sync.store.asking import ask, ask_all, ask_set, do, many, mine
from cloud_sync.store.engine import lightly
from cloud_sync.store.house import Act, acting
from tests.fakes.community_house import (
    Gate,
    SteppedClock,
    booking_row,
    listing_row,
    new_house,
    take,
    with_guest,
)

PERSON = tables.person
BORN = sa.select(PERSON.c.person, PERSON.c.birth_year.label("born")).where(
    mine(PERSON), PERSON.c.person.in_(many("names")), PERSON.c.minor.in_((0, 1))
)
COUNT = sa.select(sa.func.count()).where(mine(PERSON), PERSON.c.birth_year > sa.bindparam("year"))


@pytest.fixture
def house(tmp_path, database):
    books = new_house(tmp_path, database=database)
    with acting(books.house, "t", "test") as act:
        for number in range(9):
            act.insert(PERSON, person=f"PN-{number}", minor=0, birth_year=1990 + number)
    yield books.house
    books.close()


def test_a_list_has_any_length_and_its_rows_have_names(house):
    with acting(house, "t", "test") as act:
        for length in (0, 1, 2, 3, 5, 9):
            names = [f"PN-{number}" for number in range(length)]
            found = ask(act, BORN, names=[*names, "PN-nobody"] if length else names)
            assert {(row.person, row.born) for row in found} == {(one, 1990 + int(one[3:])) for one in names}
        assert ask_set(act, BORN, names={"PN-3", "PN-4"}) == {"PN-3", "PN-4"}


def test_several_questions_are_answered_in_their_order(house):
    with acting(house, "t", "test") as act:
        one, count, none = ask_all(
            act, (BORN, {"names": ["PN-8"]}), (COUNT, {"year": 1995}), (BORN, {"names": []})
        )
        assert ([row.born for row in one], [tuple(row) for row in count], none) == ([1998], [(3,)], [])


def test_what_another_community_has_is_not_seen(house):
    with acting(house, "t", "test") as act:
        values = {"community": "elsewhere", "person": "PN-1", "minor": 0, "birth_year": 2020}
        act.connection.execute(sa.insert(PERSON).values(**values))
        assert [row.born for row in ask(act, BORN, names=["PN-1"])] == [1991]
        do(act, sa.delete(PERSON).where(mine(PERSON), PERSON.c.person.in_(many("names"))), names=["PN-1"])
        assert act.rows(PERSON, person="PN-1") == []
        left = act.connection.execute(sa.select(PERSON.c.community).where(PERSON.c.person == "PN-1"))
        assert left.scalars().all() == ["elsewhere"]


def test_the_same_question_is_made_into_sql_once_for_lists_of_one_size(house):
    with acting(house, "t", "test") as act:
        ask(act, BORN, names=[f"PN-{number}" for number in range(5)])
        before = asking._made.cache_info().misses
        for length in (5, 6, 7, 8):
            ask(act, BORN, names=[f"PN-{number}" for number in range(length)])
        assert asking._made.cache_info().misses == before


def test_a_list_that_nobody_declared_is_a_mistake_of_the_program(house):
    rest = sa.select(PERSON.c.person).where(mine(PERSON), PERSON.c.person.not_in(many("names")))
    with acting(house, "t", "test") as act, pytest.raises(AssertionError, match="not for the rest"):
        ask(act, rest, names=["PN-1"])


def test_what_the_machine_does_wrong_is_one_sentence(tmp_path):
    books = new_house(tmp_path)
    with lightly(books.engine).begin() as db:
        act = Act(books.house, db, 0, "t", "test")
        db.connection.driver_connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        with pytest.raises((StoreError, sqlite3.DatabaseError)) as told:
            ask(act, BORN, names=["PN-1"])
        db.connection.driver_connection.set_authorizer(None)
    books.close()
    assert isinstance(told.value, StoreError)
    assert "the database refused" in str(told.value)


def test_a_light_transaction_leaves_the_next_one_its_full_weight(tmp_path):
    books = new_house(tmp_path)

    def weight(engine: sa.Engine) -> int:
        with engine.begin() as db:
            return int(db.exec_driver_sql("pragma synchronous").scalar_one())

    full, normal = 2, 1
    weights = [weight(one) for one in (books.engine, lightly(books.engine), books.engine)]
    assert weights == [full, normal, full]
    books.close()


def asked_in_a_run(books) -> int:
    """How often the touched run speaks to SQLite."""
    told: list[str] = []

    def listen(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_trace_callback(told.append)

    sa.event.listen(books.engine.pool, "checkout", listen)
    books.reconciler.run_touched()
    sa.event.remove(books.engine.pool, "checkout", listen)
    return len(told)


def test_a_transaction_that_names_many_stays_often_is_judged_once_and_asks_what_one_stay_asks(tmp_path):
    books = new_house(tmp_path, SteppedClock())
    gate = Gate(books)
    with_guest(books)
    rooms = [f"{listing_row()['room']}{number}" for number in range(12)]
    take(books, "listings", *[listing_row(room=room, label=room[-3:]) for room in rooms])
    take(books, "bookings", *[booking_row(f"2{at:03d}", room=room) for at, room in enumerate(rooms)])
    for _ in range(3):
        books.reconciler.run_touched()
    held = sorted(line.pass_id for line in books.registry.passes())

    def passages(passes: list[str]) -> int:
        for _ in range(3):
            for pass_id in passes:
                gate.write("access.taken", direction="in", pass_id=pass_id)
        head = gate.ledger.head
        gate.hears(gate.ledger.batch(list(range(head - 3 * len(passes) + 1, head + 1))))
        with books.engine.begin() as db:
            queued = db.execute(sa.select(sa.func.count()).select_from(tables.touched)).scalar_one()
        assert queued <= 2 * len(passes) + 2  # passes, their stays and the node; not three times as many
        books.reconciler.run_touched()  # what the first passage opens is written here
        with acting(books.house, "t", "test") as act:
            for pass_id in passes:
                act.touch(pass_id)
        return asked_in_a_run(books)

    one, many_ = passages(held[:1]), passages(held)
    assert len(held) > 10
    assert one > 10
    assert many_ <= one + 2
    gate.close()
    books.close()
