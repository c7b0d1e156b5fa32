"""Resident memory of each program of the evening, in service with face on (no passage under way)."""

from pathlib import Path

from demo.acts import Evening
from demo.people import cast
from demo.world import LISTING_BODY, Wish, World

VISION_GOAL_MB = 260.0


def memory(root: Path) -> dict[str, dict[str, float]]:
    """Megabytes of RSS and PSS by program, read from /proc while the evening's programs serve."""
    from cloud_sync.core.codes import listing_code

    world = World(root / "run/bench", root / ".cache/clips", Wish(), cast())
    with world:
        world.open_service()
        world.open_nodes()
        world.import_records(listing_code(*LISTING_BODY))
        Evening(world, lambda _: None).check_in()
        measured = {name: _of(running.pid) for name, running in world.programs.items()}
        for name in [name for name in measured if name.startswith("n-")]:
            vision = _children(world.programs[name].pid)
            measured |= {f"{name} vision": _of(pid) for pid in vision if _of(pid)["rss"] > 40}
    for name, sizes in measured.items():
        print(f"  {name:24} RSS {sizes['rss']:6.1f}   PSS {sizes['pss']:6.1f}")
    return measured


def _of(pid: int) -> dict[str, float]:
    sizes = dict.fromkeys(("rss", "pss"), 0.0)
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name.lower() in sizes:
            sizes[name.lower()] = round(int(rest.split()[0]) / 1024, 1)
    return sizes


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
