"""The vision worker's part of a look by staff: one camera's picture, made small and handed to the node a few times a second.

Only while the node asks for it, never longer than a minute for one asking, and nothing is kept: the next picture is made
anew, and the last one ends with the message it was sent in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.runtime.sightings import PreviewAsk, PreviewPicture

if TYPE_CHECKING:
    from models.engine import Frame

LOOK_MAX_NS = 60_000_000_000
EVERY_MIN_NS = 200_000_000  # five a second


@dataclass(slots=True, eq=False)
class PreviewEye:
    """``encode`` makes a small JPEG in memory; ``now_ns`` is the worker's own clock."""

    encode: "Callable[[Frame], bytes]"
    now_ns: Callable[[], int]
    _camera: str = ""
    _until_ns: int = 0
    _every_ns: int = EVERY_MIN_NS
    _last_ns: int = 0

    def hear(self, ask: PreviewAsk) -> None:
        self._camera = ask.camera
        self._until_ns = self.now_ns() + min(ask.for_ns, LOOK_MAX_NS)
        self._every_ns = max(ask.every_ns, EVERY_MIN_NS)
        self._last_ns = 0

    def picture(self, camera: str, image: "Frame", t_ns: int) -> PreviewPicture | None:
        """To be told now, or None: nobody asked, it is over, or the last was a moment ago."""
        now_ns = self.now_ns()
        if camera != self._camera or now_ns >= self._until_ns or now_ns - self._last_ns < self._every_ns:
            return None
        self._last_ns = now_ns
        return PreviewPicture(camera, t_ns, self.encode(image))
