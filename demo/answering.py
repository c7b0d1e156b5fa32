"""A guest who does what a door's screen asks: real pictures of one person, shown as they are asked for.

No clip of the project holds somebody who answers a challenge.  One holds a woman who, while she talks, turns and sinks her
head further than a challenge asks.  A pose here is a few pictures of that clip, held for as long as it is needed, with
the noise of a sensor (a door refuses the very same picture twice); between two poses the film is cut.  Her whole range
is 0.43 of the yaw proxy, and a turn is 0.35: from where she rests she can turn to one side only, or nod.  A challenge that
asks for the other side she cannot answer; she walks away, and that is nobody's fault.
"""

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import httpx
import numpy as np
from numpy.typing import NDArray

from demo.acts import Evening, Shown
from demo.stage import SIZE, Cue, write_film
from demo.world import DoorPlan
from edge.core.challenge import STEPS
from edge.runtime.face_challenge import FAILS_MAX, FAILS_WITHIN_NS

CLIP = "WolfgangLanger_Pexels.mp4"
STRAIGHT = "look_straight"
AT_REST = "look_here"
TASKS = frozenset({"turn_left", "turn_right", "nod", STRAIGHT})

FILM_FPS = 24
HELD_S = 3.0  # longer than anybody here takes to react and a door to look
NOISE = 1.0  # grey levels; moves no proxy by more than 0.02
REACTION_S = (
    0.5,
    1.1,
)  # from the word on the screen to the pose, as of the drawn people of the attack report
BACK_S = (0.3, 0.7)  # the way back needs no choice
SILENT_S = 12.0  # of a screen that tells the same again every five
NAMED_S = 15.0  # without a word on the screen for so long the walk is over
REST_S = 15.0  # a screen goes back to rest after six
TRIES_MAX = 8


@dataclass(frozen=True, slots=True)
class Stance:
    """How she stands when nothing is asked, and what she can do from there; numbers of the clip's pictures."""

    name: str
    poses: Mapping[str, tuple[int, ...]]

    def can(self, word: str) -> bool:
        return word in self.poses


# Measured with the default engine (docs/liveness.md); none of these pictures is of the part she is enrolled from.
STANCES = (
    Stance(
        "faces-right",
        MappingProxyType({STRAIGHT: (155, 156), "turn_left": (396, 397), "nod": (111, 112, 113)}),
    ),
    Stance(
        "faces-left",
        MappingProxyType({STRAIGHT: (400, 402), "turn_right": (138,), "nod": (337, 338)}),
    ),
)


def write_films(clip: Path, folder: Path, *, seed: int = 0) -> None:
    """Every film of every stance, each to be shown once a walk: no picture of a walk is there twice."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = np.random.default_rng(seed)
    pictures = pictures_of(
        clip, {number for stance in STANCES for poses in stance.poses.values() for number in poses}
    )
    for stance in STANCES:
        for word, numbers in stance.poses.items():
            for use in range(STEPS + (word == STRAIGHT)):
                kept = held([pictures[number] for number in numbers], dice)
                write_film(film_of(folder, stance, word, use), kept, FILM_FPS)


def film_of(folder: Path, stance: Stance, word: str, use: int) -> Path:
    return folder / f"{stance.name}-{word}-{use}.y4m"


def pictures_of(clip: Path, numbers: set[int]) -> dict[int, NDArray[np.uint8]]:
    """The pictures of these numbers, SIZE large, by reading on: seeking in a compressed clip may miss by some."""
    source = cv2.VideoCapture(str(clip))
    found: dict[int, NDArray[np.uint8]] = {}
    for number in range(max(numbers) + 1):
        assert source.grab(), f"{clip} has no picture {number}; `make clips` brings it"
        if number in numbers:
            found[number] = np.asarray(cv2.resize(source.retrieve()[1], SIZE), np.uint8)
    source.release()
    return found


def held(pictures: Sequence[NDArray[np.uint8]], dice: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
    """To and fro through these pictures, each with noise of its own."""
    way = [*pictures, *pictures[-2:0:-1]]
    for at in range(round(HELD_S * FILM_FPS)):
        noise = dice.normal(0.0, NOISE, (*pictures[0].shape[:2], 1))
        yield np.clip(way[at % len(way)] + noise, 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Asked:
    """One word on the screen, and the film that answers it; none where she cannot."""

    word: str
    t_ns: int
    clip: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One walk: what was asked, and the word it ended with; empty when the screen fell silent."""

    first: str  # the film she came into view with
    asked: tuple[Asked, ...]
    ended: str

    @property
    def could(self) -> bool:
        """Whether everything that was asked was in her power."""
        return all(asked.clip for asked in self.asked)

    @property
    def last(self) -> str:
        """The film she was last seen in."""
        return next((asked.clip for asked in reversed(self.asked) if asked.clip), self.first)


