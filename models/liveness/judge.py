"""A passive judge: a network that says of one picture whether a face in it is real.  None is shipped.

A site that has one names its file, the file's sha256 and its own limit; without all three it is not opened.  It is
one sign among others: it takes good replays for real (faces.md §11.1), and what it reaches here nobody has measured.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.engine import EngineError, Frame, WeightsMismatch, WeightsMissing
from models.track import Box

SIDE_PX = 80
CLASSES, REAL = 3, 1  # print-fake, real, replay-fake


class PadJudge(Protocol):
    """What any passive judge promises; used from one thread."""

    def real(self, frame: Frame, box: Box) -> float:
        """0..1, higher is more likely a person."""
        ...


@dataclass(frozen=True, slots=True)
class JudgeFile:
    """One network of a judge: its file, which file it has to be, and how wide its crop is in face widths."""

    path: Path
    sha256: str
    scale: float


class OnnxJudge:
    """MiniFASNet's recipe: each network sees its own crop, the softmaxes are averaged."""

    def __init__(self, networks: Sequence[tuple[Any, float]]) -> None:
        self._networks = tuple(networks)

    def real(self, frame: Frame, box: Box) -> float:
        """The mean share of the class "real"."""
        return float(
            np.mean([self._one(network, crop(frame, box, scale)) for network, scale in self._networks])
        )

    @staticmethod
    def _one(network: Any, chip: Frame) -> float:
        import cv2

        # BGR and 0..255: the authors commented the division out (faces.md §11.2).
        network.setInput(cv2.dnn.blobFromImage(chip, 1.0, (SIDE_PX, SIDE_PX), (0, 0, 0), swapRB=False))
        return float(softmax(np.asarray(network.forward(), np.float64).reshape(CLASSES))[REAL])


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum(), np.float64)


def crop(frame: Frame, box: Box, scale: float) -> Frame:
    """The 80×80 crop around a face, shrunk and shifted until it lies in the frame."""
    import cv2

    height, width = frame.shape[:2]
    x, y, w, h = box
    scale = min((height - 1) / h, (width - 1) / w, scale)
    wide, high = w * scale, h * scale
    left = min(max(0.0, x + w / 2 - wide / 2), width - 1 - wide)
    top = min(max(0.0, y + h / 2 - high / 2), height - 1 - high)
    part = frame[int(top) : int(top + high) + 1, int(left) : int(left + wide) + 1]
    return np.asarray(cv2.resize(part, (SIDE_PX, SIDE_PX)), np.uint8)


def open_judge(files: Sequence[JudgeFile]) -> OnnxJudge | None:
    """The judge of these files, or None where a site has none.

    Raises:
        WeightsMissing, WeightsMismatch: a file is not there, or not the one that is meant.
        EngineError: a file is no network with three classes.
    """
    return OnnxJudge([(_network(file), file.scale) for file in files]) if files else None


def _network(file: JudgeFile) -> Any:
    import cv2

    name = f"liveness judge {file.path.name}"
    try:
        data = file.path.read_bytes()
    except OSError as error:
        raise WeightsMissing(name, [str(file.path)]) from error
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        raise WeightsMismatch(name, file.sha256, found)
    try:
        network = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
        OnnxJudge([(network, file.scale)]).real(np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8), (20, 20, 40, 40))
    except (cv2.error, ValueError) as error:
        raise EngineError(
            f"{name}: is not a network with an 80x80 input and three classes. Name a MiniFASNet file, or none."
        ) from error
    return network
