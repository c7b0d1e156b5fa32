"""Old events in files: everything that leaves is proven first, and nothing is lost whatever dies in between."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from pyarrow import parquet

from cloud_sync.archiving import archive_work
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import StoreError
from cloud_sync.store import archive as archiving
from cloud_sync.store import tables
from cloud_sync.store.archive import archive, check_files, forget
from cloud_sync.store.archive_file import COLUMNS, read_file, write_file
from cloud_sync.store.chain_check import verify_chain
from cloud_sync.store.engine import open_database, reading
from cloud_sync.store.proof import proofs
from cloud_sync.store.repair_check import findings
from cloud_sync.store.sink import SinkStore
from cloud_sync.store.tables_archive import archived
from tests.fakes.community_house import SteppedClock, config_in
from tests.fakes.wire_ledger import T0_MS, WireLedger, body, device_public, told

HOME = "dongfang"
LATER = T0_MS + 40 * DAY_MS


class Desk:
    """Two gates' ledgers, the first ten of each stored early and five more 40 days later."""

    def __init__(self, database: str, folder: Path) -> None:
        self.engine = open_database(database)
        self.sink = SinkStore(self.engine, HOME)
        self.folder = folder
        self.gates = [WireLedger("n1"), WireLedger("n2")]
        with self.engine.begin() as db:
            for node in ("n1", "n2", "n3"):
                row = {"node": node, "name": node, "device_public_key": device_public(node)}
                db.execute(tables.node.insert().values(community=HOME, registered_ms=1, **row))
        for gate in self.gates:
            gate.record(*(body("access.granted", pass_id=f"P{n}", x={"n": n}) for n in range(15)))
            self.store(gate, range(1, 11), T0_MS)
            self.store(gate, range(11, 16), LATER)

    def store(self, gate: WireLedger, seqs: range, now_ms: int, **more: object):
        return self.sink.store([told(gate.batch(seqs, **more), gate.node)], now_ms)

    def archive(self, before_ms: int = LATER):
        return archive(self.engine, HOME, before_ms, self.folder)

    def seqs(self, node: str = "n1") -> list[int]:
        query = sa.select(tables.event.c.seq).where(tables.event.c.node == node).order_by(tables.event.c.seq)
        with reading(self.engine).connect() as db:
            return list(db.scalars(query))

    def rows(self) -> list[tuple]:
        key = [tables.event.c[name] for name in ("node", "epoch", "seq")]
        with reading(self.engine).connect() as db:
            return [tuple(row) for row in db.execute(sa.select(tables.event).order_by(*key))]

    def entries(self) -> list[tuple]:
        with reading(self.engine).connect() as db:
            query = sa.select(archived.c.node, archived.c.lo, archived.c.hi, archived.c.file)
            return [tuple(row) for row in db.execute(query.order_by(archived.c.node, archived.c.lo))]

    def is_whole(self) -> bool:
        """Chains hold from the first event to the mark, counters agree, files prove themselves."""
        chains = [verify_chain(self.engine, HOME, gate.node, gate.epoch) for gate in self.gates]
        return (
            all(found.first_break is None for found in chains)
            and [found.events for found in chains] == [gate.head for gate in self.gates]
            and {line.partition(":")[0] for line in findings(self.engine)} <= {"node"}
            and list(check_files(self.engine, HOME, self.folder)) == []
        )

    def close(self) -> None:
        self.sink.close()
        self.engine.dispose()


@pytest.fixture
def desk(database: str, tmp_path: Path):
    desk = Desk(database, tmp_path / "archive")
    yield desk
    desk.close()


def test_what_is_old_leaves_whole_and_what_is_young_stays(desk: Desk) -> None:
    before = desk.rows()
    done = desk.archive()
    assert (done.events, done.kept) == (20, ())
    assert desk.seqs("n1") == desk.seqs("n2") == [11, 12, 13, 14, 15]
    (name,) = done.files
    assert [*read_file(desk.folder / name)] == [row for row in before if row[COLUMNS.index("seq")] <= 10]
    assert desk.entries() == [("n1", 1, 10, name), ("n2", 1, 10, name)]
    assert (desk.folder / name).stat().st_mode & 0o777 == 0o600
    assert desk.is_whole()


def test_again_changes_nothing_and_a_file_is_read_by_anybody(desk: Desk) -> None:
    (name,) = desk.archive().files
    again = desk.archive()
    assert (again.events, again.files) == (0, ())
    table = parquet.read_table(desk.folder / name)
    assert table.num_rows == 20
    assert table.column("pass_id").to_pylist()[:2] == ["P0", "P1"]


