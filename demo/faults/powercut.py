"""``CUTS=600 SEED=1 python -m demo.faults.powercut``: the power goes between two calls, and what was promised is still there.

The real ledger and the service's real store are run under strace; then, for each cut, the folder is laid out as a disk
would hold it that lost every write since each file's last flush, or half of them, or torn sectors, and is opened again
by the same code.  Everything promised before the cut must be there, the chain whole, and recording must go on.

A card that lies about its flushes is played as well: it has to lose, else the replay would prove nothing.  The last
line is one JSON object; the exit status is 0 when honest disks lost nothing and the lying one was found out.
"""

import json
import logging
import os
import random
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from cloud_sync.errors import SyncError
from cloud_sync.protocol import chain
from cloud_sync.store.engine import open_database
from cloud_sync.store.sink import SinkStore
from demo.faults.calls import Call, Disk, Loses, record
from demo.faults.writer import COMMUNITY, EPOCH, NODE, SINK_FILE, STAMP, fact, open_ledger
from edge.errors import GateError
from edge.link.translate import encode_fact

EVENTS = 200
RAM = Path("/dev/shm")  # the replay writes thousands of small files and flushes each of them
HONEST = (Loses.ALL, Loses.HALF, Loses.TORN, Loses.NONE)


@dataclass(slots=True)
class Found:
    """Of one way to lose writes: how many cuts, and in how many of them something was wrong."""

    cuts: int = 0
    lost: int = 0  # promised events that were not there any more
    broken: int = 0  # cuts after which the file could not be opened, or its chain was not whole


def check_ledger(folder: Path, promised: int) -> int:
    """How many promised events are not there.

    Raises:
        GateError, sqlite3.Error, AssertionError: the ledger is broken.
    """
    ledger = open_ledger(folder)
    try:
        found = ledger.head
        assert ledger.first_break() is None, "the chain is broken"
        for row in ledger.rows(range(1, found + 1), bytes_max=100_000_000):
            assert row.body == encode_fact(fact(row.seq - 1), STAMP), f"event {row.seq} is another one"
        assert ledger.append([fact(found)], STAMP) == [found + 1], "recording does not go on"
        return max(0, promised - found)
    finally:
        ledger.close()


def check_sink(folder: Path, promised: int) -> int:
    """As ``check_ledger``, of the service's database: events, watermark, counters and chain agree."""
    engine = open_database(folder / SINK_FILE)
    store = SinkStore(engine, COMMUNITY)
    store.close()
    engine.dispose()
    with closing(sqlite3.connect(folder / SINK_FILE)) as db:
        assert db.execute("pragma quick_check").fetchone() == ("ok",), "a page is damaged"
        rows = db.execute("select seq, body, h from event order by seq").fetchall()
        upto = dict(db.execute("select node, upto from mark")).get(NODE, 0)
        (counted,) = db.execute("select coalesce(sum(n), 0) from counter").fetchone()
    assert upto == counted == len(rows), f"watermark {upto}, counters {counted}, events {len(rows)}"
    h = chain.start(NODE, EPOCH)
    for expected, (seq, body, short) in enumerate(rows, start=1):
        h = chain.link(h, chain.digest(body))
        assert (seq, short) == (expected, chain.short(h)), f"event {seq} does not follow"
    return max(0, promised - len(rows))


CHECKS: dict[str, Callable[[Path, int], int]] = {"ledger": check_ledger, "sink": check_sink}


def replay(
    calls: Sequence[Call], check: Callable[[Path, int], int], cuts: int, seed: int
) -> dict[str, Found]:
    """Cut the power at so many places, the same for every way to lose, and open what is left.

    No place is cut twice; there are no more than one before, between and after all calls.
    """
    dice = random.Random(seed)
    places = dice.sample(range(len(calls) + 1), k=min(cuts, len(calls) + 1))
    found = {loses.value: Found() for loses in Loses}
    for disk in _at(calls, sorted(places)):
        for loses in Loses:
            _judge(disk, loses, check, dice, found[loses.value])
    return found


def _at(calls: Sequence[Call], places: Sequence[int]) -> Iterator[Disk]:
    disk, done = Disk(), 0
    for place in places:
        for call in calls[done:place]:
            disk.take(call)
        done = place
        yield disk


def _judge(
    disk: Disk, loses: Loses, check: Callable[[Path, int], int], dice: random.Random, found: Found
) -> None:
    found.cuts += 1
    with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None, prefix="powercut-") as made:
        disk.lay(Path(made), loses, dice)
        try:
            found.lost += check(Path(made), disk.promised)
        except (GateError, SyncError, sqlite3.Error, AssertionError) as error:
            found.broken += 1
            found.lost += disk.promised
            if loses in HONEST:
                print(f"cut after promise {disk.promised}, {loses.value}: {error}", file=sys.stderr)


def sound(found: dict[str, Found]) -> bool:
    """Honest disks lost nothing, and the lying one was found out."""
    honest = [found[loses.value] for loses in HONEST]
    return not any(one.lost or one.broken for one in honest) and found[Loses.LIED.value].lost > 0


def play(cuts: int, seed: int, events: int) -> dict[str, dict[str, Found]]:
    """Record each program once and replay its cuts."""
    result = {}
    for writer, check in CHECKS.items():
        with tempfile.TemporaryDirectory(prefix="powercut-") as made:
            folder = Path(made, "disk")
            folder.mkdir()
            result[writer] = replay(record(writer, folder, events), check, cuts, seed)
    return result


def main() -> int:
    """0 when nothing promised was lost."""
    # A ledger that a lying card left damaged says so; here that is counted.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    cuts, seed = int(os.environ.get("CUTS") or 600), int(os.environ.get("SEED") or 1)
    try:
        result = play(cuts, seed, EVENTS)
    except RuntimeError as error:
        print(f"powercut: {error}", file=sys.stderr)
        return 1
    print(
        json.dumps({name: {how: asdict(one) for how, one in found.items()} for name, found in result.items()})
    )
    return 0 if all(sound(found) for found in result.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
