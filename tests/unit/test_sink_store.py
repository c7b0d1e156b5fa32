"""The sink's transactions on a real database: stored once, effects once, contradictions never silent."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from msgspec.structs import replace as changed

from cloud_sync.errors import StoreError
from cloud_sync.ports import BadFrame
from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import AuthAck, Batch, EraseAck, State, Tombstone
from cloud_sync.protocol.vouched import tombstone_bytes
from cloud_sync.store import tables
from cloud_sync.store.chain_check import verify_chain
from cloud_sync.store.engine import open_database, reading
from cloud_sync.store.sink import STARTUP_MS, SinkStore
from cloud_sync.store.sink_epoch import ABOVE_MAX
from tests.fakes.wire_ledger import T0_MS, WireLedger, body, device_public, sign, told

HOME = "dongfang"
NOW = T0_MS + 1_000
LATER = NOW + STARTUP_MS + 1


class Desk:
    """A sink store with everything a test wants to ask of it."""

    def __init__(self, database: str) -> None:
        self.engine = open_database(database)
        self.sink = SinkStore(self.engine, HOME)
        for node in ("n1", "n2", "n3"):
            key = device_public(node)
            self.insert(tables.node, node=node, name=node, device_public_key=key, registered_ms=1)

    def store(self, *messages: object, now_ms: int = NOW, node: str = "n1"):
        return self.sink.store([told(message, node) for message in messages], now_ms)

    def rows(self, table: sa.Table, *columns: str) -> list:
        chosen = [table.c[name] for name in columns] or [table]
        with reading(self.engine).connect() as db:
            return [tuple(row) for row in db.execute(sa.select(*chosen).order_by(*table.primary_key))]

    def insert(self, table: sa.Table, **values: object) -> None:
        with self.engine.begin() as db:
            db.execute(table.insert().values(community=HOME, **values))

    def behind_our_back(self, statement: sa.Update | sa.Delete) -> None:
        with self.engine.begin() as db:
            db.execute(statement)

    def close(self) -> None:
        self.sink.close()
        self.engine.dispose()


@pytest.fixture
def desk(database: str):
    desk = Desk(database)
    yield desk
    desk.close()


def ledger(count: int = 0, *, node: str = "n1", type_: str = "access.granted") -> WireLedger:
    made = WireLedger(node)
    made.record(*(body(type_, x={"n": n}) for n in range(count)))
    return made


def ack_of(stored, node: str = "n1"):
    (ack,) = [ack for name, ack in stored.acks if name == node]
    return ack


# --- once, and only once ------------------------------------------------------------------------------------


def test_what_is_stored_is_acknowledged_and_counted_once(desk: Desk) -> None:
    gate = ledger(5)
    first = desk.store(gate.batch(range(1, 6)))
    again = desk.store(gate.batch(range(1, 6)))
    assert ack_of(first).upto == ack_of(again).upto == 5
    assert len(first.lines) == 5
    assert (len(again.lines), again.duplicates) == (0, 5)
    assert desk.rows(tables.counter, "type", "n") == [("access.granted", 5)]
    assert desk.rows(tables.event, "seq") == [(n,) for n in range(1, 6)]


def test_the_body_is_kept_byte_for_byte(desk: Desk) -> None:
    gate = WireLedger()
    raw = b'{ "type":"door.opened" , "boot_id":"b","mono_ms":1,"wall":"2026-11-21T16:00:00Z","clock_state":"TRUSTED",'
    raw += '"clock_bound_ms":1,"later_field":"门"}'.encode()
    gate.record(raw)
    desk.store(gate.batch([1]))
    assert desk.rows(tables.event, "body", "h") == [(raw, chain.short(gate.h(1)))]


def test_one_transaction_gives_one_ack_for_each_node(desk: Desk) -> None:
    a, b = ledger(4, node="n1"), ledger(2, node="n2")
    stored = desk.store(a.batch([1, 2]), b.batch([1, 2]), a.batch([3, 4]))
    assert [(node, ack.upto) for node, ack in stored.acks] == [("n1", 4), ("n2", 2)]


def test_a_gap_is_named_until_it_is_filled(desk: Desk) -> None:
    gate = ledger(9)
    early = desk.store(gate.batch([1, 2, 5, 6, 9]))
    assert (ack_of(early).upto, ack_of(early).missing) == (2, [(3, 4), (7, 8)])
    part = desk.store(gate.batch([4]), now_ms=NOW + 5_000)
    assert ack_of(part).missing == [(3, 3), (7, 8)]
    assert desk.rows(tables.gap, "lo", "hi", "first_seen_ms") == [(3, 3, NOW), (7, 8, NOW)]
    whole = desk.store(gate.batch([3, 7, 8]))
    assert (ack_of(whole).upto, ack_of(whole).missing) == (9, [])
    assert desk.rows(tables.gap) == []
    assert desk.rows(tables.mark, "upto", "h") == [(9, gate.h(9).hex())]


def test_a_new_card_starts_a_ledger_of_its_own(desk: Desk) -> None:
    old, new = ledger(3), replace(WireLedger(), epoch="f" * 24)
    new.record(body("sys.boot"))
    stored = desk.store(old.batch([1, 2, 3]), new.batch([1]))
    assert {ack.e: ack.upto for _, ack in stored.acks} == {old.epoch: 3, new.epoch: 1}
    assert len(desk.rows(tables.event)) == 4


def test_a_refused_transaction_keeps_nothing_and_the_next_one_everything(tmp_path: Path) -> None:
    desk = Desk(str(tmp_path / "service.db"))  # a full disk is SQLite's to show; PostgreSQL's faults follow
    gate = ledger(400)
    pages = desk.sink._db.execute("pragma page_count").fetchone()[0]
    desk.sink._db.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(StoreError, match="its disk is full"):
        desk.store(gate.hello(), gate.batch(range(1, 401)))
    assert desk.rows(tables.event) == desk.rows(tables.counter) == desk.rows(tables.node_state) == []
    desk.sink._db.execute("pragma max_page_count = 1000000")
    assert ack_of(desk.store(gate.hello(), gate.batch(range(1, 401)))).upto == 400
    desk.close()


# --- effects -------------------------------------------------------------------------------------------------


def taken(pass_id: str, direction: str, wall: str, **more: object) -> bytes:
    return body("access.taken", pass_id=pass_id, direction=direction, wall=wall, **more)


def test_presence_follows_the_newest_passage_and_keeps_the_first_entry(desk: Desk) -> None:
    gate = WireLedger()
    gate.record(taken("P1", "in", "2026-11-21T16:10:00Z"), taken("P1", "out", "2026-11-21T17:00:00Z"))
    desk.store(gate.batch([1, 2]))
    late = WireLedger("n2")
    late.record(taken("P1", "in", "2026-11-21T15:00:00Z", access_point="AP-2"))
    desk.store(late.batch([1], live=False))
    columns = ("state", "access_point", "as_of_ms", "first_entry_ms")
    assert desk.rows(tables.presence, *columns) == [("out", "AP-1", T0_MS + 3_600_000, T0_MS - 3_600_000)]


def test_a_granted_entry_alone_makes_nobody_present(desk: Desk) -> None:
    gate = WireLedger()
    gate.record(body("access.granted", pass_id="P1", direction="in"))
    desk.store(gate.batch([1]))
    assert desk.rows(tables.presence) == []


@pytest.mark.story("25e")
def test_an_untrusted_clock_does_not_date_a_passage_that_happens_now(desk: Desk) -> None:
    gate = WireLedger()
    gate.record(taken("P1", "in", "1970-01-01T00:00:07Z", clock_state="UNTRUSTED"))
    desk.store(gate.batch([1], live=True))
    assert desk.rows(tables.presence, "as_of_ms") == [(NOW,)]
    assert desk.rows(tables.event, "wall_ms", "clock_state") == [(7_000, "UNTRUSTED")]


def test_what_an_event_is_about_is_looked_at_again(desk: Desk) -> None:
    gate = WireLedger()
    gate.record(body(pass_id="P1"), body("door.forced"))
    desk.store(gate.batch([1, 2]))
    assert desk.rows(tables.touched) == [(HOME, "P1", NOW), (HOME, "n1", NOW)]
    desk.store(gate.batch([1, 2]), now_ms=NOW + 9)
    assert desk.rows(tables.touched) == [(HOME, "P1", NOW), (HOME, "n1", NOW)]


def test_lines_for_the_pages_carry_the_names_of_the_door(desk: Desk) -> None:
    door = {"node": "n1", "kind": "gate", "location_class": "entrance", "face_enabled": 0}
    desk.insert(tables.access_point, access_point="AP-1", name_zh="东门", name_en="East gate", **door)
    gate = WireLedger()
    gate.record(body("access.denied", decision="deny", reason="NoMatch"), body(access_point="AP-9"))
    named, unnamed = desk.store(gate.batch([1, 2])).lines
    assert (named.access_point_zh, named.access_point_en, named.decision) == ("东门", "East gate", "deny")
    assert (unnamed.access_point_zh, unnamed.stored_ms, unnamed.live) == ("AP-9", NOW, True)


# --- what cannot be read never stalls a gate --------------------------------------------------------------


@pytest.mark.parametrize(
    "poison",
    [
        b"{}",
        b"[1,2,3]",
        b'"text"',
        b'{"type":7}',
        body(wall="yesterday"),
        body(wall="2026-11-21T16:00:00"),
        b'{"type":"\xff"}',
        body()[:-1] + b',"direction":"sideways"}',
    ],
)
def test_a_body_that_does_not_decode_is_stored_raw_and_acknowledged(desk: Desk, poison: bytes) -> None:
    gate = WireLedger()
    gate.record(body(), poison, body())
    stored = desk.store(gate.batch([1, 2, 3]))
    assert ack_of(stored).upto == 3
    assert desk.rows(tables.event, "seq", "type", "body")[1] == (2, "sys.undecodable", poison)
    assert desk.rows(tables.deadletter, "node", "epoch", "seq", "raw") == [("n1", gate.epoch, 2, poison)]
    assert verify_chain(desk.engine, HOME, "n1", gate.epoch).first_break is None


def test_a_frame_that_does_not_decode_is_a_dead_letter(desk: Desk) -> None:
    stored = desk.sink.store([BadFrame("n1", b"\x00nonsense", "Batch: not JSON")], NOW)
    assert stored.acks == ()
    assert desk.rows(tables.deadletter, "node", "seq", "raw", "error") == [
        ("n1", None, b"\x00nonsense", "Batch: not JSON")
    ]


def test_a_gate_that_sends_far_beyond_its_gap_is_bounded(desk: Desk) -> None:
    raw = msgspec.Raw(body())
    far = [(seq, raw, "0" * 16) for seq in range(2, ABOVE_MAX + 3)]
    desk.store(Batch(v=1, n="n1", e="e", ev=far))
    stored = desk.store(Batch(v=1, n="n1", e="e", ev=[(ABOVE_MAX + 50, raw, "0" * 16)]))
    assert stored.lines == ()
    filled = desk.store(Batch(v=1, n="n1", e="e", ev=[(1, raw, "0" * 16)]))
    assert ack_of(filled).upto == ABOVE_MAX + 2


# --- contradictions -----------------------------------------------------------------------------------------


def test_the_same_number_with_another_body_is_a_conflict_and_changes_nothing(desk: Desk) -> None:
    gate, clone = ledger(5), ledger(3)
    clone.record(body("door.forced"), body("door.held"))
    desk.store(gate.batch(range(1, 6)))
    stored = desk.store(clone.batch(range(1, 6)))
    assert stored.conflicts == 1
    assert desk.rows(tables.conflict, "seq", "stored_h", "claimed_h") == [
        (5, chain.short(gate.h(5)), chain.short(clone.h(5)))
    ]
    assert desk.rows(tables.counter, "type", "n") == [("access.granted", 5)]
    assert desk.store(clone.batch(range(1, 6))).conflicts == 0  # said once


def test_two_bodies_for_one_number_in_one_batch_are_a_conflict(desk: Desk) -> None:
    raw = msgspec.Raw(body())
    good = chain.short(chain.link(chain.start("n1", "e"), chain.digest(body())))
    stored = desk.store(Batch(v=1, n="n1", e="e", ev=[(1, raw, good), (1, raw, "f" * 16)]))
    assert stored.conflicts == 1
    assert ack_of(stored).upto == 1


def test_a_clone_that_goes_on_from_another_past_breaks_the_chain(desk: Desk) -> None:
    gate, clone = ledger(5), ledger(4)
    clone.record(body("door.forced"), body("door.held"), body("door.held"))
    desk.store(gate.batch(range(1, 6)))
    stored = desk.store(clone.batch([6, 7]))
    assert (ack_of(stored).upto, stored.conflicts) == (7, 1)
    assert [seq for (seq,) in desk.rows(tables.conflict, "seq")] == [6]
    assert verify_chain(desk.engine, HOME, "n1", gate.epoch).first_break == 6


@pytest.mark.parametrize(
    "tamper",
    [
        sa.update(tables.event).values(body=body("access.denied!")),
        sa.delete(tables.event),
        sa.update(tables.event).values(h="0123456789abcdef"),
    ],
    ids=["body", "row", "hash"],
)
def test_a_row_changed_behind_our_back_breaks_the_chain(desk: Desk, tamper) -> None:
    gate = ledger(6)
    desk.store(gate.batch(range(1, 7)))
    assert verify_chain(desk.engine, HOME, "n1", gate.epoch).first_break is None
    desk.behind_our_back(tamper.where(tables.event.c.seq == 3))
    assert verify_chain(desk.engine, HOME, "n1", gate.epoch).first_break == 3


def test_a_last_row_that_vanished_is_noticed_by_the_mark(desk: Desk) -> None:
    gate = ledger(6)
    desk.store(gate.batch(range(1, 7)))
    desk.behind_our_back(sa.delete(tables.event).where(tables.event.c.seq == 6))
    assert verify_chain(desk.engine, HOME, "n1", gate.epoch).first_break == 6


def signed(gate: WireLedger, lo: int, hi: int) -> Tombstone:
    """A tombstone beyond what the gate ever recorded."""
    plain = Tombstone(lo=lo, hi=hi, reason="card replaced", h="ab" * 32)
    return changed(plain, sig=sign(gate.node, tombstone_bytes(gate.node, gate.epoch, plain)))


# --- tombstones ---------------------------------------------------------------------------------------------


def test_a_tombstone_closes_the_gap_and_the_chain_goes_on(desk: Desk) -> None:
    gate = ledger(10)
    desk.store(gate.batch([1, 2, 7, 8]))
    stored = desk.store(gate.batch([], tomb=[gate.tombstone(3, 6, "bad page")]))
    assert (ack_of(stored).upto, ack_of(stored).missing) == (8, [])
    assert desk.rows(tables.gap) == []
    assert desk.rows(tables.tombstone, "lo", "hi", "reason") == [(3, 6, "bad page")]
    desk.store(gate.batch([9, 10]))
    found = verify_chain(desk.engine, HOME, "n1", gate.epoch)
    assert (found.upto, found.events, found.declared_lost, found.first_break) == (10, 6, 4, None)
    assert desk.rows(tables.conflict) == []
    assert desk.rows(tables.mark, "h") == [(gate.h(10).hex(),)]


def test_a_deleted_database_does_not_ask_for_ever_for_what_retention_took(desk: Desk) -> None:
    gate = ledger(8)
    stored = desk.store(gate.batch([5, 6, 7, 8], tomb=[gate.tombstone(1, 4)]))
    assert (ack_of(stored).upto, ack_of(stored).missing) == (8, [])


def test_a_tombstone_as_wide_as_numbers_go_costs_nothing(desk: Desk) -> None:
    gate = ledger(2)
    wide, turned = (signed(gate, lo, hi) for lo, hi in ((3, 2**62), (9, 4)))
    stored = desk.store(gate.batch([1, 2], tomb=[wide, turned]))
    assert ack_of(stored).upto == 2**62
    assert len(desk.rows(tables.tombstone)) == 1


def test_a_tombstone_that_grew_is_taken_again(desk: Desk) -> None:
    gate = ledger(9)
    desk.store(gate.batch([1, 2, 9]))
    desk.store(gate.batch([], tomb=[gate.tombstone(3, 4)]))
    stored = desk.store(gate.batch([], tomb=[gate.tombstone(5, 6), gate.tombstone(5, 8)]))
    assert ack_of(stored).upto == 9
    assert verify_chain(desk.engine, HOME, "n1", gate.epoch).first_break is None


# --- hello --------------------------------------------------------------------------------------------------


def test_every_hello_is_answered_and_remembered(desk: Desk) -> None:
    gate = ledger(3)
    stored = desk.store(gate.hello(auth_ver=4, root="r", erase_ver=2, acked=0))
    assert (ack_of(stored).upto, ack_of(stored).sg, ack_of(stored).refuse) == (0, desk.sink.sink_gen(), None)
    columns = ("head", "hello_ms", "auth_ver", "root", "erase_ver", "online", "drained_through_ms")
    assert desk.rows(tables.node_state, *columns) == [(3, NOW, 4, "r", 2, "yes", 0)]


def test_a_node_is_drained_when_all_it_had_at_its_hello_is_here(desk: Desk) -> None:
    gate = ledger(3)
    desk.store(gate.hello())
    desk.store(gate.batch([1, 3]))
    assert desk.rows(tables.node_state, "drained_through_ms") == [(0,)]
    desk.store(gate.batch([2]))
    assert desk.rows(tables.node_state, "drained_through_ms") == [(T0_MS,)]


def test_a_gap_above_the_head_of_the_hello_holds_the_watermark_back(desk: Desk) -> None:
    gate = ledger(5)
    desk.store(gate.batch([1, 2, 5]))
    desk.store(gate.hello(head=2))
    assert desk.rows(tables.node_state, "drained_through_ms") == [(0,)]


def test_a_clock_that_is_ahead_never_moves_the_watermark_beyond_our_own(desk: Desk) -> None:
    desk.store(ledger(0).hello(wall="2031-01-01T00:00:00Z"))
    assert desk.rows(tables.node_state, "drained_through_ms") == [(NOW,)]


def test_a_node_without_a_common_version_is_refused_and_not_believed(desk: Desk) -> None:
    gate = ledger(2)
    stored = desk.store(gate.hello(wv=9, wv_min=8), gate.batch([1, 2]))
    assert (ack_of(stored).refuse, ack_of(stored).upto) == ("version", 0)
    assert desk.rows(tables.event) == []
    agreed = desk.store(gate.hello(), gate.batch([1, 2]))
    assert (ack_of(agreed).refuse, ack_of(agreed).upto) == (None, 2)


# --- the database went back in time ---------------------------------------------------------------------------


def test_one_gate_that_claims_more_only_makes_itself_send_again(desk: Desk) -> None:
    gates = [ledger(5, node=f"n{n}") for n in range(1, 3)]
    desk.store(*(gate.batch([1, 2, 3]) for gate in gates))
    gen = desk.sink.sink_gen()
    stored = desk.store(gates[0].hello(acked=5, sg=gen), gates[1].hello(acked=3, sg=gen), now_ms=LATER)
    assert (ack_of(stored, "n1").sg, ack_of(stored, "n1").upto) == (f"{gen}.1", 3)
    assert ack_of(stored, "n2").sg == gen
    again = desk.store(gates[0].hello(acked=5, sg=f"{gen}.1"), now_ms=LATER)
    assert ack_of(again, "n1").sg == f"{gen}.2"


def test_a_hello_of_another_generation_proves_nothing(desk: Desk) -> None:
    gen = desk.sink.sink_gen()
    stored = desk.store(ledger(5).hello(acked=5, sg="another"), now_ms=LATER)
    assert ack_of(stored).sg == gen


def test_three_gates_that_claim_more_prove_it_for_all(desk: Desk) -> None:
    desk.store(ledger(0).hello())
    gen = desk.sink.sink_gen()
    for name in ("n1", "n2"):
        assert (
            ack_of(desk.store(ledger(2, node=name).hello(acked=2, sg=gen), now_ms=LATER), name).sg
            == f"{gen}.1"
        )
    desk.store(ledger(2, node="n3").hello(acked=2, sg=gen), now_ms=LATER)
    assert desk.sink.sink_gen() != gen


def test_at_start_up_one_gate_is_proof_enough(desk: Desk) -> None:
    gen = desk.sink.sink_gen()
    stored = desk.store(ledger(2).hello(acked=2, sg=gen))
    assert desk.sink.sink_gen() != gen
    assert ack_of(stored).sg.startswith(desk.sink.sink_gen())


def test_the_generation_belongs_to_the_database_not_to_the_process(desk: Desk) -> None:
    other = SinkStore(desk.engine, HOME)
    assert other.sink_gen() == desk.sink.sink_gen()
    other.close()


# --- state and receipts -------------------------------------------------------------------------------------


def test_a_will_makes_the_node_offline_and_keeps_its_last_health(desk: Desk) -> None:
    here = State(on=True, e="e", boot_id="b", faults=["camera lost"])
    desk.store(here)
    desk.store(State(on=False, e="e", boot_id="b", state="OFFLINE"))
    ((online, health),) = desk.rows(tables.node_state, "online", "health")
    assert online == "no"
    assert msgspec.json.decode(health, type=State) == here
    desk.store(ledger(0).hello())
    assert desk.rows(tables.node_state, "online") == [("yes",)]


def pass_set(desk: Desk, auth_ver: int, root: str) -> None:
    empty = {
        "erase_ver": 0,
        "built_ms": 1,
        "receipt_ver": 0,
        "receipt_root": "",
        "receipt_ms": None,
    }
    desk.insert(tables.pass_set, node="n1", auth_ver=auth_ver, root=root, **empty)


def test_a_receipt_is_recorded_with_version_and_root_and_never_goes_back(desk: Desk) -> None:
    pass_set(desk, 7, "root7")
    desk.store(AuthAck(auth_ver=7, root="root7", applied_at=5))
    desk.store(AuthAck(auth_ver=6, root="root6", applied_at=4))
    desk.store(AuthAck(auth_ver=8, root="root8", applied_at=9, refused="older"))
    assert desk.rows(tables.pass_set, "receipt_ver", "receipt_root", "receipt_ms") == [(7, "root7", NOW)]


def test_a_hello_with_the_equal_root_stands_for_a_lost_receipt(desk: Desk) -> None:
    pass_set(desk, 7, "root7")
    desk.store(ledger(0).hello(auth_ver=7, root="other"))
    assert desk.rows(tables.pass_set, "receipt_ver") == [(0,)]
    desk.store(ledger(0).hello(auth_ver=7, root="root7"))
    assert desk.rows(tables.pass_set, "receipt_ver", "receipt_root") == [(7, "root7")]


def test_an_erasure_receipt_closes_everything_up_to_its_version(desk: Desk) -> None:
    for version in (1, 2, 3):
        request = {"template_ref": "*", "pass_id": f"P{version}", "reason": "checkout", "asked_ms": 1}
        desk.insert(tables.erasure, node="n1", erase_ver=version, acked_ms=None, **request)
    desk.store(EraseAck(erase_ver=2, done_at=5, erased=1))
    assert desk.rows(tables.erasure, "acked_ms") == [(NOW,), (NOW,), (None,)]


def changed_word(batch: Batch) -> Batch:
    return changed(batch, v=2)


def test_a_newer_frame_of_the_same_shape_is_taken(desk: Desk) -> None:
    assert ack_of(desk.store(changed_word(ledger(2).batch([1, 2])))).upto == 2