def test_the_last_row_stays_for_it_is_what_a_clone_is_compared_with(desk: Desk) -> None:
    desk.archive(LATER + DAY_MS)
    assert desk.seqs() == [15]
    stranger = WireLedger("n1")
    stranger.record(*(body("door.forced") for _ in range(15)))
    assert desk.store(stranger, range(1, 16), LATER).conflicts == 1


def test_the_sink_goes_on_where_the_files_end_and_takes_nothing_twice(desk: Desk) -> None:
    desk.archive(LATER + DAY_MS)
    gate = desk.gates[0]
    again = desk.store(gate, range(1, 16), LATER)
    assert (again.events, again.duplicates, again.conflicts) == (0, 15, 0)
    gate.record(body())
    assert desk.store(gate, range(16, 17), LATER).acks[0][1].upto == 16
    assert desk.is_whole()
    desk.archive(LATER + DAY_MS)
    assert desk.seqs() == [16]
    assert desk.is_whole()


def test_a_declared_hole_goes_with_the_rows_around_it(desk: Desk) -> None:
    gate = WireLedger("n3")
    gate.record(*(body() for _ in range(9)))
    tomb = gate.tombstone(3, 5)
    for seqs, tombs in ((range(1, 3), [tomb]), (range(6, 10), [])):
        desk.store(gate, seqs, T0_MS, tomb=tombs)
    assert desk.archive().kept == ()
    found = verify_chain(desk.engine, HOME, "n3", gate.epoch)
    assert (found.upto, found.events, found.declared_lost, found.first_break) == (9, 6, 3, None)
    assert list(check_files(desk.engine, HOME, desk.folder)) == []


def test_nothing_above_the_mark_leaves(desk: Desk) -> None:
    gate = WireLedger("n3")
    gate.record(*(body() for _ in range(9)))
    desk.store(gate, range(1, 4), T0_MS)
    desk.store(gate, range(6, 10), T0_MS)
    desk.archive()
    assert desk.seqs("n3") == [3, 6, 7, 8, 9]
    desk.store(gate, range(4, 6), T0_MS)
    assert verify_chain(desk.engine, HOME, "n3", gate.epoch).first_break is None


def test_files_are_cut_where_they_are_full(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "ROWS_PER_FILE", 7)
    done = desk.archive()
    assert (done.events, len(done.files)) == (20, 3)
    assert [(node, lo, hi) for node, lo, hi, _ in desk.entries()] == [
        ("n1", 1, 7),
        ("n1", 8, 10),
        ("n2", 1, 4),
        ("n2", 5, 10),
    ]
    assert desk.is_whole()


# --- what goes wrong ------------------------------------------------------------------------------------------


def test_a_stop_between_writing_and_deleting_is_made_good_by_running_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    before = desk.rows()
    with monkeypatch.context() as patch:
        patch.setattr(archiving, "_replace", cut)
        with pytest.raises(PowerCut):
            desk.archive()
    (left,) = desk.folder.iterdir()
    assert desk.rows() == before
    assert desk.archive().files == (left.name,)
    assert [path.name for path in desk.folder.iterdir()] == [left.name]
    assert desk.is_whole()


def test_a_file_that_reads_back_differently_deletes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bad_disk(path: Path, rows) -> None:
        at = COLUMNS.index("body")
        write_file(path, [(*row[:at], row[at] + b" ", *row[at + 1 :]) for row in rows])

    before = desk.rows()
    monkeypatch.setattr(archiving, "write_file", bad_disk)
    with pytest.raises(StoreError, match="reads back differently; nothing was deleted"):
        desk.archive()
    assert desk.rows() == before
    assert desk.entries() == []


@pytest.mark.parametrize("change", [lambda rows: rows[:-1], lambda rows: [*rows, rows[-1]]])
def test_a_file_with_too_few_or_too_many_rows_deletes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, change
) -> None:
    before = desk.rows()
    monkeypatch.setattr(archiving, "write_file", lambda path, rows: write_file(path, change(rows)))
    with pytest.raises(StoreError, match="nothing was deleted"):
        desk.archive()
    assert desk.rows() == before


def test_a_ledger_whose_chain_is_broken_stays_and_the_others_leave(desk: Desk) -> None:
    with desk.engine.begin() as db:
        mine = (tables.event.c.node == "n1", tables.event.c.seq == 4)
        db.execute(sa.update(tables.event).where(*mine).values(body=body("access.denied")))
    done = desk.archive()
    assert done.events == 10
    (kept,) = done.kept
    assert "n1" in kept
    assert "chain is broken" in kept
    assert len(desk.seqs("n1")) == 15


