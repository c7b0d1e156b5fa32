"""From the bytes of a photo file to a frame, in memory only."""

import numpy as np

from models.engine import Frame, PhotoRefused

BYTES_MAX = 20_000_000  # a telephone's largest ordinary photo; more is not a portrait
# The detector looks at 320 px, a chip is 112 to 300 px: more pixels than this only cost memory.
LONG_SIDE_MAX_PX = 1280


def decode_photo(data: bytes, name: str) -> Frame:
    """The picture upright (as its EXIF says), BGR, at most 1,280 px long.

    Raises:
        PhotoRefused: not a picture, or too large.
    """
    import cv2

    if len(data) > BYTES_MAX:
        raise PhotoRefused(f"{name}: larger than {BYTES_MAX // 1_000_000} MB; give a smaller photo.")
    picture = None
    if data:
        picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise PhotoRefused(f"{name}: not a photo that can be read; give a JPEG or PNG file.")
    scale = LONG_SIDE_MAX_PX / max(picture.shape[:2])
    if scale < 1.0:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture, dtype=np.uint8)
