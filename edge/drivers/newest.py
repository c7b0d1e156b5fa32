"""A shelf with room for one picture: putting replaces, taking waits a bounded time."""

import threading
import time

from edge.ports import CameraFrame

STALE_NS = (
    500_000_000  # what happened so long ago is no ground for opening a door now (hardware.md §7 rule 2)
)


class Newest:
    """Filled by a grab thread, read by the vision worker; a slow reader misses pictures, never delays them.

    What lay here until it was older than ``STALE_NS`` is thrown away and not handed out.
    """

    def __init__(self) -> None:
        self._frame: CameraFrame | None = None
        self._changed = threading.Condition()

    def put(self, frame: CameraFrame) -> None:
        with self._changed:
            self._frame = frame
            self._changed.notify_all()

    def take(self, *, newer_than: int, within_s: float) -> CameraFrame | None:
        """The picture on the shelf if its seq is above ``newer_than``, else the next one in time, else None."""
        ends = time.monotonic() + within_s
        with self._changed:
            while True:
                if self._frame is not None and time.monotonic_ns() - self._frame.t_ns > STALE_NS:
                    self._frame = None
                if self._frame is not None and self._frame.seq > newer_than:
                    return self._frame
                left = ends - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return None
