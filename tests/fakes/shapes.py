"""The shape of the service's database, given once by its migrations and copied into every other new database of a test."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from cloud_sync.store import engine
from tests.fakes.postgres_house import Cluster

_create_private = engine._create_private


@contextmanager
def copied() -> Iterator[None]:
    """A new file of SQLite begins as the copy; opening it still looks at every migration, and finds them all done."""
    engine._create_private = _begin_as_copy
    try:
        yield
    finally:
        engine._create_private = _create_private


@contextmanager
def step_by_step() -> Iterator[None]:
    """Inside ``copied``: files begin empty after all, for who tests the migrations themselves."""
    kept, engine._create_private = engine._create_private, _create_private
    try:
        yield
    finally:
        engine._create_private = kept


def new_postgres(cluster: Cluster) -> str:
    """The address of a new database that has the newest shape."""
    if not cluster.shaped:
        made = cluster.new_database()
        engine.open_database(made).dispose()
        cluster.shaped = made
    return cluster.new_database(like=cluster.shaped)


@cache
def _whole_file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="gh-shape-") as folder, step_by_step():
        path = Path(folder, "service.db")
        engine.open_database(path).dispose()
        return path.read_bytes()


def _begin_as_copy(path: Path) -> None:
    with suppress(OSError):  # what is wrong here is said below
        if not path.exists():
            _lay(path)
    _create_private(path)


def _lay(path: Path) -> None:
    """Whole from its first moment, for a second service may begin at once."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix="gh-shape-") as whole:
        whole.write(_whole_file())
        whole.flush()
        os.link(whole.name, path)
