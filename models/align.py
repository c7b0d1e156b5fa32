"""The similarity transform from five landmarks to the 112×112 template, and what the quality gate measures."""

import math

import numpy as np
from numpy.typing import NDArray

from models.engine import Chip, Face, Frame, FrameInvalid, Quality

CHIP_PX = 112
# Where SFace was trained to find both eyes, the nose tip and the mouth corners (faces.md §4.5).
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    dtype=np.float64,
)


def similarity_matrix(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """The 2×3 least-squares rotation, scale and shift onto the template; never shear or reflection.

    Raises:
        FrameInvalid: the five points are one point.
    """
    source = landmarks[:, 0].astype(np.float64) + 1j * landmarks[:, 1].astype(np.float64)
    target = TEMPLATE[:, 0] + 1j * TEMPLATE[:, 1]
    centred = source - source.mean()
    spread = float(np.sum(np.abs(centred) ** 2))
    if not spread > 0.0:
        raise FrameInvalid("the five landmarks of a face are one point; the frame is dropped.")
    # In the complex plane a similarity is one multiplication and one addition.
    turn = complex(np.sum((target - target.mean()) * np.conj(centred)) / spread)
    shift = complex(target.mean() - turn * source.mean())
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def aligned_chip(frame: Frame, face: Face) -> Chip:
    """112×112 BGR; what lies outside the frame is black."""
    import cv2

    matrix = similarity_matrix(face.landmarks)
    chip = cv2.warpAffine(frame, matrix, (CHIP_PX, CHIP_PX), flags=cv2.INTER_LINEAR)
    return np.ascontiguousarray(chip, dtype=np.uint8)


def measure(face: Face, chip: Chip, *, faces_in_frame: int) -> Quality:
    """The measures of one face; ``chip`` is the 112×112 one, for which the gates' limits were found."""
    import cv2

    grey = cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY)
    right_eye, left_eye, nose = (complex(*point) for point in face.landmarks[:3].tolist())
    eyes = left_eye - right_eye
    apart = max(abs(eyes), 1e-6)
    return Quality(
        detector_score=face.score,
        interocular_px=abs(eyes),
        mean_grey=float(grey.mean()),
        sharpness=float(np.var(cv2.Laplacian(grey, cv2.CV_64F))),
        yaw_proxy=(nose.real - (right_eye.real + left_eye.real) / 2) / apart,
        roll_deg=math.degrees(math.atan2(eyes.imag, eyes.real)),
        faces_in_frame=faces_in_frame,
    )
