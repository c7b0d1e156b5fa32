"""A thing held up before a camera: a flat or bent picture moved by a hand, over an empty lane, with a sensor's noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.engine import Frame

WIDE, HIGH = 640, 360
FOCAL_PX = 620.0  # a lens of about 55 degrees at 640 px
NOISE_GREY = 2.0  # standard deviation of an ordinary sensor indoors
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
    angle = np.linspace(-half / radius_px, half / radius_px, 33)
    across = np.column_stack([radius_px * np.sin(angle), np.zeros(33), radius_px * (1 - np.cos(angle))])
    columns = (angle * radius_px + wide / 2).astype(np.float64)
    image, mask = np.zeros((HIGH, WIDE, 3), np.uint8), np.zeros((HIGH, WIDE), np.uint8)
    spin = _spin(hand)
    for left in range(32):  # strips between two verticals are nearly flat
        corners = _project([across[left], across[left + 1]], high, spin, hand)
        if corners[1][0] <= corners[0][0]:
            continue  # turned away from the lens
        source = np.array(
            [[columns[left], 0], [columns[left + 1], 0], [columns[left + 1], high], [columns[left], high]],
            np.float32,
        )
        matrix = cv2.getPerspectiveTransform(source, corners)
        strip = np.zeros((HIGH, WIDE), np.uint8)
        cv2.fillConvexPoly(strip, np.round(corners).astype(np.int32), 255)
        part = _warped(picture, np.asarray(matrix, np.float64))
        image[strip > 0] = part[strip > 0]
        mask |= strip
    return _over(lane, image, mask)


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
    noise = dice.normal(0.0, NOISE_GREY, frame.shape).astype(np.float32)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


def _about_x(angle: float) -> Mat:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(angle: float) -> Mat:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(angle: float) -> Mat:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
