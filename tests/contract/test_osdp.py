"""OSDP readers over a pty with the real libosdp at both ends, each end a program or thread of its own.

What the two ends share they can misread together: the bytes themselves are judged in tests/unit/test_osdp_packets.py.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.core.events import AccessPointId
from edge.drivers import osdp_bus
from edge.drivers.indicators import osdp as lights
from edge.drivers.inputs import osdp as inputs
from edge.drivers.locks import osdp_output as locks
from edge.drivers.osdp_keys import FACTORY_KEY, new_key
from edge.drivers.osdp_peer import Command
from edge.drivers.readers import osdp as readers
from edge.errors import ConfigError, HardwareError
from edge.ports import Feedback, LineEdge, Outcome, Point
from edge.ports_io import Ask, BusLink, BusTold, Show
from tests.fakes import osdp_bench
from tests.fakes.osdp_packets import PDCAP, SECURITY, decode, encode
from tests.fakes.waiting import eventually

GATE = AccessPointId("gate")
MS = 1_000_000
LONG_NS = 400 * MS  # a deadline that is met on a busy machine, and shorter than a driver may be late

TEMPORARILY_ON, TEMPORARILY_OFF, OFF, ON, ON_AFTER = 5, 6, 1, 2, 4


class Bench:
    """One line, its key, and whatever a test opens on it; all of it is closed again."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.key_file = folder / "reader.key"
        new_key(self.key_file)
        self._stack = stack
        self.wire(1)

    def wire(self, how_many: int) -> None:
        self.line = self._stack.enter_context(osdp_bench.line(readers=how_many))

    def reader(self, *more: str, key_file: Path | None = None, at: int = 0) -> osdp_bench.Reader:
        made = osdp_bench.reader(self.line.readers[at], key_file or self.key_file, *more)
        return self._stack.enter_context(made)

    def lock(self, *, dead: bool = False, **more: object) -> "Lock":
        settings = locks.OsdpOutputSettings(self.line.panel, self.key_file, **more)  # type: ignore[arg-type]
        made = locks.open_lock(settings, GATE, energised=dead, dead=dead)
        self._stack.callback(made.close)
        return Lock(made)

    def cards(self, **more: object) -> readers.OsdpReader:
        settings = readers.OsdpReaderSettings(self.line.panel, self.key_file, **more)  # type: ignore[arg-type]
        made = readers.open_reader(settings, GATE)
        self._stack.callback(made.close)
        return made

    def inputs(self, **more: object) -> inputs.OsdpInputs:
        settings = inputs.OsdpInputsSettings(self.line.panel, self.key_file, **more)  # type: ignore[arg-type]
        made = inputs.open_inputs(settings, GATE)
        self._stack.callback(made.close)
        return made

    def lights(self, **more: object) -> lights.OsdpIndicator:
        settings = lights.OsdpIndicatorSettings(self.line.panel, self.key_file, **more)  # type: ignore[arg-type]
        made = lights.open_indicator(settings, GATE)
        self._stack.callback(made.close)
        return made


class Lock:
    """A lock and everything it ever told."""

    def __init__(self, driver: locks.OsdpOutput) -> None:
        self.driver = driver
        self.told: list[BusTold | BusLink] = []
        self._seq = 0

    def hear(self) -> list[BusTold | BusLink]:
        self.told += self.driver.told()
        return self.told

    def links(self) -> list[BusLink]:
        return [one for one in self.hear() if isinstance(one, BusLink)]

    def linked(self) -> bool:
        return bool(self.links()) and self.links()[-1].online

    def ask(self, energised: bool, pulse_ms: int | None = None, within_ns: int = LONG_NS) -> int:
        self._seq += 1
        self.driver.ask(Ask(self._seq, energised, pulse_ms, time.monotonic_ns() + within_ns))
        return self._seq

    def answer(self, seq: int) -> BusTold:
        def found() -> list[BusTold]:
            return [one for one in self.hear() if isinstance(one, BusTold) and one.seq == seq]

        eventually(found, what=f"no answer to ask {seq}; told {self.told}")
        (one,) = found()
        return one

    def meet(self) -> "Lock":
        eventually(self.linked, what=f"the lock never answered: {self.driver.selftest()}")
        return self


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


def codes(reader: osdp_bench.Reader) -> list[int]:
    return [order["control_code"] for order in reader.orders(Command.OUTPUT)]


# --- a lock ------------------------------------------------------------------------------------------------------


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
    lock = bench.lock(dead=True, release="off").meet()
    assert lock.driver.self_timed_pulse
    assert reader.on()
    assert lock.answer(lock.ask(False, 1200)).outcome is Outcome.DONE
    assert not reader.on()
    reader.wait(reader.on, "the reader to end the release")
    assert codes(reader) == [ON, TEMPORARILY_OFF]


