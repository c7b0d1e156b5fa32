"""A Modbus board on loopback TCP and on a pair of pseudo terminals: writes, reads, a frozen board, a late unlock.

    python bench/bench_modbus.py [--rounds 500] [--freezes 20]

Times are those gate-io sees: from ``ask`` to what ``told`` says.  Prints a table, and one JSON object as the last line.
"""

import argparse
import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pydantic import TypeAdapter

from bench.spread import spread
from edge.core.events import AccessPointId
from edge.drivers.locks.modbus_relay import ModbusRelay, ModbusRelaySettings, open_lock
from edge.drivers.modbus_wire import READ_INPUTS, BusSettings, Question, Wire
from edge.ports import Outcome
from edge.ports_io import Ask, BusLink, BusTold
from tests.fakes.modbus_board import SITES, BoardProcess, Site

MS = 1_000_000
PATIENCE_S = 20.0


class Hand:
    """gate-io's timing thread: it sleeps on the descriptor and fetches what was told."""

    def __init__(self, lock: ModbusRelay) -> None:
        self._lock = lock
        self._seq = 0
        self._unread: list[BusTold | BusLink] = []

    def wait_for(self, kind: type[BusTold] | type[BusLink]) -> Any:
        end = time.monotonic() + PATIENCE_S
        while True:
            while self._unread:
                word = self._unread.pop(0)
                if isinstance(word, kind):
                    return word
            assert time.monotonic() < end, "the driver says nothing"
            select.select([self._lock.fileno()], [], [], 1)
            self._unread += self._lock.told()

    def ask(self, energised: bool) -> tuple[float, BusTold]:
        """Milliseconds, and the answer."""
        self._seq += 1
        began = time.monotonic_ns()
        self._lock.ask(Ask(self._seq, energised, None, began + 500 * MS))
        told = self.wait_for(BusTold)
        return (time.monotonic_ns() - began) / MS, told

    def until_up(self) -> int:
        """When the driver said that the board was back."""
        while not (link := self.wait_for(BusLink)).online:
            pass
        return int(link.t_ns)


def writes(hand: Hand, rounds: int) -> list[float]:
    took = []
    for number in range(rounds):
        ms, told = hand.ask(number % 2 == 0)
        assert told.outcome is Outcome.DONE, told
        took.append(ms)
    return took


def freezes(hand: Hand, board: BoardProcess, times: int) -> dict[str, list[float]]:
    """Refusals of a frozen board, and how long a late unlock stood before it was ended."""
    refused, contact, stood = [], [], []
    for _ in range(times):
        board.freeze()
        ms, told = hand.ask(True)
        assert told.outcome in {Outcome.TIMEOUT_UNKNOWN, Outcome.OFFLINE}, told
        refused.append(ms)
        heard = len(board.said)
        thawed = time.monotonic_ns()
        board.thaw()
        contact.append((hand.until_up() - thawed) / MS)
        assert board.writes()  # everything the board did before has been heard
        moves = [line["t_ns"] for line in board.said[heard:] if "coil" in line]
        if moves:
            stood.append((moves[1] - moves[0]) / MS)
    return {"refused_ms": refused, "thaw_to_contact_ms": contact, "late_unlock_stood_ms": stood}


def reads(site: Site, rounds: int) -> list[float]:
    wire = Wire(TypeAdapter(BusSettings).validate_json(json.dumps(site.bus), strict=True))
    wire.open()
    took = []
    for _ in range(rounds):
        began = time.monotonic_ns()
        wire.exchange(Question(1, READ_INPUTS, 0, 8), 1.0)
        took.append((time.monotonic_ns() - began) / MS)
    wire.close()
    return took


def measured(kind: str, rounds: int, times: int) -> dict[str, dict[str, float]]:
    with SITES[kind]() as site:
        found = {"read_ms": reads(site, rounds)}
        settings = TypeAdapter(ModbusRelaySettings).validate_json(
            json.dumps({"bus": site.bus, "coil": 0}), strict=True
        )
        lock = open_lock(settings, AccessPointId("bench"), energised=False, dead=False)
        try:
            hand = Hand(lock)
            hand.until_up()
            found["write_ms"] = writes(hand, rounds)
            found |= freezes(hand, site.board, times)
        finally:
            lock.close()
    return {what: spread(values, digits=2) for what, values in found.items() if values}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--freezes", type=int, default=20)
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    found: dict[str, Any] = {kind: measured(kind, options.rounds, options.freezes) for kind in SITES}
    found["load"] = [round(load_before, 2), round(os.getloadavg()[0], 2)]
    for kind in SITES:
        for what, figures in found[kind].items():
            print(f"{kind:4} {what:22} {figures}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
