"""An OSDP line without copper: two ptys, a pump between them with a baud rate and a plug, and readers as programs."""

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.fakes.waiting import eventually

ROOT = Path(__file__).parents[2]
BITS_PER_BYTE = 10  # start, eight, stop


class Line:
    """``panel`` and ``readers`` are the names of its ends; a pty has no baud rate, so the pumps keep it."""

    def __init__(self, baud: int | None = None, readers: int = 1) -> None:
        pairs = [pty.openpty() for _ in range(1 + readers)]
        self._masters = [master for master, _ in pairs]
        self._ends = [end for _, end in pairs]
        for fd in (*self._masters, *self._ends):
            tty.setraw(fd)
        self.panel, *self.readers = [os.ttyname(end) for end in self._ends]
        self.asks_pass = self.answers_pass = True
        self.twist: Callable[[bytes], bytes] = bytes  # what somebody on the line makes of an answer
        self._byte_s = BITS_PER_BYTE / baud if baud else 0.0
        self._stopping = False
        panel, others = self._masters[0], self._masters[1:]
        ways = [(panel, others, True), *((other, [panel], False) for other in others)]
        self._pumps = [threading.Thread(target=self._pump, args=way, daemon=True) for way in ways]
        for pump in self._pumps:
            pump.start()

    @property
    def reader(self) -> str:
        return self.readers[0]

    def plug(self, there: bool) -> None:
        self.asks_pass = self.answers_pass = there

    def _pump(self, source: int, targets: list[int], from_panel: bool) -> None:
        while not self._stopping:
            if not select.select([source], [], [], 0.05)[0]:
                continue
            with contextlib.suppress(OSError):
                data = os.read(source, 256)
                if self._byte_s:
                    time.sleep(len(data) * self._byte_s)
                if self.asks_pass if from_panel else self.answers_pass:
                    for target in targets:
                        os.write(target, data if from_panel else self.twist(data))

    def close(self) -> None:
        self._stopping = True
        for pump in self._pumps:
            pump.join(5)
        for fd in (*self._masters, *self._ends):
            os.close(fd)


class Reader:
    """``demo.peers.osdp_peripheral`` as the program it is."""

    def __init__(self, port: str, key_file: Path, *more: str) -> None:
        self.said: list[dict[str, Any]] = []
        command = [
            sys.executable,
            "-m",
            "demo.peers.osdp_peripheral",
            port,
            "--key-file",
            str(key_file),
            *more,
        ]
        self.program = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()
        self.wait(lambda: self.events("ready"), "the simulated reader to start")

    def _listen(self) -> None:
        assert self.program.stdout is not None
        for line in self.program.stdout:
            self.said.append(json.loads(line))

    def events(self, kind: str, **like: object) -> list[dict[str, Any]]:
        return [one for one in list(self.said) if one["event"] == kind and like.items() <= one.items()]

    def orders(self, command: int) -> list[dict[str, Any]]:
        return self.events("command", command=command)

    def on(self, output: int = 0) -> bool:
        moves = self.events("output", output=output)
        return bool(moves) and bool(moves[-1]["on"])

    def do(self, line: str) -> None:
        assert self.program.stdin is not None
        self.program.stdin.write(line + "\n")
        self.program.stdin.flush()

    def wait(self, true: Callable[[], object], what: str) -> None:
        def holds() -> object:
            assert self.program.poll() is None, f"the simulated reader ended: {self.program.communicate()}"
            return true()

        eventually(holds, what=f"waited for {what}")

    def kill(self) -> None:
        """As if its supply were cut."""
        self.program.kill()
        self._end()

    def close(self) -> None:
        assert self.program.stdin is not None
        with contextlib.suppress(OSError):
            self.program.stdin.close()
        self._end()

    def _end(self) -> None:
        self.program.wait(60)
        self._ear.join(10)
        for pipe in (self.program.stdin, self.program.stdout, self.program.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


@contextlib.contextmanager
def line(baud: int | None = None, readers: int = 1) -> Iterator[Line]:
    made = Line(baud, readers)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def reader(port: str, key_file: Path, *more: str) -> Iterator[Reader]:
    made = Reader(port, key_file, *more)
    try:
        yield made
    finally:
        made.close()
