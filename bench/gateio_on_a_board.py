"""gate-io on a board in memory that debounces like the kernel: presses on stdin, moves of the relay on stdout."""

import json
import os
import sys
import threading
import time
from contextlib import suppress

import gpiod

from edge.gateio.__main__ import main
from edge.gateio.realtime import FIFO_PRIORITY
from tests.fakes.debouncing_board import DebouncingBoard

RELAY, REX = "GPIO17", "GPIO22"


class Noted(DebouncingBoard):
    def drive(self, line: str, high: bool) -> None:
        at_ns = time.monotonic_ns()
        before = self.high.get(line)
        super().drive(line, high)
        if line == RELAY and self.high.get(line) is not before:
            print(json.dumps({"t_ns": at_ns, "high": high}), flush=True)


def presses(board: Noted) -> None:
    """``down`` and ``up``, one a line; the time of each is answered.

    This thread and the timers it starts stand for the kernel, which waits for no program: they go before gate-io.
    """
    with suppress(
        PermissionError
    ):  # without the right, nobody here has it, and the figures say what that costs
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY + 10))
    for line in sys.stdin:
        at_ns = time.monotonic_ns()
        board.put(REX, line.strip() == "up")  # to ground while pressed
        print(json.dumps({"t_ns": at_ns, "pressed": line.strip() == "down"}), flush=True)


if __name__ == "__main__":
    board = Noted({"/dev/gpiochip0": [RELAY, REX, "GPIO27"]})
    board.high |= {REX: True, "GPIO27": False}
    gpiod.Chip = board.chip
    threading.Thread(target=presses, args=(board,), daemon=True).start()
    sys.exit(main([sys.argv[1]]))
