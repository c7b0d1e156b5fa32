"""Both ends of the conversation, the chain, the root and the topics: what each promises by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.protocol import chain, merkle
from cloud_sync.protocol.gate_peer import RTO_FIRST_S, RTO_MAX_S, STALLED_AFTER, WINDOW, GatePeer
from cloud_sync.protocol.messages import (
    BATCH_EVENTS_MAX,
    BadMessage,
    Batch,
    Cred,
    Hello,
    PassRow,
    Tombstone,
    decode,
)
from cloud_sync.protocol.sink_peer import MISSING_MAX, SinkPeer
from cloud_sync.protocol.topics import UP, NodeTopics, parse_up
from cloud_sync.protocol.versions import WIRE_VERSION, WIRE_VERSION_MIN, common_version


def gate(head: int = 0, **more: object) -> GatePeer:
    return GatePeer("e", head=head, **more)


def test_a_gate_never_has_more_than_its_window_in_flight() -> None:
    peer = gate(head=5_000)
    while due := peer.due():
        assert len(due) <= BATCH_EVENTS_MAX
        peer.sending(due.stop - 1, 0.0)
    assert peer.sent == WINDOW


def test_no_progress_sends_everything_again_and_waits_longer_each_time() -> None:
    peer, now_s, waits = gate(head=10), 0.0, []
    for _ in range(6):
        peer.sending(10, now_s)
        waits.append(peer.rto_s)
        now_s += peer.rto_s
        assert peer.tick(now_s)
        assert peer.due() == (range(1, 2) if peer.stalled else range(1, 11))
    assert waits == [RTO_FIRST_S, 6.0, 12.0, 24.0, RTO_MAX_S, RTO_MAX_S]
    peer.on_ack("e", 4, "", refuse=None, now_s=now_s)
    assert peer.rto_s == RTO_FIRST_S


def test_after_five_time_outs_in_a_row_events_go_one_by_one_until_one_gets_through() -> None:
    peer, now_s = gate(head=300), 0.0
    for _ in range(STALLED_AFTER):
        assert len(peer.due()) == BATCH_EVENTS_MAX
        peer.sending(100, now_s)
        now_s += peer.rto_s
        peer.tick(now_s)
    assert peer.stalled
    assert peer.due() == range(1, 2)
    peer.sending(1, now_s)
    peer.on_ack("e", 1, "", refuse=None, now_s=now_s)
    assert not peer.stalled
    assert len(peer.due()) == BATCH_EVENTS_MAX


def test_what_the_sink_misses_goes_first_and_once_for_each_time_out() -> None:
    peer = gate(head=900)
    for through in (100, 200, 300):
        peer.sending(through, 0.0)
    said = {"refuse": None, "missing": [(101, 250), (800, 900)]}
    peer.on_ack("e", 100, "", now_s=1.0, **said)
    assert peer.due() == range(101, 201)
    peer.sending(200, 1.0)
    assert peer.due() == range(201, 251)
    peer.sending(250, 1.0)
    assert peer.due() == range(301, 401)  # what was never sent is not missing
    peer.on_ack("e", 100, "", now_s=1.5, **said)
    assert peer.due() == range(301, 401)
    peer.on_ack("e", 100, "", now_s=1.0 + RTO_FIRST_S, **said)
    assert peer.due() == range(101, 201)


def test_a_hole_may_reach_further_than_was_due() -> None:
    peer = gate(head=9_000)
    peer.sending(7_000, 0.0)
    assert not peer.due()
    peer.on_ack("e", 7_000, "", refuse=None, now_s=0.0)
    assert peer.due() == range(7_001, 7_101)


def test_a_sink_that_holds_more_than_was_recorded_has_met_a_copy_of_this_node() -> None:
    peer = gate(head=10, acked=4)
    assert not peer.on_ack("e", 12, "", refuse=None, now_s=0.0)
    assert (peer.outdone, peer.acked) == (True, 4)
    peer.on_ack("e", 5, "", refuse=None, now_s=0.0)
    assert not peer.outdone


@pytest.mark.parametrize(
    ("speaks", "version", "refused"),
    [((1, 1), 1, None), ((9, 2), 2, None), ((9, 9), 1, "version"), ((0, 0), 1, "version")],
)
def test_the_gate_judges_the_sinks_versions_as_the_sink_judges_its(
    speaks: tuple[int, int], version: int, refused: str | None
) -> None:
    peer = gate(head=10)
    peer.on_ack("e", 0, "g", refuse=None, now_s=0.0, speaks=speaks)
    assert (peer.version, peer.refused, bool(peer.due())) == (version, refused, refused is None)


def test_nothing_in_flight_never_times_out() -> None:
    assert not gate(head=3, acked=3).tick(1e9)


def test_late_and_foreign_acks_are_ignored() -> None:
    peer = gate(head=10, acked=6, sink_gen="g")
    assert not peer.on_ack("e", 4, "g", refuse=None, now_s=0.0)
    assert not peer.on_ack("other", 9, "g", refuse="version", now_s=0.0)
    assert not peer.on_ack("e", 11, "g", refuse=None, now_s=0.0)
    assert (peer.acked, peer.refused) == (6, None)


def test_another_generation_is_believed_even_if_it_takes_the_ack_back() -> None:
    peer = gate(head=10, acked=10, sink_gen="g")
    assert peer.on_ack("e", 2, "g.1", refuse=None, now_s=0.0)
    assert (peer.acked, peer.sink_gen, peer.due()) == (2, "g.1", range(3, 11))


def test_a_refused_gate_goes_on_recording_and_sends_when_it_may_again() -> None:
    peer = gate(head=3)
    peer.on_ack("e", 0, "g", refuse="version", now_s=0.0)
    peer.recorded(9)
    assert not peer.due()
    peer.on_ack("e", 0, "g", refuse=None, now_s=0.0)
    assert peer.due() == range(1, 10)


def test_an_ack_names_at_most_so_many_gaps_oldest_first() -> None:
    peer = SinkPeer()
    peer.store(list(range(2, 200, 2)))
    assert peer.missing() == [(seq, seq) for seq in range(1, 2 * MISSING_MAX, 2)]


def test_a_closed_range_joins_what_lies_on_both_sides() -> None:
    peer = SinkPeer()
    peer.store([1, 2, 9, 10])
    peer.close(5, 8)
    assert (peer.upto, peer.missing()) == (2, [(3, 4)])
    assert peer.fresh([4, 5, 8, 9, 11]) == [4, 11]
    peer.store([3, 4])
    assert (peer.upto, peer.missing(), peer.above, peer.closed) == (10, [], set(), [])


# --- numbers that fit nowhere --------------------------------------------------------------------------------


@pytest.mark.parametrize("seq", [0, -1, 2**63, 10**40])
def test_a_number_no_database_can_hold_is_refused_as_a_frame(seq: int) -> None:
    with pytest.raises(BadMessage):
        decode(b'{"v":1,"n":"n","e":"e","ev":[[%d,{},"h"]]}' % seq, Batch)
    with pytest.raises(BadMessage):
        decode(b'{"lo":%d,"hi":%d,"reason":"r","h":"%s"}' % (seq, seq, b"0" * 64), Tombstone)


@given(st.binary(max_size=300), st.sampled_from([Batch, Hello]))
def test_noise_is_a_bad_message_and_nothing_else(noise: bytes, kind: type) -> None:
    with pytest.raises(BadMessage):
        decode(noise, kind)


# --- chain and root ------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=12), st.data())
def test_any_change_in_a_ledger_is_found_where_it_was_made(bodies: list[bytes], data: st.DataObject) -> None:
    rows, h = [], chain.start("n", "e")
    for seq, body in enumerate(bodies, start=1):
        h = chain.link(h, chain.digest(body))
        rows.append((seq, chain.digest(body), h))
    assert chain.first_break("n", "e", rows) is None
    at = data.draw(st.integers(0, len(rows) - 1))
    seq, _, own = rows[at]
    assert chain.first_break(
        "n", "e", [*rows[:at], (seq, chain.digest(b"another"), own), *rows[at + 1 :]]
    ) in (
        seq,
        None if bodies[at] == b"another" else seq,
    )
    if at < len(rows) - 1:
        assert chain.first_break("n", "e", rows[:at] + rows[at + 1 :]) == seq


passes = st.builds(
    PassRow,
    pass_id=st.text("0123456789ABCDEF", min_size=1, max_size=6),
    pass_version=st.integers(1, 9),
    subject_ref=st.just("r"),
    cls=st.just("guest"),
    state=st.sampled_from(["ARMED", "REVOKED"]),
    scope=st.lists(st.sampled_from(["AP-1", "AP-2"]), max_size=2),
    schedule=st.just("always"),
    not_before=st.integers(0, 9),
    not_after=st.integers(0, 9),
    prereq=st.integers(0, 15),
    policy=st.just(1),
    creds=st.lists(st.builds(Cred, st.just("qr"), st.just("00"), st.binary(max_size=4)), max_size=2),
)
sets = st.lists(passes, max_size=12, unique_by=lambda row: row.pass_id)


@given(sets, st.randoms(use_true_random=False))
def test_the_root_knows_the_set_and_not_its_order(rows: list[PassRow], rng: object) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert merkle.root(7, shuffled) == merkle.root(7, rows)
    assert merkle.pack(shuffled) == merkle.pack(rows)
    assert merkle.root(8, rows) != merkle.root(7, rows)


@given(sets, sets)
def test_different_sets_have_different_roots(one: list[PassRow], other: list[PassRow]) -> None:
    same = merkle.pack(one) == merkle.pack(other)
    assert (merkle.root(7, one) == merkle.root(7, other)) is same


# --- topics, versions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", UP)
def test_a_topic_taken_apart_is_the_one_that_was_made(kind: str) -> None:
    address = parse_up(NodeTopics("dongfang", "n0042").up(kind))
    assert address is not None
    assert (address.tenant, address.node, address.kind) == ("dongfang", "n0042", kind)


@pytest.mark.parametrize(
    "topic",
    [
        "ac/v1/dongfang/d/n0042/ack",
        "ac/v1/dongfang/n/n0042/other",
        "ac/v1/dongfang/n//ev",
        "ac/v1/dongfang/n/n 42/ev",
        "ac/v1//n/n0042/ev",
        "ac/v2/dongfang/n/n0042/ev",
        "ac/v1/dongfang/n/n0042/ev/more",
        "",
    ],
)
def test_what_no_node_says_is_nobodys_topic(topic: str) -> None:
    assert parse_up(topic) is None


@pytest.mark.parametrize("name", ["", "a/b", "a+", "#", "a b", "a\0"])
def test_a_name_that_would_leave_its_place_in_a_topic_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be part of a topic"):
        NodeTopics("dongfang", name)


def test_versions_meet_at_the_lower_one_or_not_at_all() -> None:
    assert common_version(WIRE_VERSION, WIRE_VERSION_MIN) == WIRE_VERSION
    assert common_version(WIRE_VERSION + 5, WIRE_VERSION) == WIRE_VERSION
    assert common_version(WIRE_VERSION + 5, WIRE_VERSION + 1) is None
    assert common_version(WIRE_VERSION_MIN - 1, 0) is None
