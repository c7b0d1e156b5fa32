"""A thing held up before a camera: a flat or bent picture moved by a hand, over an empty lane, with a sensor's noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.engine import Frame

WIDE, HIGH = 640, 360
FOCAL_PX = 620.0  # a lens of about 55 degrees at 640 px
NOISE_GREY = 2.0  # standard deviation of an ordinary sensor indoors
STRIPS = 14  # a bent card between two verticals is nearly flat
Mat = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hand:
    """How a hand holds something at one moment: degrees of turn, tilt and roll, shift in px, and nearness."""

    turn: float = 0.0
    tilt: float = 0.0
    roll: float = 0.0
    x: float = 0.0
    y: float = 0.0
    near: float = 1.0


@dataclass(frozen=True, slots=True)
class Waving:
    """Slow swings of each degree of freedom: amplitudes, periods in seconds, phases; drawn once an attempt."""

    amplitude: Hand
    periods: tuple[float, ...]
    phases: tuple[float, ...]

    def at(self, t_s: float) -> Hand:
        turn, tilt, roll, x, y, near = (
            float(np.sin(2 * np.pi * (t_s / period) + phase))
            for period, phase in zip(self.periods, self.phases, strict=True)
        )
        big = self.amplitude
        return Hand(
            big.turn * turn, big.tilt * tilt, big.roll * roll, big.x * x, big.y * y, 1 + (big.near - 1) * near
        )


def waving(dice: np.random.Generator, strength: float = 1.0) -> Waving:
    """A hand's motion; strength 1 is somebody who waves a photo, 0.2 somebody who tries to hold it still."""
    grown = strength * dice.uniform(0.6, 1.4, 6)
    amplitude = Hand(
        12 * grown[0], 8 * grown[1], 5 * grown[2], 22 * grown[3], 12 * grown[4], 1 + 0.06 * grown[5]
    )
    periods = tuple(float(p) for p in dice.uniform(1.2, 3.5, 6))
    return Waving(amplitude, periods, tuple(float(p) for p in dice.uniform(0, 2 * np.pi, 6)))


def flat(picture: Frame, hand: Hand, lane: Frame) -> Frame:
    """The picture as a stiff card, its middle before the lens, over the lane."""
    matrix = homography(picture.shape[1], picture.shape[0], hand)
    return _over(lane, _warped(picture, matrix), _warped(np.full(picture.shape[:2], 255, np.uint8), matrix))


def _warped(picture: "NDArray[np.uint8]", matrix: Mat) -> "NDArray[np.uint8]":
    import cv2

    return np.asarray(cv2.warpPerspective(picture, matrix, (WIDE, HIGH), flags=cv2.INTER_LINEAR), np.uint8)


def homography(wide: int, high: int, hand: Hand) -> Mat:
    """Pixels of a card to pixels of the camera."""
    turn, tilt, roll = np.radians([hand.turn, hand.tilt, hand.roll])
    spin = _about_z(roll) @ _about_x(tilt) @ _about_y(turn)
    depth = FOCAL_PX / hand.near  # at nearness 1 a pixel of the card is a pixel of the camera
    centre = np.array([[1, 0, -wide / 2], [0, 1, -high / 2], [0, 0, 1.0]])
    plane = np.column_stack(
        [spin[:, 0], spin[:, 1], [hand.x * depth / FOCAL_PX, hand.y * depth / FOCAL_PX, depth]]
    )
    lens = np.array([[FOCAL_PX, 0, WIDE / 2], [0, FOCAL_PX, HIGH / 2], [0, 0, 1.0]])
    return np.asarray(lens @ plane @ centre, np.float64)


