"""The pictures both sides of the benchmark are given: real faces of the clips, one or four to a picture."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.reel import film

SHIFT_PX = 3  # from one picture to the next, so that no two are the same


@dataclass(frozen=True, slots=True)
class Scene:
    """``goal`` is how many times as fast as plain face_recognition the product has to be; None is only reported."""

    name: str
    width: int
    height: int
    faces: int
    frames: int
    goal: float | None


SCENES = (
    Scene("640×480, 1 face", 640, 480, 1, 32, 7.0),
    Scene("1280×720, 1 face", 1280, 720, 1, 12, 15.0),
    Scene("640×480, 4 faces", 640, 480, 4, 10, None),
    Scene("1280×720, 4 faces", 1280, 720, 4, 8, None),
)


def frames_of(scene: Scene, clips: Path) -> "list[np.ndarray[Any, Any]]":
    """Contiguous BGR pictures of the scene's size."""
    if scene.faces == 1:
        return _filmed(clips / "single_face.mp4", scene)
    tiles = [_portrait(clips, scene, which) for which in range(4)]
    return [_tiled([np.roll(tile, SHIFT_PX * at, axis=1) for tile in tiles]) for at in range(scene.frames)]


def _filmed(clip: Path, scene: Scene) -> "list[np.ndarray[Any, Any]]":
    """Evenly spaced frames of a clip, scaled to the scene's width, padded or cropped to its height."""
    everything = film(clip)[0]
    step = max(1, len(everything) // scene.frames)
    return [_fitted(frame, scene.width, scene.height) for frame in everything[::step][: scene.frames]]


def _portrait(clips: Path, scene: Scene, which: int) -> "np.ndarray[Any, Any]":
    """One of four people, filling a quarter of the scene."""
    import cv2

    people: tuple[Callable[[], np.ndarray[Any, Any]], ...] = (
        lambda: cv2.imread(str(clips / "obama.jpg")),
        lambda: cv2.imread(str(clips / "biden.jpg"))[:1300],
        lambda: cv2.imread(str(clips / "single_face.jpg")),
        lambda: film(clips / "WolfgangLanger_Pexels.mp4")[0][400][:, 120:520],
    )
    return _fitted(people[which](), scene.width // 2, scene.height // 2, whole=True)


def _tiled(tiles: "list[np.ndarray[Any, Any]]") -> "np.ndarray[Any, Any]":
    above, below = np.concatenate(tiles[:2], axis=1), np.concatenate(tiles[2:], axis=1)
    return np.ascontiguousarray(np.concatenate([above, below]))


def _fitted(
    frame: "np.ndarray[Any, Any]", width: int, height: int, *, whole: bool = False
) -> "np.ndarray[Any, Any]":
    """Scaled without distortion, by its width or so that the ``whole`` of it fits; borders repeated or cropped."""
    import cv2

    scale = width / frame.shape[1]
    if whole:
        scale = min(scale, height / frame.shape[0])
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    scaled = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    above, left = max(0, (size[1] - height) // 2), max(0, (size[0] - width) // 2)
    cut = scaled[above : above + height, left : left + width]
    high, wide = height - cut.shape[0], width - cut.shape[1]
    return np.ascontiguousarray(
        cv2.copyMakeBorder(
            cut, high // 2, high - high // 2, wide // 2, wide - wide // 2, cv2.BORDER_REPLICATE
        )
    )
