"""What is asked of every stay is found by an index, from the first row on and however many there are; SQLite has to be told so."""

import re
from importlib.resources import files

import pytest
import sqlalchemy as sa

from cloud_sync.store import tables
from cloud_sync.store.asking import many, mine
from cloud_sync.store.engine import driver, open_database, reading
from cloud_sync.store.erasing import _TO_ERASE
from cloud_sync.store.subjects import _NEWEST, _OPENED, _OVER
from cloud_sync.store.timeline import _DUE
from tests.fakes.community_house import new_house

STAYS = 300
PLANNER = (files("cloud_sync.store") / "planner.tsv").read_text()


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
    compiled = query.compile(books.engine, compile_kwargs={"render_postcompile": True})
    with reading(books.engine).connect() as db:
        plan = db.exec_driver_sql(
            f"explain query plan {compiled}", tuple("x" for _ in compiled.positiontup or ())
        ).all()
    return next(step.detail for step in plan if re.search(r"\bpass\b", step.detail))


def of_stays():
    """The passes of some stays, as judging asks for them."""
    held = tables.pass_
    query = sa.select(held.c.pass_id).where(mine(held), held.c.stay.in_(many("stays")))
    return query.params(mine="dongfang", stays=["ST-7", "ST-8"])


QUESTIONS = {
    "the passes of stays": (of_stays(), "pass_by_stay (community=? AND stay=?)"),
    "the pass of a subject": (_NEWEST, "pass_by_person (community=? AND person=?)"),
    "subjects whose window opens": (_OPENED, "pass_to_open (community=? AND not_before_ms<?)"),
    "subjects whose window is over": (_OVER, "pass_to_end (community=? AND not_after_ms<?)"),
    "stays whose window opens": (_DUE[0][0], "pass_to_open (community=? AND not_before_ms<?)"),
    "stays whose window is over": (_DUE[1][0], "pass_to_end (community=? AND not_after_ms<?)"),
    "erase clocks": (_TO_ERASE, "pass_to_erase (community=? AND not_after_ms<?)"),
}


@pytest.mark.parametrize("asked", QUESTIONS)
def test_what_is_asked_all_day_is_found_by_its_index(books, asked):
    query, index = QUESTIONS[asked]
    assert found_by(books, query).endswith(index)


def test_left_to_guess_it_reads_every_pass_in_order(books):
    with books.engine.begin() as db:
        db.exec_driver_sql("delete from sqlite_stat1")
    books.engine.dispose()
    assert found_by(books, of_stays().order_by(tables.pass_.c.pass_id)).endswith("(community=?)")


def test_a_database_that_was_told_nothing_is_told_when_it_is_opened(books):
    with books.engine.begin() as db:
        db.exec_driver_sql("delete from sqlite_stat1")
    books.engine.dispose()
    again = open_database(books.engine.url.database)
    with again.connect() as db:
        told = db.exec_driver_sql("select tbl, idx, stat from sqlite_stat1 order by tbl, idx").all()
    again.dispose()
    assert [tuple(row) for row in told] == [tuple(line.split("\t")) for line in PLANNER.splitlines()]


def test_what_it_is_told_is_of_indexes_that_there_are(books):
    db = driver(books.engine)
    known = {name for (name,) in db.execute("select name from sqlite_schema where type = 'index'")}
    db.close()
    named = [line.split("\t")[1] for line in PLANNER.splitlines()]
    assert sorted(set(named) - known) == []
    assert len(named) > 50
