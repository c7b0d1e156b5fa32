"""What shares an OSDP line with a lock: readers, inputs, lights, and other devices."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.drivers.indicators import osdp as lights
from edge.drivers.inputs import osdp as inputs
from edge.drivers.osdp_keys import new_key
from edge.drivers.osdp_peer import Command
from edge.errors import HardwareError
from edge.ports import LineEdge, Outcome, Point
from edge.ports_io import Show
from tests.fakes.osdp_house import (
    Bench,
    pass_time,
)
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.alone


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


def collected(take: Callable[[], list[object]], how_many: int) -> list[object]:
    found: list[object] = []

    def enough() -> bool:
        found.extend(take())
        return len(found) >= how_many

    eventually(enough, what=f"only {len(found)} came")
    return found


def test_cards_and_whole_keypad_entries_are_read(bench):
    reader = bench.reader()
    cards = bench.cards()
    eventually(lambda: cards.online, what=cards.selftest())
    before = time.monotonic_ns()
    reader.do("card 26 12345640")
    reader.do("keys 99*123456#")
    reader.do("card 32 DEADBEEF")
    reads = collected(cards.reads, 3)
    assert [(read.kind, read.data) for read in reads] == [
        ("card", "26:12345640"),
        ("keys", "123456"),
        ("card", "32:deadbeef"),
    ]
    assert all(before < read.t_ns <= time.monotonic_ns() for read in reads)


def test_what_was_shown_is_printed_nowhere(bench, capfd, caplog):
    reader = bench.reader()
    cards = bench.cards()
    eventually(lambda: cards.online, what=cards.selftest())
    reader.do("card 32 DEADBEEF")
    reader.do("keys 271828#")
    collected(cards.reads, 2)
    bench.line.plug(False)
    eventually(lambda: not cards.online, what="silence was not noticed")
    bench.line.plug(True)
    eventually(lambda: cards.online, what=cards.selftest())
    printed = "".join(capfd.readouterr()) + caplog.text
    assert "deadbeef" not in printed.lower()
    assert "271828" not in printed
    assert bench.key_file.read_text().strip() not in printed


def test_only_the_newest_sixteen_reads_wait(bench):
    reader = bench.reader()
    cards = bench.cards()
    eventually(lambda: cards.online, what=cards.selftest())
    for number in range(20):
        reader.do(f"card 32 {number:08x}")
    eventually(
        lambda: [read.data for read in cards._mail._items][-1:] == ["32:00000013"], what="the last card"
    )
    assert [int(read.data[3:], 16) for read in cards.reads()] == list(range(4, 20))


def test_inputs_are_unknown_until_they_are_told_and_again_when_the_reader_is_silent(bench):
    reader = bench.reader()
    door = bench.inputs(contact=inputs.OsdpPoint(0, active=False), rex=inputs.OsdpPoint(1))
    assert door.levels() == {Point.CONTACT: None, Point.REX: None}
    eventually(lambda: None not in door.levels().values(), what="the first levels")
    assert door.levels() == {Point.CONTACT: True, Point.REX: False}
    door.edges()
    reader.do("inputs 1,1,0,0")
    edges = collected(door.edges, 2)
    assert {(edge.point, edge.level) for edge in edges} == {(Point.CONTACT, False), (Point.REX, True)}
    bench.line.plug(False)
    silent = collected(door.edges, 2)
    assert {edge.level for edge in silent if isinstance(edge, LineEdge)} == {None}
    bench.line.plug(True)
    back = collected(door.edges, 2)
    assert {(edge.point, edge.level) for edge in back} == {(Point.CONTACT, False), (Point.REX, True)}


def test_a_change_that_was_never_told_is_found_by_asking(bench):
    reader = bench.reader()
    door = bench.inputs(fire=inputs.OsdpPoint(2))
    eventually(lambda: door.levels()[Point.FIRE] is False, what="the first level")
    reader.do("quietly 0,0,1,0")
    eventually(lambda: door.levels()[Point.FIRE] is True, what="fire")


def test_a_supervised_input_that_is_cut_is_not_known(bench):
    reader = bench.reader()
    door = bench.inputs(contact=inputs.OsdpPoint(0), bolt=inputs.OsdpPoint(9))
    eventually(lambda: door.levels()[Point.CONTACT] is False, what="the first level")
    reader.do("inputs 2,0,0,0")
    eventually(lambda: door.levels()[Point.CONTACT] is None, what="the cut wire")
    assert door.levels()[Point.BOLT] is None


def test_the_readers_own_tamper_and_supply_are_points_of_the_door(bench):
    reader = bench.reader()
    door = bench.inputs(own_tamper=True, own_power=True)
    eventually(lambda: door.levels() == {Point.TAMPER: False, Point.POWER: False}, what="the first levels")
    reader.do("tamper 1")
    eventually(lambda: door.levels() == {Point.TAMPER: True, Point.POWER: False}, what="tamper")


def test_lights_and_beeps_follow_what_is_shown_and_end_dark(bench):
    reader = bench.reader()
    light = bench.lights()
    reader.wait(lambda: reader.orders(Command.LED), "the idle light")
    light.show(Show.GRANTED)
    reader.wait(lambda: reader.orders(Command.BUZZER), "the beep")
    led, beep = reader.orders(Command.LED)[-1], reader.orders(Command.BUZZER)[-1]
    assert (led["on_color"], led["temporary"]) == (lights.Colour.GREEN, False)
    assert (beep["control_code"], beep["rep_count"]) == (lights.TONE, 1)
    light.close()
    light.close()
    assert reader.orders(Command.LED)[-1]["on_color"] == lights.Colour.NONE
    assert reader.orders(Command.BUZZER)[-1]["control_code"] == lights.SILENT


def test_an_alarm_is_shown_again_after_the_reader_was_away_and_a_beep_is_not(bench):
    first = bench.reader()
    light = bench.lights()
    light.show(Show.ALARM)
    first.wait(lambda: first.orders(Command.BUZZER), "the alarm")
    first.kill()
    second = bench.reader()
    second.wait(lambda: second.orders(Command.BUZZER), "the alarm again")
    assert second.orders(Command.LED)[-1]["on_color"] == lights.Colour.RED
    light.show(Show.DENIED)
    second.wait(lambda: len(second.orders(Command.BUZZER)) == 2, "three beeps")
    second.kill()
    third = bench.reader()
    third.wait(lambda: third.orders(Command.LED), "the light again")
    light.show(Show.GRANTED)
    third.wait(lambda: third.orders(Command.BUZZER), "one beep")
    assert [beep["rep_count"] for beep in third.orders(Command.BUZZER)] == [1]


def test_a_light_the_reader_refuses_costs_the_lock_one_session_and_no_more(bench):
    reader = bench.reader("--refuse", str(int(Command.LED)))
    lock, light = bench.lock().meet(), bench.lights()
    reader.wait(lambda: reader.orders(Command.LED), "the light")
    eventually(lambda: light._cannot == {Command.LED}, what="it was not noticed")
    for _ in range(3):
        light.show(Show.DENIED)
        assert lock.meet().answer(lock.ask(False)).outcome is Outcome.DONE
    assert len(reader.orders(Command.LED)) == 1


# --- the bus -----------------------------------------------------------------------------------------------------


def test_two_readers_share_a_line_and_the_silence_of_one_is_not_the_others(bench):
    bench.wire(2)
    first, second = bench.reader("--address", "1"), bench.reader("--address", "2", at=1)
    one, two = bench.lock(address=1).meet(), bench.lock(address=2).meet()
    assert one.driver.bus is two.driver.bus
    assert two.answer(two.ask(True, 10_000)).outcome is Outcome.DONE
    assert (first.on(), second.on()) == (False, True)
    first.kill()
    eventually(lambda: not one.linked(), what="silence was not told")
    assert two.answer(two.ask(False)).outcome is Outcome.DONE
    assert [link.online for link in two.links()] == [True]


@pytest.mark.parametrize("baud", [9600, 38_400])
def test_a_line_that_is_as_slow_as_its_baud_rate_loses_no_session(bench, baud):
    bench.wire(1, baud)
    reader = bench.reader("--baud", str(baud))
    lock, cards = bench.lock(baud=baud).meet(), bench.cards(baud=baud)
    contact, light = bench.inputs(baud=baud, contact=inputs.OsdpPoint(0)), bench.lights(baud=baud)
    for _ in range(5):
        light.show(Show.GRANTED)
        reader.do("card 26 12345640")
        assert lock.answer(lock.ask(True, 2000)).outcome is Outcome.DONE
        light.show(Show.IDLE)
        assert lock.answer(lock.ask(False)).outcome is Outcome.DONE
    assert len(collected(cards.reads, 5)) == 5
    assert contact.levels() == {Point.CONTACT: False}
    assert [link.online for link in lock.links()] == [True]


def test_silent_readers_beside_it_cost_a_reader_no_session(bench):
    """Each of them holds the line for 200 ms a second while it is asked whether it is there."""
    bench.reader("--address", "3")
    there = bench.lock(address=3).meet()
    missing = [bench.lock(address=address) for address in (1, 2)]
    eventually(lambda: all(lock.links() for lock in missing), what="silence was not told")
    pass_time(3)
    assert [link.online for link in there.links()] == [True]
    # On a loaded machine the reader's program may lose an answer; every ask has one all the same.
    answers = [there.answer(there.ask(True, 1000)).outcome for _ in range(3)]
    assert Outcome.DONE in answers
    assert set(answers) <= {Outcome.DONE, Outcome.TIMEOUT_UNKNOWN}


def test_a_port_has_one_baud_rate_and_a_reader_one_key(bench, tmp_path):
    bench.reader()
    lock = bench.lock().meet()
    with pytest.raises(HardwareError, match="baud: is 38400 and 9600"):
        bench.cards(baud=9600)
    new_key(tmp_path / "other.key")
    bench.key_file = tmp_path / "other.key"
    with pytest.raises(HardwareError, match="address 0: is given two keys"):
        bench.cards()
    assert lock.answer(lock.ask(False)).outcome is Outcome.DONE


def test_a_port_that_is_plugged_in_later_is_taken_then(bench, tmp_path, caplog):
    bench.reader()
    there, bench.line.panel = bench.line.panel, str(tmp_path / "tty")
    lock = bench.lock()
    assert f"OSDP port {tmp_path}/tty cannot be opened" in caplog.text
    eventually(lambda: any(not link.online for link in lock.links()), what="nothing was told")
    assert "its port is not there" in lock.driver.selftest()
    (tmp_path / "tty").symlink_to(there)
    lock.meet()


def test_a_reader_without_its_key_keeps_no_door_from_opening(bench, tmp_path):
    bench.key_file = tmp_path / "none"
    with pytest.raises(HardwareError, match="is no readable key file"):
        bench.cards()


def test_the_bus_thread_is_no_real_time_thread_and_nothing_is_left_behind(bench, monkeypatch):
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(
        os,
        "sched_setscheduler",
        lambda pid, policy, _: asked.append((threading.current_thread().name, policy)),
    )
    bench.reader()
    before, fds = set(threading.enumerate()), set(Path("/proc/self/fd").iterdir())
    lock, cards = bench.lock().meet(), bench.cards()
    contact, light = bench.inputs(contact=inputs.OsdpPoint(0)), bench.lights()
    (thread,) = set(threading.enumerate()) - before
    assert asked == [(thread.name, os.SCHED_OTHER)]  # gate-io's timing thread would hand down its own
    for part in (cards, contact, light, lock.driver):
        part.close()
    assert set(threading.enumerate()) == before
    assert set(Path("/proc/self/fd").iterdir()) == fds
