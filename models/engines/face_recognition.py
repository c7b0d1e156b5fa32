"""``face_recognition``: the library of that name through its own API, on faces that YuNet found.

A chip here is a whole-pixel crop, twice as wide as the face square in its middle, so that the library can be
called as its users call it: with a picture and a face location.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from models import yunet
from models.align import aligned_chip, measure
from models.calibration import shipped_calibration
from models.engine import Chip, Embeddings, EngineError, EngineInfo, Face, Frame, Quality
from models.manifest import find_weights, model_record
from models.selftest import check_golden, drawn_chips, golden_vectors
from models.vectors import one_minus_chord, unit_rows

ENGINE_ID = "face_recognition"
RESNET = model_record("dlib-resnet-v1")
FIVE_POINT = model_record("dlib-5-point")
MMOD = model_record("dlib-mmod")
DIM = 128
GOLDEN_CHIP_PX = 300
# From a YuNet box to the square dlib's own HOG detector would have drawn: medians over 500 pictures, in shares
# of s = (w + h) / 2.  The 5-point predictor was trained on such squares.
SHIFT_X, SHIFT_Y, SIDE = -0.0224, 0.0373, 0.9697


class FaceRecognition:
    """The FaceEngine promise on face_recognition and dlib."""

    def __init__(self, models_dir: Path | None) -> None:
        self._models_dir = models_dir
        self._detector: yunet.YunetDetector | None = None
        self._library: Any = None
        self._info = EngineInfo(
            engine_id=ENGINE_ID,
            model_sha256=RESNET.sha256,
            detector_sha256=yunet.RECORD.sha256,
            dim=DIM,
            score="one_minus_chord",
            calibration=shipped_calibration(ENGINE_ID, RESNET.sha256),
            licence=f"face_recognition MIT, dlib models {RESNET.licence}, YuNet {yunet.RECORD.licence}",
        )

    @property
    def info(self) -> EngineInfo:
        return self._info

    def warm_up(self) -> float:
        begun = time.perf_counter()
        try:
            self._load()
            check_golden(ENGINE_ID, self.embed, drawn_chips(GOLDEN_CHIP_PX), golden_vectors(ENGINE_ID))
        except EngineError:
            self.close()  # what was not proven is not used
            raise
        return time.perf_counter() - begun

    def _load(self) -> None:
        self._detector = yunet.open_detector(self._models_dir)
        weights = tuple(find_weights(record, self._models_dir) for record in (RESNET, FIVE_POINT, MMOD))
        self._library = _library(*weights)

    def detect(self, frame: Frame) -> list[Face]:
        if self._detector is None:
            raise EngineError(f"engine {ENGINE_ID} is not loaded; call warm_up first.")
        return self._detector.detect(frame)

    def align(self, frame: Frame, face: Face) -> Chip:
        """The crop; where it leaves the frame the border pixels are repeated."""
        left, top, side = hog_square(face)
        rows = np.arange(top - side // 2, top + side + side // 2).clip(0, frame.shape[0] - 1)
        columns = np.arange(left - side // 2, left + side + side // 2).clip(0, frame.shape[1] - 1)
        return np.ascontiguousarray(frame[np.ix_(rows, columns)])

    def embed(self, chips: Sequence[Chip]) -> Embeddings:
        if not chips:
            return np.empty((0, DIM), dtype=np.float32)
        return unit_rows(np.stack([self._encode(chip) for chip in chips]))

    def _encode(self, chip: Chip) -> "np.ndarray[Any, np.dtype[np.float64]]":
        if self._library is None:
            raise EngineError(f"engine {ENGINE_ID} is not loaded; call warm_up first.")
        picture = np.ascontiguousarray(chip[:, :, ::-1])  # the library speaks RGB
        (vector,) = self._library.face_encodings(
            picture, known_face_locations=[location_in(chip)], num_jitters=1, model="small"
        )
        return np.asarray(vector, dtype=np.float64)

    def quality(self, frame: Frame, face: Face, chip: Chip, *, faces_in_frame: int) -> Quality:  # noqa: ARG002 - the gates' limits were found on the aligned chip, not on this engine's crop
        return measure(face, aligned_chip(frame, face), faces_in_frame=faces_in_frame)

    def similarity(self, cosine: float) -> float:
        return one_minus_chord(cosine)

    def close(self) -> None:
        self._detector = None
        self._library = None


def hog_square(face: Face) -> tuple[int, int, int]:
    """Left, top and (even) side of the square in whole pixels of the frame."""
    x, y, w, h = face.box
    mean_side = (w + h) / 2
    half = max(1, round(SIDE * mean_side / 2))
    centre_x = x + w / 2 + SHIFT_X * mean_side
    centre_y = y + h / 2 + SHIFT_Y * mean_side
    return round(centre_x) - half, round(centre_y) - half, 2 * half


def location_in(chip: Chip) -> tuple[int, int, int, int]:
    """Top, right, bottom, left of the square in a chip that ``align`` made: its middle half."""
    side = chip.shape[0] // 2
    return side // 2, side // 2 + side, side // 2 + side, side // 2


# Which of the checked files the library gets for each that it asks for while it is imported.
LOCATIONS = {
    "face_recognition_model_location": "resnet",
    "pose_predictor_five_point_model_location": "five",
    "pose_predictor_model_location": "five",
    "cnn_face_detector_model_location": "mmod",
}

# A module is imported once per process; every engine shares it, and each has checked its own weights before.
_IMPORTED: dict[str, Any] = {}


def _library(resnet: bytes, five_point: bytes, mmod: bytes) -> Any:
    """The face_recognition module, loaded once per process from these bytes."""
    if ENGINE_ID in _IMPORTED:
        return _IMPORTED[ENGINE_ID]
    if "face_recognition" in sys.modules:
        raise EngineError(
            "engine face_recognition: the library was already imported in this process with its own files, "
            "which are not checked. Open the engine before anything else imports face_recognition."
        )
    with _pointed_at(resnet, five_point, mmod):
        import face_recognition
    _IMPORTED[ENGINE_ID] = face_recognition
    return face_recognition


@contextlib.contextmanager
def _pointed_at(resnet: bytes, five_point: bytes, mmod: bytes) -> Iterator[None]:
    """While this lasts, the library's models are files with the checked bytes, in a folder only we can read.

    dlib reads paths, not buffers.  The library loads the 68-point predictor when it is imported, asked for or
    not; that file was trained on iBUG 300-W, whose licence excludes commercial use, so the library is given the
    5-point file in its place.  ``model="small"`` never looks at it.
    """
    import face_recognition_models as package

    files = {"resnet": resnet, "five": five_point, "mmod": mmod}
    before = {name: getattr(package, name) for name in LOCATIONS}
    with tempfile.TemporaryDirectory(prefix="gatehouse-models-") as folder:
        for file, data in files.items():
            Path(folder, file).write_bytes(data)
        try:
            for name, file in LOCATIONS.items():
                setattr(package, name, partial(str, Path(folder, file)))
            yield
        finally:
            for name, location in before.items():
                setattr(package, name, location)


def open_engine(*, models_dir: Path | None = None) -> FaceRecognition:
    """The engine, not yet loaded; ``warm_up`` loads and proves it.

    Raises:
        EngineError: a package is not installed.
    """
    try:
        import cv2  # noqa: F401 - YuNet's runtime
        import dlib  # noqa: F401
        import face_recognition_models  # noqa: F401
    except ImportError as error:
        raise EngineError(
            f"engine {ENGINE_ID}: {error.name or error} is not installed. "
            "Install the dlib requirements, or choose the engine yunet-sface."
        ) from error
    return FaceRecognition(models_dir)
