"""People in clips: a stretch of frames of one face, the template of it, and its stills."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.attacks.scene import HIGH, WIDE
from models.engine import EngineError, Face, FaceEngine, Frame, Vector
from models.gates import enrolment_gate
from models.vectors import mean_vector

VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".y4m")
LOOKS_PER_S = 10
STRETCH_MIN, STRETCH_MAX = 15, 90  # looks; one and a half to nine seconds
EYES_PX_MIN = 35.0  # in the picture that is attacked with: smaller is no photo anybody would enrol or print


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One look at the person, the frame 640 wide."""

    frame: Frame
    face: Face
    vector: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    name: str
    shots: tuple[Shot, ...]
    template: Vector  # of three shots spread over the stretch

    def enrolled_from(self) -> frozenset[int]:
        return frozenset(_spread(len(self.shots)))


def clips_in(folders: Sequence[Path]) -> list[Path]:
    """Every video of the folders, by name, each name once."""
    found = {
        path.name: path for folder in folders for path in sorted(folder.glob("*")) if path.suffix in VIDEOS
    }
    return list(found.values())


def looks_at(path: Path) -> Iterator[tuple[int, Frame]]:
    """(time in ns, frame) of a clip, ten times a second.

    Raises:
        EngineError: it cannot be opened.
    """
    import cv2

    source = cv2.VideoCapture(str(path))
    if not source.isOpened():
        raise EngineError(f"{path}: cannot be opened as a video. Check the file.")
    try:
        fps, number, due = source.get(cv2.CAP_PROP_FPS) or 25.0, 0, 0.0
        while source.grab():
            if number / fps >= due - 1e-9:
                due += 1 / LOOKS_PER_S
                ok, frame = source.retrieve()
                if not ok:
                    break
                yield round(number / fps * 1e9) + 1, np.asarray(frame, np.uint8)
            number += 1
    finally:
        source.release()


def subject_of(path: Path, engine: FaceEngine) -> Subject | None:
    """The longest stretch of one face that could be enrolled, or None where a clip has none."""
    best: list[Shot] = []
    stretch: list[Shot] = []
    for _, frame in looks_at(path):
        shot = _shot(_sized(frame), engine)
        if shot is None or (stretch and not _alike(stretch, shot, engine)) or len(stretch) >= STRETCH_MAX:
            best, stretch = max(best, stretch, key=len), []
        if shot is not None:
            stretch.append(shot)
    best = max(best, stretch, key=len)
    if len(best) < STRETCH_MIN:
        return None
    template = mean_vector(best[at].vector for at in _spread(len(best)))
    return Subject(path.stem, tuple(best), template)


def subjects_in(
    paths: Sequence[Path], engine: FaceEngine, progress: Callable[[int], None] = lambda _: None
) -> list[Subject]:
    """One subject a clip, and the same person in two clips once.

    Raises:
        EngineError: no clip has anybody.
    """
    found: list[Subject] = []
    for path in paths:
        new = subject_of(path, engine)
        progress(1)
        if new is not None and not any(_same(new, old, engine) for old in found):
            found.append(new)
    if not found:
        raise EngineError(
            "attacks: no clip shows one face for a second and a half. Name a folder of clips of people."
        )
    return found


def _same(a: Subject, b: Subject, engine: FaceEngine) -> bool:
    return engine.similarity(float(a.template @ b.template)) >= _continuity(engine)


def _continuity(engine: FaceEngine) -> float:
    table = engine.info.calibration
    assert table is not None, "a door without a table is refused before"
    return table.continuity_t


def _alike(stretch: Sequence[Shot], shot: Shot, engine: FaceEngine) -> bool:
    mean = mean_vector(one.vector for one in stretch[-5:])
    return engine.similarity(float(mean @ shot.vector)) >= _continuity(engine)


def _sized(frame: Frame) -> Frame:
    """As the door's camera would see it: 640 x 360, cut where the shape differs."""
    import cv2

    scale = max(WIDE / frame.shape[1], HIGH / frame.shape[0])
    size = (max(WIDE, round(frame.shape[1] * scale)), max(HIGH, round(frame.shape[0] * scale)))
    whole = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    left, top = (size[0] - WIDE) // 2, (size[1] - HIGH) // 2
    return np.ascontiguousarray(whole[top : top + HIGH, left : left + WIDE])


def _shot(frame: Frame, engine: FaceEngine) -> Shot | None:
    faces = engine.detect(frame)
    if not faces:
        return None
    chip = engine.align(frame, faces[0])
    quality = engine.quality(frame, faces[0], chip, faces_in_frame=1)
    if enrolment_gate(quality) is not None or quality.interocular_px < EYES_PX_MIN:
        return None
    return Shot(frame, faces[0], engine.embed([chip])[0])


def _spread(count: int) -> tuple[int, int, int]:
    return count // 6, count // 2, count * 5 // 6
