"""What the camera drivers share: one thread that grabs without pause, and one slot for the newest fresh picture.

Whoever asks for a picture waits for this thread at most as long as he said, whatever the device does: a driver that
blocks, a cable that is pulled, a server that is frozen.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from edge.drivers.newest import STALE_NS, Newest
from edge.errors import CameraLost
from edge.ports import CameraFrame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RETRY_FIRST_S = 0.2
RETRY_MAX_S = 2.0
LOST_NS = 2_000_000_000  # without a fresh picture for so long the source is gone (hardware.md §7 rule 4)
# The longest that one call into a library may take: opening 3 s or reading 2 s, and a little for a busy machine.  A
# thread that is still inside one when Python ends would abort the process.
CLOSE_S = 4.0
NONE_CAME = "no picture comes"


class Source(Protocol):
    """One open connection to a camera, used by one thread."""

    def grab(self) -> bool:
        """Wait a bounded time for the next picture; False when none came: the connection is over."""
        ...

    def taken_ns(self, arrived_ns: int) -> int | None:
        """When the picture that was grabbed at ``arrived_ns`` was taken; None when that is not known yet."""
        ...

    def picture(self) -> "NDArray[np.uint8] | None":
        """The grabbed picture, (H, W, 3) BGR, a copy of our own; None when it cannot be read."""
        ...

    def close(self) -> None: ...


class GrabbingCamera:
    """A ``Camera`` around whatever can be opened; it opens again by itself, for ever, with a bounded pause between."""

    def __init__(self, name: str, open_source: Callable[[], Source], advice: str) -> None:
        """``name`` and ``advice`` stand in sentences people read: no address that holds a password.

        ``open_source`` raises CameraLost when there is nothing to open now.
        """
        self._name = name
        self._open = open_source
        self._advice = advice
        self._newest = Newest()
        self._why = NONE_CAME
        self._seq = 0
        self._last_ns = 0  # when the last picture that went onto the shelf was taken
        self._fresh_ns = (
            time.monotonic_ns()
        )  # when one last went there; a camera opened just now is not lost yet
        self._stale = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    @property
    def stale_dropped(self) -> int:
        """Pictures thrown away since the start because they were too old, or older than one already shown."""
        return self._stale

    def newest(self, *, newer_than: int, within_s: float) -> CameraFrame | None:
        frame = self._newest.take(newer_than=newer_than, within_s=within_s)
        if frame is None and time.monotonic_ns() - self._fresh_ns > LOST_NS:
            raise CameraLost(f"camera {self._name}: {self._why}. {self._advice}")
        return frame

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=CLOSE_S)

    def _run(self) -> None:
        wait_s = RETRY_FIRST_S
        while not self._stop.is_set():
            before = self._seq
            try:
                self._session(self._open())
            except CameraLost as error:
                self._why = str(error)
            except Exception as error:  # noqa: BLE001  # a library that raises is a camera that is gone: it is tried again
                self._why = f"its driver failed ({type(error).__name__})"  # the text may quote an address
            wait_s = RETRY_FIRST_S if self._seq > before else wait_s
            self._stop.wait(wait_s)
            wait_s = min(RETRY_MAX_S, wait_s * 2)

    def _session(self, source: Source) -> None:
        try:
            began_ns = time.monotonic_ns()
            while not self._stop.is_set():
                if not source.grab():
                    self._why = NONE_CAME
                    return
                arrived_ns = time.monotonic_ns()
                if (
                    not self._shelve(source, arrived_ns)
                    and arrived_ns - max(began_ns, self._fresh_ns) > LOST_NS
                ):
                    return  # whatever piled up on the way, a new connection begins without it
        finally:
            source.close()

    def _shelve(self, source: Source, arrived_ns: int) -> bool:
        """Put the grabbed picture onto the shelf if it is fresh."""
        taken_ns = source.taken_ns(arrived_ns)
        if taken_ns is None or arrived_ns - taken_ns > STALE_NS or taken_ns < self._last_ns:
            self._stale += 1
            self._why = f"its pictures are old ({self._stale} thrown away so far)"
            return False
        image = source.picture()
        if image is None:
            return False
        self._seq += 1
        self._last_ns = taken_ns
        self._fresh_ns = arrived_ns
        self._why = NONE_CAME  # if nothing comes after it
        self._newest.put(CameraFrame(image, taken_ns, self._seq))
        return True
