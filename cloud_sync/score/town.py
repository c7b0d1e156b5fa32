"""The community's own service in a fresh folder: set up, its doors joined, its registers taken in."""

import socket
from collections.abc import Callable
from pathlib import Path

from cloud_sync.broker import EmbeddedBroker
from cloud_sync.compose import Books, open_books, set_up
from cloud_sync.config import SyncConfig
from cloud_sync.errors import Refused
from cloud_sync.ports import ImportReport
from cloud_sync.score.clock import SteppedClock
from cloud_sync.score.folder import Folder
from cloud_sync.store.intake_files import take_file
from cloud_sync.store.node_list import read_rows

ACTOR = "score"
HOUR_MS = 3_600_000
# What stands before the first booking, and what is handed over when the first day begins.
BEFORE = ("operators", "listings", "rooms", "residents", "staff")
BEGINNING = ("units", "advertisements")
BEFORE_MS = 22 * 24 * HOUR_MS  # bookings are made at most three weeks ahead


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def config_of(folder: Folder, home: Path, port: int, database_url: str) -> SyncConfig:
    """As an owner would write it for this community."""
    return SyncConfig.model_validate(
        {
            "data_dir": home,
            "database_url": database_url,
            "community": {
                "code": folder.code,
                "name_zh": folder.code,
                "name_en": folder.code,
                "synthetic": True,
            },
            "broker": {"port": port},
            "web": {"tls": False},
        }
    )


class Town:
    """Books and broker of one run; ``close`` ends both."""

    def __init__(self, folder: Folder, home: Path, database_url: str) -> None:
        """
        Raises:
            Refused: a register of the folder is not taken whole.
            StoreError, ConfigError: the service cannot be set up there.
        """
        self.folder = folder
        self.clock = SteppedClock(folder.begins_ms - BEFORE_MS)
        config = config_of(folder, home, free_port(), database_url)
        set_up(config)
        self.books: Books = open_books(config, self.clock)
        self.broker = EmbeddedBroker(config.broker.port)
        self._closers: list[Callable[[], None]] = [self.books.close]
        try:
            self.broker.start()
            self._closers.append(self.broker.stop)
            self._doors()
            self.take(BEFORE)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        while self._closers:
            self._closers.pop()()

    def _doors(self) -> None:
        for name in ("access_points.csv", *self.folder.names("room_locks_*.csv")):
            rows, faults = read_rows(self.folder.data(name))
            _, more = self.books.registry.add_node_list(rows, {}, dry_run=bool(faults), actor=ACTOR)
            if wrong := [*faults, *more]:
                raise Refused("score", f"{name}: {wrong[0]}")

    def take(self, kinds: tuple[str, ...]) -> None:
        """Whole registers, as ``gatehouse-sync import`` takes them.

        Raises:
            Refused: a row was not taken.
        """
        for kind in kinds:
            self._whole(kind)

    def _whole(self, kind: str) -> ImportReport:
        report = take_file(self.books, kind, self.folder.path / f"{kind}.csv", actor=ACTOR)
        bad = next((row for row in report.rows if row.status == "rejected"), None)
        if bad is not None:
            raise Refused("score", f"{kind}.csv line {bad.line}: {bad.reason}")
        return report
