"""A real gate-io for tests: in a thread with any driver, or as the program it is; and a bounded way to wait."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.gateio.process import GateIo
from edge.gateio.profile import Profile, parse_profile

WITHIN_S = 60.0


def until(true: Callable[[], bool], what: str) -> None:
    """Poll until it holds; fail with ``what`` after a generous while."""
    end = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < end, f"waited {WITHIN_S:.0f} s for: {what}"
        time.sleep(0.005)


def door(name: str, folder: Path, **changed: object) -> dict[str, object]:
    """One simulated door whose record and rig lie in ``folder``."""
    usual: dict[str, object] = {
        "access_point": name,
        "lock_profile": "strike_fail_secure",
        "rex_unlocks": True,
        "t_rex_ms": 1000,
        "fire_group": "house",
        "lock": {"driver": "simulated", "record": str(folder / f"{name}-lock.jsonl")},
        "inputs": {"driver": "simulated", "rig": str(folder / f"{name}-rig")},
    }
    return usual | changed


def house(folder: Path, *doors: dict[str, object]) -> dict[str, object]:
    return {
        "socket": str(folder / "io"),
        "state_dir": str(folder / "state"),
        "journal": str(folder / "journal.jsonl"),
        "door": list(doors),
    }


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kinds(folder: Path) -> list[str]:
    return [str(line["kind"]) for line in lines(folder / "journal.jsonl")]


def lock_moves(folder: Path, name: str) -> list[str]:
    return [str(line["event"]) for line in lines(folder / f"{name}-lock.jsonl")]


@contextlib.contextmanager
def serving(table: dict[str, object]) -> Iterator[Profile]:
    """gate-io in a thread of this process: for drivers whose hardware is faked in memory."""
    profile = parse_profile(table)
    gate_io, ready, failed = GateIo(profile), threading.Event(), []

    def serve() -> None:
        try:
            gate_io.run(ready.set)
        except Exception as error:  # noqa: BLE001 — carried over to the test's own thread
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(WITHIN_S), "gate-io did not start"
        if failed:
            raise failed.pop()
        yield profile
    finally:
        gate_io.stop()
        thread.join(WITHIN_S)
        assert not thread.is_alive()
    if failed:
        raise failed[0]


class Program:
    """``python -m edge.gateio`` as systemd would start it."""

    def __init__(self, folder: Path, table: dict[str, object]) -> None:
        self.profile = parse_profile(table)
        self._file = folder / "profile.json.toml"
        self._file.write_text(to_toml(table))
        self._errors = folder / "stderr"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        with self._errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge.gateio", str(self._file)],
                stderr=errors,
                env=os.environ | environment,
            )
        before = self._errors.read_text().count("serving")
        until(
            lambda: self._errors.read_text().count("serving") > before or self.process.poll() is not None,
            "gate-io to serve",
        )
        assert self.process.poll() is None, self._errors.read_text()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(WITHIN_S)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)


def to_toml(table: dict[str, object]) -> str:
    """Enough TOML for a profile: JSON values are TOML values, inline tables included."""

    def value(item: object) -> str:
        if isinstance(item, dict):
            return (
                "{"
                + ", ".join(f"{key} = {value(inner)}" for key, inner in item.items() if inner is not None)
                + "}"
            )
        if isinstance(item, list):
            return "[" + ", ".join(value(inner) for inner in item) + "]"
        return json.dumps(item)

    return "\n".join(f"{key} = {value(item)}" for key, item in table.items()) + "\n"
