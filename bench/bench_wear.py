"""What a node's ledger writes to its card, and what a damaged one costs.

*Wear*: bytes and flushes for each event, as ``strace`` sees them, for events that are committed one by one and
acknowledged as they come (a quiet gate), and ten to a commit (a crowd); from them a year of the reference site's mean
gate (1,370 events a day) and of a busy one (six times as many).  A card writes more than it is given, by a factor only its
maker knows.  *Check and salvage*: a ledger of 5,000 events with two pages overwritten, and one at its capacity.
Last line: JSON.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import perf_counter

import structlog

from cloud_sync.protocol import chain
from edge.core.events import AccessPointId, ClockState, Fact, GrantId, NodeId, PassId, Stamp
from edge.link.translate import encode_fact
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger
from edge.store.retention import CAPACITY

NODE = NodeId("n-wear")
STAMP = Stamp("b00t", 1_000, 1_795_277_220_123, ClockState.TRUSTED, 12)
DAY = 1_370  # events of the reference site's mean gate
BUSY = 6
YEAR_DAYS = 365
EVENTS = {1: 600, 10: 3_000}
SIZES = (5_000, CAPACITY)
PAGE = 4_096
SEED = 7
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(\d+<([^>]*)>.*\) += (-?\d+)")


def open_ledger(folder: Path, epoch: str = "e" * 24) -> SqliteLedger:
    return SqliteLedger(
        folder / "events.db",
        NODE,
        encode=encode_fact,
        chain=chain,
        new_epoch=lambda: epoch,
        ballast=Ballast(folder / "reserve"),
    )


def facts(number: int, many: int) -> list[Fact]:
    door = AccessPointId("AP-dongfang-017")
    return [
        Fact(
            "access.granted",
            access_point=door,
            direction="in",
            decision="allow",
            reason="Granted",
            pass_id=PassId("01JD7M3K9QXD4T8V2N6P0R5S1W"),
            pass_version=3,
            grant_id=GrantId(f"g-{number + n:06d}"),
            cls="guest",
            registered=True,
            x={"latency_ms": 83},
        )
        for n in range(many)
    ]


def write(folder: Path, at_once: int, events: int) -> None:
    """The program that is watched: every commit is acknowledged before the next."""
    ledger = open_ledger(folder)
    ledger.remember(0, "g1")
    print("begin", flush=True)
    for number in range(0, events, at_once):
        ledger.append(facts(number, at_once), STAMP)
        ledger.remember(ledger.head, "g1")
    print("end", flush=True)
    ledger.close()


def wear(at_once: int, events: int) -> dict[str, float]:
    """Bytes and flushes for each event between the two words the writer says; closing is not counted."""
    with tempfile.TemporaryDirectory(prefix="wear-") as folder:
        trace = Path(folder) / "trace"
        command = [
            *("strace", "-f", "-y", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o", str(trace)),
            *(sys.executable, "-m", "bench.bench_wear", "--write", folder, str(at_once), str(events)),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        calls = list(_between(trace.read_text().splitlines()))
    written = sum(size for call, size in calls if call.startswith(("write", "pwrite")))
    flushes = sum(call.startswith(("fsync", "fdatasync")) for call, _ in calls)
    return {"bytes": round(written / events), "flushes": round(flushes / events, 3)}


def _between(lines: list[str]) -> Iterator[tuple[str, int]]:
    """(call, bytes) on the ledger's files after "begin" and before "end"."""
    counting = False
    for line in lines:
        if '"begin' in line or '"end' in line:
            counting = '"begin' in line
        found = _CALL.match(line)
        if counting and found and "events.db" in found[2]:
            yield found[1], int(found[3])


def years(found: dict[str, float]) -> dict[str, dict[str, float]]:
    """Computed from one event: megabytes and flushes of a year."""
    return {
        name: {
            "mb": round(found["bytes"] * day * YEAR_DAYS / 1e6),
            "flushes": round(found["flushes"] * day * YEAR_DAYS),
        }
        for name, day in (("mean gate", DAY), ("busy gate", DAY * BUSY))
    }


def salvage(events: int) -> dict[str, float]:
    """Two pages of the middle are overwritten; what becomes of the rest, and how long the start takes."""
    with tempfile.TemporaryDirectory(prefix="salvage-") as name:
        folder, rng = Path(name), Random(SEED)
        ledger = open_ledger(folder)
        for number in range(0, events, 500):
            ledger.append(facts(number, 500), STAMP)
        ledger.close()
        path = folder / "events.db"
        pages = path.stat().st_size // PAGE
        begun = perf_counter()
        open_ledger(folder).close()
        whole_s = perf_counter() - begun
        with path.open("r+b") as file:
            for page in rng.sample(range(pages // 4, pages // 2), 2):
                file.seek(page * PAGE)
                file.write(rng.randbytes(PAGE))
        begun = perf_counter()
        ledger = open_ledger(folder, "f" * 24)
        salvage_s = perf_counter() - begun
        rescued = ledger.salvaged
        ledger.close()
        kept, lost = (rescued.kept, rescued.lost) if rescued else (events, 0)
        size_mb = round(path.stat().st_size / 1e6, 1)
    return {
        "events": events,
        "mb": size_mb,
        "kept": kept,
        "lost": lost,
        "check_s": round(whole_s, 2),
        "salvage_s": round(salvage_s, 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", nargs=3, metavar=("FOLDER", "AT_ONCE", "EVENTS"))
    asked = parser.parse_args()
    if asked.write:
        write(Path(asked.write[0]), int(asked.write[1]), int(asked.write[2]))
        return 0
    if shutil.which("strace") is None:
        print(
            "strace is not on this machine, and nothing else counts flushes: apt install strace",
            file=sys.stderr,
        )
        return 1
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    result: dict[str, object] = {}
    for at_once, events in EVENTS.items():
        found = wear(at_once, events)
        print(f"{at_once:3d} events a commit: {found['bytes']} bytes and {found['flushes']} flushes an event")
        result[f"wear_{at_once}"] = {**found, "year": years(found)}
    for events in SIZES:
        result[f"salvage_{events}"] = told = salvage(events)
        print(f"{events} events, two pages overwritten: {told}")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
