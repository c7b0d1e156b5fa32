"""Walks to doors that ask for an answer, and get it: what became of each, and where the time went.

A time runs from the first picture of the person to the moment the lock is energised.  Of it, the person's own part is
from each word on the screen to the first picture of the pose that answers it; the rest is the node's.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count as numbers
from pathlib import Path
from typing import Any

from bench.spread import Row, spread
from demo import count
from demo.acts import Evening
from demo.answering import CLIP, STANCES, Answer, Answering, write_films
from demo.world import GATE, ROOM, UNIT, DoorPlan

LABEL = "one person, real pictures of one clip, put together by what the screen asked"
DOORS = (GATE, ROOM, UNIT)
TRIES_A_WALK = (
    8  # two of six challenges can be answered; more tries than this a walk, and something is broken
)
SEED = 1


@dataclass(slots=True)
class Answered:
    """What became of the walks."""

    total_ms: list[float] = field(default_factory=list)  # of those that were let in
    node_ms: list[float] = field(default_factory=list)  # the same without the person's own part
    asked_ms: list[float] = field(default_factory=list)  # in view → the first thing asked
    refused: list[str] = field(default_factory=list)  # why, of those that did all they were asked
    not_answerable: int = 0  # asked for what the clip does not hold; walked away
    asked_for: Counter[str] = field(default_factory=Counter)  # the challenges that were answered

    @property
    def answered(self) -> int:
        return len(self.total_ms) + len(self.refused)

    def told(self) -> dict[str, Any]:
        return {
            "label": LABEL,
            "face_ms": self.total_ms,
            "node_ms": self.node_ms,
            "asked_ms": self.asked_ms,
            "answered": self.answered,
            "accepted": len(self.total_ms),
            "refused": dict(Counter(self.refused)),
            "not_answerable": self.not_answerable,
            "asked_for": dict(self.asked_for),
        }


def walk_and_answer(evening: Evening, walks: int, progress: Callable[[], None]) -> Answered:
    """So many walks whose challenge could be answered, at the doors in turn."""
    films = Path("stage/answers").absolute()
    write_films(evening.world.clips / CLIP, films)
    guest, found = Answering(evening, films, random.Random(SEED)), Answered()
    for number in numbers():
        if found.answered >= walks:
            shutil.rmtree(films)  # hundreds of megabytes
            return found
        assert number < walks * TRIES_A_WALK, f"{found.told()}: too few challenges could be answered"
        door = DOORS[number % len(DOORS)]
        guest.be_patient(door)
        before = len(evening.decisions(door))
        answer = guest.walk(door, STANCES[number % len(STANCES)])
        if not answer.could:
            found.not_answerable += 1
            continue
        opened = bool(answer.ended) and _decided(found, evening.outcome(door, before), door, answer)
        if not answer.ended:
            found.refused.append("not_asked" if not answer.asked else "no_word")
        guest.go_on(door, answer, opened=opened)
        progress()
    raise AssertionError("unreachable: numbers do not end")


def _decided(found: Answered, decided: dict[str, Any], door: DoorPlan, answer: Answer) -> bool:
    """Take down one decision; whether the door opened."""
    found.asked_for[" ".join(asked.word for asked in answer.asked if asked.word != "look_straight")] += 1
    if decided["type"] != "access.granted":
        found.refused.append(decided.get("x", {}).get("pad_why") or decided["reason"])
        return False
    shown = shown_ns(door)
    first_ns, person_ns = shown[answer.first], sum(shown[asked.clip] - asked.t_ns for asked in answer.asked)
    total_ns = opened_ns(door, first_ns) - first_ns
    found.total_ms.append(total_ns / 1e6)
    found.node_ms.append((total_ns - person_ns) / 1e6)
    found.asked_ms.append((answer.asked[0].t_ns - first_ns) / 1e6)
    return True


def shown_ns(door: DoorPlan) -> dict[str, int]:
    """When the camera of this door showed the first picture of each clip, by its own record."""
    lines = count.lines(Path(door.node, f"shown-{door.camera}.jsonl"))
    return {line["clip"]: line["first_ns"] for line in lines}


def opened_ns(door: DoorPlan, after_ns: int) -> int:
    """When the lock of this door was energised next, by its own record."""
    lines = count.lines(Path(door.node, f"lock-{door.camera}.jsonl"))
    return int(
        next(line["t_ns"] for line in lines if line["event"] == "energise" and line["t_ns"] > after_ns)
    )


def answered_rows(found: dict[str, Any], liveness: str) -> list[Row]:
    """The whole way, and the node's part of it; no goal was ever set for either."""
    if not found["face_ms"]:
        return []
    refused = sum(found["refused"].values())
    note = f"{found['answered']} answered, {found['accepted']} let in, {refused} refused, {found['not_answerable']} more asked for what the clip does not hold; {LABEL}"
    rows = []
    for what, key in (
        (f"face in view → lock energised, {liveness}, both movements made", "face_ms"),
        ("  of it the node: without the person's time to react", "node_ms"),
        ("  of it face in view → the first movement is asked for", "asked_ms"),
    ):
        figures = spread(found[key])
        rows.append(Row(what, "ms", figures["p50"], figures["p95"], note=note if key == "face_ms" else ""))
    return rows
