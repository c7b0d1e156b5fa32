"""What a wire makes of bytes: late answers, noise and refusals, cut anywhere."""

import itertools
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from edge.drivers.bus_plan import LockPlan
from edge.drivers.modbus_bus import Bus
from edge.drivers.modbus_station import SPAN_MAX, LockSlot, spans
from edge.drivers.modbus_wire import (
    OFF,
    ON,
    READ_COILS,
    READ_INPUTS,
    WRITE_COIL,
    BusSettings,
    Question,
    TooLate,
    Wire,
    WireBroken,
    WireRefusal,
    WireSilent,
)
from edge.drivers.outbox import Outbox
from edge.ports import Outcome
from edge.ports_io import Ask, BusTold

RTU, SOCKET = FramerRTU(DecodePDU(False)), FramerSocket(DecodePDU(False))
REST, UNLOCK = Question(1, WRITE_COIL, 0, OFF), Question(1, WRITE_COIL, 0, ON)
READ = Question(1, READ_COILS, 0, 8)
TIMEOUT_S = 0.03


class ScriptedLine:
    """A line that answers with these chunks and then says nothing, or breaks."""

    def __init__(self, chunks: list[bytes], *, breaks: bool = False, how: type[OSError] = OSError) -> None:
        self._how = how
        self.sent: list[bytes] = []
        self._chunks = chunks
        self._breaks = breaks
        self._out, self._in = os.pipe()
        if chunks or breaks:
            os.write(self._in, b"x")
        self.closed = False

    def fileno(self) -> int:
        return self._out

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)

    def receive(self) -> bytes:
        if not self._chunks:
            raise self._how("gone")
        chunk = self._chunks.pop(0)
        if not self._chunks and not self._breaks:
            os.read(self._out, 1)
        return chunk

    def flush(self) -> None:
        pass

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self._out)
            os.close(self._in)


def ask(question: Question, chunks: list[bytes], *, rtu: bool = True, breaks: bool = False, not_after=None):
    wire = Wire(BusSettings(serial=Path("/dev/null")) if rtu else BusSettings(host="127.0.0.1"))
    line = ScriptedLine(chunks, breaks=breaks)
    wire._line = line
    try:
        return wire.exchange(question, TIMEOUT_S, not_after), line
    finally:
        wire.close()
        line.close()


def rtu(payload: bytes, unit: int = 1) -> bytes:
    return RTU.encode(payload, unit, 0)


def tcp(payload: bytes, tid: int, unit: int = 1) -> bytes:
    return SOCKET.encode(payload, unit, tid)


BITS = rtu(bytes([READ_COILS, 1, 0b101]))
EIGHT = [True, False, True, False, False, False, False, False]


@given(st.lists(st.integers(0, 40), max_size=6))
@settings(deadline=None)
def test_late_answers_before_ours_are_passed_over_wherever_the_bytes_are_cut(cuts):
    late = [rtu(UNLOCK.payload), rtu(bytes([READ_INPUTS, 1, 0xFF])), rtu(READ.payload[:1] + b"\1\1", unit=7)]
    data = b"".join([*late, BITS])
    edges = [0, *sorted({min(cut, len(data)) for cut in cuts} | {len(data)})]
    chunks = [data[a:b] for a, b in itertools.pairwise(edges) if a < b]
    assert ask(READ, chunks)[0] == EIGHT


@given(st.binary(max_size=64))
@settings(max_examples=50, deadline=None)
def test_noise_is_never_taken_for_an_answer_to_a_write(noise):
    with pytest.raises((WireSilent, WireRefusal)):
        ask(REST, [noise] if noise else [])


@pytest.mark.parametrize("noise", [b"\0", b"\xff\xff", b"\0\0\0"])
def test_an_answer_behind_a_little_noise_is_found(noise):
    assert ask(READ, [noise + BITS])[0] == EIGHT


def test_the_echo_of_another_write_is_no_answer():
    with pytest.raises(WireSilent):
        ask(REST, [rtu(UNLOCK.payload)])
    assert ask(REST, [rtu(UNLOCK.payload) + rtu(REST.payload)])[0] == []


