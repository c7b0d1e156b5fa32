"""The service's database, opened: SQLite with every promise switched on, or PostgreSQL; the shape is ``tables``.

This file speaks SQLite's own dialect (pragmas, locks, migrations), ``pg_engine`` PostgreSQL's; nothing else needs either,
but for the sink's own connections (``sink_db``, ``pg_sink``) and the tools that look into a file (``repair``).
"""

import os
import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

from cloud_sync.errors import StoreError
from cloud_sync.store import (  # noqa: F401 - whoever opens it knows its whole shape
    pg_engine,
    tables_accounts,
    tables_api,
    tables_archive,
    tables_booking,
    tables_bulletins,
    tables_cases,
    tables_delivery,
    tables_guests,
    tables_identity,
    tables_import,
    tables_model,
    tables_privacy,
    tables_rollout,
    tables_rules,
    tables_shifts,
    tables_sink,
    tables_upstream,
    tables_vouched,
)
from cloud_sync.store.pg_engine import is_postgres, open_postgres

# A sink transaction of 5,000 events takes a fraction of this; waiting longer means that somebody holds the lock.
BUSY_TIMEOUT_MS = 5_000

_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # NORMAL lost 4,163 committed events in 600 simulated power cuts (sync.md §2.3)
    "PRAGMA secure_delete = ON",  # what was erased must not stand in free pages
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -16384",  # KiB of a connection; with SQLite's own 2 MiB reconciliation read each page over again
)

# SQLite's words for what went wrong, and ours: what, and what to do about it.
_SENTENCES = (
    ("disk is full", "its disk is full; free space there and the service goes on by itself"),
    ("file is not a database", "it is not a database; restore it from a backup or name another file"),
    ("malformed", "it is damaged; restore it from a backup, the gates send what it lacks again"),
    ("readonly database", "it may not be written; give the service's user write access to it and its folder"),
    (
        "unable to open",
        "it cannot be opened; check that the folder exists and the service's user may write there",
    ),
    ("database is locked", f"another program has held its lock for {BUSY_TIMEOUT_MS} ms; end that program"),
    ("disk I/O error", "its disk failed to read or write; check the disk and the free space"),
)


# A broken constraint or an impossible value is the caller's business, not the machine's.
_CALLERS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.InterfaceError)


def is_machine_fault(error: BaseException) -> bool:
    """True when trying the same again later may succeed: the disk, the file or a lock, not the data."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, _CALLERS)


def store_error(path: Path, error: Exception) -> StoreError:
    """The one clear sentence for a database error."""
    text = str(error)
    for words, sentence in _SENTENCES:
        if words in text:
            return StoreError(f"{path}: {sentence}.")
    return StoreError(f"{path}: the database refused ({text}); run 'gatehouse-sync db check' on it.")


def open_database(dsn_or_path: str | Path) -> sa.Engine:
    """The database, brought to the newest shape if need be; a file is made (0600), PostgreSQL's must be there.

    ``engine.begin()`` and ``engine.connect()`` take the write lock at once, so that a transaction never fails
    half-way for having read first; ``reading(engine)`` only reads and waits for nobody.

    Raises:
        StoreError: neither SQLite nor PostgreSQL, cannot be opened, is no database, or was made by a newer version.
    """
    if is_postgres(str(dsn_or_path)):
        return open_postgres(str(dsn_or_path), steps())
    path = _path_of(dsn_or_path)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"isolation_level": None},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", lambda context: _translate(path, context))
    try:
        _create_private(path)
        migrate(engine)
    except (OSError, sqlite3.Error, sa.exc.DBAPIError) as error:
        engine.dispose()
        raise store_error(path, error) from error
    except StoreError:
        engine.dispose()
        raise
    return engine


def lightly(engine: sa.Engine) -> sa.Engine:
    """The same database for a writer whose last words a power cut may take back, whole transactions of them.

    What others committed is never lost with them, and a commit does not wait for the disk.  Only for what is done again
    by itself when it was lost.
    """
    return engine.execution_options(light=True)


def reading(engine: sa.Engine) -> sa.Engine:
    """The same database for readers: one consistent picture per transaction, no lock taken."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(
            reads=True, isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    return engine.execution_options(reads=True)


def path_of(engine: sa.Engine) -> Path:
    """The file behind an engine of ``open_database``."""
    return Path(engine.url.database or "")


