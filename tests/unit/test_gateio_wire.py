"""Packets of gate-io's socket: whatever comes, an answer and no exception."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.gateio import wire
from edge.gateio.profile import DOORS_MAX
from edge.ports import FailMode, Feedback, LockCaps, Outcome, Point
from edge.ports_io import Show

CAPS = LockCaps(FailMode.SECURE, False, Feedback.NONE, 50, 65_000, 300, 2000)
LONGEST = [f"{number:0>40}" for number in range(DOORS_MAX)]


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=wire.PACKET_MAX + 200))
def test_random_bytes_are_malformed_and_raise_nothing(packet):
    assert isinstance(wire.decode_for_gate(packet), wire.Malformed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["hello", "beat", "cmd", "snapshot", "selftest", "latch_reset", "edge", ""]),
    st.dictionaries(
        st.sampled_from(
            ["id", "verb", "door", "ms", "until_ns", "deadline_ns", "kind", "on", "seq", "protocol"]
        ),
        JSON,
    ),
)
def test_messages_of_the_right_shape_with_wrong_values_raise_nothing(kind, fields):
    packet = msgspec.json.encode({"type": kind, **fields})
    wire.decode_for_gate(packet)
    wire.decode_from_gate(packet)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"[" * 4000,
        b'{"type":"cmd"}',
        b'{"type":"beat","seq":-1}',
        b'{"type":"beat","seq":1e400}',
        b'{"type":"cmd","id":"","verb":"pulse","door":"d","deadline_ns":1,"reason":"r"}',
        b'{"type":"cmd","id":"x","verb":"open","door":"d","deadline_ns":1,"reason":"r"}',
        b'{"type":"cmd","id":"x","verb":"pulse","door":"\xff","deadline_ns":1,"reason":"r"}',
        b'{"type":"hello","protocol":1,"profile_hash":"' + b"x" * 5000 + b'"}',
    ],
)
def test_a_bad_packet_is_a_value_with_a_reason(packet):
    said = wire.decode_for_gate(packet)
    assert isinstance(said, wire.Malformed)
    assert said.reason


def test_a_field_of_the_future_is_no_mistake():
    assert wire.decode_for_gate(b'{"type":"beat","seq":3,"mood":"fine"}') == wire.Beat(3)


@pytest.mark.parametrize(
    "message",
    [
        wire.Hello(wire.PROTOCOL, "abc"),
        wire.Beat(7),
        wire.Command("i", "pulse", "gate", 5, "grant", ms=3000),
        wire.LatchReset("i", "gate", "fire", "staff-1", 9),
        wire.AskSnapshot("x"),
        wire.SelfTest("i", "gate"),
        wire.ShowIt("gate", Show.PREALARM),
    ],
)
def test_what_is_said_is_what_is_heard(message):
    assert wire.decode_for_gate(wire.encode(message)) == message


def test_the_largest_house_fits_into_one_packet():
    shot = wire.Snapshot(
        points={door: dict.fromkeys(Point, False) for door in LONGEST},
        outputs=dict.fromkeys(LONGEST, False),
        latches={door: ["evacuate", "fire"] for door in LONGEST},
        seq=2**63,
        id="f" * 32,
        silent=LONGEST,
    )
    welcome = wire.Welcome(wire.PROTOCOL, "f" * 32, "f" * 12, True, dict.fromkeys(LONGEST, CAPS))
    for message in (shot, welcome):
        assert wire.decode_from_gate(wire.encode(message)) == message


def test_an_answer_carries_its_outcome():
    answer = wire.Answer("i", Outcome.REFUSED, 5, "late")
    assert wire.decode_from_gate(wire.encode(answer)) == answer
