"""The whole path over a walking guest's clip: the real vision worker and the real desk, against plain face_recognition.

    python bench/bench_path.py

The product looks at the clip as a node does, at the clip's own pace by its own clock, with 1,000 people in the door's
gallery; what it skips counts.  The plain side finds, encodes and compares every frame, as the library's own example
for a camera does; it is given every 12th, in turn with the product, and the sum is multiplied.  Reading the film is in
neither figure.  Also: what an empty lane costs.  Prints a table, and one JSON object as the last line.
"""

import argparse
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.reel import Reel, film
from bench.sides import crowd, plain_side
from bench.spread import Row, rows_table
from bench.worker import ONE_THREAD, ROOT, both, serve

CLIP = "WolfgangLanger_Pexels.mp4"
ENROLLED = (180, 216, 252)  # frames of the clip the guest is enrolled from
PEOPLE = 1_000
EVERY = 12  # of so many frames the plain side is given one
RATIO_GOAL = 12.0
LANE_FPS, LANE_S = 25, 20
LANE_NOISE = 3.0
IDLE_GOAL_PERCENT = 5.0
DETECT_EVERY_NS = 90_000_000  # a node's own default


class Counting:
    """An engine, and how often each of its steps was asked for."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._engine, name)


class Product:
    """A node's vision worker and its desk, in one process."""

    def __init__(self, engine: Any, reel: Reel, guest: "np.ndarray[Any, Any]") -> None:
        from edge.drivers.readers.camera_code import open_decoder
        from edge.runtime.face_desk import FaceDesk
        from edge.runtime.watch import Watch

        self.engine = Counting(engine)
        self.answers: Counter[str] = Counter()
        self._desk = FaceDesk(engine.info, fpir_wanted=0.001)
        people = [("guest", guest), *((f"p{i}", row) for i, row in enumerate(crowd(PEOPLE - 1)))]
        self._desk.put_gallery(people, version=1, k=len(ENROLLED))
        self._watch = Watch(
            {"front": reel}, self.engine, open_decoder(), self._hear, reel.clock, detect_every_ns=DETECT_EVERY_NS
        )  # fmt: skip

    def look(self, times: int) -> None:
        for _ in range(times):
            self._watch.look()

    def _hear(self, packed: bytes) -> None:
        from edge.runtime.face_desk import Concluded
        from edge.runtime.sightings import FaceSeen, NobodySeen, unpack

        told = unpack(packed)
        if isinstance(told, NobodySeen):
            self._desk.nobody(told.t_ns)
        elif isinstance(told, FaceSeen) and isinstance(answer := self._desk.look(told), Concluded):
            verdict = answer.evidence.verdict
            self.answers[verdict.pass_id or verdict.look.value] += 1


def empty_lane(clip: Path) -> "list[np.ndarray[Any, Any]]":
    """One picture of a lane without anybody, with the noise of a sensor."""
    import cv2

    lane = cv2.resize(film(clip)[0][5], (640, 480)).astype(np.float32)
    dice = np.random.default_rng(1)
    noise = [dice.normal(0, LANE_NOISE, lane.shape).astype(np.float32) for _ in range(10)]
    return [np.clip(lane + noise[i % 10], 0, 255).astype(np.uint8) for i in range(LANE_FPS * LANE_S)]


def work_product(clips: Path) -> None:
    import cv2

    from models.enrol import enrol_from_photos
    from models.plugins import open_face_engine

    cv2.setNumThreads(1)
    engine = open_face_engine("yunet-sface")
    engine.warm_up()
    pictures, fps = film(clips / CLIP)
    template = enrol_from_photos(engine, [pictures[i] for i in ENROLLED], made_ms=0, not_after_ms=1)
    walk = Product(engine, Reel(pictures, fps), template.mean)
    lane = Product(engine, Reel(empty_lane(clips / "no_face.mp4"), LANE_FPS), template.mean)

    def answer(asked: Any) -> dict[str, Any]:
        what, times = asked
        side = walk if what == "walk" else lane
        side.look(times)
        return {"calls": dict(side.engine.calls), "answers": dict(side.answers)}

    serve(answer)


def work_plain(clips: Path) -> None:
    pictures, _ = film(clips / CLIP)
    look = plain_side(pictures[ENROLLED[0]])
    serve(lambda number: {"named": look(pictures[number])})


def measured(clips: Path) -> tuple[dict[str, Any], list[Row]]:
    from rich.console import Console
    from rich.progress import Progress

    count = len(film(clips / CLIP)[0]) // EVERY
    pairs = []
    with (
        both(__file__, "--clips", str(clips)) as (product, plain),
        Progress(console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("a walking guest, both sides in turn", total=count)
        for at in range(count):
            pairs.append((product.ask(["walk", EVERY]), plain.ask(at * EVERY)))
            progress.advance(task)
        lane = product.ask(["lane", LANE_FPS * LANE_S])
    return _result(pairs, lane, count * EVERY)


def _result(
    pairs: list[tuple[dict[str, Any], dict[str, Any]]], lane: dict[str, Any], frames: int
) -> tuple[dict[str, Any], list[Row]]:
    sums = {
        clock: (sum(ours[clock] for ours, _ in pairs), EVERY * sum(theirs[clock] for _, theirs in pairs))
        for clock in ("wall_ms", "cpu_ms")
    }
    ratio, ratio_cpu = (round(theirs / ours, 1) for ours, theirs in sums.values())
    last, idle = pairs[-1][0], round(lane["cpu_ms"] / (10 * LANE_S), 2)
    named = sum("guest 0" in theirs["named"] for _, theirs in pairs)
    result = {
        "bench": "path",
        "frames": frames,
        "gallery": PEOPLE,
        "product": {"wall_ms": round(sums["wall_ms"][0]), "cpu_ms": round(sums["cpu_ms"][0])}
        | {"calls": last["calls"], "answers": last["answers"]},
        "plain": {"wall_ms": round(sums["wall_ms"][1]), "cpu_ms": round(sums["cpu_ms"][1]), "named": named},
        "ratio": ratio,
        "ratio_cpu": ratio_cpu,
        "empty_lane": {"cpu_percent": idle, "looks": lane["calls"]["detect"], "seconds": LANE_S},
    }
    calls = f"{last['calls']['detect']} looks, {last['calls']['embed']} vectors, {last['answers']}"
    rows = [
        Row(f"walking guest, {frames} frames, N = {PEOPLE:,}", "ms", round(sums["wall_ms"][0]), note=calls),
        Row("  face_recognition, every frame", "ms", round(sums["wall_ms"][1]), note=f"named in {named} of {len(pairs)}"),
        Row("  times as fast", "×", ratio, at_least=RATIO_GOAL, note=f"{ratio_cpu} by CPU time"),
        Row("empty lane, 25 pictures/s", "% of a core", idle, at_most=IDLE_GOAL_PERCENT, note=f"{lane['calls']['detect']} looks in {LANE_S} s"),
    ]  # fmt: skip
    return result, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=Path, default=ROOT / ".cache/clips")
    workers: dict[str, Callable[[Path], None]] = {"product": work_product, "plain": work_plain}
    parser.add_argument("--worker", choices=tuple(workers), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        workers[asked.worker](asked.clips)
        return
    from rich.console import Console

    result, rows = measured(asked.clips)
    Console(width=120).print(rows_table("the whole path, one thread", rows))
    print(json.dumps(result | {"rows": [row.told() for row in rows]}, ensure_ascii=False))


if __name__ == "__main__":
    os.environ |= ONE_THREAD
    main()
