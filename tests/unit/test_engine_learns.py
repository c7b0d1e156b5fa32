"""What is asked of every stay is found by an index, however many stays there are; SQLite has to be told so."""

import pytest
import sqlalchemy as sa

from cloud_sync.store import tables
from cloud_sync.store.engine import learn, reading
from cloud_sync.store.retention import run_retention
from tests.fakes.community_house import new_house

STAYS = 300


@pytest.fixture
def books(tmp_path):
    """As many passes as a day brings, each of a stay of its own."""
    made = new_house(tmp_path)
    rows = [
        {
            "community": "dongfang",
            "pass_id": f"PS-{n:05}",
            "subject_ref": f"SJ-{n}",
            "class": "guest",
            "stay": f"ST-{n}",
            "person": f"PE-{n}",
            "scope": "[]",
            "not_before_ms": n,
            "not_after_ms": n + 1,
            "state": "EXPIRED",
            "version": 1,
            "wire": b"",
        }
        for n in range(STAYS)
    ]
    with made.engine.begin() as db:
        db.execute(sa.insert(tables.pass_), rows)
    yield made
    made.close()


def found_by(books, query):
    """How SQLite means to look for the rows of ``pass``."""
    text = str(query.compile(books.engine, compile_kwargs={"literal_binds": True}))
    with reading(books.engine).connect() as db:
        plan = db.exec_driver_sql(f"explain query plan {text}").all()
    return next(step.detail for step in plan if " pass " in step.detail)


def of_stays():
    """The passes of some stays, as judging asks for them."""
    held = tables.pass_
    query = sa.select(held.c.pass_id).where(held.c.community == "dongfang", held.c.stay.in_(("ST-7", "ST-8")))
    return query.order_by(held.c.pass_id)


def test_before_anything_was_counted_the_passes_are_read_in_their_order(books):
    assert found_by(books, of_stays()).endswith("(community=?)")


def test_once_counted_a_stays_pass_is_found_by_its_stay(books):
    learn(books.engine)
    assert "(community=? AND " in found_by(books, of_stays())


def test_each_night_the_service_counts(books):
    run_retention(books.house)
    assert "(community=? AND " in found_by(books, of_stays())


def test_a_postgresql_counts_by_itself(database, tmp_path):
    made = new_house(tmp_path / "house", database=database)
    learn(made.engine)  # of either kind; what was checked out before goes on
    with reading(made.engine).connect() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(tables.pass_)).scalar_one() == 0
    made.close()


def test_who_reads_meanwhile_goes_on_reading(books):
    with reading(books.engine).connect() as db:
        before = db.execute(sa.select(sa.func.count()).select_from(tables.pass_)).scalar_one()
        learn(books.engine)
        assert (
            db.execute(sa.select(sa.func.count()).select_from(tables.pass_)).scalar_one() == before == STAYS
        )
