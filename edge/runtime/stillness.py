"""Whether anything moved in an empty lane, for a hundredth of what finding a face costs."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.engine import Frame

BLOCKS = (40, 30)  # wide, high; a face that passes the door's gate covers about twenty of them
SAMPLES_WIDE = 320  # every so many-th pixel: 64 a block, so that a sensor's noise averages out
LEVELS = 6  # a block that differs by more has changed; noise with a deviation of 10 a pixel stays below
BLOCKS_CHANGED_MIN = 5


class Stillness:
    """The empty lane as it was last looked at; slow change adds up against it, until somebody looks again."""

    def __init__(self) -> None:
        self._lane: NDArray[np.int16] | None = None

    def keep(self, image: "Frame") -> None:
        """This picture was looked at, and nobody stood there."""
        self._lane = _blocks(image)

    def moved(self, image: "Frame") -> bool:
        """Whether the lane looks otherwise now; also when nothing is known of it."""
        now = _blocks(image)
        if self._lane is None:
            return True
        return int(np.count_nonzero(np.abs(now - self._lane) > LEVELS)) >= BLOCKS_CHANGED_MIN


def _blocks(image: "Frame") -> "NDArray[np.int16]":
    """Mean green of each block: one channel is as good as grey here, and a quarter of the price."""
    import cv2

    step = max(1, image.shape[1] // SAMPLES_WIDE)
    sampled = np.ascontiguousarray(image[::step, ::step, 1])
    return np.asarray(cv2.resize(sampled, BLOCKS, interpolation=cv2.INTER_AREA), dtype=np.int16)
