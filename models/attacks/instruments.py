"""What an attacker holds before the camera, one class a species; each may look at the screen and try to obey.

A still is always a picture of an enrolled person that was not enrolled from: being recognised is what it is for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from models.attacks.scene import HIGH, WIDE, Hand, Waving, bent, flat, noisy, waving
from models.attacks.subjects import LOOKS_PER_S, Shot, Subject
from models.engine import Frame

CARD_FACE_PX = 150.0  # width of the face on the card, in pixels of the camera: somebody near the lens
AROUND = (0.75, 0.7)  # of the face's width and height, kept on each side of a cut-out
REACTION_S = (0.5, 1.1)
MOVE_S, HOLD_S = 0.5, 0.4  # from straight to turned, and so long there before it goes back by itself
TURN_DEG, NOD_DEG = 40.0, 35.0  # as far as a flat face can be turned and still be found
BORDER_PX = 12
BEZEL_PX = 14


Pose = tuple[float, float]  # degrees to the person's left, degrees down
STRAIGHT: Pose = (0.0, 0.0)


class Instrument(Protocol):
    """``pose`` is how far the last frame's head is turned beyond what its picture shows (``posed``)."""

    pose: Pose

    def frame(self, t_s: float, word: str | None) -> Frame:
        """What the camera sees at this time, while the screen says this word."""
        ...


HEAD: Mapping[str | None, Pose] = MappingProxyType(
    {"turn_left": (42.0, 0.0), "turn_right": (-42.0, 0.0), "nod": (0.0, 32.0)}
)


def _posed(way: str | None, share: float) -> Pose:
    yaw, pitch = HEAD.get(way, STRAIGHT)
    return yaw * share, pitch * share


@dataclass(slots=True)
class _Obeying:
    """Somebody's answer to the screen: which way and how far, 0 to 1; after the time it takes to react."""

    delay_s: float
    word: str | None = None
    since_s: float = 0.0
    ahead: bool = False  # it was told to look ahead again; the same word after that is asked anew

    def at(self, t_s: float, word: str | None) -> tuple[str | None, float]:
        if word == "look_straight":  # hurries nobody who is on the way back already
            self.ahead = True
        elif word != self.word or self.ahead:
            self.word, self.since_s, self.ahead = word, t_s, False
        into = t_s - self.since_s - self.delay_s
        there_s = MOVE_S + HOLD_S
        return self.word, float(np.clip(min(into, there_s + MOVE_S - into) / MOVE_S, 0, 1))


def _still(shot: Shot, face_px: float = CARD_FACE_PX) -> Frame:
    """The face cut out of a picture with some room around it, as large as it would look held near the lens."""
    import cv2

    x, y, w, h = shot.face.box
    left, top = max(0, int(x - AROUND[0] * w)), max(0, int(y - AROUND[1] * h))
    right, bottom = min(WIDE, int(x + (1 + AROUND[0]) * w)), min(HIGH, int(y + (1 + AROUND[1]) * h))
    scale = face_px / w
    part = shot.frame[top:bottom, left:right]
    return np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _printed(still: Frame, dice: np.random.Generator) -> Frame:
    """Ink on paper: less contrast, a cast, softer, with a white border."""
    import cv2

    soft = cv2.GaussianBlur(still, (3, 3), float(dice.uniform(0.5, 1.0))).astype(np.float32)
    cast = dice.uniform(0.94, 1.06, 3)
    toned = (soft - 128) * dice.uniform(0.75, 0.9) + dice.uniform(125, 140)
    ink = np.clip(toned * cast, 0, 255).astype(np.uint8)
    return np.asarray(
        cv2.copyMakeBorder(ink, *(4 * (BORDER_PX,)), cv2.BORDER_CONSTANT, value=(235, 238, 240)), np.uint8
    )


class Card:
    """A stiff photo or print, waved; an obedient one is also turned and tilted as the screen asks."""

    pose = STRAIGHT

    def __init__(self, picture: Frame, lane: Frame, dice: np.random.Generator, *, obeys: bool) -> None:
        self._picture, self._lane, self._dice = picture, lane, dice
        self._hand: Waving = waving(dice, 0.35 if obeys else 1.0)
        self._obeying = _Obeying(float(dice.uniform(*REACTION_S))) if obeys else None

    def frame(self, t_s: float, word: str | None) -> Frame:
        return noisy(self._drawn(self._held(t_s, word)), self._dice)

    def _drawn(self, hand: Hand) -> Frame:
        return flat(self._picture, hand, self._lane)

    def _held(self, t_s: float, word: str | None) -> Hand:
        hand = self._hand.at(t_s)
        turn, tilt = self._asked(t_s, word)
        return Hand(hand.turn + turn, hand.tilt + tilt, hand.roll, hand.x, hand.y, hand.near)

    def _asked(self, t_s: float, word: str | None) -> tuple[float, float]:
        """Degrees of turn and tilt the screen asks for; a card turns like the head on it would."""
        if self._obeying is None:
            return 0.0, 0.0
        way, share = self._obeying.at(t_s, word)
        turn = {"turn_left": TURN_DEG, "turn_right": -TURN_DEG}.get(way or "", 0.0)
        return turn * share, (NOD_DEG if way == "nod" else 0.0) * share


class BentCard(Card):
    """A print bent around an upright cylinder, more and less; bending brings the nose nearer than the eyes."""

    def __init__(self, picture: Frame, lane: Frame, dice: np.random.Generator, *, obeys: bool) -> None:
        super().__init__(picture, lane, dice, obeys=obeys)
        self._radius_px = CARD_FACE_PX * float(dice.uniform(0.45, 1.2))
        self._breath = float(dice.uniform(0.05, 0.25))
        self._t_s = 0.0

    def frame(self, t_s: float, word: str | None) -> Frame:
        self._t_s = t_s
        return super().frame(t_s, word)

    def _drawn(self, hand: Hand) -> Frame:
        radius = self._radius_px * (1 + self._breath * np.sin(2 * np.pi * self._t_s / 2.2))
        return bent(self._picture, float(radius), hand, self._lane)


