"""From pictures to a template: one good face in each, all of one person.

Pictures handed over here are taken over: they are black when the call returns, whatever came of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from models.engine import CalibrationMissing, EngineInfo, FaceEngine, Frame, PhotoRefused, Quality, Vector
from models.gates import GateReason, enrolment_gate, rank
from models.template import PARTS_MAX, Template
from models.vectors import SCORES

# A guest who cannot be enrolled after this many pictures is given a code instead.
PHOTOS_MAX = 12

_REMEDY: dict[GateReason, str] = {
    "one_at_a_time": "more than one face was found; only the guest may be in the picture",
    "face_too_small": "the face is too small; take the picture from nearer",
    "too_dark": "the face is too dark; take the picture in better light",
    "too_bright": "the face is too bright; take the picture out of the glare",
    "look_at_camera": "the face is not clear enough; look straight into the camera, nothing before the face",
}


@dataclass(frozen=True, slots=True, eq=False)
class Accepted:
    """One image that may go into a template."""

    vector: Vector
    quality: Quality


def wipe(*pictures: NDArray[np.uint8]) -> None:
    """Black, where the memory is ours to write."""
    for picture in pictures:
        if picture.flags.writeable:
            picture.fill(0)


def judge_photo(engine: FaceEngine, frame: Frame) -> Accepted | GateReason | None:
    """An accepted image, the word for what is wrong with it, or None when there is no face.

    Raises:
        FrameInvalid, EmbeddingInvalid.
    """
    faces = engine.detect(frame)
    if not faces:
        return None
    chip = engine.align(frame, faces[0])
    try:
        quality = engine.quality(frame, faces[0], chip, faces_in_frame=len(faces))
        reason = enrolment_gate(quality)
        return reason if reason is not None else Accepted(engine.embed([chip])[0], quality)
    finally:
        wipe(chip)


def enrol_from_photos(
    engine: FaceEngine, frames: Sequence[Frame], *, made_ms: int, not_after_ms: int
) -> Template:
    """The template of these photos; the frames are black afterwards.

    Raises:
        PhotoRefused: which photo, what is wrong with it, what to do.
        CalibrationMissing: whether the photos show one person cannot be judged with this engine.
    """
    try:
        if not 1 <= len(frames) <= PHOTOS_MAX:
            raise PhotoRefused(f"{len(frames)} photos were given; give one to {PHOTOS_MAX}, best three.")
        images = [_accepted(engine, frame, number) for number, frame in enumerate(frames, start=1)]
        return make_template(engine.info, images, made_ms=made_ms, not_after_ms=not_after_ms)
    finally:
        wipe(*frames)


def _accepted(engine: FaceEngine, frame: Frame, number: int) -> Accepted:
    match judge_photo(engine, frame):
        case Accepted() as image:
            return image
        case None:
            problem = "no face was found; take a picture of the guest's face, in good light"
        case reason:
            problem = _REMEDY[reason]
    raise PhotoRefused(f"photo {number}: {problem}.")


def make_template(
    info: EngineInfo, images: Sequence[Accepted], *, made_ms: int, not_after_ms: int
) -> Template:
    """The mean of the best (at most three) images that look like one person.

    Raises:
        PhotoRefused: no such choice exists; names the image that is least like the others.
        CalibrationMissing: the engine has no table.
    """
    if info.calibration is None:
        raise CalibrationMissing("no calibration table for this embedder: nobody can be enrolled with it.")
    alike = _alike(info, images) >= info.calibration.consistency_t
    chosen = _consistent(images, alike)
    if chosen is None:
        raise PhotoRefused(_odd_one_out(_alike(info, images)))
    return Template.of_parts(
        info,
        [images[i].vector for i in chosen],
        [images[i].quality for i in chosen],
        made_ms=made_ms,
        not_after_ms=not_after_ms,
    )


def _alike(info: EngineInfo, images: Sequence[Accepted]) -> NDArray[np.float64]:
    """Every image's score with every other; with itself 1."""
    rows = np.stack([image.vector for image in images])
    scores = np.vectorize(SCORES[info.score], otypes=[float])(rows @ rows.T)
    np.fill_diagonal(scores, 1.0)
    return np.asarray(scores, dtype=np.float64)


def _consistent(images: Sequence[Accepted], alike: NDArray[np.bool_]) -> tuple[int, ...] | None:
    """The best images of which each pair is alike: an odd one is left out, never averaged in."""
    best_first = sorted(range(len(images)), key=lambda i: rank(images[i].quality), reverse=True)
    for chosen in combinations(best_first, min(PARTS_MAX, len(images))):
        if alike[np.ix_(chosen, chosen)].all():
            return chosen
    return None


def odd_one(info: EngineInfo, images: Sequence[Accepted]) -> int:
    """The place of the image that is least like the others."""
    return int(np.argmin(_alike(info, images).sum(axis=0)))


def _odd_one_out(scores: NDArray[np.float64]) -> str:
    if len(scores) == 2:
        return "photos 1 and 2 do not look like the same person; take both again, of the guest, today."
    odd = int(np.argmin(scores.sum(axis=0))) + 1
    return f"photo {odd}: it does not look like the person in the other photos; take it again."
