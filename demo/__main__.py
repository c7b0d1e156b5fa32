"""``make demo``: play the evening, then count it."""

import json
import os
import sys
import time
import webbrowser
from pathlib import Path

from rich.console import Console

from cloud_sync.core.codes import listing_code
from demo import companion, report
from demo.people import cast
from demo.registry import Register
from demo.rights import act_ae
from demo.spreadsheet import Spreadsheet
from demo.watchers import BusTap, PageWatcher
from demo.world import ADMIN, LISTING_BODY, NODES, Wish, World

ROOT = Path(__file__).parent.parent
HEADLESS_PAUSE_S, WATCHED_PAUSE_S = 0.0, 4.0

console = Console(highlight=False)


def main() -> int:
    """0 when the evening was played and counted."""
    wish = Wish(
        engine=os.environ.get("ENGINE") or "yunet-sface",
        face=(os.environ.get("FACE") or "on") != "off",
        camera=os.environ.get("CAMERA") or None,
    )
    headless = os.environ.get("HEADLESS") == "1"
    twists = frozenset(os.environ.get("TWISTS", ""))
    run = os.environ.get("RUN") or "run/demo"
    own_broker = os.environ.get("BROKER") == "mosquitto"
    nightly = os.environ.get("NIGHT") != "off"
    if wish.camera is not None:
        from demo.live import main_live

        return main_live(ROOT, wish)
    result = play(
        ROOT, wish, watched=not headless, twists=twists, run=run, mosquitto=own_broker, nightly=nightly
    )
    console.print_json(data=result) if sys.stdout.isatty() else None
    print(json.dumps(result, ensure_ascii=False))
    return 0 if sound(result) else 1


def play(
    root: Path,
    wish: Wish,
    *,
    watched: bool = False,
    twists: frozenset[str] = frozenset(),
    run: str = "run/demo",
    mosquitto: bool = False,
    nightly: bool = True,
) -> dict[str, object]:
    """One evening from an empty folder to its figures."""
    began = time.monotonic()
    guests = cast()
    if "e" in twists:
        guests["unregistered"].registered = True
    if "d" in twists:
        guests["late"].leaves_h = 20.0
    world = World(root / run, root / ".cache/clips", wish, guests, mosquitto=mosquitto)
    with world:
        with (
            console.status("setting the stage: service, two nodes, three doors")
            if sys.stdout.isatty()
            else _quiet()
        ):
            world.open_service()
            tap = BusTap(world.broker_port, Path("bus.jsonl"))
            world.open_nodes()
            evening = Register(
                world,
                console.print,
                twists,
                WATCHED_PAUSE_S if watched else HEADLESS_PAUSE_S,
            )
            world.import_records(listing_code(*LISTING_BODY))
            evening.check_in()
        page = PageWatcher(f"http://127.0.0.1:{world.web_port}", world.http.cookies, Path("page.jsonl"))
        if watched:
            _open_pages(world)
        evening.play()
        night = (
            evening.play_night()
            | evening.play_faces()
            | evening.play_doors()
            | evening.play_register()
            | companion.play(evening)
            | Spreadsheet(world).play(console.print)
            | act_ae(evening)
            if nightly and not twists
            else {}
        )
        evening.settle()
        report.plant()
        tap.plant_canary(report.PLANTED_NAME)
        page.close()
        world.stop()
        tap.close()
        report.write_cast(
            guests,
            [report.Shown(one.door.node, one.door.camera, one.clip) for one in evening.shown],
            evening.amid_faults,
        )
        result = report.make() | night
    return result | {
        "engine": wish.engine if wish.face else "off",
        "seconds": round(time.monotonic() - began, 1),
    }


class _quiet:  # noqa: N801  # stands where a spinner would
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _open_pages(world: World) -> None:
    pages = [f"http://127.0.0.1:{world.web_port}/"]
    pages += [
        f"http://127.0.0.1:{world.kiosk_ports[plan.node]}/{plan.doors[0].access_point}" for plan in NODES
    ]
    console.print(f"\nThe community's page: {pages[0]}  (name {ADMIN[0]}, password {ADMIN[1]})")
    console.print("The screens at the doors: " + "  ".join(pages[1:]) + "\n")
    if os.environ.get("DISPLAY"):
        for page in pages:
            webbrowser.open(page)
    time.sleep(WATCHED_PAUSE_S * 2)


def sound(result: dict[str, object]) -> bool:
    """Nothing lost, nothing double, nobody kept in, nobody shown."""
    never = (
        "lost",
        "double",
        "egress_refused",
        "photos_on_disk",
        "pii_on_bus",
        "pii_in_files",
        "templates_in_clear",
    )
    return all(result[name] == 0 for name in never) and bool(result["canary_found"])


if __name__ == "__main__":
    sys.exit(main())
