"""Opening a node's SQLite file: WAL, synchronous=FULL, secure_delete=ON, readable by its owner only."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import Damaged, DiskFull, NoDatabase, StoreError

BUSY_MS = 5_000


def connect(path: Path) -> sqlite3.Connection:
    """Open or create the file and check it.

    Raises:
        StoreError: not writable.
        NoDatabase: it does not begin like one.
        Damaged: a page of it cannot be read.
    """
    db: sqlite3.Connection | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=full")
        db.execute("pragma secure_delete=on")
        db.execute(f"pragma busy_timeout={BUSY_MS}")
        (verdict,) = db.execute("pragma quick_check(1)").fetchone()
        if verdict != "ok":
            raise _damaged(path, verdict)
    except BaseException as error:
        if db is not None:
            db.close()
        if isinstance(error, sqlite3.Error | OSError):
            raise _unusable(path, error) from error
        raise
    return db


def _unusable(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CORRUPT:
        return _damaged(path, str(error))
    kind = NoDatabase if code == sqlite3.SQLITE_NOTADB else StoreError
    return kind(f"{path}: cannot be used as the node's database ({error}). Check the disk and its owner.")


def _damaged(path: Path, verdict: str) -> Damaged:
    return Damaged(f"{path}: damaged ({verdict}). Keep a copy and run 'gatehouse-node db check'.")


def migrate(db: sqlite3.Connection, folder: Path) -> None:
    """Apply the numbered steps that are missing; a crash between two leaves a whole, older shape."""
    steps = sorted(folder.glob("*.sql"))
    (done,) = db.execute("pragma user_version").fetchone()
    for number, step in enumerate(steps[done:], start=done + 1):
        assert step.name.startswith(f"{number:04d}_"), f"{step.name} is out of order"
        db.executescript(f"begin; {step.read_text()}; pragma user_version = {number}; commit;")


def settle(db: sqlite3.Connection, path: Path) -> None:
    """What was overwritten in the pages does not live on in the write-ahead log; call it outside of transactions.

    Raises:
        StoreError: the disk refused; the next call does it.
    """
    try:
        db.execute("pragma wal_checkpoint(truncate)").fetchall()
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


@contextmanager
def transaction(db: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All or nothing; what the disk refuses is said in one sentence.

    Raises:
        DiskFull: nothing was written.
        StoreError: anything else the database could not do; nothing was written.
    """
    try:
        db.execute("begin immediate")
        yield
        db.execute("commit")
    except sqlite3.Error as error:
        if db.in_transaction:
            db.execute("rollback")
        if "full" in str(error):
            raise DiskFull(
                f"{path}: the disk is full; nothing was written. Free space on {path.parent}."
            ) from error
        raise StoreError(f"{path}: {error}; nothing was written.") from error
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise
