"""Uncompressed video files (YUV4MPEG2) without an encoder: what a replay camera can play."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from models.engine import EngineError, Frame


def write_y4m(path: Path, frames: Iterable[Frame], *, fps: int) -> int:
    """Write BGR pictures of one even size; how many they were.

    Raises:
        EngineError: the file cannot be written, or the pictures have an odd or changing size.
    """
    import cv2

    written, size = 0, (0, 0)
    try:
        with path.open("wb") as file:
            for frame in frames:
                high, wide = frame.shape[:2]
                if not written:
                    size = (wide, high)
                    file.write(f"YUV4MPEG2 W{wide} H{high} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
                if (wide, high) != size or wide % 2 or high % 2:
                    raise EngineError(f"{path.name}: a {wide}x{high} picture cannot stand in a {size} video.")
                file.write(b"FRAME\n" + np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420)).tobytes())
                written += 1
    except OSError as error:
        raise EngineError(f"{path}: cannot be written ({error.strerror}). Name another file.") from error
    return written
