"""An engine that finds heads turned which are not: the five points of a real face, rotated as a turned head's would be.

No clip of the project holds somebody who does what a door asks, and a drawn head does not move the detector's points as
a real one does.  So the picture, its movement and its vector stay real, and only the points are turned; whatever is
counted with it is called ``synthesised``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.engine import Chip, Embeddings, EngineInfo, Face, FaceEngine, Frame, Quality

# How far the points stand out from the plane of the eyes, in distances of the eyes: eyes, nose tip, mouth corners.
DEEP = np.array([0.0, 0.0, 0.6, 0.15, 0.15])


def rotated(landmarks: NDArray[np.float32], yaw_deg: float, pitch_deg: float) -> NDArray[np.float32]:
    """The five points of a head turned to the person's left and down."""
    points = landmarks.astype(np.float64)
    middle = points.mean(axis=0)
    unit = float(np.linalg.norm(points[1] - points[0]))
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    (x, y), deep = (points - middle).T, DEEP * unit
    x, deep = x * np.cos(yaw) + deep * np.sin(yaw), deep * np.cos(yaw) - x * np.sin(yaw)
    y = y * np.cos(pitch) + deep * np.sin(pitch)
    return np.asarray(np.column_stack([x, y]) + middle, np.float32)


class PosedEngine:
    """The engine it is given, whose faces are turned by ``pose`` (degrees to the left, degrees down)."""

    def __init__(self, engine: FaceEngine) -> None:
        self._engine = engine
        self._straight: dict[int, Face] = {}
        self.pose = (0.0, 0.0)

    @property
    def info(self) -> EngineInfo:
        return self._engine.info

    def detect(self, frame: Frame) -> list[Face]:
        found = self._engine.detect(frame)
        if self.pose == (0.0, 0.0):
            self._straight.clear()
            return found
        turned = [Face(face.box, rotated(face.landmarks, *self.pose), face.score) for face in found]
        self._straight = {id(new): old for new, old in zip(turned, found, strict=True)}
        return turned

    def align(self, frame: Frame, face: Face) -> Chip:
        return self._engine.align(frame, self._straight.get(id(face), face))

    def embed(self, chips: Sequence[Chip]) -> Embeddings:
        return self._engine.embed(chips)

    def quality(self, frame: Frame, face: Face, chip: Chip, *, faces_in_frame: int) -> Quality:
        straight = self._straight.get(id(face), face)
        return self._engine.quality(frame, straight, chip, faces_in_frame=faces_in_frame)

    def similarity(self, cosine: float) -> float:
        return self._engine.similarity(cosine)

    def warm_up(self) -> float:
        return self._engine.warm_up()

    def close(self) -> None:
        self._engine.close()
