"""A reserve of disk space: freed when the disk is full, so that recording goes on while somebody is called."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edge.errors import DiskFull

BALLAST_BYTES = 1_000_000  # room for about 500 events and the codes that went with them

T = TypeVar("T")


class Ballast:
    """One for all databases of a node; ``alarm`` stays up until a person has made room and restarted the node."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.alarm = False
        self._lay()

    def spend_on(self, write: Callable[[], T]) -> T:
        """Do it; when the disk is full, free the reserve and do it once more.

        Raises:
            DiskFull: there was no reserve any more, or it was not enough.
        """
        try:
            return write()
        except DiskFull:
            self.alarm = True
            if not self._path.exists():
                raise
            self._path.unlink()
            return write()

    def _lay(self) -> None:
        if self._path.exists():
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_bytes(b"\0" * BALLAST_BYTES)
        except OSError:
            self._path.unlink(missing_ok=True)
            self.alarm = True