def _path_of(dsn_or_path: str | Path) -> Path:
    text = str(dsn_or_path)
    if "://" not in text:
        return Path(text)
    url = sa.make_url(text)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise StoreError(
            f"{url.get_backend_name()}: only SQLite and PostgreSQL are spoken here; "
            "name a file, sqlite:///FILE or postgresql://HOST/NAME."
        )
    return Path(url.database)


def _create_private(path: Path) -> None:
    """SQLite gives its log files the mode of the database, so the mode is set before the first byte."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except PermissionError as error:
        raise sqlite3.OperationalError("attempt to write a readonly database") from error
    except OSError as error:
        raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from error


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    light, info = bool(options.get("light", False)), connection.info
    if (
        info.get("light", False) != light
    ):  # the pragma holds until it is set again, and not inside a transaction
        connection.exec_driver_sql(f"PRAGMA synchronous = {'NORMAL' if light else 'FULL'}")
        info["light"] = light
    connection.exec_driver_sql("BEGIN" if options.get("reads", False) else "BEGIN IMMEDIATE")


def _translate(path: Path, context: sa.engine.ExceptionContext) -> None:
    """What the machine did wrong becomes ours; the rest stays SQLAlchemy's."""
    error = context.original_exception
    if isinstance(error, sqlite3.DatabaseError) and is_machine_fault(error):
        raise store_error(path, error) from error


def as_store_error(engine: sa.Engine, error: Exception) -> StoreError | None:
    """The sentence for what the machine did wrong to somebody who speaks to the driver; None for the caller's own fault."""
    if engine.dialect.name == "postgresql":
        return pg_engine.as_store_error(engine.url.render_as_string(hide_password=True), error)
    if isinstance(error, sqlite3.DatabaseError) and is_machine_fault(error):
        return store_error(path_of(engine), error)
    return None


def driver(engine: sa.Engine) -> sqlite3.Connection:
    """A connection of one's own at sqlite3 speed, with the same promises; the caller closes it."""
    connection = sqlite3.connect(path_of(engine), isolation_level=None, check_same_thread=False)
    _prepare(connection, None)
    return connection


# --- migrations ---------------------------------------------------------------------------------------------


def steps() -> list[tuple[int, str]]:
    """Every migration in order: its number and its SQL."""
    folder = files("cloud_sync.store") / "migrations"
    found = sorted((page.name, page.read_text()) for page in folder.iterdir() if page.name.endswith(".sql"))
    for number, (name, _) in enumerate(found, start=1):
        assert name.startswith(f"{number:04d}_"), f"{name} is out of order"
    return list(enumerate((text for _, text in found), start=1))


def migrate(engine: sa.Engine) -> None:
    """Apply what is missing; a crash between two steps leaves a whole, older shape."""
    connection = driver(engine)
    try:
        for number, text in steps():
            _apply(connection, number, text)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == len(steps()):
            _tell_planner(connection)
    finally:
        connection.close()
    if version > len(steps()):
        raise StoreError(
            f"{path_of(engine)}: it was made by a newer version (shape {version}, known here {len(steps())}); "
            "update the service."
        )


def _apply(connection: sqlite3.Connection, number: int, text: str) -> None:
    connection.execute(
        "BEGIN IMMEDIATE"
    )  # before looking, so that two starting services do not both apply it
    try:
        (done,) = connection.execute("PRAGMA user_version").fetchone()
        if done < number:
            for statement in _statements(text):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _tell_planner(connection: sqlite3.Connection) -> None:
    """What SQLite would count in a large community's indexes, told before there is a row.

    Left to guess it takes the community for a key that picks out ten rows, and reads all passes in their order for
    every question about a stay.  Its plans are the same from the first row on, and no night changes them.
    """
    told = [line.split("\t") for line in (files("cloud_sync.store") / "planner.tsv").read_text().splitlines()]
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("ANALYZE sqlite_schema")  # makes the table they stand in, and counts nothing
        held = connection.execute("SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY tbl, idx").fetchall()
        known = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'index'")
        }
        wanted = sorted((table, index, counts) for table, index, counts in told if index in known)
        if held != wanted:
            connection.execute("DELETE FROM sqlite_stat1")
            connection.executemany("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", wanted)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _statements(text: str) -> Iterator[str]:
    """One statement at a time: ``executescript`` would commit behind our back."""
    pending = ""
    for line in text.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    assert not pending.strip(), "a migration ends with a semicolon"
