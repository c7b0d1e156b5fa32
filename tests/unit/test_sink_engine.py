"""The database as it is opened: its shape, its promises, and one clear sentence when it cannot be."""

import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud_sync.errors import StoreError
from cloud_sync.store.engine import driver, open_database, reading, steps
from cloud_sync.store.tables import metadata

pytestmark = pytest.mark.usefixtures("every_migration")


@pytest.fixture
def engine(tmp_path: Path):
    engine = open_database(tmp_path / "service.db")
    yield engine
    engine.dispose()


def shape(inspector: sa.Inspector) -> dict:
    """Everything about the tables that the two ways of making them could disagree on."""
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "indexes": sorted(
                (index["name"] or "", tuple(index["column_names"]), index["unique"])
                for index in inspector.get_indexes(table)
            ),
            "unique": sorted(tuple(one["column_names"]) for one in inspector.get_unique_constraints(table)),
        }
        for table in inspector.get_table_names()
    }


def test_the_migrations_give_exactly_the_shape_of_the_tables(engine: sa.Engine) -> None:
    declared = sa.create_engine("sqlite://")
    metadata.create_all(declared)
    assert shape(sa.inspect(engine)) == shape(sa.inspect(declared))
    declared.dispose()


def test_every_table_names_its_community(engine: sa.Engine) -> None:
    for name, table in shape(sa.inspect(engine)).items():
        assert table["key"][0] == "community", name


def test_every_promise_is_switched_on(engine: sa.Engine) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }
    with engine.connect() as db:
        assert {name: db.scalar(sa.text(f"pragma {name}")) for name in wanted} == wanted
    raw = driver(engine)
    assert {name: raw.execute(f"pragma {name}").fetchone()[0] for name in wanted} == wanted
    raw.close()


def test_nobody_else_may_read_the_files(engine: sa.Engine, tmp_path: Path) -> None:
    with engine.begin() as db:
        db.execute(sa.text("insert into sink_meta values ('c', 'g')"))
        files = list(tmp_path.iterdir())
        assert {file.suffix for file in files} == {".db", ".db-wal", ".db-shm"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_opening_again_changes_nothing_and_loses_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    with engine.begin() as db:
        db.execute(sa.text("insert into sink_meta values ('c', 'g')"))
    again = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    with again.connect() as db:
        assert db.scalar(sa.text("select sink_gen from sink_meta")) == "g"
        assert db.scalar(sa.text("pragma user_version")) == len(steps())
    again.dispose()


def test_readers_wait_for_nobody_and_see_one_picture(engine: sa.Engine) -> None:
    with engine.begin() as writer, reading(engine).connect() as reader:
        writer.execute(sa.text("insert into sink_meta values ('c', 'g')"))
        assert reader.scalar(sa.text("select count(*) from sink_meta")) == 0
    with reading(engine).connect() as reader:
        assert reader.scalar(sa.text("select count(*) from sink_meta")) == 1


def test_a_migration_that_fails_half_way_leaves_the_older_shape(tmp_path: Path, monkeypatch) -> None:
    first = steps()
    monkeypatch.setattr(
        "cloud_sync.store.engine.steps",
        lambda: [*first, (len(first) + 1, "create table extra (a text);\ncreate nonsense;\n")],
    )
    with pytest.raises(StoreError):
        open_database(tmp_path / "half.db")
    with sqlite3.connect(tmp_path / "half.db") as db:
        assert db.execute("pragma user_version").fetchone() == (len(first),)
        assert db.execute("select count(*) from sqlite_master where name = 'extra'").fetchone() == (0,)
    db.close()


def a_text_file(folder: Path) -> Path:
    (folder / "notes.db").write_text("not a database at all, but long enough to look like one\n" * 40)
    return folder / "notes.db"


def a_newer_database(folder: Path) -> Path:
    with sqlite3.connect(folder / "newer.db") as db:
        db.execute("pragma user_version = 9999")
    db.close()
    return folder / "newer.db"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_text_file, "it is not a database"),
        (a_newer_database, "made by a newer version"),
        (lambda folder: folder / "nowhere" / "service.db", "check that the folder exists"),
        (lambda folder: folder, "check that the folder exists"),
        (lambda _: "mysql://host/name", "only SQLite and PostgreSQL are spoken here"),
    ],
)
def test_what_cannot_be_opened_is_answered_in_one_sentence(tmp_path: Path, make, words: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_database(make(tmp_path))
    sentence = str(caught.value)
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_full_disk_is_one_sentence_and_nothing_is_half_kept(engine: sa.Engine) -> None:
    """The file may not grow any more: SQLite reports it in the same way as a full disk."""

    def fill(db: sa.Connection) -> None:
        pages = db.scalar(sa.text("pragma page_count"))
        db.execute(sa.text(f"pragma max_page_count = {pages}"))
        for n in range(1000):
            db.execute(sa.text("insert into sink_meta values (:c, :g)"), {"c": f"c{n}", "g": "g" * 1000})

    with pytest.raises(StoreError, match="its disk is full; free space there"), engine.begin() as db:
        fill(db)
    with reading(engine).connect() as db:
        assert db.scalar(sa.text("select count(*) from sink_meta")) == 0


def test_a_broken_constraint_stays_the_callers_business(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as db:
        db.execute(sa.text("insert into sink_meta values ('c', 'g'), ('c', 'h')"))
