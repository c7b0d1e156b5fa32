"""PostgreSQL as the service's database: its shape, its promises, and one clear sentence when it cannot be."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from cloud_sync.errors import StoreError
from cloud_sync.store import pg_engine
from cloud_sync.store.engine import open_database, reading, steps
from cloud_sync.store.tables import metadata, sink_meta
from tests.fakes.postgres_house import Cluster
from tests.unit.test_sink_engine import shape

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(postgres: Cluster) -> str:
    return postgres.new_database()


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


def test_the_migrations_give_exactly_the_shape_of_the_tables(engine: sa.Engine, postgres: Cluster) -> None:
    declared = sa.create_engine(sa.make_url(postgres.new_database()).set(drivername="postgresql+psycopg"))
    metadata.create_all(declared)
    migrated = shape(sa.inspect(engine))
    assert migrated.pop("gatehouse_shape")["columns"] == {"version": ("BIGINT", False, None)}
    assert migrated == shape(sa.inspect(declared))
    declared.dispose()


def test_opening_again_changes_nothing_and_loses_nothing(engine: sa.Engine, url: str) -> None:
    with engine.begin() as db:
        db.execute(sa.insert(sink_meta).values(community="c", sink_gen="g"))
    again = open_database(url.replace("postgresql://", "postgres://"))
    with again.connect() as db:
        assert db.scalar(sa.select(sink_meta.c.sink_gen)) == "g"
        assert db.scalar(sa.text("select version from gatehouse_shape")) == len(steps())
    again.dispose()


def test_two_services_that_start_at_once_make_one_shape(url: str) -> None:
    opened: list[sa.Engine] = []
    both = [threading.Thread(target=lambda: opened.append(open_database(url))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    assert len(opened) == 2
    for engine in opened:
        engine.dispose()


def test_a_migration_that_fails_half_way_leaves_the_older_shape(url: str) -> None:
    first = steps()
    broken = (len(first) + 1, "create table extra (a text);\ncreate nonsense;\n")
    with pytest.raises(StoreError, match="syntax error"):
        pg_engine.open_postgres(url, [*first, broken])
    with psycopg.connect(url) as db:
        assert db.execute("select version from gatehouse_shape").fetchone() == (len(first),)
        assert db.execute("select to_regclass('extra')").fetchone() == (None,)


def test_commits_wait_for_the_disk_and_locks_do_not_wait_for_ever(engine: sa.Engine) -> None:
    with engine.connect() as db:
        assert db.scalar(sa.text("show synchronous_commit")) == "on"
        assert db.scalar(sa.text("show lock_timeout")) == "5s"
        assert db.scalar(sa.text("show idle_in_transaction_session_timeout")) == "1min"


def test_readers_wait_for_nobody_and_see_one_picture(engine: sa.Engine) -> None:
    count = sa.select(sa.func.count()).select_from(sink_meta)
    with reading(engine).connect() as reader:
        assert reader.scalar(count) == 0
        with engine.begin() as writer:
            writer.execute(sa.insert(sink_meta).values(community="c", sink_gen="g"))
        assert reader.scalar(count) == 0
    with reading(engine).connect() as reader:
        assert reader.scalar(count) == 1


def test_a_reader_cannot_write(engine: sa.Engine) -> None:
    with pytest.raises(StoreError, match="only answers questions"), reading(engine).begin() as db:
        db.execute(sa.insert(sink_meta).values(community="c", sink_gen="g"))


def test_whoever_writes_the_books_is_alone(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg_engine, "_SETTINGS", ("set lock_timeout = 50",))
    engine.dispose()
    with (
        engine.begin(),
        pytest.raises(StoreError, match="another program has held a lock"),
        engine.begin(),
    ):
        pass


def test_a_server_that_was_started_again_is_found_again(engine: sa.Engine, postgres: Cluster) -> None:
    with engine.begin() as db:
        db.execute(sa.insert(sink_meta).values(community="c", sink_gen="g"))
    postgres.restart()
    with engine.begin() as db:
        assert db.scalar(sa.select(sink_meta.c.sink_gen)) == "g"


def test_a_connection_that_is_cut_in_the_middle_is_one_sentence(engine: sa.Engine, url: str) -> None:
    with engine.connect() as db, psycopg.connect(url, autocommit=True) as other:
        pid = db.scalar(sa.text("select pg_backend_pid()"))
        other.execute("select pg_terminate_backend(%s, 5000)", (pid,))
        with pytest.raises(StoreError, match=r"it was shut down|it cannot be reached"):
            db.execute(sa.select(sink_meta))


def test_a_broken_constraint_stays_the_callers_business(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as db:
        db.execute(sa.text("insert into sink_meta values ('c', 'g'), ('c', 'h')"))


def of_a_newer_version(postgres: Cluster) -> str:
    url = postgres.new_database()
    open_database(url).dispose()
    with psycopg.connect(url) as db:
        db.execute("update gatehouse_shape set version = 9999")
    return url


def in_another_encoding(postgres: Cluster) -> str:
    with psycopg.connect(postgres.url(), autocommit=True) as db:
        db.execute("drop database if exists odd")
        db.execute("create database odd template template0 encoding 'SQL_ASCII'")
    return postgres.url("odd")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (of_a_newer_version, "made by a newer version"),
        (in_another_encoding, "create it with: createdb"),
        (lambda postgres: postgres.url("nowhere"), 'database "nowhere" does not exist'),
        (
            lambda postgres: postgres.url().replace("postgres@", "nobody:secret@"),
            'role "nobody" does not exist',
        ),
        (lambda _: "postgresql://postgres@127.0.0.1:1/name", "it cannot be reached"),
    ],
)
def test_what_cannot_be_opened_is_answered_in_one_sentence(postgres: Cluster, make, words: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_database(make(postgres))
    sentence = str(caught.value)
    assert words in sentence
    assert sentence.endswith(".")
    assert "secret" not in sentence
    assert "\n" not in sentence
