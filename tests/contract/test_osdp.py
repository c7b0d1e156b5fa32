"""A lock at an OSDP output: the real libosdp at both ends of a pty, each end a program or thread of its own.

What the two ends share they can misread together: the bytes themselves are judged in tests/unit/test_osdp_packets.py.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.drivers.inputs import osdp as inputs
from edge.drivers.locks import osdp_output as locks
from edge.drivers.osdp_peer import Command
from edge.ports import Feedback, Outcome, Point
from edge.ports_io import Show
from tests.fakes.osdp_house import OFF, OFF_AFTER, ON, TEMPORARILY_OFF, TEMPORARILY_ON, Bench, codes
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.alone


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


def test_the_first_word_to_a_lock_is_its_rest_and_it_is_read_back(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    assert codes(reader) == [OFF]
    (link,) = lock.links()
    assert (link.online, link.energised) == (True, False)
    assert lock.driver.feedback is Feedback.COIL
    assert lock.driver.self_timed_pulse
    assert (
        lock.driver.selftest()
        == "gate: output 0 of OSDP reader 0 answers over its secure channel; it is off."
    )


def test_a_pulse_is_one_command_and_the_reader_ends_it(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    assert lock.answer(lock.ask(True, 1200)).outcome is Outcome.DONE
    assert reader.on()
    reader.wait(lambda: not reader.on(), "the reader to end the pulse")
    assert codes(reader) == [OFF, TEMPORARILY_ON]
    assert reader.orders(Command.OUTPUT)[-1]["timer_count"] == 12
    eventually(lambda: lock.driver.selftest().endswith("it is off."), what="the end was not read back")
    assert lock.linked()


def test_the_resting_level_pre_empts_a_pulse(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    lock.answer(lock.ask(True, 20_000))
    assert lock.answer(lock.ask(False)).outcome is Outcome.DONE
    assert not reader.on()
    assert codes(reader)[-1] == OFF


def test_a_level_that_lasts_is_lent_to_the_reader_and_renewed(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    assert lock.answer(lock.ask(True)).outcome is Outcome.DONE
    lent = reader.orders(Command.OUTPUT)[1]
    assert (lent["control_code"], lent["timer_count"]) == (TEMPORARILY_ON, locks.LEASE_MS // locks.UNIT_MS)
    reader.wait(lambda: codes(reader) == [OFF, TEMPORARILY_ON, TEMPORARILY_ON], "the renewal")
    assert reader.on()


def test_a_pulse_longer_than_the_librarys_counter_is_cut_before_it_wraps(bench):
    """16 bits on the line, 8 in libosdp's Python half: 300 tenths would become 44, and 256 would become for ever."""
    reader = bench.reader()
    lock = bench.lock().meet()
    lock.answer(lock.ask(True, 30_000))
    assert reader.orders(Command.OUTPUT)[-1]["timer_count"] == locks.COUNT_MAX == 255


def test_a_late_ask_is_refused_and_never_sent(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    told = lock.answer(lock.ask(True, 1000, within_ns=-1))
    assert (told.outcome, told.detail) == (Outcome.REFUSED, "too late to be sent")
    assert codes(reader) == [OFF]


def test_locking_is_never_too_late(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    assert lock.answer(lock.ask(False, within_ns=-1)).outcome is Outcome.DONE
    assert codes(reader) == [OFF, OFF]


def test_a_newer_ask_takes_the_place_of_every_older_one(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    with lock.driver.bus._lock:  # the bus thread stands still; asking must not
        older, newer = lock.ask(True, 5000), lock.ask(False)
    assert lock.answer(newer).outcome is Outcome.DONE
    assert lock.answer(older).outcome is Outcome.REFUSED
    assert codes(reader) == [OFF, OFF]


def test_nothing_gate_io_calls_waits_for_the_bus(bench):
    bench.reader()
    lock, cards = bench.lock().meet(), bench.cards()
    contact, light = bench.inputs(contact=inputs.OsdpPoint(0)), bench.lights()
    with lock.driver.bus._lock:  # as if the line hung: any of these that took the lock would hang too
        lock.ask(True, 500)
        assert lock.driver.told() == []
        assert cards.reads() == []
        assert cards.online
        assert contact.edges() is not None
        assert Point.CONTACT in contact.levels()
        light.show(Show.GRANTED)
        lock.driver.selftest()


def test_an_output_the_reader_does_not_have_is_refused_with_what_it_has(bench):
    reader = bench.reader("--outputs", "1")
    lock = bench.lock(output=1)
    eventually(lambda: lock.driver.peer.online, what="the reader never answered")
    told = lock.answer(lock.ask(True, 500))
    assert (told.outcome, told.detail) == (Outcome.REFUSED, "the reader has 1 outputs")
    assert "does not exist" in lock.driver.selftest()
    assert codes(reader) == []


def test_a_reader_that_does_not_say_how_its_outputs_stand_is_believed_by_its_acknowledgement(bench):
    reader = bench.reader("--refuse", str(int(Command.STATUS)))
    lock = bench.lock().meet()
    assert lock.driver.feedback is Feedback.NONE
    assert lock.links()[-1].energised is None
    assert lock.answer(lock.ask(True, 5000)).outcome is Outcome.DONE
    assert reader.on()


def test_closing_leaves_the_dead_level(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    lock.answer(lock.ask(True, 20_000))
    lock.driver.close()
    lock.driver.close()
    reader.wait(lambda: not reader.on(), "the dead level")
    assert codes(reader)[-1] == OFF


def test_a_lock_that_is_opened_only_to_be_closed_is_driven_dead(bench):
    """What gate-io does after it was killed: it does not know yet whether the reader answers."""
    reader = bench.reader()
    lock = bench.lock()
    lock.driver.close()
    reader.wait(lambda: codes(reader) == [OFF], "the dead level")


def test_a_signed_maglock_is_on_without_us_and_its_release_ends_in_the_reader(bench):
    reader = bench.reader()
    lock = bench.lock(dead=True, rest=True).meet()
    assert lock.driver.self_timed_pulse
    assert reader.on()
    assert lock.answer(lock.ask(False, 1200)).outcome is Outcome.DONE
    assert not reader.on()
    reader.wait(reader.on, "the reader to end the release")
    assert codes(reader) == [ON, TEMPORARILY_OFF]


def test_an_unsigned_maglock_is_only_lent_its_current(bench):
    reader = bench.reader()
    lock = bench.lock(rest=True)
    assert not lock.driver.self_timed_pulse
    lock.ask(True)
    lock.meet()
    # Off for ever once the time has run out, on for a time; then the same because it was asked for.
    reader.wait(lambda: codes(reader) == [OFF_AFTER, TEMPORARILY_ON, TEMPORARILY_ON], "the current")
    assert reader.on()
    assert lock.answer(lock.ask(False)).outcome is Outcome.DONE
    assert codes(reader)[-1] == OFF
    assert lock.answer(lock.ask(True)).outcome is Outcome.DONE
    assert reader.on()
