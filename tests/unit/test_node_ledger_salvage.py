"""A damaged ledger: real files with real holes, and everything that can be read of them goes on."""

import random
import sqlite3
from itertools import count
from pathlib import Path

import pytest

from cloud_sync.protocol import chain
from edge.core.events import AccessPointId, CredentialKind, Fact, GrantId, NodeId
from edge.errors import Damaged, StoreError
from edge.link.translate import encode_fact
from edge.store import salvage
from edge.store.ballast import Ballast
from edge.store.ledger import STEPS, SqliteLedger
from edge.store.salvage import STORAGE
from edge.store.sqlite import connect
from edge.store.stretch import DAMAGED
from tests.unit.test_node_ledger import FACT, STAMP

PAGE = 4096
EVENTS, ACKED = 600, 200
OLD = "0" * 24


def open_ledger(folder: Path, epochs: count | None = None) -> SqliteLedger:
    made = epochs or count(1)
    return SqliteLedger(
        folder / "events.db",
        NodeId("n1"),
        encode=encode_fact,
        chain=chain,
        new_epoch=lambda: f"{next(made):024d}",
        ballast=Ballast(folder / "reserve"),
    )


@pytest.fixture
def whole(tmp_path: Path) -> tuple[Path, dict[int, tuple[bytes, bytes]]]:
    """A ledger in use, closed, and what stands in it."""
    ledger = open_ledger(tmp_path, count(0))
    for n in range(EVENTS // 10):
        ledger.append(
            [Fact("access.granted", decision="allow", x={"n": 10 * n + i}) for i in range(10)], STAMP
        )
    ledger.remember(ACKED, "g1")
    given = Fact(
        "access.granted",
        access_point=AccessPointId("AP-1"),
        grant_id=GrantId("g1"),
        credential_kind=CredentialKind.REX,
    )
    ledger.append([Fact("door.opened", access_point=AccessPointId("AP-1"), mode="NIGHT"), given], STAMP)
    ledger.transact(lambda db: db.execute("insert into door_rule values ('quiet', 'on')"))
    ledger.transact(
        lambda db: db.execute(
            "insert into command (id, kid, ctr, door, op, issuer, at_ms, state) "
            "values ('c1', 'k1', 7, 'AP-1', 'open', 'st-1', 1, 'done')"
        )
    )
    rows = {row.seq: (row.body, row.h) for row in ledger.rows(range(1, EVENTS + 3), bytes_max=10**9)}
    ledger.close()
    return tmp_path / "events.db", rows


def damage(path: Path, page: int, what: bytes) -> None:
    """Overwrite the beginning of one page; page 1 is the first."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(what)


def pages(path: Path) -> int:
    return path.stat().st_size // PAGE


def told_of_past(ledger: SqliteLedger, rows: dict[int, tuple[bytes, bytes]]) -> tuple[int, int]:
    """Everything a past ledger says is what was written, and no number is left out; (told, lost)."""
    (past,) = ledger.pasts()
    seq, told, lost = past.acked + 1, 0, 0
    while seq <= past.head:
        found = past.stretch(range(seq, min(past.head, seq + 99) + 1), bytes_max=15_000)
        for row in found.rows:
            assert rows[row.seq] == (row.body, row.h)
        for hole in found.holes:
            assert hole.reason == DAMAGED
            assert hole.h in (None, rows[hole.hi][1])
            assert (hole.h is None) == (hole.hi == past.head and not hole.kept)
            lost += hole.hi - hole.lo + 1 - hole.kept
        told += len(found.rows)
        seq = found.through + 1
    assert told + lost == past.head - past.acked
    return told, lost


def storage_fact(ledger: SqliteLedger) -> bytes:
    """What the new ledger says first, before what it was asked to say."""
    assert ledger.append([FACT], STAMP) == [2]
    first, second = ledger.rows(range(1, 3), bytes_max=10**6)
    assert second.body == encode_fact(FACT, STAMP)
    assert STORAGE.encode() in first.body
    assert ledger.append([FACT], STAMP) == [3]
    return first.body


def test_wherever_one_page_is_damaged_the_rest_goes_on_and_nothing_is_made_up(whole) -> None:
    path, rows = whole
    original = path.read_bytes()
    rng = random.Random(7)
    salvaged, best = 0, 0
    for page in range(2, pages(path) + 1):
        path.write_bytes(original)
        damage(path, page, rng.choice([bytes(PAGE), rng.randbytes(PAGE), rng.randbytes(512), b"\xff" * 8]))
        ledger = open_ledger(path.parent)
        if ledger.epoch != OLD:
            salvaged += 1
            if ledger.pasts():
                told, lost = told_of_past(ledger, rows)
                best = max(best, told)
                assert f'"kept":{told},"lost":{lost}'.encode() in storage_fact(ledger)
            assert ledger.first_break() is None
        ledger.close()
        for left in path.parent.glob("events.db*"):
            if left != path and not left.name.endswith(".epoch"):
                left.unlink()
        salvage.remember_epoch(path, OLD)
    assert salvaged >= 0.8 * (
        pages(path) - 1
    )  # SQLite sees no harm in a free page or in the body of an event
    assert best == len(rows)  # where the page of ``acked`` is the damaged one, everything is told again


def event_leaf(path: Path, seq: int) -> int:
    """The page that holds this event, found by its body."""
    db = sqlite3.connect(path)
    (body,) = db.execute("select body from event where seq = ?", (seq,)).fetchone()
    db.close()
    return path.read_bytes().index(body) // PAGE + 1


def test_only_the_events_of_the_page_are_lost_and_the_tables_beside_survive(whole) -> None:
    path, rows = whole
    damage(path, event_leaf(path, 450), bytes(PAGE))
    ledger = open_ledger(path.parent)
    told, lost = told_of_past(ledger, rows)
    assert 5 <= lost <= 25
    assert told + lost == len(rows) - ACKED
    assert ledger.door_modes() == {"AP-1": "NIGHT"}
    assert [fact.grant_id for fact in ledger.open_grants()] == ["g1"]
    assert ledger.transact(lambda db: db.execute("select name, value from door_rule").fetchall()) == [
        ("quiet", "on")
    ]
    assert ledger.transact(lambda db: db.execute("select id, ctr, state from command").fetchall()) == [
        ("c1", 7, "done")
    ]
    (past,) = ledger.pasts()
    assert (past.epoch, past.acked, past.head, past.sink_gen) == (OLD, ACKED, EVENTS + 2, "g1")
    assert (path.parent / "events.db.damaged").exists()
    ledger.close()


def test_a_file_of_before_the_update_brings_its_commands_along(whole) -> None:
    path, _ = whole
    db = sqlite3.connect(path)
    db.execute("create table before as select * from command")
    db.execute("drop table command")
    before = "n integer primary key autoincrement, id text unique, kid text, ctr integer, door text, op text"
    more = "issuer text, at_ms integer, state text, why text default '', mode text default '', seq integer default 0"
    db.execute(f"create table command ({before}, {more})")
    names = "n, id, kid, ctr, door, op, issuer, at_ms, state, why, mode, seq"
    db.execute(f"insert into command ({names}) select {names} from before")
    db.execute("drop table before")
    db.execute("pragma user_version = 6")
    db.commit()
    db.close()
    damage(path, event_leaf(path, 450), bytes(PAGE))
    ledger = open_ledger(path.parent)
    assert ledger.salvaged is not None
    assert ledger.transact(
        lambda db: db.execute("select id, ctr, state, zone, second from command").fetchall()
    ) == [("c1", 7, "done", "", "")]
    ledger.close()


def test_damage_among_what_the_service_has_loses_nothing(whole) -> None:
    path, rows = whole
    damage(path, event_leaf(path, 60), bytes(PAGE))
    ledger = open_ledger(path.parent)
    assert told_of_past(ledger, rows) == (len(rows) - ACKED, 0)
    ledger.close()


def test_the_end_of_a_ledger_that_is_lost_is_declared_without_its_hash(whole) -> None:
    path, rows = whole
    damage(path, event_leaf(path, EVENTS + 2), bytes(PAGE))
    ledger = open_ledger(path.parent)
    told, lost = told_of_past(ledger, rows)
    assert lost > 0
    (past,) = ledger.pasts()
    found = past.stretch(range(past.head - lost + 1, past.head + 1), bytes_max=10**6)
    assert [(hole.hi, hole.h) for hole in found.holes] == [(EVENTS + 2, None)]
    assert told == len(rows) - ACKED - lost
    ledger.close()


def test_a_past_ledger_leaves_the_disk_once_the_service_has_it(whole) -> None:
    path, _ = whole
    damage(path, event_leaf(path, 450), bytes(PAGE))
    ledger = open_ledger(path.parent)
    (past,) = ledger.pasts()
    past.remember(400, "g1")
    assert [(one.acked, one.sink_gen) for one in ledger.pasts()] == [(400, "g1")]
    past.remember(past.head, "g1")
    assert ledger.pasts() == []
    assert ledger.transact(lambda db: db.execute("select count(*) from past_event").fetchone()) == (0,)
    ledger.close()


def test_a_ledger_damaged_again_keeps_both_pasts(whole) -> None:
    path, _ = whole
    damage(path, event_leaf(path, 450), bytes(PAGE))
    epochs = count(1)
    ledger = open_ledger(path.parent, epochs)
    for _ in range(40):
        ledger.append([FACT] * 10, STAMP)
    ledger.close()
    damage(path, event_leaf(path, 200), bytes(PAGE))
    again = open_ledger(path.parent, epochs)
    assert [past.epoch for past in again.pasts()] == [OLD, f"{1:024d}"]
    again.close()


def test_a_body_that_was_changed_on_the_disk_is_not_told_as_the_nodes_word(whole) -> None:
    path, rows = whole
    with sqlite3.connect(path) as db:
        db.execute("update event set body = x'7b7d' where seq = 333")
        db.execute("update event set h = randomblob(32) where seq = 444")
    db.close()
    damage(path, event_leaf(path, 60), bytes(PAGE))
    ledger = open_ledger(path.parent)
    assert told_of_past(ledger, rows) == (len(rows) - ACKED - 2, 2)
    ledger.close()


def test_where_the_file_cannot_say_its_epoch_the_note_beside_it_does(whole) -> None:
    path, rows = whole
    db = sqlite3.connect(path)
    (root,) = db.execute("select rootpage from sqlite_master where name = 'meta'").fetchone()
    db.close()
    damage(path, root, bytes(PAGE))
    ledger = open_ledger(path.parent)
    (past,) = ledger.pasts()
    assert (past.epoch, past.acked) == (OLD, 0)  # what the service has is told again, and stored once
    assert told_of_past(ledger, rows) == (len(rows), 0)
    ledger.close()


def test_lost_commands_are_never_carried_out_a_second_time(whole) -> None:
    path, _ = whole
    with sqlite3.connect(path) as db:
        db.executemany(
            "insert into command (id, kid, ctr, door, op, issuer, at_ms, state) "
            "values (?, 'k1', ?, 'AP-1', 'open', 'st-1', 1, 'done')",
            [(f"c{n}", n) for n in range(8, 200)],
        )
        (root,) = db.execute("select rootpage from sqlite_master where name = 'command'").fetchone()
    db.close()
    held = path.read_bytes()
    leaf = held.index(b"c100k1") // PAGE + 1
    assert leaf != root
    damage(path, leaf, bytes(PAGE))
    ledger = open_ledger(path.parent)
    (kept,) = ledger.transact(lambda db: db.execute("select count(*) from command").fetchone())
    assert 50 < kept < 193
    assert ledger.transact(lambda db: db.execute("select kid, ctr from command_floor").fetchall()) == [
        ("k1", 199)
    ]
    ledger.close()


@pytest.mark.parametrize("half", [b"", b"SQLite format 3\0 and no further"])
def test_a_crash_while_the_new_file_is_made_begins_it_again(whole, half: bytes) -> None:
    path, rows = whole
    damage(path, event_leaf(path, 450), bytes(PAGE))
    (path.parent / "events.db.part").write_bytes(half)
    ledger = open_ledger(path.parent)
    told_of_past(ledger, rows)
    assert not (path.parent / "events.db.part").exists()
    ledger.close()


@pytest.mark.parametrize("what", [bytes(PAGE), bytes(100), b"x" * 16])
def test_without_its_first_page_nothing_can_be_read_and_recording_goes_on(whole, what: bytes) -> None:
    path, _ = whole
    damage(path, 1, what)
    broken = path.read_bytes()
    ledger = open_ledger(path.parent)
    assert ledger.epoch != OLD
    assert f'"reason":"{salvage.UNREADABLE}","x":{{"epoch":"{OLD}"}}'.encode() in storage_fact(ledger)
    assert (path.parent / "events.db.damaged").read_bytes() == broken
    ledger.close()


@pytest.mark.parametrize("after", ["made", "moved", "log moved"])
def test_a_crash_in_the_middle_of_a_salvage_is_gone_on_from(whole, after: str) -> None:
    path, rows = whole
    damage(path, event_leaf(path, 450), bytes(PAGE))
    salvage.rescue(path, "n1", chain=chain, new_epoch="5" * 24, steps=STEPS)
    (path.parent / "events.db-wal").write_bytes(b"of the old file")
    if after != "made":
        path.rename(path.parent / "events.db.damaged")
    if after == "log moved":
        (path.parent / "events.db-wal").rename(path.parent / "events.db.damaged-wal")
    ledger = open_ledger(path.parent)
    assert ledger.epoch == "5" * 24
    told_of_past(ledger, rows)
    ledger.close()


def test_a_file_that_never_was_a_database_is_left_alone(tmp_path: Path) -> None:
    strange = b"somebody's letters, put into the wrong place " * 200
    (tmp_path / "events.db").write_bytes(strange)
    with pytest.raises(StoreError, match=r"cannot be used as the node's database"):
        open_ledger(tmp_path)
    assert (tmp_path / "events.db").read_bytes() == strange


def test_damage_is_told_apart_from_everything_else(whole) -> None:
    path, _ = whole
    damage(path, event_leaf(path, 450), bytes(PAGE))
    with pytest.raises(Damaged, match="damaged"):
        connect(path)
