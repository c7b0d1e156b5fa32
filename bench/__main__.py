"""``make bench``: every figure the README quotes, measured on this machine and written to bench/results/."""

import json
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.memory import VISION_GOAL_MB, memory
from bench.spread import Row, rows_markdown, rows_table

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench/results"
MOST_S = 1_200  # whatever takes longer is stuck
LIBRARIES = ("opencv-python-headless", "numpy", "dlib-bin", "face-recognition-ng", "zxing-cpp")
# What each measures, and its program with what it is asked; each runs in a process of its own, so that none warms up
# another.
FACE_PATH = {
    "faces": ("one face and four, against face_recognition's defaults", "bench/bench_faces.py"),
    "path": ("a walking guest's whole path, and an empty lane", "bench/bench_path.py"),
    "start": ("the vision worker's start and weight", "bench/bench_start.py"),
    "walks": ("in view → lock, by the real programs", "bench/bench_walks.py"),
    "walks_asked": (
        "in view → lock where the doors ask for two movements",
        "bench/bench_walks.py --liveness challenge_always --codes 0",
    ),
}


def main() -> int:
    RESULTS.mkdir(parents=True, exist_ok=True)
    console = Console(width=120)
    result = _circumstances()
    console.print(result)
    console.print("\n[bold]decision and exit button → lock[/bold], vision at full load")
    result["io"] = _last_json(sys.executable, "bench/bench_io.py")
    _face_path(console, result)
    _keep(result)  # whatever becomes of the rest
    console.print("\n[bold]the sink[/bold]")
    result["sink"] = _last_json(sys.executable, "bench/bench_sink.py")
    console.print("\n[bold]the loop[/bold], on loopback with the real programs (some minutes)")
    result["loop"] = _last_json(sys.executable, "bench/bench_loop.py")
    result["load_at_the_end"] = round(os.getloadavg()[0], 2)
    _keep(result)
    console.print(f"\nwritten to {RESULTS / 'latest.json'}")
    return 0


def _face_path(console: Console, result: dict[str, Any]) -> None:
    """Everything from a picture to the lock, into ``result`` and one table."""
    rows: list[Row] = []
    for name, (what, script) in FACE_PATH.items():
        console.print(f"\n[bold]{what}[/bold], load {os.getloadavg()[0]:.1f}")
        result[name] = found = _last_json(sys.executable, *script.split())
        rows += [Row.heard(row) for row in found["rows"]]
    console.print("\n[bold]resident memory of each program, in service (MB)[/bold]")
    result["memory_mb"] = found = memory(ROOT)
    heaviest = max(sizes["rss"] for name, sizes in found.items() if name.endswith("vision"))
    rows.append(Row("a node's vision worker in service", "MB RSS", heaviest, at_most=VISION_GOAL_MB))
    loads = f"load average {result['load']} at the start, {os.getloadavg()[0]:.2f} now"
    console.print(rows_table(f"the face path, all of it; {loads}", rows))
    (RESULTS / "latest.md").write_text(f"{loads}\n\n{rows_markdown(rows)}")


def _keep(result: dict[str, Any]) -> None:
    (RESULTS / "latest.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def _circumstances() -> dict[str, Any]:
    """Without these no figure means anything."""
    return {
        "load": round(os.getloadavg()[0], 2),
        "cores": os.cpu_count(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in LIBRARIES},
    }


def _last_json(*command: str) -> dict[str, Any]:
    """Run one benchmark with its own words shown, progress at once; its result is the JSON object it prints."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=MOST_S,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    words, _, last = done.stdout.rstrip().rpartition("\n")
    if done.returncode != 0:
        sys.stdout.write(done.stdout)
        raise RuntimeError(f"{command[1]} ended with {done.returncode}; its words are above.")
    if last.startswith("{") and last.endswith("}"):
        print(words)
        return json.loads(last)
    print(done.stdout)
    return json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])


if __name__ == "__main__":
    sys.exit(main())
