"""The same database on PostgreSQL (psycopg 3), and the words it needs of its own: locks, isolation, migrations.

What the rest of the service relies on holds here as on SQLite: whoever writes the books is alone (one advisory lock
per transaction, which the sink does not take), whoever reads sees one picture and waits for nobody, and text is compared
byte by byte.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event

from cloud_sync.errors import StoreError

if TYPE_CHECKING:
    import psycopg

LOCK_WAIT_MS = 5_000  # as SQLite's: a transaction of 5,000 events takes a fraction of it
IDLE_MS = 60_000  # a writer that died with its machine must not hold a node's lock for ever
BOOKS = "books"
_LOCK = "select pg_advisory_xact_lock(%s)"
_LIGHT_LOCK = "select pg_advisory_xact_lock(%s), set_config('synchronous_commit', 'off', true)"

_SETTINGS = (
    f"set lock_timeout = {LOCK_WAIT_MS}",
    f"set idle_in_transaction_session_timeout = {IDLE_MS}",
    "set synchronous_commit = on",  # off acknowledges what a power cut may take back
    "set time zone 'UTC'",
)

# PostgreSQL's words for what went wrong, by the beginning of their code, and ours: what, and what to do about it.
_SENTENCES = (
    ("53100", "its disk is full; free space there and the service goes on by itself"),
    ("55P03", f"another program has held a lock for {LOCK_WAIT_MS} ms; it is tried again"),
    ("40", "another program wrote the same rows; it is tried again"),
    ("25006", "it only answers questions, being a replica; name the primary"),
    ("42501", "the service's user may not do this; make it the owner of the database"),
    ("57P", "it was shut down; the service goes on by itself when it is back"),
)


def is_postgres(dsn: str) -> bool:
    return dsn.startswith(("postgresql://", "postgres://", "postgresql+psycopg://"))


def plain_url(dsn: str) -> str:
    """The address as psycopg itself reads it."""
    return "postgresql://" + dsn.partition("://")[2]


def shown(dsn: str) -> str:
    """The address without its password, for people and logs."""
    return sa.make_url(plain_url(dsn)).render_as_string(hide_password=True)


def is_machine_fault(error: BaseException) -> bool:
    """True when trying the same again later may succeed: the server, its disk or a lock, not the data."""
    import psycopg

    refused = (psycopg.OperationalError, psycopg.InternalError, psycopg.errors.InsufficientPrivilege)
    return isinstance(error, refused) or (
        isinstance(error, psycopg.InterfaceError) and "closed" in str(error)
    )


def store_error(where: str, error: Exception) -> StoreError:
    """The one clear sentence for a database error."""
    code = str(getattr(error, "sqlstate", None) or "")
    for beginning, sentence in _SENTENCES:
        if code.startswith(beginning):
            return StoreError(f"{where}: {sentence}.")
    text = " ".join(str(error).split())
    if not code:
        return StoreError(f"{where}: it cannot be reached ({text}); start it, or correct database_url.")
    return StoreError(f"{where}: the database refused ({text}).")


def lock_key(*words: str) -> int:
    """The number of an advisory lock."""
    return int.from_bytes(blake2b("\0".join(words).encode(), digest_size=8).digest(), signed=True)


def open_postgres(dsn: str, steps: Sequence[tuple[int, str]]) -> sa.Engine:
    """The database behind ``dsn``, brought to the newest shape if need be.

    Raises:
        StoreError: cannot be reached, sorts text by a language's rules, or was made by a newer version.
    """
    url, where = sa.make_url(plain_url(dsn)).set(drivername="postgresql+psycopg"), shown(dsn)
    engine = sa.create_engine(url, pool_pre_ping=True)
    event.listen(engine, "connect", lambda connection, _record: _prepare(connection))
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", lambda context: _translate(where, context))
    try:
        with connected(dsn) as connection:
            _check_text(connection, where)
            _migrate(connection, where, steps)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def connected(dsn: str) -> "Iterator[psycopg.Connection]":
    """A connection of one's own for a while; what the server refuses becomes a sentence."""
    import psycopg

    where = shown(dsn)
    try:
        connection = connect(dsn)
        try:
            yield connection
        finally:
            connection.close()
    except psycopg.Error as error:
        raise store_error(where, error) from error


def connect(dsn: str) -> "psycopg.Connection":
    """A connection of one's own with the service's settings, outside any transaction; errors are psycopg's."""
    import psycopg

    connection = psycopg.connect(plain_url(dsn), autocommit=True, connect_timeout=10)
    for setting in _SETTINGS:
        connection.execute(setting.encode())
    return connection


def _prepare(connection: Any) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)
    connection.commit()


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("reads", False):
        lock = _LIGHT_LOCK if options.get("light", False) else _LOCK
        connection.exec_driver_sql(lock, (lock_key(BOOKS),))


def as_store_error(where: str, error: Exception) -> StoreError | None:
    """The sentence for what the machine did wrong; None for the caller's own fault."""
    return store_error(where, error) if is_machine_fault(error) else None


def _translate(where: str, context: sa.engine.ExceptionContext) -> None:
    """What the machine did wrong becomes ours; the rest stays SQLAlchemy's."""
    error = context.original_exception
    if context.is_pre_ping:
        return  # the pool asked whether the connection still stands, and opens another
    if isinstance(error, Exception) and is_machine_fault(error):
        raise store_error(where, error) from error


def _check_text(connection: "psycopg.Connection", where: str) -> None:
    """Lists are signed in the order in which they are read: text is UTF-8 and sorts by its bytes."""
    query = (
        "select pg_encoding_to_char(encoding), datcollate from pg_database where datname = current_database()"
    )
    encoding, collation = connection.execute(query).fetchone() or ("", "")
    if encoding != "UTF8" or collation.upper().split(".")[0] not in ("C", "POSIX"):
        raise StoreError(
            f"{where}: its text is {encoding} sorted by {collation}; "
            "create it with: createdb -T template0 -E UTF8 --locale=C NAME."
        )


# --- migrations ---------------------------------------------------------------------------------------------


def for_postgres(text: str) -> str:
    """A migration in PostgreSQL's words; they differ in the one name of a type."""
    return re.sub(r"\bBLOB\b", "BYTEA", text)


def _migrate(connection: "psycopg.Connection", where: str, steps: Sequence[tuple[int, str]]) -> None:
    """Apply what is missing, each step in a transaction of its own; two starting services do not both apply it."""
    for number, text in [(0, ""), *steps]:
        with connection.transaction():
            connection.execute(_LOCK, (lock_key("shape"),))
            connection.execute("create table if not exists gatehouse_shape (version bigint not null)")
            version = _version(connection)
            if number > version:
                connection.execute(for_postgres(text).encode())
                connection.execute("delete from gatehouse_shape")
                connection.execute("insert into gatehouse_shape values (%s)", (number,))
    if _version(connection) > len(steps):
        raise StoreError(
            f"{where}: it was made by a newer version (shape {_version(connection)}, known here {len(steps)}); "
            "update the service."
        )


def shape_of(dsn: str) -> int:
    """The number of the shape it has now, which opening it would bring up; 0 where nothing was made yet.

    Raises:
        StoreError: it cannot be reached.
    """
    with connected(dsn) as connection:
        there = connection.execute("select to_regclass('gatehouse_shape') is not null").fetchone()
        return _version(connection) if there and there[0] else 0


def _version(connection: "psycopg.Connection") -> int:
    row = connection.execute("select version from gatehouse_shape").fetchone()
    return int(row[0]) if row else 0
