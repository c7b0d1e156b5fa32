"""A camera that plays recordings at their own speed: one file in a loop, or a folder somebody adds to.

In a folder the clips are played once each, in the order of their names, as they appear; in between, the clip
whose name begins with ``idle`` is repeated, as a lane looks when nobody stands there; a clip that is taken out of
the folder while it is played ends there, as when somebody walks on.  A ``.cue`` file names a part of another clip: three TOML keys, ``clip``, ``start_s`` and ``end_s``.  ``journal`` is the camera's own record
of what it showed when (one JSON line a clip, CLOCK_MONOTONIC nanoseconds).
"""

import json
import threading
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.drivers.newest import Newest
from edge.errors import CameraLost
from edge.ports import CameraFrame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLIPS = (".mp4", ".mov", ".avi", ".mkv", ".y4m", ".cue")
SILENT_S = 2.0  # no new picture for so long means the source is gone (hardware.md §7 rule 4)


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    path: Path
    journal: Path | None = None
    speed: float = 1.0


class ReplayCamera:
    def __init__(self, settings: ReplaySettings, first: "Iterator[NDArray[np.uint8]]") -> None:
        self._settings = settings
        self._newest = Newest()
        self._seq = 0
        # Who stood there before this camera was switched on has gone.
        self._played: set[str] = set()
        self._played = {clip.name for clip in self._waiting()}
        self._lost: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(first,), name="camera", daemon=True)
        self._thread.start()

    def newest(self, *, newer_than: int, within_s: float) -> CameraFrame | None:
        if self._lost is not None:
            raise CameraLost(self._lost)
        return self._newest.take(newer_than=newer_than, within_s=within_s)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=SILENT_S)

    def _run(self, frames: "Iterator[NDArray[np.uint8]]") -> None:
        try:
            while not self._stop.is_set():
                shown = self._show(frames)
                if not shown:
                    raise CameraLost(f"camera {self._settings.path}: a clip without a single picture")
                clip = self._next_clip()
                frames = _frames(clip, self._settings.speed)
        except CameraLost as error:
            self._lost = str(error)

    def _show(self, frames: "Iterator[NDArray[np.uint8]]") -> int:
        """Play one clip to its end, or until somebody new stands there; how many pictures were shown."""
        shown = 0
        clip = ""
        for image, clip_name, idle in frames:
            clip = clip_name
            now_ns = time.monotonic_ns()
            self._seq += 1
            self._newest.put(CameraFrame(image, now_ns, self._seq))
            if shown == 0:
                self._note(clip, now_ns)
            shown += 1
            if self._stop.is_set() or (self._waiting() if idle else self._has_left(clip)):
                break
        return shown

    def _next_clip(self) -> Path:
        path = self._settings.path
        if not path.is_dir():
            return path
        waiting = self._waiting()
        if waiting:
            self._played.add(waiting[0].name)
            return waiting[0]
        return _idle(path)

    def _waiting(self) -> list[Path]:
        path = self._settings.path
        if not path.is_dir():
            return []
        return [
            clip
            for clip in sorted(path.iterdir())
            if clip.suffix in CLIPS
            and not clip.name.startswith((".", "idle"))
            and clip.name not in self._played
        ]

    def _has_left(self, clip: str) -> bool:
        """Whoever was put into the folder may be taken out of it while still being played."""
        path = self._settings.path
        return path.is_dir() and not (path / clip).exists()

    def _note(self, clip: str, t_ns: int) -> None:
        if self._settings.journal is not None:
            with self._settings.journal.open("a") as journal:
                journal.write(json.dumps({"clip": clip, "first_ns": t_ns}) + "\n")


@dataclass(frozen=True, slots=True)
class _Part:
    clip: Path
    start_s: float = 0.0
    end_s: float | None = None


def _part(clip: Path) -> _Part:
    """The part of a clip that a cue names; any other file is played whole."""
    if clip.suffix != ".cue":
        return _Part(clip)
    try:
        cue = tomllib.loads(clip.read_text())
        return _Part(Path(cue["clip"]), float(cue["start_s"]), float(cue["end_s"]))
    except (OSError, KeyError, ValueError) as error:
        raise CameraLost(f"camera {clip}: a cue needs clip, start_s and end_s ({error})") from error


def _idle(folder: Path) -> Path:
    for clip in sorted(folder.iterdir()):
        if clip.name.startswith("idle") and clip.suffix in CLIPS:
            return clip
    raise CameraLost(
        f"camera {folder}: the folder holds no clip named idle.*; put one there for the empty lane"
    )


def _frames(clip: Path, speed: float) -> "Iterator[Any]":
    """(picture, clip name, is idle) at the clip's own pace; a late reader skips pictures, as a camera would."""
    import cv2

    part = _part(clip)
    source = cv2.VideoCapture(str(part.clip))
    if not source.isOpened():
        raise CameraLost(f"camera {part.clip}: cannot be opened as a video. Check the path and the file.")
    try:
        fps = source.get(cv2.CAP_PROP_FPS) or 25.0
        source.set(cv2.CAP_PROP_POS_FRAMES, int(part.start_s * fps))
        left = int((part.end_s - part.start_s) * fps) if part.end_s is not None else -1
        period_s = 1.0 / (fps * speed)
        due = time.monotonic()
        while left != 0 and source.grab():
            left -= 1
            due += period_s
            if due < time.monotonic() - period_s:
                continue  # late: this picture is over already
            ok, image = source.retrieve()
            if not ok:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            yield image, clip.name, clip.name.startswith("idle")
    finally:
        source.release()


def open_camera(**settings: Any) -> ReplayCamera:
    """Open a file or folder.

    Raises:
        CameraLost: nothing there that could be played.
    """
    chosen = ReplaySettings(
        path=Path(settings["path"]),
        journal=Path(settings["journal"]) if settings.get("journal") else None,
        speed=float(settings.get("speed", 1.0)),
    )
    if not chosen.path.exists():
        raise CameraLost(f"camera {chosen.path}: no such file or folder. Set the camera's path to a clip.")
    first = _frames(_idle(chosen.path) if chosen.path.is_dir() else chosen.path, chosen.speed)
    return ReplayCamera(chosen, first)
