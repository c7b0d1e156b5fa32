"""``make bench``: every figure the README quotes, measured on this machine and written to bench/results/."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.memory import memory

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench/results"


def main() -> int:
    """Run every benchmark in a process of its own, so that none warms up another."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    print(f"load average at the start: {load:.2f} on {os.cpu_count()} cores\n")
    result: dict[str, object] = {
        "load": load,
        "cores": os.cpu_count(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    clip = ROOT / ".cache/clips/single_face.mp4"
    result["faces"] = _last_json(sys.executable, "bench/bench_faces.py", "--clip", str(clip))
    result["sink"] = _last_json(sys.executable, "bench/bench_sink.py")
    print("\nthe loop, on loopback with the real programs (some minutes):")
    result["loop"] = _last_json(sys.executable, "bench/bench_loop.py")
    print("\nresident memory of each program, in service (MB):")
    result["memory_mb"] = memory(ROOT)
    (RESULTS / "latest.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"\nwritten to {RESULTS / 'latest.json'}")
    return 0


def _last_json(*command: str) -> object:
    """Run one benchmark with its own words shown, progress at once; its result is the JSON object it prints."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    sys.stdout.write(done.stdout)
    if done.returncode != 0:
        raise RuntimeError(f"{command[1]} ended with {done.returncode}; its words are above.")
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("{") and line.endswith("}"):
            return json.loads(line)
    return json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])


if __name__ == "__main__":
    sys.exit(main())
