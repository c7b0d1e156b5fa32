"""Signs that pictures do not come from a sensor: the very same picture again, or time that does not go on.

A sensor has noise: no two of its pictures are alike to the bit, neither in a row nor after a while.
"""

import hashlib
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.liveness.planarity import Grey

REPEATS_MIN = 3  # a driver may hand one picture over twice
DIGEST_BYTES = 8
REMEMBERED = 256  # digests of half a minute of looks; nothing can be seen in them


class StreamSigns:
    """One face's presence before one camera."""

    def __init__(self) -> None:
        self._seen: deque[bytes] = deque(maxlen=REMEMBERED)
        self._t_ns = 0
        self._repeats = 0
        self._stuck = 0

    def add(self, grey: "Grey", t_ns: int) -> None:
        """One more picture and its time."""
        digest = hashlib.blake2b(grey.tobytes(), digest_size=DIGEST_BYTES).digest()
        self._repeats += digest in self._seen
        self._stuck += t_ns <= self._t_ns
        self._seen.append(digest)
        self._t_ns = max(self._t_ns, t_ns)

    @property
    def frozen(self) -> bool:
        """Whether these pictures are played or stand still."""
        return max(self._repeats, self._stuck) >= REPEATS_MIN

    def forget(self) -> None:
        self._seen.clear()
        self._t_ns = self._repeats = self._stuck = 0
