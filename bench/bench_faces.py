"""Frame to identity: yunet-sface against plain face_recognition, on the same frames in one run, one thread each.

    python bench/bench_faces.py

Each side is a process of its own; they are given the same frame in turn, so that whatever else the machine does slows
both.  Prints a table, and one JSON object as the last line.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.scenes import SCENES, Scene, frames_of
from bench.sides import PEOPLE, SIDES, crowd
from bench.spread import Row, rows_table, spread
from bench.worker import ONE_THREAD, Worker, both, serve

ROOT = Path(__file__).resolve().parent.parent
WARM_UP_FRAMES = 2
MATCHES = {PEOPLE: 2_000, 100_000: 200}
MATCH_GOAL_MS = 5.0  # asked of 100,000; fewer are given the same


def work(side: str, clips: Path) -> None:
    """One side: scene and frame number in, the names out."""
    frames = {scene.name: frames_of(scene, clips) for scene in SCENES}
    looks = {name: SIDES[side](pictures[0]) for name, pictures in frames.items()}
    serve(lambda asked: {"named": looks[asked[0]](frames[asked[0]][asked[1]])})


def compared(product: Worker, plain: Worker, scene: Scene, tick: Callable[[], None]) -> dict[str, Any]:
    """One scene, frame by frame, first one side, then the other."""
    pairs = []
    for number in range(scene.frames):
        question = [scene.name, number]
        pairs.append((product.ask(question), plain.ask(question)))
        tick()
    sides = [_side([pair[which] for pair in pairs[WARM_UP_FRAMES:]], scene) for which in (0, 1)]
    ours, theirs = sides
    return {
        "yunet_sface": ours,
        "face_recognition_plain": theirs,
        "ratio": round(theirs["wall_ms"]["p50"] / ours["wall_ms"]["p50"], 2),
        "ratio_cpu": round(theirs["cpu_ms"]["p50"] / ours["cpu_ms"]["p50"], 2),
    }


def _side(answers: list[dict[str, Any]], scene: Scene) -> dict[str, Any]:
    return {
        "wall_ms": spread([answer["wall_ms"] for answer in answers]),
        "cpu_ms": spread([answer["cpu_ms"] for answer in answers]),
        "faces": statistics.mean(len(answer["named"]) for answer in answers),
        "right": sum(
            sorted(map(str, answer["named"])) == [f"guest {i}" for i in range(scene.faces)]
            for answer in answers
        ),
    }


def rows_of(scene: Scene, found: dict[str, Any]) -> list[Row]:
    ours, theirs = found["yunet_sface"], found["face_recognition_plain"]
    n = int(ours["wall_ms"]["n"])
    named = [f"{side['right']} of {n} pictures right" for side in (ours, theirs)]
    return [
        Row(f"frame → identity, {scene.name}", "ms", ours["wall_ms"]["p50"], ours["wall_ms"]["p95"], note=named[0]),
        Row("  face_recognition, its defaults", "ms", theirs["wall_ms"]["p50"], theirs["wall_ms"]["p95"], note=named[1]),
        Row("  times as fast", "×", found["ratio"], at_least=scene.goal, note=f"{found['ratio_cpu']} by CPU time"),
    ]  # fmt: skip


def matches(count: int, looks: int) -> dict[str, float]:
    """One look at a gallery of so many, in milliseconds."""
    from models.gallery import Gallery
    from models.vectors import cosine_score

    rows = crowd(count)
    gallery = Gallery.build(
        [(f"p{i}", row) for i, row in enumerate(rows)], version=1, similarity=cosine_score
    )
    wall, cpu = [], []
    for number in range(looks):
        begun, used = time.perf_counter(), time.process_time()
        gallery.match(rows[number % len(rows)])
        cpu.append((time.process_time() - used) * 1e3)
        wall.append((time.perf_counter() - begun) * 1e3)
    return spread(wall, digits=3) | {"cpu_p50": round(statistics.median(cpu), 3)}


def measured(clips: Path) -> tuple[dict[str, Any], list[Row]]:
    from rich.console import Console
    from rich.progress import Progress

    result: dict[str, Any] = {"bench": "faces", "threads": 1, "scenes": {}, "match_ms": {}}
    rows: list[Row] = []
    with (
        both(__file__, "--clips", str(clips)) as (product, plain),
        Progress(console=Console(stderr=True)) as progress,
    ):
        for scene in SCENES:
            task = progress.add_task(f"{scene.name}, both sides in turn", total=scene.frames)
            found = compared(product, plain, scene, lambda task=task: progress.advance(task))
            result["scenes"][scene.name] = found
            rows += rows_of(scene, found)
    for count, times in MATCHES.items():
        found = matches(count, times)
        result["match_ms"][str(count)] = found
        note = f"{found['cpu_p50']:g} by CPU time"
        rows.append(
            Row(f"match, N = {count:,}", "ms", found["p50"], found["p95"], at_most=MATCH_GOAL_MS, note=note)
        )
    return result, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=Path, default=ROOT / ".cache/clips")
    parser.add_argument("--worker", choices=tuple(SIDES), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work(asked.worker, asked.clips)
        return
    from rich.console import Console

    result, rows = measured(asked.clips)
    Console(width=120).print(rows_table("frame to identity, one thread", rows))
    print(json.dumps(result | {"rows": [row.told() for row in rows]}, ensure_ascii=False))


if __name__ == "__main__":
    os.environ |= ONE_THREAD  # before numpy is loaded
    main()