def bent(picture: Frame, radius_px: float, hand: Hand, lane: Frame) -> Frame:
    """The picture bent around an upright cylinder of this radius, bulging towards the lens, and then held."""
    import cv2

    high, wide = picture.shape[:2]
    half = min(wide / 2, radius_px * 1.45)  # what is bent away further cannot be seen
    angle = np.linspace(-half / radius_px, half / radius_px, STRIPS + 1)
    flat_, deep = radius_px * np.sin(angle), radius_px * (1 - np.cos(angle))
    across = np.column_stack([flat_, np.zeros(STRIPS + 1), deep])
    columns = (angle * radius_px + wide / 2).astype(np.float64)
    image, mask = np.zeros((HIGH, WIDE, 3), np.uint8), np.zeros((HIGH, WIDE), np.uint8)
    spin = _spin(hand)
    for left in range(STRIPS):  # strips between two verticals are nearly flat
        corners = _project([across[left], across[left + 1]], high, spin, hand)
        if corners[1][0] <= corners[0][0]:
            continue  # turned away from the lens
        source = np.array(
            [[columns[left], 0], [columns[left + 1], 0], [columns[left + 1], high], [columns[left], high]],
            np.float32,
        )
        matrix = cv2.getPerspectiveTransform(source, corners)
        _lay(picture, np.asarray(matrix, np.float64), corners, image, mask)
    return _over(lane, image, mask)


def _lay(
    picture: Frame,
    matrix: Mat,
    corners: "NDArray[np.float32]",
    image: "NDArray[np.uint8]",
    mask: "NDArray[np.uint8]",
) -> None:
    """One strip into the picture, drawn in its own small window."""
    import cv2

    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, [WIDE, HIGH])
    top = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, [WIDE, HIGH])
    if (top <= low).any():
        return
    size = (int(top[0] - low[0]), int(top[1] - low[1]))
    window = (slice(low[1], top[1]), slice(low[0], top[0]))
    shift = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1.0]])
    strip = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(strip, np.round(corners - low).astype(np.int32), 255)
    part: Any = cv2.warpPerspective(picture, shift @ matrix, size, flags=cv2.INTER_LINEAR)
    image[window][strip > 0] = part[strip > 0]
    mask[window] |= strip


def _project(edges: Sequence[Mat], high: int, spin: Mat, hand: Hand) -> "NDArray[np.float32]":
    """Top left, top right, bottom right, bottom left of one strip."""
    depth = FOCAL_PX / hand.near
    (left, right), up = edges, np.array([0, high / 2, 0.0])
    points = np.array([left - up, right - up, right + up, left + up]) @ spin.T
    points += np.array([hand.x * depth / FOCAL_PX, hand.y * depth / FOCAL_PX, depth])
    seen = points[:, :2] / points[:, 2:] * FOCAL_PX + np.array([WIDE / 2, HIGH / 2])
    return np.asarray(seen, np.float32)


def _spin(hand: Hand) -> Mat:
    turn, tilt, roll = np.radians([hand.turn, hand.tilt, hand.roll])
    return np.asarray(_about_z(roll) @ _about_x(tilt) @ _about_y(turn), np.float64)


def _over(lane: Frame, image: Frame, mask: "NDArray[np.uint8]") -> Frame:
    return np.asarray(np.where(mask[..., None] > 127, image, lane), np.uint8)


def noisy(frame: Frame, dice: np.random.Generator) -> Frame:
    """As a sensor gives it: no two pictures are alike to the bit."""
    high, wide = frame.shape[:2]
    top, left = (int(at) for at in dice.integers(0, _SPARE_PX, 2))
    grain = _grain()[top : top + high, left : left + wide]
    return np.asarray(np.clip(frame.astype(np.int16) + grain, 0, 255), np.uint8)


@cache
def _grain() -> "NDArray[np.int16]":
    """Noise drawn once, larger than a picture: another corner of it each time is another noise, and far quicker."""
    shape = (HIGH + _SPARE_PX, WIDE + _SPARE_PX, 3)
    return np.round(np.random.default_rng(0).normal(0.0, NOISE_GREY, shape)).astype(np.int16)


_SPARE_PX = 256


def _about_x(angle: float) -> Mat:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(angle: float) -> Mat:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(angle: float) -> Mat:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
