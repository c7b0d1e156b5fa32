"""What a change of the face model costs the vision worker: two engines over one walking guest's clip.

    python bench/bench_change.py [--rounds 3] [--begin 15 --end 19]

The guest walks up five times a round: with one engine alone, with the old one loaded and nobody enrolled with it, as a
guest of the new one while others are enrolled with the old, as a guest of the old one, and once more where signs of life
are looked for.  Counted is the processor's time of this process for the clip, or a piece of it, at its own pace, with
1,000 people in both galleries together.  Prints a line for each, and one JSON object as the last line.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.bench_path import CLIP, DETECT_EVERY_NS, ENROLLED, PEOPLE
from bench.reel import Reel, film
from bench.sides import crowd
from bench.worker import ONE_THREAD

CLIPS = Path(__file__).parent.parent / ".cache/clips"
FRONT = "front"
VECTORS = 20  # of each engine, for the cost of one
WAYS = ("one engine", "old one idle", "guest of the new", "guest of the old", "the same, signs of life")


def rss_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("/proc tells no resident memory")


def opened(name: str) -> tuple[Any, float]:
    """The engine, and the megabytes it brought."""
    from models.plugins import open_face_engine

    before = rss_mb()
    engine = open_face_engine(name)
    engine.warm_up()
    return engine, rss_mb() - before


def one_vector_ms(engine: Any, picture: Any) -> float:
    """Aligning and embedding one face, median."""
    face = engine.detect(picture)[0]
    spent = []
    for _ in range(VECTORS):
        begun = time.process_time()
        engine.embed([engine.align(picture, face)])
        spent.append((time.process_time() - begun) * 1e3)
    return statistics.median(spent)


def gallery(guest: Any, *, has_guest: bool) -> list[tuple[str, Any]]:
    """Half of the people, with or without the guest among them."""
    rows = [(f"{has_guest}-{i}", row) for i, row in enumerate(crowd(PEOPLE // 2 - has_guest))]
    return [("guest", guest), *rows] if has_guest else rows


def walk(way: str, new: Any, old: Any, pictures: Any, fps: float, guests: tuple[Any, Any]) -> dict[str, Any]:
    """The whole clip one way: processor's time, vectors of each engine, and how the guest was named."""
    from edge.drivers.readers.camera_code import open_decoder
    from edge.runtime.engine_info import Enrolled
    from edge.runtime.face_desk import Concluded, FaceDesk
    from edge.runtime.live_look import LiveLooks
    from edge.runtime.sightings import FaceSeen, NobodySeen, unpack
    from edge.runtime.watch import Watch

    both, of_old = way in WAYS[2:], way in WAYS[3:]
    desk = FaceDesk(new.info, fpir_wanted=0.001, before=old.info if both else None)
    rows = gallery(guests[0], has_guest=not of_old)
    before = Enrolled(tuple(gallery(guests[1], has_guest=of_old)), len(ENROLLED)) if both else Enrolled()
    desk.put_gallery(rows, version=1, k=len(ENROLLED), before=before)
    named: list[str] = []
    vectors = {"new": 0, "old": 0}

    def hear(packed: bytes) -> None:
        told = unpack(packed)
        if isinstance(told, NobodySeen):
            desk.nobody(told.t_ns)
        elif isinstance(told, FaceSeen):
            vectors["new"] += told.vector is not None
            vectors["old"] += told.before is not None
            if isinstance(answer := desk.look(told), Concluded):
                named.append(answer.evidence.verdict.pass_id or answer.evidence.verdict.look.value)

    reel = Reel(pictures, fps)
    asked = (FRONT,) if way == WAYS[-1] else ()
    watch = Watch(
        {FRONT: reel}, new, open_decoder(), hear, reel.clock, detect_every_ns=DETECT_EVERY_NS,
        live=LiveLooks(asked), before=None if way == WAYS[0] else old,
    )  # fmt: skip
    watch.want_before(frozenset({FRONT} if both else ()))
    begun = time.process_time()
    while not reel.over:
        watch.look()
    return {"cpu_ms": (time.process_time() - begun) * 1e3, "vectors": vectors, "named": named}


def measured(rounds: int, names: tuple[str, str], begin_s: float, end_s: float) -> Iterator[dict[str, Any]]:
    import cv2

    from models.enrol import enrol_from_photos

    cv2.setNumThreads(1)
    (new, new_mb), (old, old_mb) = opened(names[0]), opened(names[1])
    pictures, fps = film(CLIPS / CLIP)
    enrolled = [pictures[i] for i in ENROLLED]
    guests = tuple(  # of copies: who enrols from pictures wipes them
        enrol_from_photos(one, [picture.copy() for picture in enrolled], made_ms=0, not_after_ms=1).mean
        for one in (new, old)
    )
    yield {
        "new": names[0], "old": names[1], "new_mb": round(new_mb), "old_mb": round(old_mb),
        "new_vector_ms": round(one_vector_ms(new, enrolled[0]), 1),
        "old_vector_ms": round(one_vector_ms(old, enrolled[0]), 1),
    }  # fmt: skip
    shown = pictures[round(begin_s * fps) : round(end_s * fps)]
    walks: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            walks[way].append(walk(way, new, old, shown, fps, (guests[0], guests[1])))
    for way, found in walks.items():
        spent = [one["cpu_ms"] for one in found]
        yield {
            "way": way, "cpu_ms": round(statistics.median(spent)), "from": round(min(spent)),
            "to": round(max(spent)), "vectors": found[0]["vectors"], "named": found[0]["named"],
        }  # fmt: skip


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--begin", type=float, default=0.0, help="seconds of the clip")
    asked.add_argument("--end", type=float, default=60.0)
    asked.add_argument("--new", default="yunet-sface")
    asked.add_argument("--old", default="face_recognition")
    words = asked.parse_args()
    os.environ.update(ONE_THREAD)
    found = []
    for line in measured(words.rounds, (words.new, words.old), words.begin, words.end):
        print(line, flush=True)
        found.append(line)
    print(json.dumps({"load": os.getloadavg(), "found": found}))


if __name__ == "__main__":
    main()
