"""Frame to identity: yunet-sface against plain face_recognition, on the same frames in one run.

    python bench/bench_faces.py --clip CLIP [--frames 30]

Each side is a process of its own with one thread; they are given the same frame in turn, so that whatever else
the machine does slows both.  The plain side is the library as its users call it: ``face_locations`` (HOG, one
upsampling), ``face_encodings``, ``compare_faces``, all with their defaults.  Importing it that way loads its
68-point predictor, in this benchmark's process only; the product never does.

Prints a table, and one JSON object as the last line.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEIGHT = 640, 480
PEOPLE = 5_248  # all beds of the community
DIM = 128
MATCHES = 2_000
RATIO_GOAL = 6.0
WARM_UP_FRAMES = 2
WORKER_WAIT_S = 120
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)

Look = Callable[["np.ndarray[Any, Any]"], str | None]


def frames_of(clip: Path, count: int) -> list["np.ndarray[Any, Any]"]:
    """Evenly spaced frames, 640 wide, padded or cropped to 480 lines without distortion."""
    import cv2

    video = cv2.VideoCapture(str(clip))
    everything = []
    while (answer := video.read())[0]:
        everything.append(answer[1])
    video.release()
    if not everything:
        raise SystemExit(f"{clip}: no frame can be read; give a video with a face (--clip).")
    step = max(1, len(everything) // count)
    return [fitted(frame) for frame in everything[::step][:count]]


def fitted(frame: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    import cv2

    lines = round(frame.shape[0] * WIDTH / frame.shape[1])
    scaled = cv2.resize(frame, (WIDTH, lines), interpolation=cv2.INTER_AREA)
    if lines < HEIGHT:
        above = (HEIGHT - lines) // 2
        return cv2.copyMakeBorder(scaled, above, HEIGHT - lines - above, 0, 0, cv2.BORDER_REPLICATE)
    above = (lines - HEIGHT) // 2
    return np.ascontiguousarray(scaled[above : above + HEIGHT])


def crowd(count: int) -> "np.ndarray[Any, Any]":
    rows = np.random.default_rng(1).standard_normal((count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def product_side(first: "np.ndarray[Any, Any]") -> Look:
    """The default engine and a gallery of everybody; the guest is enrolled from the first frame."""
    from models.gallery import Gallery
    from models.plugins import open_face_engine

    engine = open_face_engine("yunet-sface")
    engine.warm_up()

    def vector(frame: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        return engine.embed([engine.align(frame, engine.detect(frame)[0])])[0]

    rows = [("guest", vector(first)), *((f"p{i}", row) for i, row in enumerate(crowd(PEOPLE - 1)))]
    gallery = Gallery.build(rows, version=1, similarity=engine.similarity)
    return lambda frame: gallery.match(vector(frame)).best


def plain_side(first: "np.ndarray[Any, Any]") -> Look:
    """face_recognition as its README shows it."""
    import face_recognition

    def vector(frame: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        picture = np.ascontiguousarray(frame[:, :, ::-1])
        places = face_recognition.face_locations(picture)
        (encoding,) = face_recognition.face_encodings(picture, places)
        return encoding

    # Its users keep raw vectors; raw lengths are about 1.4, so the crowd stays as far away as strangers do.
    known = np.concatenate([vector(first)[np.newaxis], 1.4 * crowd(PEOPLE - 1)])

    def look(frame: "np.ndarray[Any, Any]") -> str | None:
        same = face_recognition.compare_faces(known, vector(frame))
        return "guest" if same[0] else None

    return look


def rss_mib() -> dict[str, float]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"now": round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20), "peak": round(peak)}


def work(side: str, clip: Path, count: int) -> None:
    """One side: a frame number in, the times and the name out, a line each; ends with its memory."""
    frames = frames_of(clip, count)
    look = {"product": product_side, "plain": plain_side}[side](frames[0])
    print(json.dumps({"ready": len(frames)}), flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        named = look(frames[int(line)])
        spent = {"wall_ms": (time.perf_counter() - wall) * 1e3, "cpu_ms": (time.process_time() - cpu) * 1e3}
        print(json.dumps(spent | {"named": named, "rss_mib": rss_mib()}), flush=True)


class Worker:
    """A side in its own process, asked one frame at a time."""

    def __init__(self, side: str, clip: Path, count: int) -> None:
        root = Path(__file__).resolve().parent.parent
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(root)}
        arguments = [sys.executable, __file__, "--worker", side, "--clip", str(clip), "--frames", str(count)]
        self._process = subprocess.Popen(
            arguments, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.frames = int(self._answer()["ready"])

    def look(self, number: int) -> dict[str, Any]:
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a side of the benchmark ended early; its own words stand above.")
        return json.loads(line)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=WORKER_WAIT_S)


def in_turn(clip: Path, count: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What both sides say of each frame, first one side, then the other."""
    product, plain = Worker("product", clip, count), Worker("plain", clip, count)
    try:
        for number in range(product.frames):
            answers = product.look(number), plain.look(number)
            if number >= WARM_UP_FRAMES:
                yield answers
    finally:
        product.close()
        plain.close()


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 2),
    }


