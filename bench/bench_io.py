"""How fast a decision and a press of the exit button reach the lock, with a vision process busy on every core.

Decision: the node's own client on gate-io's real socket; the time is the lock driver's own when it is told to move.
Exit button: gate-io on a board in memory whose debouncer waits as the kernel's does, at 20 ms and at the default.
No GPIO hardware and no gpio-sim here; figures of a real board are another matter.  Last line: JSON.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from bench.spread import Busy, Goal, goals_table
from bench.worker import ONE_THREAD
from demo import count
from demo.stage import wait_until
from edge.core.events import AccessPointId
from edge.gateio.client import GateIoClient
from edge.gateio.profile import load_profile, profile_hash
from edge.ports import Cmd, Outcome

ROOT = Path(__file__).resolve().parent.parent
DOOR = AccessPointId("gate")
PULSE_MS, DEADLINE_NS = 1000, 300_000_000
OUTLIER_MS = 5.0
T_REX_MS = 1000

SIMULATED = """
socket = "io.sock"
state_dir = "state"
journal = "journal.jsonl"
[[door]]
access_point = "gate"
lock_profile = "strike_fail_secure"
rex_unlocks = true
lock = { driver = "simulated", record = "lock.jsonl" }
inputs = { driver = "simulated", rig = "rig.sock", wired = ["contact", "rex"] }
"""

GPIO = """
socket = "io-%(ms)s.sock"
state_dir = "state-%(ms)s"
journal = "journal-%(ms)s.jsonl"
[[door]]
access_point = "gate"
lock_profile = "strike_fail_secure"
rex_unlocks = true
t_rex_ms = 1000
lock = { driver = "gpio_relay", line = "GPIO17", chip = "/dev/gpiochip0" }
[door.inputs]
driver = "gpio"
chip = "/dev/gpiochip0"
contact = { line = "GPIO27", active_low = false }
rex = { line = "GPIO22"%(debounce)s }
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--decisions", type=int, default=600)
    parser.add_argument("--presses", type=int, default=120, help="at each of the two debounce times")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder = ROOT / "run/io"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.chdir(folder)
    random.seed(asked.seed)
    with full_load():
        busy = Busy()
        decided = decisions(asked.decisions)
        fast, usual = presses("20", asked.presses), presses("default", asked.presses)
        load = busy.told()
    goals = [
        Goal("decision → gate-io output, vision at full load", decided, "p99", 5),
        Goal("REX → output, 20 ms debounce", fast, "p99", 60),
        Goal("REX → output, 50 ms debounce (default)", usual, "p99", 90),
    ]
    console = Console(width=120)
    console.print(goals_table(goals))
    outliers = sum(ms > OUTLIER_MS for ms in decided)
    console.print(
        f"under this load: {load}; {outliers} of {len(decided)} decisions took over {OUTLIER_MS:g} ms"
    )
    figures = {goal.what: goal.told() for goal in goals}
    print(json.dumps({"bench": "io", "load": load, "outliers": outliers, "figures": figures}))


@contextmanager
def full_load() -> Iterator[None]:
    """One vision process for each core, as one thread each."""
    clip = str(ROOT / ".cache/clips/single_face.mp4")
    lookers = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.busy_vision", clip],
            env=os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        for looker in lookers:
            assert looker.stdout is not None
            if not looker.stdout.readline():
                raise SystemExit("a vision process ended early; `make clips` brings its film.")
        yield
    finally:
        for looker in lookers:
            looker.kill()
            looker.wait()


def _start(*words: str, log: str) -> "subprocess.Popen[str]":
    with Path(log).open("wb") as out:
        return subprocess.Popen(
            [sys.executable, *words],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
        )


# --- decision → output ---------------------------------------------------------------------------------------


def decisions(n: int) -> list[float]:
    """Milliseconds from the decision in this process to the lock driver's own note that it moved."""
    Path("io.toml").write_text(SIMULATED)
    gate_io = _start("-m", "edge.gateio", "io.toml", log="gate-io.log")
    try:
        wait_until(Path("io.sock").exists, within_s=20, what="gate-io's socket")
        asked = asyncio.run(_decide(n))
    finally:
        gate_io.terminate()
        gate_io.wait(10)
    moved = [line["t_ns"] for line in count.lines(Path("lock.jsonl")) if line["event"] == "energise"]
    assert len(moved) == len(asked), f"{len(asked)} decisions and {len(moved)} moves"
    return [(at - since) / 1e6 for at, since in zip(moved, asked, strict=True)]


async def _decide(n: int) -> list[int]:
    asked = []
    async with GateIoClient(Path("io.sock"), profile_hash(load_profile(Path("io.toml")))) as client:
        await client.connected(10)
        for number in track(range(n), "decisions → output", transient=True):
            asked.append(time.monotonic_ns())
            cmd = Cmd(f"d{number}", asked[-1] + DEADLINE_NS, "bench")
            result = await client.pulse(DOOR, cmd, PULSE_MS)
            assert result.outcome is Outcome.DONE, result
            await asyncio.sleep(random.uniform(0.05, 0.15))
            await client.lock(DOOR, Cmd(f"l{number}", time.monotonic_ns() + DEADLINE_NS, "bench"))
    return asked


# --- exit button → output ------------------------------------------------------------------------------------


def presses(name: str, n: int) -> list[float]:
    """Milliseconds from the raw press, before its debouncing, to the relay's line."""
    debounce = ", debounce_ms = 20" if name == "20" else ""
    Path(f"io-{name}.toml").write_text(GPIO % {"ms": name, "debounce": debounce})
    gate_io = _start("-m", "bench.gateio_on_a_board", f"io-{name}.toml", log=f"gate-io-{name}.log")
    try:
        wait_until(Path(f"io-{name}.sock").exists, within_s=20, what="gate-io's socket")
        return [_press(gate_io) for _ in track(range(n), f"REX → output, {name}", transient=True)]
    finally:
        gate_io.terminate()
        gate_io.wait(10)


def _press(gate_io: "subprocess.Popen[str]") -> float:
    _say(gate_io, "down")
    pressed = _hear(gate_io, "pressed", True)
    moved = _hear(gate_io, "high", True)
    _say(gate_io, "up")
    _hear(gate_io, "high", False)
    time.sleep(random.uniform(0.0, 0.1))
    return (moved["t_ns"] - pressed["t_ns"]) / 1e6


def _say(gate_io: "subprocess.Popen[str]", word: str) -> None:
    assert gate_io.stdin is not None
    gate_io.stdin.write(word + "\n")
    gate_io.stdin.flush()


def _hear(gate_io: "subprocess.Popen[str]", key: str, value: bool) -> dict[str, Any]:
    """The next line that says this; what comes between is about something else."""
    assert gate_io.stdout is not None
    while True:
        line = gate_io.stdout.readline()
        if not line:
            raise SystemExit("gate-io on its board ended early; see run/io.")
        told: dict[str, Any] = json.loads(line)
        if told.get(key) is value:
            return told


if __name__ == "__main__":
    main()
