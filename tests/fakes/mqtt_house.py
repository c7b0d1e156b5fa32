"""The MQTT side of a house for tests: a real mosquitto, the device programs, and the node's client on it."""

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from edge.core.events import AccessPointId
from edge.drivers.mqtt_bench import BenchAddress, open_bench
from edge.gateio.drivers import resolve, settings_of
from edge.ports import Cmd
from tests.fakes.brokers import Mosquitto
from tests.fakes.waiting import eventually

ROOT = Path(__file__).parents[2]
WITHIN_S = 90.0


async def until(true: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """Poll until it holds; fail with ``what`` after a generous while."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, f"waited {within_s:.0f} s for: {what}"
        await asyncio.sleep(0.01)


class Peer:
    """A device program: its standard input is its world, its lines are what it did."""

    def __init__(self, module: str, port: int, *more: str) -> None:
        command = [sys.executable, "-m", f"demo.peers.{module}", "--port", str(port), *more]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def tell(self, line: str) -> None:
        """Change its world; it has changed when this returns."""
        before = self._told()
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        eventually(lambda: self._told() > before, what=f"{line!r} was not taken")

    def _told(self) -> int:
        return sum(line.get("what") == "told" for line in list(self.lines))

    def bolts(self, name: str) -> list[str]:
        return [
            line["bolt"] for line in list(self.lines) if line.get("lock") == name and line["what"] == "bolt"
        ]

    def commands(self, name: str, what: str = "set") -> list[str | None]:
        lines = list(self.lines)
        return [line.get("wanted") for line in lines if line.get("lock") == name and line["what"] == what]

    def relays(self) -> list[bool]:
        return [line["on"] for line in list(self.lines) if "on" in line]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        self._reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def cmd(within_ms: int = 1_500) -> Cmd:
    return Cmd("c", time.monotonic_ns() + within_ms * 1_000_000, "test")


class Bench:
    """Locks on a real broker; ``told`` is what they said to the node."""

    def __init__(self, folder: Path) -> None:
        self.broker = Mosquitto(folder)
        self.broker.start()
        self.bus = open_bench(BenchAddress("127.0.0.1", self.broker.port), "gate-node test")
        self.told: list[Any] = []
        self.locks: dict[str, Any] = {}
        self.peers: list[Peer] = []

    def peer(self, module: str, *more: str) -> Peer:
        self.peers.append(Peer(module, self.broker.port, *more))
        return self.peers[-1]

    async def lock(self, driver: str, door: str, **settings: object) -> Any:
        """Open one more lock."""
        found = resolve("node_locks", driver)
        made = found.open(
            settings_of(found, settings, door), AccessPointId(door), bus=self.bus, tell=self.told.append
        )
        await made.open()
        self.locks[door] = made
        return made

    def of(self, kind: type, door: str) -> list[Any]:
        return [news for news in self.told if isinstance(news, kind) and news.door == door]


def on_the_bench(folder: Path, play: Callable[[Bench], Awaitable[None]]) -> None:
    """Run ``play`` with everything there, and end everything after it."""

    async def run() -> None:
        bench = Bench(folder)
        try:
            async with bench.bus:
                try:
                    await play(bench)
                finally:
                    await asyncio.gather(*(lock.close() for lock in bench.locks.values()))
        finally:
            for peer in bench.peers:
                peer.stop()
            bench.broker.stop()

    asyncio.run(run())