def test_a_contradicted_ledger_stays_for_it_is_evidence(desk: Desk) -> None:
    clone = WireLedger("n1")
    clone.record(*(body("door.forced") for _ in range(15)))
    desk.store(clone, range(1, 16), LATER)
    done = desk.archive()
    assert "evidence" in done.kept[0]
    assert len(desk.seqs("n1")) == 15


def test_a_folder_that_cannot_be_written_is_one_sentence(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="the archive cannot be written"):
        archive(desk.engine, HOME, LATER, tmp_path / "file" / "archive")
    assert len(desk.seqs()) == 15


def shortened(path: Path) -> None:
    write_file(path, [*read_file(path)][:-1])


def changed(path: Path) -> None:
    at, rows = COLUMNS.index("body"), [*read_file(path)]
    write_file(path, [(*rows[0][:at], body("access.denied"), *rows[0][at + 1 :]), *rows[1:]])


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: path.unlink(), "it cannot be read"),
        (lambda path: path.write_bytes(b"PAR1 nonsense PAR1"), "it cannot be read"),
        (shortened, "9 events, 10 left the database"),
        (changed, "its chain is broken at seq 1"),
    ],
)
def test_a_file_that_was_harmed_is_found(desk: Desk, harm, words: str) -> None:
    (name,) = desk.archive().files
    harm(desk.folder / name)
    found = list(check_files(desk.engine, HOME, desk.folder))
    assert found
    assert all(words in line for line in found)


# --- the end of files -------------------------------------------------------------------------------------------


def test_a_file_ends_when_its_newest_event_is_old_and_the_chain_still_holds(desk: Desk) -> None:
    (name,) = desk.archive().files
    assert forget(desk.engine, HOME, T0_MS, desk.folder) == ()
    assert (desk.folder / name).exists()
    assert forget(desk.engine, HOME, T0_MS + 1, desk.folder) == (name,)
    assert not (desk.folder / name).exists()
    assert forget(desk.engine, HOME, T0_MS + 1, desk.folder) == ()
    assert desk.is_whole()


def test_the_job_archives_by_the_configured_days_and_does_nothing_without_a_folder(
    desk: Desk, tmp_path: Path
) -> None:
    config = config_in(tmp_path)
    assert archive_work(desk.engine, SteppedClock(LATER), config) is None
    with_folder = config.model_copy(
        update={"archive": config.archive.model_copy(update={"folder": desk.folder})}
    )
    clock = SteppedClock(LATER)
    work = archive_work(desk.engine, clock, with_folder)
    assert work is not None
    work()
    assert len(desk.seqs()) == 5
    clock.step(hours=24 * 60)
    work()
    assert [path.name for path in desk.folder.iterdir()] == [desk.entries()[1][3]]


def test_a_ledger_of_another_card_leaves_by_itself(desk: Desk) -> None:
    new = replace(WireLedger("n1"), epoch="f" * 24)
    new.record(body(), body())
    desk.store(new, range(1, 3), T0_MS)
    desk.archive()
    assert [(node, lo, hi) for node, lo, hi, _ in desk.entries()] == [
        ("n1", 1, 10),
        ("n1", 1, 1),
        ("n2", 1, 10),
    ]


def test_what_a_node_signed_is_proven_although_rows_have_left_for_files(desk: Desk) -> None:
    gate = desk.gates[0]
    for seq in (4, 10, 12):
        frame = msgspec.structs.replace(gate.batch([]), anchor=gate.anchor(seq, T0_MS + seq))
        desk.sink.store([told(frame)], LATER)
    before, _ = proofs(desk.engine)
    desk.archive()
    after, other = proofs(desk.engine)
    assert after == before
    assert (after.upto, after.events, after.lost, after.anchor, after.broken) == (15, 15, 0, 12, None)
    assert (other.events, other.lost, other.anchors) == (15, 0, 0)
    desk.archive(LATER + DAY_MS)
    assert next(proofs(desk.engine)) == before
    assert [line for line in findings(desk.engine) if not line.startswith("node")] == []


def test_a_ledger_that_is_not_what_its_node_signed_stays(desk: Desk) -> None:
    gate, other = desk.gates[0], WireLedger("n1")
    other.record(*(body("door.forced") for _ in range(6)))
    frame = msgspec.structs.replace(gate.batch([]), anchor=other.anchor(6))
    desk.sink.store([told(frame)], LATER)
    done = desk.archive()
    assert done.kept == (
        f"n1 {gate.epoch}: it is not what its node signed; 'gatehouse-sync db proof' says where",
    )
    assert len(desk.seqs()) == 15
