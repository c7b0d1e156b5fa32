"""``yunet-sface``, the default engine: YuNet finds, SFace embeds, both on OpenCV's own runtime."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import yunet
from models.align import CHIP_PX, aligned_chip, measure
from models.calibration import shipped_calibration
from models.engine import Chip, Embeddings, EngineError, EngineInfo, Face, Frame, Quality
from models.manifest import find_weights, model_record
from models.selftest import check_golden, drawn_chips, golden_vectors
from models.vectors import cosine_score, unit_rows

ENGINE_ID = "yunet-sface"
RECORD = model_record("sface-2021dec-int8bq")
DIM = 128


class YunetSface:
    """The FaceEngine promise on OpenCV DNN."""

    def __init__(self, models_dir: Path | None) -> None:
        self._models_dir = models_dir
        self._detector: yunet.YunetDetector | None = None
        self._network: Any = None
        self._info = EngineInfo(
            engine_id=ENGINE_ID,
            model_sha256=RECORD.sha256,
            detector_sha256=yunet.RECORD.sha256,
            dim=DIM,
            score="cosine",
            calibration=shipped_calibration(ENGINE_ID, RECORD.sha256),
            licence=f"SFace {RECORD.licence}, YuNet {yunet.RECORD.licence}",
        )

    @property
    def info(self) -> EngineInfo:
        return self._info

    def warm_up(self) -> float:
        begun = time.perf_counter()
        try:
            self._load()
            check_golden(ENGINE_ID, self.embed, drawn_chips(CHIP_PX), golden_vectors(ENGINE_ID))
        except EngineError:
            self.close()  # what was not proven is not used
            raise
        return time.perf_counter() - begun

    def _load(self) -> None:
        import cv2

        self._detector = yunet.open_detector(self._models_dir)
        weights = np.frombuffer(find_weights(RECORD, self._models_dir), dtype=np.uint8)
        self._network = cv2.dnn.readNetFromONNX(weights)

    def detect(self, frame: Frame) -> list[Face]:
        if self._detector is None:
            raise EngineError(f"engine {ENGINE_ID} is not loaded; call warm_up first.")
        return self._detector.detect(frame)

    def align(self, frame: Frame, face: Face) -> Chip:
        return aligned_chip(frame, face)

    def embed(self, chips: Sequence[Chip]) -> Embeddings:
        if not chips:
            return np.empty((0, DIM), dtype=np.float32)
        return unit_rows(np.concatenate([self._forward(chip) for chip in chips]))

    def _forward(self, chip: Chip) -> Embeddings:
        """One chip per forward: OpenCV 4.14 answers noise for every row of a batch but the first."""
        import cv2

        if self._network is None:
            raise EngineError(f"engine {ENGINE_ID} is not loaded; call warm_up first.")
        blob = cv2.dnn.blobFromImage(chip, 1.0, (CHIP_PX, CHIP_PX), (0, 0, 0), swapRB=True)
        self._network.setInput(blob, "data")
        return np.array(self._network.forward(), dtype=np.float32).reshape(1, DIM)

    def quality(self, frame: Frame, face: Face, chip: Chip, *, faces_in_frame: int) -> Quality:  # noqa: ARG002 - the promise is wider than this engine needs
        return measure(face, chip, faces_in_frame=faces_in_frame)

    def similarity(self, cosine: float) -> float:
        return cosine_score(cosine)

    def close(self) -> None:
        self._detector = None
        self._network = None


def open_engine(*, models_dir: Path | None = None) -> YunetSface:
    """The engine, not yet loaded; ``warm_up`` loads and proves it.

    Raises:
        EngineError: OpenCV is not installed.
    """
    try:
        import cv2  # noqa: F401 - say now, not at the first face, that it is missing
    except ImportError as error:
        raise EngineError(
            f"engine {ENGINE_ID}: OpenCV cannot be loaded ({error}). Install the edge requirements."
        ) from error
    return YunetSface(models_dir)
