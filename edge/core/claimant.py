"""Who of several people in the picture is at the door (faces.md §5): the nearest face in the marked area.

Everybody else is counted and never looked at closer: not aligned, not embedded, not identified (domain.md story 42).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

Box = tuple[float, float, float, float]  # x, y, w, h in pixels
Point = tuple[float, float]  # in shares of the picture's width and height
Region = tuple[Point, ...]  # two opposite corners of a rectangle, or the corners of a polygon in order

WHOLE: Final[Region] = ((0.0, 0.0), (1.0, 1.0))
# A face this large beside the nearest one is a second guest at the door, and not somebody passing behind.
COMPARABLE_AREA = 0.6


class NotOne(StrEnum):
    """Why there is no claimant."""

    NOBODY = "nobody"  # no face has its middle in the area
    ONE_AT_A_TIME = "one_at_a_time"  # two are equally near: guessing would open the door for the wrong one


def claimant(boxes: Sequence[Box], size: tuple[int, int], region: Region = WHOLE) -> int | NotOne:
    """The index of the face that asks for the door, in a picture of ``size`` (width, height); order is irrelevant."""
    inside = [place for place, box in enumerate(boxes) if _is_within(_middle(box, size), region)]
    if not inside:
        return NotOne.NOBODY
    nearest = max(inside, key=lambda place: _area(boxes[place]))
    beside = sum(_area(boxes[place]) >= COMPARABLE_AREA * _area(boxes[nearest]) for place in inside)
    return nearest if beside == 1 else NotOne.ONE_AT_A_TIME


def corners(region: Region) -> Region:
    """A polygon of three or more corners."""
    if len(region) > 2:
        return region
    (left, top), (right, bottom) = region
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def area_of(region: Region) -> float:
    """What share of the picture it covers."""
    around = corners(region)
    following = (*around[1:], around[0])
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(around, following, strict=True))) / 2


def _middle(box: Box, size: tuple[int, int]) -> Point:
    return (box[0] + box[2] / 2) / size[0], (box[1] + box[3] / 2) / size[1]


def _area(box: Box) -> float:
    return box[2] * box[3]


def _is_within(point: Point, region: Region) -> bool:
    """Whether a line to the right of the point leaves the polygon; of its edges, the left and upper ones belong to it."""
    if region == WHOLE:
        return True  # also a face whose middle the picture has cut off
    x, y = point
    around = corners(region)
    odd = False
    for (ax, ay), (bx, by) in zip(around, (*around[1:], around[0]), strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            odd = not odd
    return odd