def test_an_unsigned_maglock_is_only_lent_its_current(bench):
    reader = bench.reader()
    lock = bench.lock(release="off").meet()
    assert not lock.driver.self_timed_pulse
    assert codes(reader) == [
        ON_AFTER - 1,
        TEMPORARILY_ON,
    ]  # off for ever once the time has run out, on for a time
    assert reader.on()
    assert lock.answer(lock.ask(False)).outcome is Outcome.DONE
    assert codes(reader)[-1] == OFF
    assert lock.answer(lock.ask(True)).outcome is Outcome.DONE
    assert reader.on()


def test_a_maglock_wired_like_a_strike_is_refused(bench):
    with pytest.raises(ConfigError, match=r'gate.lock.release: is "on" at a lock that stays on'):
        bench.lock(dead=True)


# --- silence -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("away", [0.4, 2.0, 9.5], ids=lambda s: f"{s:g} s")
def test_a_reader_that_was_away_is_back_in_service(bench, away):
    """9.5 s is past the 8.2 s after which the library would leave it alone for 300 s."""
    reader = bench.reader()
    lock = bench.lock().meet()
    bench.line.plug(False)
    gone = time.monotonic()
    eventually(lambda: time.monotonic() - gone > away, what="time to pass")
    heard = len(codes(reader))
    bench.line.plug(True)
    eventually(lambda: len(codes(reader)) > heard, within_s=10, what="it did not come back")
    eventually(
        lambda: lock.linked() and lock.answer(lock.ask(True, 5000)).outcome is Outcome.DONE, within_s=10
    )
    assert codes(reader)[heard] == OFF


def test_a_reader_whose_supply_was_cut_is_back_in_service(bench):
    first = bench.reader()
    lock = bench.lock().meet()
    first.kill()
    eventually(lambda: not lock.linked(), what="silence was not told")
    second = bench.reader()
    eventually(lock.linked, within_s=10, what="it did not come back")
    assert codes(second)[0] == OFF


def test_a_silent_reader_is_offline_and_asks_are_answered_so(bench):
    bench.reader()
    lock = bench.lock().meet()
    bench.line.plug(False)
    eventually(lambda: not lock.linked(), what="silence was not told")
    assert lock.links()[-1].detail == "is silent"
    told = lock.answer(lock.ask(True, 1000))
    assert (told.outcome, told.detail) == (Outcome.OFFLINE, "the reader is silent")
    assert lock.driver.selftest().endswith("the reader is silent.")


