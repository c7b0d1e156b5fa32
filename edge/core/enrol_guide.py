"""What a person is asked to do while their face is taken (faces.md §8): look ahead, a little left, a little right.

A template of three turns of the head knows a guest better than three equal pictures.  Nobody has to be able to turn:
whoever does not within ``POSE_PATIENCE_NS`` is taken as they look.
"""

from enum import StrEnum

LEAST_APART_NS = 500_000_000  # nearer pictures are nearly the same one
POSE_PATIENCE_NS = 2_000_000_000  # to read the sentence, turn, and be seen turned
# The nose's way from the middle between the eyes, in eye distances; positive towards the person's left.
AHEAD_YAW_MAX = 0.15
TURNED_YAW_MIN = 0.08
TURNED_YAW_MAX = 0.45  # further, and half of the face is gone


class Pose(StrEnum):
    """In the order asked; the value is the word of the screen."""

    AHEAD = "enrol_ahead"
    LEFT = "enrol_left"
    RIGHT = "enrol_right"


POSES = tuple(Pose)


def fits(pose: Pose, yaw: float) -> bool:
    """Whether a face turned like this is what was asked for."""
    match pose:
        case Pose.AHEAD:
            return abs(yaw) <= AHEAD_YAW_MAX
        case Pose.LEFT:
            return TURNED_YAW_MIN <= yaw <= TURNED_YAW_MAX
        case Pose.RIGHT:
            return TURNED_YAW_MIN <= -yaw <= TURNED_YAW_MAX


def is_taken(pose: Pose, yaw: float, *, asked_ns: int, last_ns: int | None, now_ns: int) -> bool:
    """Whether this good picture is used for the pose asked since ``asked_ns``; ``last_ns`` is the one before it."""
    if last_ns is not None and now_ns - last_ns < LEAST_APART_NS:
        return False
    return fits(pose, yaw) or now_ns - asked_ns >= POSE_PATIENCE_NS
