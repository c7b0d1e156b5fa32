"""The counting program finds what is planted: each kind of harm is done to real files, and it names it."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from cloud_sync.ports import Told
from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import Batch, encode
from cloud_sync.store.engine import open_database
from cloud_sync.store.sink import SinkStore
from edge.core.events import AccessPointId, ClockState, Fact, NodeId, Stamp
from edge.link.translate import encode_fact
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger

ROOT = Path(__file__).parents[2]
NODES, EACH = ("n-a", "n-b"), 40
STAMP = Stamp("b00t", 1_000, 1_795_277_220_123, ClockState.TRUSTED, 12)
CLEAN = {
    "recorded": 80,
    "stored": 80,
    "lost": 0,
    "double": 0,
    "gaps_open": 0,
    "chains_verified": 2,
    "let_go": 0,
}


class Files:
    """Two ledgers and a database that took everything, as nodes and service make them."""

    def __init__(self, folder: Path) -> None:
        self.ledgers = {node: folder / f"{node}.db" for node in NODES}
        self.database = folder / "community.db"
        engine = open_database(self.database)
        sink = SinkStore(engine, "c")
        for node, path in self.ledgers.items():
            sink.store([self._recorded(node, path)], 1)
        sink.close()
        engine.dispose()

    def _recorded(self, node: str, path: Path) -> Told:
        ledger = SqliteLedger(
            path, NodeId(node), encode=encode_fact, chain=chain, new_epoch=lambda: f"e-{node}",
            ballast=Ballast(path.with_suffix(".reserve")),
        )  # fmt: skip
        for door in range(EACH):
            ledger.append([Fact("access.granted", access_point=AccessPointId(f"AP-{door}"))], STAMP)
        rows = ledger.rows(range(1, EACH + 1), bytes_max=1_000_000)
        ledger.close()
        sent = [(row.seq, msgspec.Raw(row.body), chain.short(row.h)) for row in rows]
        batch = Batch(v=1, n=node, e=f"e-{node}", ev=sent)
        return Told(node, batch, encode(batch))

    def counted(self) -> tuple[dict[str, int], int]:
        """What the program prints, in a process of its own, and its exit status."""
        named = [f"{node}={path}" for node, path in self.ledgers.items()]
        done = subprocess.run(
            [sys.executable, "-m", "demo.counting", *named, str(self.database)],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip
        return json.loads(done.stdout.splitlines()[-1]), done.returncode


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_what_was_recorded_and_stored_once_is_counted_as_that(files):
    assert files.counted() == (CLEAN, 0)


@pytest.mark.parametrize(
    ("where", "statements", "found"),
    [
        (
            "database",
            ["delete from event where node = 'n-a' and seq = 7"],
            {"stored": 79, "lost": 1, "gaps_open": 1},
        ),
        (
            "database",
            ["delete from event where node = 'n-a' and seq between 39 and 40"],
            {"stored": 78, "lost": 2},
        ),
        (
            "database",
            ["update event set body = x'7b7d' where node = 'n-b' and seq = 3"],
            {"lost": 1, "double": 1},
        ),
        (
            "database",
            ["update event set seq = 41 where node = 'n-b' and seq = 40"],
            {"lost": 1, "double": 1, "gaps_open": 1},
        ),
        ("database", ["update counter set n = n + 1 where node = 'n-a'"], {"double": 1}),
        ("database", ["update counter set n = n - 2 where node = 'n-a'"], {"lost": 2}),
        (
            "database",
            ["insert into gap values ('c', 'n-a', 'e-n-a', 41, 44, 1)"],
            {"gaps_open": 1},
        ),
        (
            "database",
            [
                "create table twice as select * from event where node = 'n-a' and seq = 5",
                "update twice set epoch = 'another'",
                "insert into event select * from twice",
                "delete from event where epoch = 'another' and seq <> 5",
            ],
            {"stored": 81, "double": 1, "gaps_open": 1},
        ),
        ("n-a", ["update event set body = x'7b7d' where seq = 9"], {"chains_verified": 1}),
        (
            "n-a",
            ["update event set h = zeroblob(32) where seq = 9"],
            {"chains_verified": 1, "lost": 1, "double": 1},
        ),
        (
            "n-b",
            ["delete from event where seq = 12"],
            {"recorded": 79, "double": 1, "chains_verified": 1},
        ),
    ],
)
def test_each_harm_that_is_planted_is_found(files, where, statements, found):
    change(files.ledgers.get(where, files.database), *statements)
    assert files.counted() == (CLEAN | found, 1)


def test_an_erased_body_leaves_the_ledger_countable(files):
    change(files.ledgers["n-a"], "update event set body = null where seq < 30")
    assert files.counted() == (CLEAN, 0)


def test_a_range_declared_lost_is_no_open_gap_and_its_events_still_count_as_lost(files):
    change(
        files.database,
        "delete from event where node = 'n-a' and seq between 5 and 6",
        "insert into tombstone values ('c', 'n-a', 'e-n-a', 5, 6, 'test', '00', 1)",
    )
    assert files.counted() == (CLEAN | {"stored": 78, "lost": 2}, 1)


LET_GO = (
    "insert into gone select 'e-n-a', seq, h, 'retention' from event where seq = 10",
    "delete from event where seq <= 10",
)
BEHIND = CLEAN | {"recorded": 70, "stored": 70, "let_go": 10}


def test_what_a_ledger_let_go_is_not_counted_and_the_database_has_to_have_it_unaltered(files):
    change(files.ledgers["n-a"], *LET_GO)
    assert files.counted() == (BEHIND, 0)
    change(files.database, "update event set body = x'7b7d' where node = 'n-a' and seq = 3")
    assert files.counted() == (BEHIND | {"lost": 10}, 1)


def test_what_a_ledger_let_go_and_a_deleted_database_lost_has_to_be_declared(files):
    change(files.ledgers["n-a"], *LET_GO)
    change(
        files.database,
        "delete from event where node = 'n-a' and seq <= 10",
        "update counter set n = n - 10 where node = 'n-a'",
    )
    assert files.counted() == (BEHIND | {"gaps_open": 1}, 1)
    change(files.database, "insert into tombstone values ('c', 'n-a', 'e-n-a', 1, 10, 'retention', '00', 1)")
    assert files.counted() == (BEHIND, 0)


def test_a_file_that_is_not_there_is_named(files, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "demo.counting", "n-a=nowhere.db", str(files.database)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert (done.returncode, "nowhere.db: no such file" in done.stderr) == (2, True)
