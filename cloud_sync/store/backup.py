"""A copy of everything the service keeps, taken while it runs, and the way back (ADR 0045).

A backup is a folder: the three databases as they stood at one moment, keys and certificates with their modes, and a
manifest with the hash of each file, written last; a folder without one is no backup.  Going back gives the database
another generation, so that every gate sends again what the copy does not have.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.store.engine import open_database, steps, store_error
from cloud_sync.store.sink import new_generation
from cloud_sync.store.tables import sink_meta

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
DATABASE, VAULT, STAGING = "community.db", "vault.db", "staging.db"
# The vault locks its writers out while it is read, so it is copied first; the big one waits for nobody.
DATABASES = (VAULT, STAGING, DATABASE)
FOLDERS = ("keys", "tls", "bus")
LOCK = "service.lock"
HALF_DONE = ".restoring"
LAST = "last-backup.json"
WAIT_S = 30.0  # for the moment in which nobody writes; a sink transaction takes a fraction of a second
READ_BYTES = 1 << 20


class Entry(msgspec.Struct, frozen=True):
    """One file: its name inside the backup, and what it has to be."""

    name: str
    size: int
    mode: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds; no person is in it."""

    v: int
    community: str
    made: str  # RFC 3339, UTC
    made_ms: int
    shape: int  # of community.db: a service older than it refuses it
    events: int
    files: list[Entry]


@dataclass(frozen=True, slots=True)
class Restored:
    manifest: Manifest
    generation: str
    before: Path | None  # where what stood there was put


# --- who has the folder ----------------------------------------------------------------------------------------


def hold(data_dir: Path) -> Callable[[], None]:
    """Say that a service runs on this folder; the result lets go.

    Raises:
        ConfigError: a restore is at work there, or was interrupted half-way.
    """
    if (data_dir / HALF_DONE).exists():
        raise ConfigError(
            "data_dir",
            f"a restore into {data_dir} was interrupted half-way",
            "Run 'gatehouse-sync restore' again",
        )
    if not data_dir.is_dir():
        return lambda: None  # set-up was not done; whoever opens the books says so
    return _locked(data_dir, fcntl.LOCK_SH, "a restore is at work there", "Wait until it has ended")


def is_held(data_dir: Path) -> bool:
    """Whether a service, or a restore, has this folder now."""
    try:
        handle = os.open(data_dir / LOCK, os.O_RDWR)
    except OSError:
        return False  # nobody ever ran here
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _alone(data_dir: Path) -> Callable[[], None]:
    return _locked(data_dir, fcntl.LOCK_EX, "the service runs on it", "Stop the service first")