@dataclass(slots=True)
class Answering:
    """The guest of these films, before the doors of one evening."""

    evening: Evening
    films: Path
    dice: random.Random
    given_up: dict[str, list[float]] = field(default_factory=dict)  # when she left a door that had not opened

    def walk(self, door: DoorPlan, stance: Stance) -> Answer:
        """Come into view, and do what the screen says until it says something else; who cannot has left again."""
        with screen_of(
            f"http://127.0.0.1:{self.evening.world.kiosk_ports[door.node]}/live/{door.access_point}"
        ) as words:
            _at_rest(words)
            first = self._show(door, stance, STRAIGHT, 0)
            answer = self.answer(door, stance, first, words)
        if not answer.could:
            self.go_on(door, answer, opened=False)
        return answer

    def answer(self, door: DoorPlan, stance: Stance, first: str, words: Iterator[str]) -> Answer:
        """He stands there since ``first``; what the screen says is done until it says something else."""
        asked: list[Asked] = []
        uses = {STRAIGHT: 1}
        ends, said = time.monotonic() + NAMED_S, AT_REST
        for word in words:
            if word in (said, AT_REST):
                if time.monotonic() > ends:
                    break
                continue
            said, t_ns = word, time.monotonic_ns()
            if word not in TASKS:
                return Answer(first, tuple(asked), word)
            if not stance.can(word):
                return Answer(first, (*asked, Asked(word, t_ns)), "")
            time.sleep(self.dice.uniform(*(BACK_S if word == STRAIGHT else REACTION_S)))
            use = uses.get(word, 0)
            uses[word] = use + 1
            clip = self._show(door, stance, word, use, instead_of=asked[-1].clip if asked else first)
            asked.append(Asked(word, t_ns, clip))
        return Answer(first, tuple(asked), "")

    def _show(self, door: DoorPlan, stance: Stance, word: str, use: int, *, instead_of: str = "") -> str:
        """The next film is there before the one of now is taken away: the camera goes over at once."""
        stage = self.evening.world.stages[door.access_point]
        clip = stage.enter(
            Cue(film_of(self.films, stance, word, use), 0.0, HELD_S), f"guest-{word}".replace("_", "-")
        )
        self.evening.shown.append(Shown(door, clip))
        if instead_of:
            stage.leave(instead_of)
        return clip

    def be_patient(self, door: DoorPlan) -> None:
        """Come back when the door will ask again."""
        time.sleep(wait_s(self.given_up.get(door.access_point, []), time.monotonic()))

    def enter(self, door: DoorPlan) -> dict[str, Any] | None:
        """Through this door by face, walking up anew where she cannot do what is asked; the decision, None after too
        many challenges that she could not answer."""
        for number in range(TRIES_MAX):
            self.be_patient(door)
            before = len(self.evening.decisions(door))
            answer = self.walk(door, STANCES[number % len(STANCES)])
            if answer.could:
                decided = self.evening.outcome(door, before)
                self.go_on(door, answer, opened=decided["type"] == "access.granted")
                return decided
            self.evening.tell(
                f"  {door.name_en}: {answer.asked[-1].word} is more than the clip holds; once more"
            )
        return None

    def go_on(self, door: DoorPlan, answer: Answer, *, opened: bool) -> None:
        """Through the door or back, and out of the picture."""
        if opened:
            self.evening.pass_through(door, answer.last)
        else:
            self.given_up.setdefault(door.access_point, []).append(time.monotonic())
        self.evening.world.stages[door.access_point].leave(answer.last)
        self.evening.lane_empty(door)


def wait_s(given_up: Sequence[float], now: float) -> float:
    """After so many challenges without an answer in a minute a door asks for codes only; the last of them is left out."""
    if len(given_up) < FAILS_MAX - 1:
        return 0.0
    return max(0.0, given_up[1 - FAILS_MAX] + FAILS_WITHIN_NS / 1e9 + 1.0 - now)


@contextmanager
def screen_of(live: str) -> Iterator[Iterator[str]]:
    """The words of a door's screen as its page is told them, the present one first, again every few seconds."""
    with httpx.stream("GET", live, timeout=SILENT_S) as answer:
        answer.raise_for_status()
        yield words_of(answer.iter_lines())


def words_of(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))["screen"]


def _at_rest(words: Iterator[str]) -> None:
    """Nobody walks up to a screen that still says what somebody else was asked."""
    ends = time.monotonic() + REST_S
    for word in words:
        if word == AT_REST:
            return
        if time.monotonic() > ends:
            raise TimeoutError(f"waited {REST_S:g} s in vain: the screen is at rest (it says {word})")