def test_what_was_asked_in_the_silence_is_never_done_later(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    bench.line.plug(False)
    waiting = [lock.ask(True, 5000), lock.ask(True)]
    eventually(lambda: not lock.linked(), what="silence was not told")
    assert all(lock.answer(seq).outcome is not Outcome.DONE for seq in waiting)
    bench.line.plug(True)
    eventually(lock.linked, what="it did not come back")
    assert set(codes(reader)) == {OFF}


def test_a_release_whose_answer_is_lost_is_unknown_and_the_next_word_is_rest(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    bench.line.answers_pass = False
    told = lock.answer(lock.ask(True, 20_000))
    assert told.outcome is Outcome.TIMEOUT_UNKNOWN
    reader.wait(lambda: TEMPORARILY_ON in codes(reader), "the release that nobody heard of")
    bench.line.answers_pass = True
    reader.wait(lambda: codes(reader)[-1] == OFF, "rest")
    assert not reader.on()


def test_a_release_that_is_cut_short_by_a_new_session_is_told(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    lock.answer(lock.ask(True, 20_000))
    bench.line.plug(False)
    blip = time.monotonic()
    eventually(lambda: time.monotonic() - blip > 0.5, what="time to pass")
    bench.line.plug(True)
    eventually(lambda: [link.online for link in lock.links()] == [True, False, True], what=f"{lock.told}")
    assert not reader.on()


KILLED = """
import sys, time
from pathlib import Path
from edge.drivers.locks.osdp_output import OsdpOutputSettings, open_lock
from edge.ports_io import Ask, BusLink, BusTold
lock = open_lock(OsdpOutputSettings(sys.argv[1], Path(sys.argv[2])), "gate", energised=False, dead=False)
asked = False
while True:
    for told in lock.told():
        print(type(told).__name__, flush=True)
        if isinstance(told, BusLink) and not asked:
            asked = True
            lock.ask(Ask(1, True, int(sys.argv[3]), time.monotonic_ns() + 500_000_000))
    time.sleep(0.005)
"""


def test_a_pulse_ends_although_our_process_was_killed(bench):
    reader = bench.reader()
    command = [sys.executable, "-c", KILLED, bench.line.panel, str(bench.key_file), "1500"]
    with subprocess.Popen(command, cwd=osdp_bench.ROOT, stdout=subprocess.PIPE, text=True) as ours:
        reader.wait(reader.on, "the release")
        os.kill(ours.pid, signal.SIGKILL)
        assert ours.wait(10) == -signal.SIGKILL
    reader.wait(lambda: not reader.on(), "the reader to end the pulse by itself")
    assert codes(reader) == [OFF, TEMPORARILY_ON]


# --- keys --------------------------------------------------------------------------------------------------------


def refused(bench: Bench, reader: osdp_bench.Reader, story: str) -> None:
    lock = bench.lock()
    eventually(lambda: any(not link.online for link in lock.links()), what="nothing was told")
    assert lock.links()[-1].detail == story
    assert lock.answer(lock.ask(True, 1000)).outcome is Outcome.OFFLINE
    patience = time.monotonic()
    eventually(lambda: time.monotonic() - patience > 3, what="time to pass")  # several tries
    assert not lock.linked()
    assert reader.events("secure", on=True) == []
    assert reader.events("command") == []


NOT_OURS = "answers, but not with our key over a secure channel"


def test_a_reader_with_another_key_never_gets_a_word(bench, tmp_path):
    new_key(tmp_path / "other.key")
    refused(bench, bench.reader(key_file=tmp_path / "other.key"), NOT_OURS)


def test_a_reader_that_is_made_to_deny_its_secure_channel_never_gets_a_word(bench):
    """The oldest attack on a line that may also speak in clear: the capability is struck out of the answer."""
    struck: list[bytes] = []

    def strike(answer: bytes) -> bytes:
        packet = decode(answer)
        if packet is None or packet.kind != PDCAP:
            return answer
        triples = [packet.data[at : at + 3] for at in range(0, len(packet.data), 3)]
        data = b"".join(bytes([three[0], 0, 0]) if three[0] == SECURITY else three for three in triples)
        struck.append(answer)
        return encode(packet, data)

    bench.line.twist = strike
    refused(bench, bench.reader(), NOT_OURS)
    assert struck


def test_the_factory_key_is_not_spoken_in_service(bench, tmp_path):
    refused(bench, bench.reader("--install", key_file=tmp_path / "nothing-yet"), NOT_OURS)


def test_a_reader_in_install_mode_takes_its_key_within_the_window_and_serves_with_it(bench, tmp_path, capsys):
    theirs = tmp_path / "theirs.key"
    reader = bench.reader("--install", key_file=theirs)
    install = ["install", str(bench.key_file), "--port", bench.line.panel, "--seconds"]
    assert osdp_bus.main([*install, "601"]) == 2
    assert "601 is not within 1 to 600" in capsys.readouterr().err
    assert osdp_bus.main([*install, "30"]) == 0
    assert "took its key" in capsys.readouterr().out
    assert theirs.read_text() == bench.key_file.read_text().strip() != FACTORY_KEY.hex()
    assert reader.events("command") == []
    bench.lock().meet()


def test_an_install_nobody_answers_ends_with_its_window(bench):
    install = ["install", str(bench.key_file), "--port", bench.line.panel, "--seconds", "0.5"]
    assert osdp_bus.main(install) == 1


# --- reader, inputs, lights --------------------------------------------------------------------------------------


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
    eventually(lambda: cards._mail.last() is not None and cards._mail.last().data.endswith("13"))
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


def test_a_port_has_one_baud_rate_and_a_reader_one_key(bench, tmp_path):
    bench.reader()
    lock = bench.lock().meet()
    with pytest.raises(ConfigError, match="baud: is 38400 and 9600"):
        bench.cards(baud=9600)
    new_key(tmp_path / "other.key")
    bench.key_file = tmp_path / "other.key"
    with pytest.raises(ConfigError, match="address 0: is given two keys"):
        bench.cards()
    assert lock.answer(lock.ask(False)).outcome is Outcome.DONE


def test_a_port_that_is_not_there_is_named(bench):
    bench.line.panel = "/dev/none-such"
    with pytest.raises(HardwareError, match=r"OSDP port /dev/none-such cannot be opened"):
        bench.lock()


def test_the_bus_thread_is_no_real_time_thread_and_nothing_is_left_behind(bench):
    bench.reader()
    before, fds = set(threading.enumerate()), set(Path("/proc/self/fd").iterdir())
    lock, cards = bench.lock().meet(), bench.cards()
    contact, light = bench.inputs(contact=inputs.OsdpPoint(0)), bench.lights()
    (thread,) = set(threading.enumerate()) - before
    assert os.sched_getscheduler(thread.native_id or 0) == os.SCHED_OTHER
    for part in (cards, contact, light, lock.driver):
        part.close()
    assert set(threading.enumerate()) == before
    assert set(Path("/proc/self/fd").iterdir()) == fds