class Screen:
    """A clip of the person played on a screen in a hand: gamma, grid and bezel.

    ``turns`` plays a recording in which the person turns and nods, one after the other, as an attacker would prepare it.
    """

    def __init__(self, subject: Subject, lane: Frame, dice: np.random.Generator, *, turns: bool) -> None:
        self._subject, self._lane, self._dice = subject, lane, dice
        self._hand = waving(dice, 0.15)
        self._start = int(dice.integers(len(subject.shots)))
        self._gamma = float(dice.uniform(0.8, 1.25))
        self._pitch_px = float(dice.uniform(2.2, 3.6))
        order = dice.permutation(["turn_left", "turn_right", "nod"]).tolist()
        self._program = order if turns else []
        self._period_s = float(dice.uniform(1.6, 2.2))
        self.pose = STRAIGHT

    def frame(self, t_s: float, word: str | None) -> Frame:  # noqa: ARG002 - a recording does not look at the screen
        shot = _to_and_fro(self._subject, self._start, t_s)
        if self._program:
            self.pose = _posed(*self._recorded(t_s))
        return noisy(flat(self._displayed(_still(shot)), self._hand.at(t_s), self._lane), self._dice)

    def _recorded(self, t_s: float) -> tuple[str, float]:
        at, into = divmod(t_s, self._period_s)
        share = float(np.clip(np.sin(np.pi * into / self._period_s) * 1.6, 0, 1))
        return self._program[int(at) % len(self._program)], share

    def _displayed(self, picture: Frame) -> Frame:
        import cv2

        bright = 255 * (picture.astype(np.float32) / 255) ** self._gamma
        rows = 1 + 0.05 * np.sin(2 * np.pi * np.arange(picture.shape[0]) / self._pitch_px)[:, None, None]
        columns = 1 + 0.05 * np.sin(2 * np.pi * np.arange(picture.shape[1]) / self._pitch_px)[None, :, None]
        lit = np.clip(bright * rows * columns * np.array([1.05, 1.0, 0.97]), 0, 255).astype(np.uint8)
        return np.asarray(
            cv2.copyMakeBorder(lit, *(4 * (BEZEL_PX,)), cv2.BORDER_CONSTANT, value=(18, 18, 18)), np.uint8
        )


def _to_and_fro(subject: Subject, start: int, t_s: float) -> Shot:
    """The clip forwards and backwards, so that it never jumps."""
    shots = subject.shots
    spot = (start + round(t_s * LOOKS_PER_S)) % (2 * len(shots))
    return shots[spot if spot < len(shots) else 2 * len(shots) - 1 - spot]


class Swap:
    """A photo of the guest until the screen asks, then somebody else's living head, which does what it says."""

    def __init__(self, photo: Card, other: "Head") -> None:
        self._photo, self._other = photo, other
        self.pose = STRAIGHT

    def frame(self, t_s: float, word: str | None) -> Frame:
        # Only a task: at "come closer" the other would be looked at from the start, and named as who they are.
        held: Instrument = self._other if word in HEAD or word == "look_straight" else self._photo
        frame = held.frame(t_s, word)
        self.pose = held.pose
        return frame


class Head:
    """A person who does what the screen asks: the person's own clip, its five points turned (``synthesised``)."""

    def __init__(self, subject: Subject, dice: np.random.Generator) -> None:
        self._subject, self._dice = subject, dice
        self._start = int(dice.integers(len(subject.shots)))
        self._obeying = _Obeying(float(dice.uniform(*REACTION_S)))
        self.pose = STRAIGHT

    def frame(self, t_s: float, word: str | None) -> Frame:
        self.pose = _posed(*self._obeying.at(t_s, word))
        return noisy(_to_and_fro(self._subject, self._start, t_s).frame, self._dice)


Maker = Callable[[Subject, Subject, Frame, np.random.Generator, bool], Instrument]


def _shot_for(subject: Subject, dice: np.random.Generator) -> Shot:
    """A picture of the person that the template was not made from."""
    free = [at for at in range(len(subject.shots)) if at not in subject.enrolled_from()]
    return subject.shots[free[int(dice.integers(len(free)))]]


def _waved(me: Subject, _you: Subject, lane: Frame, dice: np.random.Generator, obeys: bool) -> Instrument:
    return Card(_still(_shot_for(me, dice)), lane, dice, obeys=obeys)


def _print(me: Subject, _you: Subject, lane: Frame, dice: np.random.Generator, obeys: bool) -> Instrument:
    return Card(_printed(_still(_shot_for(me, dice)), dice), lane, dice, obeys=obeys)


def _bent(me: Subject, _you: Subject, lane: Frame, dice: np.random.Generator, obeys: bool) -> Instrument:
    return BentCard(_printed(_still(_shot_for(me, dice)), dice), lane, dice, obeys=obeys)


def _screen(me: Subject, _you: Subject, lane: Frame, dice: np.random.Generator, obeys: bool) -> Instrument:
    return Screen(me, lane, dice, turns=obeys)


def _swap(me: Subject, you: Subject, lane: Frame, dice: np.random.Generator, _obeys: bool) -> Instrument:
    return Swap(Card(_still(_shot_for(me, dice)), lane, dice, obeys=False), Head(you, dice))


SPECIES: Mapping[str, Maker] = MappingProxyType(
    {"waved_photo": _waved, "print": _print, "bent_print": _bent, "screen_replay": _screen, "swap": _swap}
)