def side_result(answers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "wall_ms": spread([answer["wall_ms"] for answer in answers]),
        "cpu_ms": spread([answer["cpu_ms"] for answer in answers]),
        "named": sum(answer["named"] == "guest" for answer in answers),
        "rss_mib": answers[-1]["rss_mib"],
    }


def match_ms() -> dict[str, float]:
    """One look at a gallery of everybody."""
    from models.gallery import Gallery
    from models.vectors import cosine_score

    rows = crowd(PEOPLE)
    gallery = Gallery.build(
        [(f"p{i}", row) for i, row in enumerate(rows)], version=1, similarity=cosine_score
    )
    times = []
    for number in range(MATCHES):
        begun = time.perf_counter()
        gallery.match(rows[number % len(rows)])
        times.append((time.perf_counter() - begun) * 1e3)
    ordered = spread(times)
    return {key: round(value, 4) for key, value in ordered.items()} | {"n": len(rows), "dim": DIM}


def measured(clip: Path, count: int) -> dict[str, Any]:
    pairs = list(in_turn(clip, count))
    product, plain = (side_result([pair[which] for pair in pairs]) for which in (0, 1))
    ratio = plain["wall_ms"]["p50"] / product["wall_ms"]["p50"]
    return {
        "bench": "faces",
        "frame": [WIDTH, HEIGHT],
        "frames": len(pairs),
        "threads": 1,
        "yunet_sface": product,
        "face_recognition_plain": plain,
        "ratio": round(ratio, 2),
        "ratio_cpu": round(plain["cpu_ms"]["p50"] / product["cpu_ms"]["p50"], 2),
        "ratio_goal": RATIO_GOAL,
        "met": ratio >= RATIO_GOAL,
        "match_ms": match_ms(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def show(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("frame to identity", "wall ms p50", "p95", "cpu ms p50", "named", "RSS MiB", "peak")
    for side in ("yunet_sface", "face_recognition_plain"):
        row = result[side]
        cells = (row["wall_ms"]["p50"], row["wall_ms"]["p95"], row["cpu_ms"]["p50"])
        named = f"{row['named']} of {result['frames']}"
        table.add_row(side, *map(str, cells), named, str(row["rss_mib"]["now"]), str(row["rss_mib"]["peak"]))
    console = Console()
    console.print(table)
    console.print(
        f"{result['ratio']} times as fast (goal {RATIO_GOAL}); one match among {result['match_ms']['n']}: "
        f"{result['match_ms']['p50']} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True, help="any video with one face")
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--worker", choices=("product", "plain"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work(asked.worker, asked.clip, asked.frames)
        return
    os.environ |= ONE_THREAD
    result = measured(asked.clip, asked.frames)
    show(result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
