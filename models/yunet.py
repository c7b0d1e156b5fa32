"""YuNet on OpenCV: the detector that every engine with real faces shares.

Faces come back in the caller's pixels, largest first, whatever size the network looked at.
"""

from pathlib import Path
from typing import Any

import numpy as np

from models.engine import Face, Frame, FrameInvalid
from models.manifest import find_weights, model_record

RECORD = model_record("yunet-2023mar-int8bq")
# The network is trained for faces of about 10 to 300 px: at 320 a face that fills the frame is still found, a
# person at two metres still has 25 px between the eyes of a 640 px frame, and one look costs 5 ms.
INPUT_LONG_SIDE_PX = 320
SCORE_MIN = 0.6  # below it LFW had only false faces; the quality gate asks for 0.90
NMS = 0.3  # overlap above which two boxes are one face
FACES_MAX = 50
SIDE_MIN_PX = 32


def check_frame(frame: Frame) -> None:
    """Nothing, or FrameInvalid when this is not a C-contiguous (H, W, 3) uint8 picture of at least 32×32."""
    if getattr(frame, "dtype", None) != np.uint8:
        raise FrameInvalid("a frame is not an array of uint8; the camera driver must deliver 8-bit BGR.")
    if frame.ndim != 3 or frame.shape[2] != 3 or min(frame.shape[:2]) < SIDE_MIN_PX:
        raise FrameInvalid(
            f"a frame has the shape {frame.shape}; the camera driver must deliver (height, width, 3), "
            f"both sides at least {SIDE_MIN_PX} px."
        )
    if not frame.flags.c_contiguous:
        raise FrameInvalid("a frame is a view with gaps; the camera driver must deliver contiguous memory.")


class YunetDetector:
    """One YuNet network; used from one thread."""

    def __init__(self, network: Any, long_side_px: int) -> None:
        self._network = network
        self._long_side_px = long_side_px

    def detect(self, frame: Frame) -> list[Face]:
        """Largest box first; empty when there is no face.

        Raises:
            FrameInvalid: wrong dtype, shape or stride.
        """
        check_frame(frame)
        small, per_x, per_y = self._shrunk(frame)
        self._network.setInputSize((small.shape[1], small.shape[0]))
        _, rows = self._network.detect(small)
        if rows is None:  # OpenCV says None, not an empty array
            return []
        faces = [_face(row, per_x, per_y) for row in rows if np.isfinite(row).all()]
        return sorted(faces, key=_area, reverse=True)

    def _shrunk(self, frame: Frame) -> tuple[Frame, float, float]:
        """The picture for the network and how many of the caller's pixels one of its pixels is."""
        import cv2

        height, width = frame.shape[:2]
        scale = self._long_side_px / max(height, width)
        if scale >= 1.0:
            return frame, 1.0, 1.0
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return small, width / size[0], height / size[1]


def _area(face: Face) -> float:
    return face.box[2] * face.box[3]


def _face(row: "np.ndarray[Any, np.dtype[np.float32]]", per_x: float, per_y: float) -> Face:
    scale = np.array([per_x, per_y], dtype=np.float32)
    x, y, w, h = (float(value) for value in (row[:4].reshape(2, 2) * scale).ravel())
    points = np.ascontiguousarray(row[4:14].reshape(5, 2) * scale, dtype=np.float32)
    return Face((x, y, w, h), points, min(1.0, max(0.0, float(row[14]))))


def open_detector(
    models_dir: Path | None, *, long_side_px: int = INPUT_LONG_SIDE_PX, threads: int = 1
) -> YunetDetector:
    """YuNet from checked bytes.  ``threads`` is OpenCV's for the whole process: one, to leave the camera a core.

    Raises:
        WeightsMissing, WeightsMismatch.
    """
    import cv2

    weights = np.frombuffer(find_weights(RECORD, models_dir), dtype=np.uint8)
    cv2.setNumThreads(threads)
    # OpenCV 5 warns on stderr about a target nobody asked for, each time a detector is made.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        network = cv2.FaceDetectorYN.create(
            "onnx", weights, np.empty(0, np.uint8), (320, 320), SCORE_MIN, NMS, FACES_MAX
        )
    finally:
        cv2.utils.logging.setLogLevel(level)
    return YunetDetector(network, long_side_px)
