"""Face in view → lock, and code in view → lock, by the real programs from the camera's record to the lock's own.

    python bench/bench_walks.py [--walks 24] [--codes 12] [--liveness off_demo|challenge_always]

The evening's world: broker, service, two nodes with their vision workers, two gate-io.  The same guest walks up again
and again; then guests hold up their codes.  Where the doors ask nothing, each walk is another part of the clip than the
one that made the template; where they ask, the guest answers (`demo/answering.py`), and a challenge that the clip's
pictures cannot answer is counted apart and tried anew.  A time runs from the first picture that shows them (the replay
camera's journal) to the moment the lock is energised (the simulated lock's own record); both are CLOCK_MONOTONIC.
Prints a table, and one JSON object as the last line.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from bench.answered import answered_rows, opened_ns, shown_ns, walk_and_answer
from bench.spread import Busy, Row, rows_table, spread
from cloud_sync.core.codes import listing_code
from demo.acts import Evening, Shown
from demo.crowd import bind_phones, books_of, crowd
from demo.people import cast
from demo.stage import Cue, wait_until
from demo.world import GATE, LISTING_BODY, ROOM, DoorPlan, Wish, World

ROOT = Path(__file__).resolve().parent.parent
WALK = "WolfgangLanger_Pexels.mp4"
FIRST_S, STEP_S, LONG_S = 12.0, 0.17, 3.0  # the walks' parts of the clip; the template is of 7.4 to 11.2 s
CODE_GOAL_MS = 250.0
FACE_GOAL_MS = 700.0  # access.md §1 row 5
FACE = ("face in view → lock energised", "face_ms", FACE_GOAL_MS, ", off_demo")
CODE = ("code in view → lock energised", "code_ms", CODE_GOAL_MS, "")


def walking(clips: Path, walk: int) -> Cue:
    """Another moment of the clip for each walk."""
    start_s = FIRST_S + STEP_S * walk
    return Cue(clips / WALK, start_s, start_s + LONG_S)


Measured = dict[str, Any]


def walk_in(evening: Evening, walks: int, progress: Callable[[], None]) -> Measured:
    """Milliseconds of each walk to a door that asks nothing."""
    for walk in range(walks):
        door = (GATE, ROOM)[walk % 2]
        attempt(evening, door, partial(evening.walk, door, walking(evening.world.clips, walk), "guest"))
        progress()
    return {"face_ms": to_lock_ms(evening, "guest")}


def answer_and_walk_in(evening: Evening, walks: int, progress: Callable[[], None]) -> Measured:
    """The same to doors that ask for two movements."""
    return walk_and_answer(evening, walks, progress).told()


# How a genuine guest walks up under each policy of the door.
GENUINE: Mapping[str, Callable[[Evening, int, Callable[[], None]], Measured]] = {
    "off_demo": walk_in,
    "challenge_always": answer_and_walk_in,
}


def measured(walks: int, codes: int, run: Path, *, liveness: str, console: Console) -> Measured:
    """Milliseconds of each walk and of each code.

    Raises:
        KeyError: nobody knows how a genuine guest walks up under this policy.
    """
    walk_up = GENUINE[liveness]
    extra = crowd(codes)
    world = World(run, ROOT / ".cache/clips", Wish(liveness=liveness), cast() | extra)
    with world:
        with console.status("broker, service, two nodes; guests book, register and enrol"):
            world.open_service()
            world.open_nodes()
            world.import_records(listing_code(*LISTING_BODY))
            evening = Evening(world, lambda _: None)
            books = books_of(Path("sync"))
            bind_phones(books, extra.values())
            world.guests = {role: world.guests[role] for role in ("face", "still")}
            evening.check_in()
            wait_until(world.receipted, within_s=60, what="every node's receipt for the passes")
        busy = Busy()
        with Progress(console=console) as progress:
            faces = progress.add_task("a guest walks up", total=walks)
            found = walk_up(evening, walks, lambda: progress.advance(faces))
            shown = progress.add_task("a guest holds up a code", total=codes)
            for guest in extra.values():
                attempt(evening, GATE, lambda guest=guest: evening.show(GATE, guest.phone.code(), "coded"))
                progress.advance(shown)
        found |= {"code_ms": to_lock_ms(evening, "coded"), "load": busy.told()}
        books.close()
        world.stop()
    return found


def attempt(evening: Evening, door: DoorPlan, do: Callable[[], None]) -> None:
    """One attempt that has to open the door."""
    decided = evening.try_door(door, do)
    assert decided["type"] == "access.granted", f"{door.name_en} did not open: {decided['reason']}"


def to_lock_ms(evening: Evening, kind: str) -> list[float]:
    """Of everything of this kind that was shown: first picture to lock."""
    return [_to_lock_ms(shown) for shown in evening.shown if kind in shown.clip]


def _to_lock_ms(shown: Shown) -> float:
    first_ns = shown_ns(shown.door)[shown.clip]
    return (opened_ns(shown.door, first_ns) - first_ns) / 1e6


def rows_of(found: Measured, liveness: str) -> list[Row]:
    """What was measured, of faces first."""
    if liveness != "off_demo":
        return answered_rows(found, liveness) + _plain_rows(found, (CODE,))
    return _plain_rows(found, (FACE, CODE))


def _plain_rows(found: Measured, kinds: Sequence[tuple[str, str, float, str]]) -> list[Row]:
    rows = []
    for what, key, goal, note in kinds:
        if found[key]:
            figures = spread(found[key])
            told = f"{figures['n']} times, worst {figures['max']:g}{note}"
            rows.append(Row(what, "ms", figures["p50"], figures["p95"], goal, rank="p95", note=told))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--walks", type=int, default=24)
    parser.add_argument("--codes", type=int, default=12)
    parser.add_argument("--liveness", default="off_demo")
    parser.add_argument("--run", type=Path, default=ROOT / "run/walks")
    asked = parser.parse_args()
    if asked.liveness not in GENUINE:
        why = f"{asked.liveness}: not measured; genuine guests walk up under {' and '.join(GENUINE)} only"
        print(json.dumps({"bench": "walks", "liveness": asked.liveness, "rows": [], "why": why}))
        return
    here = Path.cwd()
    try:
        found = measured(
            asked.walks, asked.codes, asked.run, liveness=asked.liveness, console=Console(stderr=True)
        )
    finally:
        os.chdir(here)
    rows = rows_of(found, asked.liveness)
    Console(width=120).print(rows_table("in view → lock, by the real programs", rows))
    result = {"bench": "walks", "liveness": asked.liveness, **found, "rows": [row.told() for row in rows]}
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