def test_a_transaction_number_tells_an_answer_from_a_late_one():
    late, ours = bytes([READ_COILS, 1, 0]), bytes([READ_COILS, 1, 0b101])
    assert ask(READ, [tcp(late, 77) + tcp(ours, 1)], rtu=False)[0] == EIGHT


def test_a_refusal_names_the_function_and_the_address_and_leaves_the_line_open():
    with pytest.raises(WireRefusal, match=r"refuses function 5 at address 0 \(exception 2\)"):
        ask(REST, [rtu(bytes([WRITE_COIL | 0x80, 2]))])


def test_silence_and_a_break_close_the_line():
    # TimeoutError: the kernel gave the peer up (ETIMEDOUT).
    for breaks, how, error in (
        (False, OSError, WireSilent),
        (True, OSError, WireBroken),
        (True, TimeoutError, WireBroken),
    ):
        wire = Wire(BusSettings(host="127.0.0.1"))
        line = ScriptedLine([], breaks=breaks, how=how)
        wire._line = line
        with pytest.raises(error):
            wire.exchange(REST, TIMEOUT_S)
        assert line.closed
        assert not wire.is_open


def test_what_may_not_be_sent_any_more_is_not_sent():
    wire = Wire(BusSettings(host="127.0.0.1"))
    line = ScriptedLine([])
    wire._line = line
    with pytest.raises(TooLate):
        wire.exchange(UNLOCK, TIMEOUT_S, not_after_ns=time.monotonic_ns())
    assert line.sent == []
    assert wire.is_open
    wire.close()


@pytest.fixture
def dead_peer():
    """A bus in contact with one lock, whose next exchange ends with ETIMEDOUT."""
    bus = Bus(BusSettings(host="127.0.0.1"))
    now = time.monotonic_ns()
    slot = LockSlot(0, None, LockPlan(False, now, supervise_ns=10**9), Outbox(8, list))
    bus.add(bus.settings, slot)
    bus._stations[1].heard(now)
    bus._wire._line = ScriptedLine([], breaks=True, how=TimeoutError)
    yield bus, slot
    bus._wire.close()
    os.close(bus._wake)


def test_a_peer_that_the_kernel_gave_up_during_a_poll_is_a_lost_connection(dead_peer):
    bus, _ = dead_peer
    bus._poll(bus._stations[1], READ)
    assert not bus._stations[1].in_contact
    assert not bus._wire.is_open


def test_an_unlock_that_was_sent_to_such_a_peer_may_still_happen(dead_peer):
    bus, slot = dead_peer
    now = time.monotonic_ns()
    slot.plan.reach()
    for answer in (slot.plan.done, lambda at: slot.plan.read(False, at)):  # at rest, and read back
        assert slot.plan.next(now) is not None
        answer(now)
    slot.plan.ask(Ask(1, True, None, now + 60 * 10**9, rest=False), now)
    step = slot.plan.next(now)
    assert step is not None
    bus._carry_out(bus._stations[1], slot, step)
    told = [one for one in slot.plan.told() if isinstance(one, BusTold)]
    assert [(one.seq, one.outcome) for one in told] == [(1, Outcome.TIMEOUT_UNKNOWN)]


def test_a_board_that_is_not_there_is_one_sentence():
    wire = Wire(BusSettings(serial=Path("/dev/no-such-port")))
    with pytest.raises(WireBroken, match="/dev/no-such-port cannot be reached"):
        wire.open()


@given(st.sets(st.integers(0, 400), min_size=1, max_size=40))
def test_the_reads_of_a_poll_cover_every_address_and_none_twice(addresses):
    found = spans(addresses)
    covered = [address for first, count in found for address in range(first, first + count)]
    assert set(covered) >= addresses
    assert len(set(covered)) == len(covered)
    assert all(1 <= count <= SPAN_MAX for _, count in found)
    assert {first for first, _ in found} <= addresses
