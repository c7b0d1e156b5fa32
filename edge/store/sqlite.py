"""Opening a node's SQLite file: WAL, synchronous=FULL, secure_delete=ON, readable by its owner only."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import DiskFull, StoreError

BUSY_MS = 5_000


def connect(path: Path) -> sqlite3.Connection:
    """Open or create the file and check it.

    Raises:
        StoreError: not writable, not a database, or a damaged page.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=full")
        db.execute("pragma secure_delete=on")
        db.execute(f"pragma busy_timeout={BUSY_MS}")
        (verdict,) = db.execute("pragma quick_check(1)").fetchone()
    except (sqlite3.Error, OSError) as error:
        raise StoreError(
            f"{path}: cannot be used as the node's database ({error}). Check the disk and its owner."
        ) from error
    if verdict != "ok":
        raise StoreError(f"{path}: damaged ({verdict}). Keep a copy and run 'gatehouse-node db check'.")
    return db


def migrate(db: sqlite3.Connection, folder: Path) -> None:
    """Apply the numbered steps that are missing; a crash between two leaves a whole, older shape."""
    steps = sorted(folder.glob("*.sql"))
    (done,) = db.execute("pragma user_version").fetchone()
    for number, step in enumerate(steps[done:], start=done + 1):
        assert step.name.startswith(f"{number:04d}_"), f"{step.name} is out of order"
        db.executescript(f"begin; {step.read_text()}; pragma user_version = {number}; commit;")


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
