"""Face in view → lock, and code in view → lock, by the real programs from the camera's record to the lock's own.

    python bench/bench_walks.py [--walks 24] [--liveness off_demo]

The evening's world: broker, service, two nodes with their vision workers, two gate-io.  The same guest walks up again
and again, each time in another part of the clip than the one that made the template; then guests hold up their codes.
A time runs from the first picture that shows them (the replay camera's journal) to the moment the lock is energised
(the simulated lock's own record); both are CLOCK_MONOTONIC.  Prints a table, and one JSON object as the last line.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from bench.crowd import bind_phones, books_of, crowd
from bench.spread import Busy, Row, rows_table, spread
from cloud_sync.core.codes import listing_code
from demo import count
from demo.acts import Evening
from demo.people import cast
from demo.stage import Cue, wait_until
from demo.world import GATE, LISTING_BODY, ROOM, DoorPlan, Wish, World

ROOT = Path(__file__).resolve().parent.parent
WALK = "WolfgangLanger_Pexels.mp4"
FIRST_S, STEP_S, LONG_S = 12.0, 0.17, 3.0  # the walks' parts of the clip; the template is of 7.4 to 11.2 s
CODE_GOAL_MS = 250.0
FACE_GOAL_MS = 700.0  # access.md §1 row 5


def walking(clips: Path, walk: int) -> Cue:
    """Another moment of the clip for each walk."""
    start_s = FIRST_S + STEP_S * walk
    return Cue(clips / WALK, start_s, start_s + LONG_S)


# Who a genuine guest is under each policy of the door.  A policy that asks for an answer needs clips of people who
# give it; without them it is not measured, and the table says so.
GENUINE: Mapping[str, Callable[[Path, int], Cue]] = {"off_demo": walking}


def measured(walks: int, codes: int, run: Path, *, liveness: str, console: Console) -> dict[str, Any]:
    """Milliseconds of each walk and of each code.

    Raises:
        KeyError: no clips of genuine guests for this policy.
    """
    cue_of = GENUINE[liveness]
    extra = crowd(codes)
    world = World(run, ROOT / ".cache/clips", Wish(), cast() | extra)
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
            for walk in range(walks):
                door = (GATE, ROOM)[walk % 2]
                attempt(evening, door, partial(evening.walk, door, cue_of(world.clips, walk), "guest"))
                progress.advance(faces)
            shown = progress.add_task("a guest holds up a code", total=codes)
            for guest in extra.values():
                attempt(evening, GATE, lambda guest=guest: evening.show(GATE, guest.phone.code(), "coded"))
                progress.advance(shown)
        load = busy.told()
        found = {
            kind: [_to_lock_ms(shown) for shown in evening.shown if kind in shown.clip]
            for kind in ("guest", "coded")
        }
        books.close()
        world.stop()
    return {"face_ms": found["guest"], "code_ms": found["coded"], "load": load}


def attempt(evening: Evening, door: DoorPlan, do: Callable[[], None]) -> None:
    """One attempt that has to open the door."""
    decided = evening.try_door(door, do)
    assert decided["type"] == "access.granted", f"{door.name_en} did not open: {decided['reason']}"


def _to_lock_ms(shown: Any) -> float:
    door = shown.door
    first_ns = next(
        line["first_ns"]
        for line in count.lines(Path(door.node, f"shown-{door.camera}.jsonl"))
        if line["clip"] == shown.clip
    )
    opened_ns = next(
        line["t_ns"]
        for line in count.lines(Path(door.node, f"lock-{door.camera}.jsonl"))
        if line["event"] == "energise" and line["t_ns"] > first_ns
    )
    return (opened_ns - first_ns) / 1e6


def rows_of(found: dict[str, Any], liveness: str) -> list[Row]:
    rows = []
    for what, key, goal in (("face", "face_ms", FACE_GOAL_MS), ("code", "code_ms", CODE_GOAL_MS)):
        figures = spread(found[key])
        note = f"{figures['n']} times, worst {figures['max']:g}" + (f", {liveness}" if what == "face" else "")
        rows.append(
            Row(f"{what} in view → lock energised", "ms", figures["p50"], figures["p95"], goal, rank="p95", note=note)
        )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--walks", type=int, default=24)
    parser.add_argument("--codes", type=int, default=12)
    parser.add_argument("--liveness", default="off_demo")
    parser.add_argument("--run", type=Path, default=ROOT / "run/walks")
    asked = parser.parse_args()
    if asked.liveness not in GENUINE:
        why = f"{asked.liveness}: no genuine response clip: not measured"
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
