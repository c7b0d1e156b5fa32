"""A shelf with room for one picture: putting replaces, taking waits a bounded time."""

import threading
import time

from edge.ports import CameraFrame


class Newest:
    """Filled by a grab thread, read by the vision worker; a slow reader misses pictures, never delays them."""

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
            while self._frame is None or self._frame.seq <= newer_than:
                left = ends - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return None
            return self._frame
