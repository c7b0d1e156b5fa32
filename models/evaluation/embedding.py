"""Photos to vectors through the engine, once: kept by model, data and condition in the report's folder.

The files hold vectors of research photos: they are made readable by their owner only and never leave the folder.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.engine import Embeddings, EngineError, EngineInfo, Face, FaceEngine, Frame, Quality
from models.enrol import wipe
from models.evaluation.dataset import Dataset
from models.photo import decode_photo

# Changes a frame before it is looked at; the face is where it was found in the unchanged frame.
Change = Callable[[Frame, Face], Frame]
Progress = Callable[[int], None]

CACHE_VERSION = 1
RUNTIMES = ("numpy", "opencv-python-headless", "dlib-bin")


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Every photo's vector and quality, in the order that was asked for; where no face was found, zeros."""

    found: NDArray[np.bool_]  # (n,)
    vectors: Embeddings  # (n, dim)
    measures: NDArray[np.float64]  # (n, 6): the fields of Quality but the last
    boxes: NDArray[np.float64]  # (n, 4)
    faces: NDArray[np.int64]  # (n,) faces in the photo

    def quality(self, place: int) -> Quality:
        """The measures of the photo's own face, as if nobody else stood in the picture."""
        score, eyes_px, grey, sharpness, yaw, roll = (float(value) for value in self.measures[place])
        return Quality(score, eyes_px, grey, sharpness, yaw, roll, faces_in_frame=1)


def versions() -> dict[str, str]:
    """The runtimes a vector depends on, as they are installed."""
    found: dict[str, str] = {}
    for name in RUNTIMES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def embed_dataset(
    engine: FaceEngine, data: Dataset, folder: Path, progress: Progress = lambda _: None
) -> Embedded:
    """Every photo of the data set, from the kept file when model, data and runtime are the same.

    Raises:
        EngineError: a file is no photo, or the folder cannot be written.
    """
    return embed_photos(engine, data.photos, folder, key=data.digest, progress=progress)


def embed_photos(
    engine: FaceEngine,
    photos: Sequence[Path],
    folder: Path,
    *,
    key: str,
    change: Change | None = None,
    progress: Progress = lambda _: None,
) -> Embedded:
    """These photos, changed before the engine looks; ``key`` stands for the photos and the change."""
    path = folder / f"{engine.info.engine_id}-{_key(engine.info, key)[:24]}.npz"
    kept = _kept(path, len(photos), engine.info.dim)
    if kept is not None:
        progress(len(photos))
        return kept
    fresh = _embed(engine, photos, change, progress)
    _keep(path, fresh)
    return fresh


def _key(info: EngineInfo, key: str) -> str:
    parts = [
        str(CACHE_VERSION),
        info.engine_id,
        info.model_sha256,
        info.detector_sha256,
        key,
        str(versions()),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _kept(path: Path, count: int, dim: int) -> Embedded | None:
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as held:
        kept = Embedded(**{name: held[name] for name in Embedded.__slots__})
    if kept.vectors.shape != (count, dim):
        raise EngineError(f"{path}: not the vectors of these photos. Remove the file; it is made again.")
    return kept


def _keep(path: Path, fresh: Embedded) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = path.with_suffix(".half")
        handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **{name: getattr(fresh, name) for name in Embedded.__slots__})
        half.replace(path)
    except OSError as error:
        raise EngineError(
            f"{path.parent}: cannot be written ({error.strerror}). Name another --out."
        ) from error


def _embed(engine: FaceEngine, photos: Sequence[Path], change: Change | None, progress: Progress) -> Embedded:
    count = len(photos)
    made = Embedded(
        found=np.zeros(count, dtype=np.bool_),
        vectors=np.zeros((count, engine.info.dim), dtype=np.float32),
        measures=np.zeros((count, 6), dtype=np.float64),
        boxes=np.zeros((count, 4), dtype=np.float64),
        faces=np.zeros(count, dtype=np.int64),
    )
    for place, photo in enumerate(photos):
        _one(engine, photo, change, made, place)
        progress(1)
    return made


def _one(engine: FaceEngine, photo: Path, change: Change | None, made: Embedded, place: int) -> None:
    """The face nearest the middle: in a research photo that is whose name it bears."""
    frame = decode_photo(photo.read_bytes(), str(photo))
    faces = engine.detect(frame)
    if change is not None and faces:
        frame = np.ascontiguousarray(change(frame, _middle(frame, faces)))
        faces = engine.detect(frame)
    made.faces[place] = len(faces)
    if not faces:
        return
    face = _middle(frame, faces)
    chip = engine.align(frame, face)
    quality = engine.quality(frame, face, chip, faces_in_frame=1)
    made.vectors[place] = engine.embed([chip])[0]
    made.measures[place] = _measures(quality)
    made.boxes[place] = face.box
    made.found[place] = True
    wipe(chip, frame)


def _measures(quality: Quality) -> tuple[float, ...]:
    return (
        quality.detector_score,
        quality.interocular_px,
        quality.mean_grey,
        quality.sharpness,
        quality.yaw_proxy,
        quality.roll_deg,
    )


def _middle(frame: Frame, faces: Sequence[Face]) -> Face:
    height, width = frame.shape[:2]

    def away(face: Face) -> float:
        x, y, w, h = face.box
        return float((x + w / 2 - width / 2) ** 2 + (y + h / 2 - height / 2) ** 2)

    return min(faces, key=away)
