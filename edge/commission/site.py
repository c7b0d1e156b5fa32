"""Where a walk takes place: one door, its node, its gate-io, its board, and the technician who answers."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from edge.commission.watch import GateWatch
from edge.config import DoorConfig, NodeConfig
from edge.errors import GateError
from edge.gateio import wire
from edge.gateio.profile import DoorTable, Profile
from edge.runtime import control

# Somebody has to walk to the door, find the button, come back.
PATIENCE_S = 120.0

# What the board itself does needs no walking.
PROMPT_S = 10.0

ANY_WAY = ("qr", "pin", "card", "phone-ble")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Technician(Protocol):
    """The person at the door; ``key`` names a text of ``commission.words``.

    Raises from every method:
        Left: the technician stopped.
    """

    def say(self, key: str, **parts: object) -> None: ...

    def yes(self, key: str, **parts: object) -> bool: ...


class Left(Exception):
    """The technician stopped the walk; what was found so far is kept."""


@dataclass(slots=True)
class Site:
    """One door and everything that can be asked about it."""

    config: NodeConfig
    profile: Profile
    door: DoorConfig
    table: DoorTable
    by: str
    technician: Technician
    face_doors: frozenset[str]
    patience_s: float = PATIENCE_S
    boot_id: Callable[[], str] = field(default=lambda: BOOT_ID.read_text().strip())
    _pause: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        return self.door.access_point

    @property
    def releases(self) -> bool:
        """The output's level that releases the door."""
        return self.table.lock_profile.release_energises

    def watch(self) -> GateWatch:
        return GateWatch(self.profile.socket)

    def rest(self, seconds: float) -> None:
        self._pause.wait(seconds)

    def node(self, do: str, **asked: object) -> dict[str, Any]:
        """What the running node answers.

        Raises:
            GateError: it does not, and the sentence says why.
        """
        return control.ask(
            self.config.data_dir / "control.sock", {"do": do, "access_point": self.name, **asked}
        )

    def health(self) -> dict[str, Any]:
        """The door as the node sees it."""
        doors: list[dict[str, Any]] = self.node("status")["doors"]
        found = [door for door in doors if door["access_point"] == self.name]
        if not found:
            raise GateError(f"the running node has no door {self.name}. Restart it with this configuration.")
        return found[0]

    def eventually(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Whether it came to be so in time; looked at four times a second."""
        end = time.monotonic() + within_s
        while not holds():
            if time.monotonic() >= end:
                return False
            self.rest(0.25)
        return True

    def released(self, shot: wire.Snapshot) -> bool:
        return shot.outputs[self.name] == self.releases

    # --- the ledger -------------------------------------------------------------------------------------------

    def head(self) -> int:
        """The number of the newest event."""
        rows = self._events("select coalesce(max(seq), 0), '' from event", ())
        return int(rows[0][0])

    def way_used_since(self, seq: int) -> str:
        """How somebody tried to come in here without a face after that event; empty: nobody did."""
        for _, body in self._events(
            "select seq, body from event where seq > ? order by seq limit 1000", (seq,)
        ):
            event = json.loads(body or "{}")
            if event.get("access_point") == self.name and event.get("credential_kind") in ANY_WAY:
                return str(event["credential_kind"])
        return ""

    def _events(self, query: str, values: tuple[int, ...]) -> list[tuple[int, str]]:
        path = self.config.data_dir / "events.db"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                return list(database.execute(query, values))
        except sqlite3.Error as error:
            raise GateError(
                f"{path}: the node's ledger cannot be read ({error}). Is this the node's user?"
            ) from error
