"""What leaves a node's ledger: by age, by number and on a full disk, and what is told of it afterwards."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.protocol import chain
from edge.core.events import ClockState, Fact, NodeId, Stamp
from edge.errors import DiskFull
from edge.link.translate import encode_fact
from edge.ports import ClockReading, Hole
from edge.store import retention
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger
from edge.store.retention import DAY_MS, TURN
from edge.store.salvage import STORAGE
from edge.store.stretch import DISK_FULL, RETENTION

T0_MS = 1_795_277_220_123
STAMP = Stamp("b00t", 1_000, T0_MS, ClockState.TRUSTED, 12)
DOOR = Fact("door.opened")
GUEST = Fact("access.granted", cls="guest")
RESIDENT = Fact("access.granted", cls="resident")


def open_ledger(folder: Path, **bounds: int) -> SqliteLedger:
    return SqliteLedger(
        folder / "events.db",
        NodeId("n1"),
        encode=encode_fact,
        chain=chain,
        new_epoch=lambda: "e" * 24,
        ballast=Ballast(folder / "reserve"),
        **bounds,
    )


@pytest.fixture
def ledger(tmp_path):
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


def at(days: float, state: ClockState = ClockState.TRUSTED) -> ClockReading:
    return ClockReading(T0_MS + int(days * DAY_MS), 0, state, 12)


def told(ledger: SqliteLedger, lo: int = 1) -> tuple[list[int], list[Hole]]:
    found = ledger.stretch(range(lo, ledger.head + 1), bytes_max=10**9)
    return [row.seq for row in found.rows], found.holes


# --- by age --------------------------------------------------------------------------------------------------


def test_residents_leave_after_30_days_and_everybody_after_90(ledger):
    ledger.append([GUEST, RESIDENT, DOOR, RESIDENT], STAMP)
    ledger.remember(4, "g")
    ledger.keep_house(at(29.9))
    assert told(ledger)[0] == [1, 2, 3, 4]
    ledger.keep_house(at(30))
    assert told(ledger)[0] == [1, 3]
    ledger.keep_house(at(90))
    assert told(ledger)[0] == []
    assert ledger.first_break() is None


def test_nothing_that_is_not_acknowledged_leaves_for_its_age(ledger):
    ledger.append([GUEST] * 5, STAMP)
    ledger.remember(3, "g")
    ledger.keep_house(at(400))
    assert told(ledger)[0] == [4, 5]
    assert ledger.oldest == 4


def test_nothing_leaves_while_nobody_trusts_the_clock(ledger):
    ledger.append([GUEST] * 5, STAMP)
    ledger.remember(5, "g")
    assert ledger.keep_house(at(400, ClockState.UNTRUSTED)) == 0
    assert told(ledger)[0] == [1, 2, 3, 4, 5]


def test_a_time_nobody_trusted_or_that_is_still_to_come_is_taken_from_the_event_before(ledger):
    ledger.append([GUEST], STAMP)
    ledger.append([GUEST], replace(STAMP, wall_ms=0, clock_state=ClockState.UNTRUSTED))
    ledger.append([GUEST], replace(STAMP, wall_ms=T0_MS + 3_000 * DAY_MS))
    ledger.remember(3, "g")
    ledger.keep_house(at(89))
    assert told(ledger)[0] == [1, 2, 3]
    ledger.keep_house(at(90))
    assert told(ledger)[0] == []


def test_one_turn_is_bounded_and_the_next_goes_on(ledger):
    for _ in range(4):
        ledger.append([GUEST] * TURN, STAMP)
    ledger.remember(4 * TURN, "g")
    assert [ledger.keep_house(at(91)) for _ in range(5)] == [TURN, TURN, TURN, TURN, 0]


def test_what_has_left_is_a_hole_with_the_hash_at_its_end(ledger):
    ledger.append([GUEST, RESIDENT, RESIDENT, RESIDENT, GUEST], STAMP)
    hashes = {row.seq: row.h for row in ledger.rows(range(1, 6), bytes_max=10**6)}
    ledger.remember(5, "g")
    ledger.keep_house(at(31))
    assert told(ledger) == ([1, 5], [Hole(2, 4, RETENTION, hashes[4])])
    assert ledger.stretch(range(3, 4), bytes_max=1).through == 4
    ledger.keep_house(at(91))
    assert told(ledger) == ([], [Hole(1, 5, RETENTION, hashes[5])])


def test_a_stretch_never_skips_and_never_repeats_a_seq_however_small_it_is(ledger):
    ledger.append([GUEST, RESIDENT, RESIDENT, GUEST, GUEST, RESIDENT], STAMP)
    ledger.remember(6, "g")
    ledger.keep_house(at(31))
    seq, said = 1, []
    while seq <= ledger.head:
        found = ledger.stretch(range(seq, ledger.head + 1), bytes_max=1)
        said += [row.seq for row in found.rows] + [
            n for hole in found.holes for n in range(hole.lo, hole.hi + 1)
        ]
        assert found.through >= seq
        seq = found.through + 1
    assert said == [1, 2, 3, 4, 5, 6]


# --- by number -----------------------------------------------------------------------------------------------


def test_the_oldest_acknowledged_rows_leave_above_the_capacity(tmp_path):
    ledger = open_ledger(tmp_path, capacity=10)
    ledger.append([DOOR] * 25, STAMP)
    ledger.remember(8, "g")
    ledger.keep_house(at(0))
    seqs, holes = told(ledger)
    assert seqs == list(range(9, 26))  # fifteen are too many, seven of them nobody else has
    assert [(hole.lo, hole.hi, hole.reason) for hole in holes] == [(1, 8, RETENTION)]
    ledger.remember(25, "g")
    ledger.keep_house(at(0))
    seqs, holes = told(ledger)
    assert (seqs, [(hole.lo, hole.hi) for hole in holes]) == (list(range(16, 26)), [(1, 15)])
    assert ledger.first_break() is None
    ledger.close()
    again = open_ledger(tmp_path, capacity=10)
    assert again.append([DOOR], STAMP) == [26]
    assert again.first_break() is None
    again.close()


def test_numbers_go_on_where_everything_but_the_last_has_left(tmp_path):
    ledger = open_ledger(tmp_path, capacity=0)
    ledger.append([DOOR] * 4, STAMP)
    ledger.remember(4, "g")
    ledger.keep_house(at(0))
    assert told(ledger)[0] == [4]
    ledger.close()
    again = open_ledger(tmp_path)
    assert again.append([DOOR], STAMP) == [5]
    assert again.first_break() is None
    again.close()


# --- on a full disk ------------------------------------------------------------------------------------------


def fill(ledger: SqliteLedger, most: int = 400) -> None:
    """Record until the disk refuses, or far beyond where it would have."""
    for _ in range(most):
        ledger.append([GUEST] * 10, STAMP)


def limit(ledger: SqliteLedger, pages: int) -> None:
    ledger._db.execute(f"pragma max_page_count = {pages}")


def test_on_a_full_disk_the_oldest_acknowledged_events_leave_and_recording_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.store.ledger.ROOM_ROWS", 20)
    ledger = open_ledger(tmp_path)
    fill(ledger, 60)
    ledger.remember(600, "g")
    (pages,) = ledger._db.execute("pragma page_count").fetchone()
    limit(ledger, pages)
    fill(ledger, 30)
    assert ledger.head == 900
    assert ledger.disk_alarm
    seqs, holes = told(ledger)
    assert [hole.reason for hole in holes] == [RETENTION]
    assert holes[0].hi <= 600 < holes[0].hi + len(seqs)
    assert ledger.first_break() is None
    ledger.close()


def test_what_nobody_else_has_is_given_up_only_above_the_floor_and_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.store.ledger.ROOM_ROWS", 10)
    ledger = open_ledger(tmp_path, floor=500)
    fill(ledger, 60)
    ledger.remember(50, "g")
    (pages,) = ledger._db.execute("pragma page_count").fetchone()
    limit(ledger, pages)
    fill(ledger, 20)
    _, holes = told(ledger)
    assert [(hole.lo, hole.reason) for hole in holes] == [(1, RETENTION), (51, DISK_FULL)]
    assert holes[1].hi <= ledger.head - 500
    said = [
        row for row in ledger.rows(range(1, ledger.head + 1), bytes_max=10**9) if STORAGE.encode() in row.body
    ]
    assert said
    assert b'"reason":"given_up"' in said[0].body
    assert ledger.first_break() is None
    ledger.close()


def test_below_the_floor_the_disk_is_full_and_nothing_is_given_up(tmp_path):
    ledger = open_ledger(tmp_path, floor=retention.FLOOR)
    fill(ledger, 20)
    (pages,) = ledger._db.execute("pragma page_count").fetchone()
    limit(ledger, pages)
    with pytest.raises(DiskFull):
        fill(ledger)
    assert told(ledger)[1] == []
    assert ledger.first_break() is None
    ledger.close()


def test_a_full_ledger_goes_on_as_soon_as_the_service_has_what_stands_in_it(tmp_path):
    ledger = open_ledger(tmp_path)
    fill(ledger, 20)
    limit(ledger, *ledger._db.execute("pragma page_count").fetchone())
    with pytest.raises(DiskFull):
        fill(ledger)
    full = ledger.head
    ledger.remember(full, "g")
    fill(ledger, 20)
    assert ledger.head == full + 200
    assert ledger.first_break() is None
    ledger.close()


# --- what the service has ------------------------------------------------------------------------------------


def on_disk(folder: Path) -> tuple[int, str]:
    with closing(sqlite3.connect(folder / "events.db")) as db:
        return db.execute("select acked, sink_gen from meta").fetchone()


def test_an_acknowledgement_goes_to_the_disk_with_the_next_events_and_another_generation_at_once(
    ledger, tmp_path
):
    ledger.append([DOOR] * 5, STAMP)
    ledger.remember(2, "g")
    assert on_disk(tmp_path) == (2, "g")
    ledger.remember(4, "g")
    assert (ledger.acked, on_disk(tmp_path)) == (4, (2, "g"))
    ledger.append([DOOR], STAMP)
    assert on_disk(tmp_path) == (4, "g")
    ledger.remember(1, "other")
    assert on_disk(tmp_path) == (1, "other")


def test_an_acknowledgement_is_on_the_disk_before_anything_leaves_for_it(ledger, tmp_path):
    ledger.append([GUEST] * 5, STAMP)
    ledger.remember(1, "g")
    ledger.remember(5, "g")
    ledger.keep_house(at(0))
    assert on_disk(tmp_path) == (5, "g")


# --- anchors -------------------------------------------------------------------------------------------------


def test_an_anchor_is_made_once_a_day_and_kept_until_the_next(ledger, tmp_path):
    assert ledger.anchor(at(0)) is None
    ledger.append([DOOR] * 3, STAMP)
    first = ledger.anchor(at(0))
    assert (first.seq, first.h) == (3, ledger.tip()[1])
    ledger.append([DOOR], STAMP)
    assert ledger.anchor(at(0.9)) == first
    second = ledger.anchor(at(1))
    assert (second.seq, second.h) == (4, ledger.tip()[1])
    assert ledger.anchor(at(-300)).seq == 4  # the clock was set back: made anew rather than never again
