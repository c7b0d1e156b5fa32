"""Whether the face that answers is the face that was named: alike, and where it stood (faces.md §10, §11).

The reference is the mean the name was given for; it does not learn from what comes later, or a slow change from one
face to another would go through.
"""

import numpy as np
from numpy.typing import NDArray

from models.engine import CalibrationMissing, EngineInfo, Vector
from models.track import Box, same_place
from models.vectors import SCORES


class Continuity:
    """One named face, followed through one challenge."""

    def __init__(self, info: EngineInfo, reference: Vector, box: Box) -> None:
        """``reference`` is copied.

        Raises:
            CalibrationMissing: the engine has no table, so nobody knows how alike is alike enough.
        """
        if info.calibration is None:
            raise CalibrationMissing(
                "no calibration table for this embedder: faces cannot be followed with it."
            )
        self._t = info.calibration.continuity_t
        self._similarity = SCORES[info.score]
        self._reference: NDArray[np.float32] = reference.copy()
        self._box = box

    def follows(self, box: Box, vector: Vector | None) -> bool:
        """Whether this frame shows the same face in the same place; a frame without a vector never does."""
        if vector is None or not same_place(self._box, box):
            return False
        if self._similarity(float(self._reference @ vector)) < self._t:
            return False
        self._box = box
        return True

    def forget(self) -> None:
        self._reference.fill(0.0)
