"""How quickly the loop closes: gate → staff page, officer → every gate, staff page → lock, ledger → service.

The evening's real programs on loopback with face off (broker, service, two nodes with their vision workers, two
gate-io), and all of this at once, each at its own moments: doors are forced and shut while a guard's page is open,
bookings are cancelled in turn, and the guard releases and locks a door from the page.  Last line: JSON.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.loop_count import Counted, counted
from bench.loop_drive import FORCED, Loop, Sizes, Tick
from bench.spread import Busy, Goal, goals_table
from bench.staff_browser import StaffBrowser
from cloud_sync.core.codes import listing_code
from demo.browsers import guard_of
from demo.crowd import bind_phones, books_of, crowd
from demo.night import Night
from demo.people import Guest, cast
from demo.stage import wait_until
from demo.watchers import PageWatcher
from demo.world import LISTING_BODY, UNIT, Wish, World

ROOT = Path(__file__).parent.parent
ASKED_AT_THE_DOOR = 3


def measured(sizes: Sizes, run: Path, console: Console) -> dict[str, Any]:
    """Set the stage, run everything at once, count."""
    extra = crowd(sizes.guests)
    world = World(run, ROOT / ".cache/clips", Wish(face=False), cast() | extra)
    with world:
        with console.status(
            f"broker, service, two nodes; {sizes.guests} guests book, register and bind their phones"
        ):
            world.open_service()
            world.open_nodes()
            world.import_records(listing_code(*LISTING_BODY))
            books = books_of(Path("sync"))
            bind_phones(books, extra.values())
            wait_until(world.receipted, within_s=60, what="every node's receipt for the passes")
        night = Night(world, lambda _: None)
        board = PageWatcher(f"http://127.0.0.1:{world.web_port}", world.http.cookies, Path("page.jsonl"))
        with guard_of(world) as tablet, guard_of(world) as other:
            page = StaffBrowser(tablet)
            loop = Loop(night, books, page, other, sizes)
            busy, since_ms = Busy(), time.time_ns() / 1e6
            guests = list(extra.values())
            together(loop, guests[: sizes.revocations], console)
            load = busy.told()
            asked = loop.ask_doors(guests[: sizes.revocations][-ASKED_AT_THE_DOOR:], guests[-1])
            night.settle()
            page.close()
        board.close()
        books.close()
        world.stop()
        found = counted(page.looks, since_ms)
    return {"found": found, "loop": loop, "load": load, "asked": asked}


def together(loop: Loop, guests: Sequence[Guest], console: Console) -> None:
    """All drivers at once; the first that fails ends the run."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor() as pool:

        def tick_of(what: str, total: int) -> Tick:
            task = progress.add_task(what, total=total)
            return lambda: progress.advance(task)

        page = tick_of("doors forced and shut → staff page", 2 * len(FORCED) * loop.sizes.forced)
        work = [pool.submit(loop.force, door, page) for door in FORCED]
        work.append(pool.submit(loop.revoke, guests, tick_of("bookings cancelled → every gate", len(guests))))
        work.append(
            pool.submit(loop.command, UNIT, tick_of("commands from the page → lock", loop.sizes.commands))
        )
        for one in work:
            one.result()


def goals(found: Counted, loop: Loop) -> list[Goal]:
    """What was wished, and what was found."""
    return [
        Goal("door opened or shut at a node → staff page's door list", found.door_ms, "p95", 1500),
        Goal("door forced at a node → case in the staff page's queue", found.case_ms, "p95", 1500),
        Goal("booking cancelled → both nodes' doors decide by it", loop.enforced_ms, "p99", 2000),
        Goal("release or lock pressed on the staff page → lock moves", loop.lock_ms, "p95", 1000),
        Goal("recorded → stored (recorded_to_stored)", found.stored_ms),
        Goal("recorded → line on the dashboard", found.board_ms),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--guests", type=int, default=300)
    parser.add_argument("--revocations", type=int, default=220)
    parser.add_argument("--commands", type=int, default=180)
    parser.add_argument("--forced", type=int, default=90, help="at each of two doors")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", type=Path, default=ROOT / "run/loop")
    asked = vars(parser.parse_args())
    run, sizes = asked.pop("run"), Sizes(**asked)
    here = Path.cwd()
    try:
        done = measured(sizes, run, Console(stderr=True))
    finally:
        os.chdir(here)
    found = done["found"]
    all_goals = goals(found, done["loop"])
    console = Console(width=120)
    console.print(goals_table(all_goals))
    load = done["load"] | {
        "events_per_s": found.per_s,
        "passes_per_node": len(done["loop"].night.world.guests),
    }
    console.print(
        f"under this load: {load}; {done['asked']} at the door itself; {found.lost} lost, {found.double} double"
    )
    result = {"bench": "loop", "sizes": asdict(sizes), "load": load, "asked_at_the_door": done["asked"]}
    result |= {
        "lost": found.lost,
        "double": found.double,
        "figures": {goal.what: goal.told() for goal in all_goals},
    }
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
