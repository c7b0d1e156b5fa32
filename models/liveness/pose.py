"""Where a head points to, from the detector's five points; proxies without a unit, compared with themselves only."""

import numpy as np
from numpy.typing import NDArray

SPAN_MIN_PX = 1.0  # points that lie on one another say nothing; the quotient stays finite
PROXY_MAX = 3.0  # a profile's nose lies far outside its eyes; more than this is a broken detection


def yaw_proxy(landmarks: NDArray[np.float32]) -> float:
    """(nose − middle of the eyes) / distance of the eyes, along the picture's rows; a turn to the person's left raises it."""
    right_eye, left_eye, nose = landmarks[:3].astype(np.float64)
    apart = max(SPAN_MIN_PX, float(np.hypot(*(left_eye - right_eye))))
    return _bounded(float(nose[0] - (right_eye[0] + left_eye[0]) / 2) / apart)


def pitch_proxy(landmarks: NDArray[np.float32]) -> float:
    """(nose − eyes) / (mouth − eyes), down the picture; a head that sinks raises it."""
    points = landmarks.astype(np.float64)
    eyes, mouth = points[:2, 1].mean(), points[3:5, 1].mean()
    span = max(SPAN_MIN_PX, float(mouth - eyes))
    return _bounded(float(points[2, 1] - eyes) / span)


def _bounded(value: float) -> float:
    return max(-PROXY_MAX, min(PROXY_MAX, value))
