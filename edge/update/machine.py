"""The hands of an update on a real machine: a command that restarts the node, its own word about itself, and time."""

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.config import NodeConfig
from edge.core.door_types import Mode
from edge.core.events import ClockState
from edge.core.release import LOOK_MOST_MS, RESTART_MS
from edge.errors import GateError
from edge.runtime import control

OK = "OK"


@dataclass(frozen=True, slots=True)
class Machine:
    """``restart_command`` ends the running program and starts the one that ``current`` points at."""

    config: NodeConfig
    restart_command: Sequence[str]
    were_ok: frozenset[str] = frozenset()  # doors that have to be all right again
    _pause: threading.Event = field(default_factory=threading.Event)

    def restart(self) -> None:
        try:
            subprocess.run(self.restart_command, check=True, capture_output=True, timeout=RESTART_MS / 1000)
        except (OSError, subprocess.SubprocessError) as error:
            raise GateError(
                f"{' '.join(self.restart_command)}: did not restart the node ({error})."
            ) from error

    def is_well(self) -> bool:
        """The node answers for every door of its file, and each that was all right before is so again."""
        try:
            doors = self._status()["doors"]
        except GateError:
            return False
        told = {str(door["access_point"]): bool(door["lock"] == OK) for door in doors}
        return told.keys() == {str(door.access_point) for door in self.config.doors} and all(
            told[door] for door in self.were_ok
        )

    def doors_ok(self) -> frozenset[str]:
        """Doors whose lock answers and that give grants; none where the node does not answer."""
        try:
            return frozenset(
                str(door["access_point"]) for door in self._status()["doors"] if door["lock"] == OK
            )
        except GateError:
            return frozenset()

    def is_quiet(self) -> bool:
        """A node that does not answer is not: nobody knows what its doors do."""
        try:
            return all(door["mode"] != Mode.LOCKED_OPEN for door in self._status()["doors"])
        except GateError:
            return False

    def is_clock_sure(self) -> bool:
        try:
            return bool(self._status()["clock"] == ClockState.TRUSTED)
        except GateError:
            return False

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def pause(self, ms: int) -> None:
        self._pause.wait(ms / 1000)

    def _status(self) -> control.Answer:
        return control.ask(
            self.config.data_dir / "control.sock", {"do": "status"}, within_s=LOOK_MOST_MS / 1000
        )
