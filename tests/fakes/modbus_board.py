"""The Modbus board of the demonstration as a process that tests freeze, thaw and kill; and a serial line of two ptys."""

import contextlib
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.gateio_rig import until

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def serial_line() -> Iterator[tuple[str, str]]:
    """The two ends of a line, as device names; bytes go through as they come."""
    masters, slaves = zip(*(os.openpty() for _ in range(2)), strict=True)
    for slave in slaves:
        tty.setraw(slave)  # kept open, so that the line stays when one end is closed
    stop_out, stop_in = os.pipe()

    def pump() -> None:
        other = dict(zip(masters, reversed(masters), strict=True))
        while True:
            ready, _, _ = select.select([*masters, stop_out], [], [])
            if stop_out in ready:
                return
            for end in ready:
                os.write(other[end], os.read(end, 4096))

    thread = threading.Thread(target=pump)
    thread.start()
    try:
        yield os.ttyname(slaves[0]), os.ttyname(slaves[1])
    finally:
        os.write(stop_in, b"x")
        thread.join(5)
        assert not thread.is_alive()
        for fd in (*masters, *slaves, stop_out, stop_in):
            os.close(fd)


class BoardProcess:
    """``python -m demo.peers.modbus_board``, and what it said."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self.said: list[dict[str, Any]] = []
        self._process: subprocess.Popen[str] | None = None
        self._frozen = False
        self._marks = itertools.count()

    def start(self) -> None:
        self.said = []
        command = [sys.executable, "-m", "demo.peers.modbus_board", *self._arguments]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ear = threading.Thread(target=self._listen, args=(self._process, self.said))
        self._ear.start()
        until(lambda: any("ready" in line for line in self.said), "the board to listen")

    def _listen(self, process: subprocess.Popen[str], said: list[dict[str, Any]]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(json.loads(line))  # noqa: PERF401 — one by one, as they come

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def freeze(self) -> None:
        assert self._process is not None
        self._signal(signal.SIGSTOP)
        self._frozen = True
        stat = Path(f"/proc/{self._process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "the board to be frozen")

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)
        self._frozen = False

    def kill(self) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait(60)
        self._ear.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process, self._frozen = None, False

    def order(self, what: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        before = len(self.said)
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        until(
            lambda: any(line.get("ok") == what for line in self.said[before:]), f"the board to take {what!r}"
        )

    def _hear_all(self) -> None:
        """What the board did before now has been heard; a frozen or dead one says nothing more."""
        if self._process is not None and not self._frozen:
            self.order(f"mark {next(self._marks)} 0")

    def moves(self, coil: int = 0, unit: int = 1) -> list[int]:
        self._hear_all()
        return [m["level"] for m in self.said if m.get("coil") == coil and m["unit"] == unit]

    def writes(self, unit: int = 1) -> list[tuple[int, int]]:
        self._hear_all()
        return [(w["address"], w["word"]) for w in self.said if "word" in w and w["unit"] == unit]

    def energised(self, coil: int = 0, unit: int = 1) -> bool:
        return self.moves(coil, unit)[-1:] == [1]


@dataclass
class Site:
    """A board and how to reach it."""

    board: BoardProcess
    bus: dict[str, object]


@contextlib.contextmanager
def tcp_site(*arguments: str) -> Iterator[Site]:
    port = free_port()
    with _started(BoardProcess("--tcp", f"127.0.0.1:{port}", *arguments)) as board:
        yield Site(board, {"host": "127.0.0.1", "port": port})


@contextlib.contextmanager
def rtu_site(*arguments: str) -> Iterator[Site]:
    with (
        serial_line() as (ours, theirs),
        _started(BoardProcess("--serial", theirs, "--baudrate", "115200", *arguments)) as board,
    ):
        yield Site(board, {"serial": ours, "baudrate": 115200})


SITES: dict[str, Callable[..., contextlib.AbstractContextManager[Site]]] = {"tcp": tcp_site, "rtu": rtu_site}


@contextlib.contextmanager
def _started(board: BoardProcess) -> Iterator[BoardProcess]:
    try:
        board.start()
        yield board
    finally:
        with contextlib.suppress(ProcessLookupError):
            board.kill()