def _locked(data_dir: Path, kind: int, problem: str, remedy: str) -> Callable[[], None]:
    try:
        handle = os.open(data_dir / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise StoreError(
            f"{data_dir / LOCK}: cannot be made ({error.strerror}); check the folder."
        ) from error
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise ConfigError("data_dir", f"{data_dir}: {problem}", remedy) from error
    held = [handle]

    def let_go() -> None:
        while held:
            os.close(held.pop())

    return let_go


# --- the copy --------------------------------------------------------------------------------------------------


def make_backup(data_dir: Path, target: Path, community: str, now_ms: int) -> Manifest:
    """Everything of ``data_dir`` as it stands at one moment, into the new or empty folder ``target`` (0700).

    The service may run: writers wait for the moment in which the copies begin, and for the small vault; not longer.

    Raises:
        StoreError: the target is not empty or cannot be written, or a database cannot be read or is damaged.
    """
    _make_empty(target)
    try:
        with _one_moment(data_dir) as readers:
            for name, reader in readers.items():
                _copy_database(reader, target / name)
        for folder in FOLDERS:
            _copy_folder(data_dir / folder, target / folder)
        manifest = _manifest_of(target, community, now_ms)
        _write(target / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        _sync_folder(target)
    except sqlite3.Error as error:
        raise store_error(data_dir, error) from error
    except OSError as error:
        raise StoreError(f"{target}: the backup was not finished ({error.strerror}); it is none.") from error
    _remember(data_dir, now_ms)
    return manifest


def last_backup_ms(data_dir: Path) -> int | None:
    """When the newest backup of this folder was finished; None: never, or nobody knows."""
    try:
        made = json.loads((data_dir / LAST).read_bytes())["made_ms"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return made if isinstance(made, int) else None


def _remember(data_dir: Path, now_ms: int) -> None:
    fresh = data_dir / f"{LAST}.new"
    fresh.unlink(missing_ok=True)
    _write(fresh, json.dumps({"made_ms": now_ms}).encode())
    fresh.replace(data_dir / LAST)


def _make_empty(target: Path) -> None:
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.chmod(0o700)
        held = any(target.iterdir())
    except OSError as error:
        raise StoreError(f"{target}: cannot be made ({error.strerror}); name another folder.") from error
    if held:
        raise StoreError(f"{target}: it is not empty; each backup has a folder of its own.")


@contextmanager
def _one_moment(data_dir: Path) -> Iterator[dict[str, sqlite3.Connection]]:
    """Readers of all databases that see the same moment: begun while nobody may write."""
    with ExitStack() as stack:
        writer = stack.enter_context(closing(_connected(data_dir / DATABASE)))
        writer.execute("begin immediate")
        readers: dict[str, sqlite3.Connection] = {}
        for name in DATABASES:
            if not (data_dir / name).is_file():
                continue  # nothing was imported yet: there is no staging
            reader = stack.enter_context(closing(_connected(data_dir / name)))
            reader.execute("begin")
            reader.execute("select count(*) from sqlite_master")  # the snapshot is taken by the first read
            readers[name] = reader
        writer.execute("rollback")
        yield readers


def _connected(path: Path) -> sqlite3.Connection:
    """Never made by being opened."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT_S, isolation_level=None
    )


def _copy_database(reader: sqlite3.Connection, target: Path) -> None:
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        reader.backup(copy)
        reader.execute("rollback")  # its writers may go on
        copy.execute("pragma journal_mode = delete")  # one file, whole by itself
        (said,) = copy.execute("pragma quick_check(1)").fetchone()
    if said != "ok":
        raise StoreError(f"{target.name}: the database is damaged ({said}); run 'gatehouse-sync db check'.")
    _sync_file(target)


def _copy_folder(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    target.mkdir(mode=0o700)
    for path in sorted(source.iterdir()):
        if path.is_file():
            _write(target / path.name, path.read_bytes(), stat.S_IMODE(path.stat().st_mode))


def _write(path: Path, data: bytes, mode: int = 0o600) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)  # whatever the umask says
        file.write(data)
        file.flush()
        os.fsync(handle)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_sync_folder = _sync_file


def _manifest_of(target: Path, community: str, now_ms: int) -> Manifest:
    with closing(_connected(target / DATABASE)) as copy:
        (shape,) = copy.execute("pragma user_version").fetchone()
        (events,) = copy.execute("select count(*) from event").fetchone()
    made = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    files = [_entry(target, path) for path in sorted(target.rglob("*")) if path.is_file()]
    return Manifest(MANIFEST_VERSION, community, made, now_ms, shape, events, files)


def _entry(folder: Path, path: Path) -> Entry:
    told = path.stat()
    return Entry(str(path.relative_to(folder)), told.st_size, stat.S_IMODE(told.st_mode), _sha256(path))


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            found.update(block)
    return found.hexdigest()


# --- the way back ----------------------------------------------------------------------------------------------


def read_manifest(source: Path, community: str) -> Manifest:
    """The manifest of a backup, with every file proved by it.

    Raises:
        StoreError: no backup, of another community, of a newer service, damaged, or with a file too many or too few.
    """
    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        raise StoreError(f"{source}: there is no {MANIFEST}, so this is no whole backup.") from error
    except msgspec.DecodeError as error:
        raise StoreError(f"{source / MANIFEST}: cannot be read ({error}).") from error
    if manifest.v != MANIFEST_VERSION or manifest.shape > len(steps()):
        raise StoreError(f"{source}: it was made by a newer service; update this one first.")
    if manifest.community != community:
        raise StoreError(f"{source}: it is of community {manifest.community!r}, not of {community!r}.")
    _prove(source, manifest)
    return manifest


def _prove(source: Path, manifest: Manifest) -> None:
    named = {entry.name for entry in manifest.files}
    found = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()} - {MANIFEST}
    if DATABASE not in named or named != found or any(not _is_ours(name) for name in named):
        odd = sorted(named ^ found) or sorted(named)
        raise StoreError(f"{source}: its files are not those of its manifest ({', '.join(odd[:5])}).")
    for entry in manifest.files:
        path = source / entry.name
        if path.is_symlink() or path.stat().st_size != entry.size or _sha256(path) != entry.sha256:
            raise StoreError(f"{path}: it is not what was backed up; take another backup.")


def _is_ours(name: str) -> bool:
    """A manifest cannot make a restore write anywhere else."""
    folder, slash, rest = name.partition("/")
    return name in DATABASES or (
        bool(slash) and folder in FOLDERS and "/" not in rest and rest not in ("", "..")
    )


def restore(data_dir: Path, source: Path, community: str, now_ms: int) -> Restored:
    """Put a backup in place of what is in ``data_dir``, which is moved aside, with a new generation.

    Raises:
        ConfigError: the service runs.
        StoreError: the backup is not whole (nothing was changed then), or the folder cannot be written.
    """
    manifest = read_manifest(source, community)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        let_go = _alone(data_dir)
        try:
            return _put_in_place(data_dir, source, manifest, now_ms)
        finally:
            let_go()
    except sqlite3.Error as error:
        raise store_error(source / DATABASE, error) from error
    except OSError as error:
        raise StoreError(
            f"{data_dir}: the restore was not finished ({error.strerror}); mend that and run it again."
        ) from error


def _put_in_place(data_dir: Path, source: Path, manifest: Manifest, now_ms: int) -> Restored:
    staged = data_dir / HALF_DONE
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(mode=0o700)
    for entry in manifest.files:
        (staged / entry.name).parent.mkdir(mode=0o700, exist_ok=True)
        _write(staged / entry.name, (source / entry.name).read_bytes(), entry.mode)
        if _sha256(staged / entry.name) != entry.sha256:
            raise StoreError(f"{staged / entry.name}: the copy differs; check the disk.")
    generation = change_generation(staged / DATABASE)
    # A backup of before there were certificates for the bus leaves those that are there.
    folders = [name for name in FOLDERS if (staged / name).exists()]
    before = _move_aside(data_dir, folders, now_ms)
    # The database comes last: until it stands there, no service starts on half of it.
    for name in (*folders, *DATABASES):
        if (staged / name).exists():
            (staged / name).rename(data_dir / name)
    staged.rmdir()
    _sync_folder(data_dir)
    return Restored(manifest, generation, before)


def _move_aside(data_dir: Path, folders: Sequence[str], now_ms: int) -> Path | None:
    """What stands there, with its log files: an old log would be played into the new database."""
    logs = [f"{name}{end}" for name in DATABASES for end in ("-wal", "-shm", "-journal")]
    held = [name for name in (*folders, *DATABASES, *logs) if (data_dir / name).exists()]
    if not held:
        return None
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S")
    aside = data_dir / f"before-restore-{stamp}"
    aside.mkdir(mode=0o700, exist_ok=True)
    for name in held:
        (data_dir / name).rename(aside / name)
    return aside


def change_generation(database: Path) -> str:
    """Another life of this database (sync.md §3.3): every gate believes the next ack and sends what is missing.

    Raises:
        sqlite3.Error: it cannot be written.
    """
    fresh = new_generation()
    with closing(_connected(database)) as db:
        db.execute("begin immediate")
        db.execute("update sink_meta set sink_gen = ?", (fresh,))
        db.execute("commit")
    _sync_file(database)
    return fresh


def renew_generation(data_dir: Path) -> str:
    """For a database that came back by other means: a snapshot of the machine, a replica.

    Raises:
        ConfigError: the service runs.
        StoreError: there is no database, or it cannot be written.
    """
    let_go = _alone(data_dir)
    try:
        return change_generation(data_dir / DATABASE)
    except sqlite3.Error as error:
        raise store_error(data_dir / DATABASE, error) from error
    finally:
        let_go()


def renew_generation_of(dsn: str, community: str) -> str:
    """The same for books in PostgreSQL; a running sink takes it up with its next transaction.

    Raises:
        StoreError: it cannot be reached or written, or has no such community.
    """
    engine = open_database(dsn)
    try:
        with engine.begin() as db:
            mine = sa.update(sink_meta).where(sink_meta.c.community == community)
            if db.execute(mine.values(sink_gen=(fresh := new_generation()))).rowcount != 1:
                raise StoreError(f"the database holds no community {community}; correct community.code.")
        return fresh
    finally:
        engine.dispose()
