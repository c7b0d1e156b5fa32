"""Which faces are good enough, and the word for what is wrong with the others (faces.md §5).

The limits are where SFace's misses on LFW rise: detector score below 0.91 triples them, eyes closer than 35 px
double them, a chip darker than 83 doubles them.
"""

from typing import Literal

from models.engine import Quality

GateReason = Literal["one_at_a_time", "face_too_small", "too_dark", "too_bright", "look_at_camera"]

DETECTOR_SCORE_MIN = 0.90
ENROLMENT_EYES_PX_MIN = 35.0
DOOR_EYES_PX_MIN = 25.0
GREY_MIN, GREY_MAX = 60.0, 200.0


def enrolment_gate(quality: Quality) -> GateReason | None:
    """None when the image may be enrolled; ``faces_in_frame`` counts every face."""
    return _gate(quality, ENROLMENT_EYES_PX_MIN)


def door_gate(quality: Quality) -> GateReason | None:
    """None when the frame may be matched; ``faces_in_frame`` counts the faces that could be the one at the door."""
    return _gate(quality, DOOR_EYES_PX_MIN)


def rank(quality: Quality) -> tuple[float, float]:
    """Sorts images by quality, best last, and never by what they were matched with."""
    return quality.detector_score, quality.interocular_px


def _gate(quality: Quality, eyes_px_min: float) -> GateReason | None:
    if quality.faces_in_frame != 1:
        return "one_at_a_time"
    if quality.interocular_px < eyes_px_min:
        return "face_too_small"
    if quality.mean_grey < GREY_MIN:
        return "too_dark"
    if quality.mean_grey > GREY_MAX:
        return "too_bright"
    if quality.detector_score < DETECTOR_SCORE_MIN:
        return "look_at_camera"
    return None
