"""The loop: strike, live on, wait until all is well again, and note how long that took."""

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.faults.ground import Ground
from demo.faults.kinds import ALL_DOORS, BY_NAME, KINDS, PROGRAMS, Kind
from demo.stage import wait_until

BETWEEN_S = (0.0, 0.5)  # how long all is well between two faults
# A node hears at its next hello (30 s) that an acknowledgement was a lie, and goes back as far as it has to.
WELL_WITHIN_S = 90.0
BACK_UP_EVERY = 20
JOURNAL = Path("faults.jsonl")  # beside the programs' folders


def drawn(kills: int, dice: random.Random, *, disk: bool) -> list[Kind]:
    """So many faults by their weights; each of the programs is killed once at least, if there are so many.

    Without a disk that may be filled a node is killed instead; all other faults stay what and where they were.
    """
    chosen = [BY_NAME[name] for name in PROGRAMS[:kills]]
    chosen += dice.choices(KINDS, [kind.weight for kind in KINDS], k=kills - len(chosen))
    dice.shuffle(chosen)
    return [kind if disk or kind.needs != "disk" else BY_NAME[PROGRAMS[0]] for kind in chosen]


@dataclass(slots=True)
class Storm:
    """What was struck, and how long each kind of fault took to be over."""

    ground: Ground
    struck: Counter[str] = field(default_factory=Counter)
    took_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def play(self, kinds: Sequence[Kind], tell: Callable[[str], None]) -> None:
        """All of them, one after the other.

        Raises:
            TimeoutError, RuntimeError: something did not recover, or a program ended by itself.
        """
        for number, kind in enumerate(kinds, start=1):
            self.ground.live(self.ground.dice.uniform(*BETWEEN_S))
            self._one(kind)
            if kind.then:
                self._one(BY_NAME[kind.then])
            if number % BACK_UP_EVERY == 0:
                self.ground.back_up_again(str(number))
            tell(kind.name)

    def _one(self, kind: Kind) -> None:
        self.struck[kind.name] += 1
        began_s = time.monotonic()
        # Whatever it was: somebody is let in afterwards, and that too has to be stored before all is well.
        doors = kind.strike(self.ground) or (self.ground.dice.choice(ALL_DOORS),)
        decided_s = [self.ground.decides(door, within_s=WELL_WITHIN_S) for door in doors]
        heads = self.ground.heads_without_holes() if kind.unlisted else self.ground.heads()
        stored_s = self._stored(heads, f"everything is stored again after {kind.name}")
        decided_ms = [round((at_s - self.ground.ended_s) * 1000) for at_s in decided_s]
        stored_ms = round((stored_s - self.ground.ended_s) * 1000)
        self.took_ms[kind.name].append(max(stored_ms, *decided_ms, 0))
        self._write(
            kind=kind.name,
            strike_ms=round((self.ground.ended_s - began_s) * 1000),
            stored_ms=stored_ms,
            decided_ms=decided_ms,
        )

    def _write(self, **line: Any) -> None:
        """Every fault as it came, for who wants to know more than percentiles."""
        with JOURNAL.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _stored(self, heads: dict[tuple[str, str], int], what: str) -> float:
        def stored() -> bool:
            self.ground.world.alive()
            return self.ground.stored(heads)

        wait_until(stored, within_s=WELL_WITHIN_S, what=what)
        return time.monotonic()

    def recovery(self) -> dict[str, dict[str, Any]]:
        return {name: percentiles(took) for name, took in sorted(self.took_ms.items())}


def percentiles(took_ms: Sequence[float]) -> dict[str, Any]:
    """How many there were, and by when half of them and 99 of 100 were over (nearest rank)."""
    ordered = sorted(took_ms)

    def rank(part: int) -> float:
        return ordered[max(0, -(-len(ordered) * part // 100) - 1)]

    return {"n": len(ordered), "p50_ms": round(rank(50)), "p99_ms": round(rank(99))}
