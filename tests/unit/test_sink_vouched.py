"""What a node vouches for with its device key: believed when it signed it, buried where people look when it did not."""

import pytest
from msgspec.structs import replace

from cloud_sync.protocol.messages import Lag
from cloud_sync.protocol.vouched import RETENTION
from cloud_sync.store import tables
from cloud_sync.store.proof import Proof, proofs
from cloud_sync.store.tables_vouched import anchor, tombstone_word
from edge.store import stretch
from tests.fakes.wire_ledger import T0_MS, WireLedger, sign
from tests.unit.test_sink_store import Desk, ack_of, ledger


@pytest.fixture
def desk(database: str):
    opened = Desk(database)
    yield opened
    opened.sink.close()
    opened.engine.dispose()


def only_proof(desk: Desk) -> Proof:
    (proof,) = proofs(desk.engine)
    return proof


def test_both_ends_mean_the_same_by_retention() -> None:
    assert stretch.RETENTION == RETENTION


@pytest.mark.parametrize("sig", ["", "AAAA", "not base64", sign("n2", b"something else")])
def test_a_tombstone_its_node_did_not_sign_closes_nothing_and_is_buried_once(desk: Desk, sig: str) -> None:
    gate = ledger(8)
    forged = replace(gate.tombstone(3, 6), sig=sig)
    for _ in range(3):
        stored = desk.store(gate.batch([1, 2, 7, 8], tomb=[forged]))
    assert (ack_of(stored).upto, ack_of(stored).missing) == (2, [(3, 6)])
    assert desk.rows(tables.tombstone) == []
    (buried,) = desk.rows(tables.deadletter, "node", "seq", "error")
    assert buried == ("n1", 3, "a tombstone its node has not signed")


def test_a_tombstone_of_another_ledger_or_a_wider_one_is_not_this_nodes_word(desk: Desk) -> None:
    gate, other = ledger(8), WireLedger("n1", "f" * 24)
    for _ in range(8):
        other.record(gate.rows[0][0])
    wider = replace(gate.tombstone(3, 5), hi=6)
    stored = desk.store(gate.batch([1, 2, 7, 8], tomb=[other.tombstone(3, 6), wider]))
    assert ack_of(stored).missing == [(3, 6)]


def test_the_word_under_a_tombstone_is_kept(desk: Desk) -> None:
    gate = ledger(8)
    told = gate.tombstone(3, 6, "damaged page", kept=1)
    desk.store(gate.batch([1, 2, 6, 7, 8], tomb=[told]))
    assert desk.rows(tombstone_word, "lo", "hi", "kept", "reason", "sig") == [
        (3, 6, 1, "damaged page", told.sig)
    ]
    assert (only_proof(desk).upto, only_proof(desk).events, only_proof(desk).lost) == (8, 5, 3)


def test_a_hello_of_another_chain_contradicts_what_is_held(desk: Desk) -> None:
    gate, copy = ledger(4), ledger(3)
    copy.record(b'{"another":"life"}')
    desk.store(gate.batch([1, 2, 3, 4]), gate.hello(acked=4))
    assert desk.rows(tables.conflict) == []
    desk.store(copy.hello(acked=4))
    assert desk.rows(tables.conflict, "seq") == [(4,)]


def test_a_hello_of_version_1_may_name_a_head_and_the_hash_behind_it(desk: Desk) -> None:
    gate = ledger(4)
    desk.store(gate.batch([1, 2, 3, 4]), gate.hello(head=3, head_h=gate.h(4).hex(), wv=1))
    assert desk.rows(tables.conflict) == []


def test_nothing_is_drained_through_while_an_earlier_ledger_is_still_being_told(desk: Desk) -> None:
    gate = ledger(3)
    desk.store(gate.batch([1, 2, 3]), gate.hello(acked=3, lag=Lag(outbox=40)))
    assert desk.rows(tables.node_state, "drained_through_ms") == [(0,)]
    desk.store(gate.hello(acked=3, lag=Lag(outbox=0)))
    assert desk.rows(tables.node_state, "drained_through_ms") == [(T0_MS,)]


def test_an_anchor_is_kept_acknowledged_and_proven_against_the_chain(desk: Desk) -> None:
    gate = ledger(8)
    stored = desk.store(replace(gate.batch([1, 2, 3, 4, 5]), anchor=gate.anchor(4)))
    assert ack_of(stored).anchored == 4
    proof = only_proof(desk)
    assert (proof.anchor, proof.anchor_ms, proof.broken) == (4, T0_MS, None)
    assert proof.line().endswith("as the node signed at 4 (2026-11-21T16:00:00Z)")
    ahead = desk.store(replace(gate.batch([6]), anchor=gate.anchor(8)))
    assert ack_of(ahead).anchored == 8
    assert only_proof(desk).anchor == 4  # what is not here yet proves nothing yet


def test_an_anchor_that_contradicts_the_stored_chain_is_found(desk: Desk) -> None:
    gate, other = ledger(6), ledger(3)
    other.record(b'{"another":"life"}')
    desk.store(replace(gate.batch(range(1, 7)), anchor=other.anchor(4)))
    assert only_proof(desk).broken == 4


def test_an_anchor_its_node_did_not_sign_is_no_anchor(desk: Desk) -> None:
    gate = ledger(4)
    stored = desk.store(replace(gate.batch([1, 2]), anchor=replace(gate.anchor(2), seq=1)))
    assert (ack_of(stored).anchored, desk.rows(anchor)) == (0, [])
    assert desk.rows(tables.deadletter, "error") == [("an anchor its node has not signed",)]
