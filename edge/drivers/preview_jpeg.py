"""A picture for staff who hold the button: at most 640 pixels wide, JPEG, in memory and nowhere else."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.engine import Frame

WIDTH_MAX = 640
QUALITY = 70


def small_jpeg(image: "Frame") -> bytes:
    """The only place in Gatehouse where a picture is encoded."""
    import cv2

    height, width = image.shape[:2]
    small: Any = image
    if width > WIDTH_MAX:
        size = (WIDTH_MAX, max(1, round(height * WIDTH_MAX / width)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", small, [int(cv2.IMWRITE_JPEG_QUALITY), QUALITY])
    assert done, "a picture of a camera can be encoded"
    return data.tobytes()
