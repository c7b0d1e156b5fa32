"""What plain SQL gains in the sink: rows a second into SQLite (FULL), by rows per transaction.

Three writers take the same 20 % repeated rows of the same event table with its indexes: the sink's own INSERT as it
runs in production (row by row, so that it knows which were new), the same by ``executemany``, and sqlite-utils
``insert_all(ignore=True)``.  ``sink`` is the whole transaction: decode, effects, chain, mark.  Last line: JSON.
"""

import argparse
import json
import platform
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter

import msgspec
import sqlite_utils

from cloud_sync.ports import Told
from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import Batch, EventBody, Match, Pad, encode
from cloud_sync.store.engine import driver, open_database
from cloud_sync.store.sink import SinkStore
from cloud_sync.store.sink_db import INSERT_EVENT
from cloud_sync.store.tables import event

COLUMNS = [column.name for column in event.columns]
KEY = ("community", "node", "epoch", "seq")
# Rows for each batch size: a commit of one row costs an fsync, so fewer of them say as much.
ROWS = {1: 400, 100: 20_000, 1_000: 60_000}
EVENTS_PER_FRAME = 20  # what 16 KB hold

FACE = EventBody(
    type="access.granted",
    boot_id="b7c41f0a",
    mono_ms=81234123,
    wall="2026-11-21T16:07:00.123Z",
    clock_state="TRUSTED",
    clock_bound_ms=12,
    access_point="AP-dongfang-017",
    direction="in",
    mode="LOCKED",
    contact="closed",
    bolt="secured",
    subject_ref="r-0003412",
    class_="guest",
    pass_id="01JD7M3K9QXD4T8V2N6P0R5S1W",
    pass_version=3,
    grant_id="g-5f01c2",
    credential_kind="face",
    registered=True,
    match=Match(
        score_bucket="high",
        margin_bucket="wide",
        threshold_id="t7",
        model="m3",
        gallery_version=412,
        gallery_n=96,
    ),
    pad=Pad(result="pass", score_bucket="high"),
    decision="allow",
    reason="Granted",
    link_state="ONLINE",
    freshness="FRESH",
    policy_version=42,
    auth_ver=918273,
    x={"latency_ms": 83},
)
BODY = msgspec.json.encode(FACE)


def seqs(count: int) -> Iterator[int]:
    """1, 2, 3, … with every fifth one repeated at once, as a retransmission does."""
    seq = 0
    for n in range(count):
        seq += n % 5 != 4
        yield seq


def rows(count: int) -> Iterator[tuple[object, ...]]:
    head = ("access.granted", "AP-dongfang-017", "in", "allow", "Granted", "face")
    who = ("01JD7M3K9QXD4T8V2N6P0R5S1W", "r-0003412", "guest", "g-5f01c2")
    for seq in seqs(count):
        yield ("c", "n1", "e", seq, *head, *who, 1_795_276_800_000 + seq, "TRUSTED", 1, 1, "0" * 16, BODY)


def batches(count: int, size: int) -> Iterator[list[tuple[object, ...]]]:
    source = rows(count)
    while batch := list(islice(source, size)):
        yield batch


def by_row(db: sqlite3.Connection, batch: list[tuple[object, ...]]) -> None:
    db.execute("BEGIN IMMEDIATE")
    sum(db.execute(INSERT_EVENT, row).rowcount for row in batch)
    db.execute("COMMIT")


def by_executemany(db: sqlite3.Connection, batch: list[tuple[object, ...]]) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.executemany(INSERT_EVENT, batch)
    db.execute("COMMIT")


def by_sqlite_utils(db: sqlite3.Connection, batch: list[tuple[object, ...]]) -> None:
    table = sqlite_utils.Database(db)["event"]
    table.insert_all(
        [dict(zip(COLUMNS, row, strict=True)) for row in batch], pk=KEY, ignore=True, batch_size=len(batch)
    )


Writer = Callable[[sqlite3.Connection, list[tuple[object, ...]]], None]
WRITERS: dict[str, Writer] = {
    "by_row": by_row,
    "executemany": by_executemany,
    "sqlite_utils": by_sqlite_utils,
}


def measure_writer(folder: Path, name: str, size: int) -> int:
    path = folder / f"{name}-{size}.db"
    engine = open_database(path)
    db = driver(engine)
    if name == "sqlite_utils":
        db.isolation_level = ""  # it commits through the connection's own transactions
    work = list(batches(ROWS[size], size))
    started = perf_counter()
    for batch in work:
        WRITERS[name](db, batch)
    took = perf_counter() - started
    (stored,) = db.execute("select count(*) from event").fetchone()
    assert stored == max(seqs(ROWS[size])), f"{name} stored {stored}"
    db.close()
    engine.dispose()
    return round(ROWS[size] / took)


def frames(count: int) -> list[Told]:
    """The ledger of one gate as it goes over the wire."""
    h, made = chain.start("n1", "e"), []
    every: list[tuple[int, msgspec.Raw, str]] = []
    for seq in range(1, count + 1):
        h = chain.link(h, chain.digest(BODY))
        every.append((seq, msgspec.Raw(BODY), chain.short(h)))
    for start in range(0, count, EVENTS_PER_FRAME):
        batch = Batch(v=1, n="n1", e="e", lv=True, ev=every[start : start + EVENTS_PER_FRAME])
        made.append(Told("n1", batch, encode(batch)))
    return made


def measure_sink(folder: Path, size: int) -> int:
    """Whole transactions of ``size`` events (at least one frame)."""
    engine = open_database(folder / f"sink-{size}.db")
    sink = SinkStore(engine, "c")
    count = max(ROWS[size], EVENTS_PER_FRAME)
    work = frames(count)
    step = max(1, size // EVENTS_PER_FRAME)
    started = perf_counter()
    for start in range(0, len(work), step):
        sink.store(work[start : start + step], 1)
    took = perf_counter() - started
    sink.close()
    engine.dispose()
    return round(count / took)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--folder", type=Path, help="where the databases are written; their disk is what counts"
    )
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder, prefix="bench-sink-") as made:
        folder = Path(made)
        found: dict[str, dict[str, int]] = {}
        for size in ROWS:
            found[str(size)] = {name: measure_writer(folder, name, size) for name in WRITERS}
            if size >= EVENTS_PER_FRAME:
                found[str(size)]["sink"] = measure_sink(folder, size)
            print(f"{size:>5} rows/commit: " + "  ".join(f"{k} {v:,}/s" for k, v in found[str(size)].items()))
    print(
        json.dumps(
            {"bench": "sink", "body_bytes": len(BODY), "machine": platform.machine(), "rows_per_s": found}
        )
    )


if __name__ == "__main__":
    main()
