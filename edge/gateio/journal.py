"""gate-io's own log of what its lines did: one JSON object a line, appended, and no person in it.

Kinds: start, stop, energise, de_energise, rex_press, rex_release (the lock was read back released for that press),
rex_handle (a press at a door whose handle opens by itself), lease_end, not_done (what a lock behind a bus was asked
last), withdrawn (a grant that came to nothing, or ended in a silence), lock_silent, lock_back, dropped, and <why>_start / <why>_end with why one of pulse, hold, rex,
fire, evacuate, beam (a barrier that waits for what stands in its way).  What readers read is never here.  A disk that hangs delays the writer thread, never a line.
"""

import json
import logging
import os
import queue
import threading
import time
from pathlib import Path

from edge.core.events import AccessPointId
from edge.errors import StoreError

log = logging.getLogger(__name__)

# A busy door writes ten lines a passage; a thousand waiting means the disk has been gone for minutes.
WAITING_MAX = 1024

# At about 90 bytes a line and ten lines a passage: ten thousand passages, twice (one older file is kept).
FILE_MAX_BYTES = 16 * 1024 * 1024

# At stop the last lines are worth a moment, but a dead disk must not hold up the process.
STOP_WITHIN_S = 2.0


class Journal:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._dropped = 0
        self._broken = False
        self._fd = self._open()
        self._writer = threading.Thread(target=self._write_all, name="journal", daemon=True)
        self._writer.start()

    def note(self, kind: str, door: AccessPointId | None, t_ns: int) -> None:
        """Take the line; never waits.  What does not fit is counted and told by a ``dropped`` line."""
        if self._waiting.qsize() >= WAITING_MAX:
            self._dropped += 1
            return
        if self._dropped:
            self._put("dropped", None, t_ns, {"lines": self._dropped})
            self._dropped = 0
        self._put(kind, door, t_ns, {})

    def close(self) -> None:
        """What was noted is written, unless the disk hangs."""
        self._waiting.put(None)
        self._writer.join(STOP_WITHIN_S)

    def _put(self, kind: str, door: AccessPointId | None, t_ns: int, more: dict[str, int]) -> None:
        line: dict[str, int | str] = {"t_ns": t_ns, "wall_ms": time.time_ns() // 1_000_000, "kind": kind}
        if door is not None:
            line["door"] = door
        self._waiting.put(json.dumps(line | more).encode() + b"\n")

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StoreError(
                f"the journal {self._path} cannot be opened ({error.strerror}). Choose another path."
            ) from error

    def _write_all(self) -> None:
        # The unit starts every thread in the real-time class; this one may wait for the disk.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        while (line := self._waiting.get()) is not None:
            try:
                self._write(line)
            except (OSError, StoreError) as error:
                self._complain(error)
        os.close(self._fd)

    def _write(self, line: bytes) -> None:
        if os.fstat(self._fd).st_size + len(line) > FILE_MAX_BYTES:
            self._path.replace(self._path.with_suffix(self._path.suffix + ".1"))
            old, self._fd = self._fd, self._open()
            os.close(old)
        os.write(self._fd, line)
        self._broken = False

    def _complain(self, error: Exception) -> None:
        if not self._broken:
            log.error("the journal is not being written: %s", error)
        self._broken = True
