"""An OSDP reader from its plug to its card, over a pty with a baud rate.

    python -m tests.bench.bench_osdp [--baud 9600 38400] [--rounds 100] [--blips 0.3 2 9 30]

Figures: how long a fresh session takes to stand; an ask until the reader acted (its own clock reading, one machine, one
CLOCK_MONOTONIC) and until it was told; a card from the reader to ``reads``; and after a pulled plug of so many seconds,
the time from plugging in again to the lock being in service.  A pty has neither collisions nor turnaround.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.spread import spread
from edge.core.events import AccessPointId
from edge.drivers.locks.osdp_output import OsdpOutput, OsdpOutputSettings, open_lock
from edge.drivers.osdp_keys import new_key
from edge.drivers.readers.osdp import OsdpReaderSettings, open_reader
from edge.ports_io import Ask, BusLink, BusTold, Read
from tests.fakes import osdp_bench

GATE = AccessPointId("gate")
MS = 1_000_000
PATIENCE_NS = 60_000 * MS


def wait(true: Callable[[], object]) -> int:
    """The moment it became true, in ns."""
    end = time.monotonic_ns() + PATIENCE_NS
    while not true():
        assert time.monotonic_ns() < end, "it never became true"
        time.sleep(0.0005)
    return time.monotonic_ns()


def linked(lock: OsdpOutput) -> bool:
    return any(isinstance(one, BusLink) and one.online for one in lock.told())


def released(lock: OsdpOutput, reader: osdp_bench.Reader, seq: int) -> tuple[float, float]:
    """Ask for a short release: ms until the output moved, and until it was told."""
    done: list[BusTold] = []

    def told() -> bool:
        done.extend(one for one in lock.told() if isinstance(one, BusTold))
        return bool(done)

    asked_ns = time.monotonic_ns()
    lock.ask(Ask(seq, True, 200, asked_ns + 500 * MS))
    wait(told)
    wait(lambda: len(reader.events("output", on=True)) == seq)
    moved_ns = int(reader.events("output", on=True)[-1]["t_ns"])
    wait(lambda: not reader.on())
    time.sleep(0.037 * (seq % 7) / 7)  # not in step with the polls
    return (moved_ns - asked_ns) / MS, (done[0].t_ns - asked_ns) / MS


def figures(baud: int, rounds: int, blips: Sequence[float]) -> dict[str, object]:
    found: dict[str, object] = {"baud": baud}
    with tempfile.TemporaryDirectory() as folder, osdp_bench.line(baud) as line:
        key = Path(folder) / "key"
        new_key(key)
        up = []
        for _ in range(10):
            with osdp_bench.reader(line.reader, key, "--baud", str(baud)) as reader:
                lock = open_lock(
                    OsdpOutputSettings(line.panel, key, baud=baud), GATE, energised=False, dead=False
                )
                began = time.monotonic_ns()
                wait(lambda lock=lock: linked(lock))
                up.append((int(reader.events("secure", on=True)[0]["t_ns"]) - began) / MS)
                lock.close()
        found["secure channel up, ms"] = spread(up)
        with osdp_bench.reader(line.reader, key, "--baud", str(baud)) as reader:
            lock = open_lock(
                OsdpOutputSettings(line.panel, key, baud=baud), GATE, energised=False, dead=False
            )
            cards = open_reader(OsdpReaderSettings(line.panel, key, baud=baud), GATE)
            wait(lambda: linked(lock))
            moves = [released(lock, reader, seq) for seq in range(1, rounds + 1)]
            found["ask → output, ms"] = spread([moved for moved, _ in moves])
            found["ask → told, ms"] = spread([told for _, told in moves])
            shown = []
            for number in range(rounds):
                reader.do(f"card 32 {number:08x}")
                wait(lambda number=number: len(reader.events("told", what="card")) == number + 1)
                got: list[Read] = []
                wait(lambda got=got: got.extend(cards.reads()) or got)
                shown.append((got[0].t_ns - int(reader.events("told", what="card")[-1]["t_ns"])) / MS)
                time.sleep(0.037 * (number % 7) / 7)
            found["card → reads, ms"] = spread(shown)
            cards.close()
            back = {}
            for away in blips:
                line.plug(False)
                time.sleep(away)
                lock.told()
                line.plug(True)
                plugged = time.monotonic_ns()
                before = len(reader.orders(1))
                wait(lambda before=before: len(reader.orders(1)) > before)
                back[f"{away:g} s"] = round((int(reader.orders(1)[before]["t_ns"]) - plugged) / MS)
            found["back in service after a blip, ms"] = back
            lock.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--baud", type=int, nargs="*", default=[9600, 38_400])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--blips", type=float, nargs="*", default=[0.3, 2, 9, 30])
    asked = parser.parse_args()
    for baud in asked.baud:
        load = os.getloadavg()[0]
        print(json.dumps({**figures(baud, asked.rounds, asked.blips), "load": round(load, 1)}), flush=True)


if __name__ == "__main__":
    main()
