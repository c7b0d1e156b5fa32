"""OSDP devices that fall silent, come back, or are not who they should be."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge.drivers import osdp_bus
from edge.drivers.locks import osdp_output as locks
from edge.drivers.osdp_keys import FACTORY_KEY, new_key
from edge.drivers.osdp_peer import Command
from edge.ports import Outcome
from tests.fakes import osdp_bench
from tests.fakes.osdp_house import MS, OFF, TEMPORARILY_ON, Bench, codes, pass_time
from tests.fakes.osdp_packets import PDCAP, SECURITY, decode, encode
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.alone


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)


@pytest.mark.parametrize("away", [0.4, 2.0, 9.5], ids=lambda s: f"{s:g} s")
def test_a_reader_that_was_away_is_back_in_service(bench, away):
    """9.5 s is past the 8.2 s after which the library would leave it alone for 300 s."""
    reader = bench.reader()
    lock = bench.lock().meet()
    bench.line.plug(False)
    pass_time(away)
    heard = len(codes(reader))
    bench.line.plug(True)
    eventually(lambda: len(codes(reader)) > heard, within_s=40, what="it did not come back")
    eventually(
        lambda: lock.linked() and lock.answer(lock.ask(True, 5000)).outcome is Outcome.DONE, within_s=40
    )
    assert codes(reader)[heard] == OFF


def test_a_reader_whose_supply_was_cut_is_back_in_service(bench):
    first = bench.reader()
    lock = bench.lock().meet()
    first.kill()
    eventually(lambda: not lock.linked(), what="silence was not told")
    second = bench.reader()
    eventually(lock.linked, within_s=40, what="it did not come back")
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
    for _ in range(
        20
    ):  # now and then it is the answer to a poll that is lost first, and the release is not sent
        bench.line.answers_pass = False
        told = lock.answer(lock.ask(True, 20_000))
        bench.line.answers_pass = True
        if told.outcome is Outcome.TIMEOUT_UNKNOWN:
            break
        lock.meet()
    assert told.outcome is Outcome.TIMEOUT_UNKNOWN
    reader.wait(lambda: TEMPORARILY_ON in codes(reader), "the release that nobody heard of")
    reader.wait(lambda: codes(reader)[-1] == OFF, "rest")
    assert not reader.on()


def test_a_release_that_is_cut_short_by_a_new_session_is_told(bench):
    reader = bench.reader()
    lock = bench.lock().meet()
    lock.answer(lock.ask(True, 20_000))
    bench.line.plug(False)
    pass_time(0.5)
    bench.line.plug(True)
    eventually(lambda: [link.online for link in lock.links()] == [True, False, True], what=f"{lock.told}")
    assert not reader.on()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_the_line_does_no_refused_release_was_done_and_none_is_done_twice(bench, seed):
    """Every ask has its own length, so that the reader's record says whose it was."""
    dice = random.Random(seed)
    reader = bench.reader()
    lock = bench.lock().meet()
    asked: dict[int, int] = {}  # by timer_count
    for count in range(20, 60):
        match dice.randrange(3):
            case 0:
                bench.line.asks_pass = dice.random() < 0.6
            case 1:
                bench.line.answers_pass = dice.random() < 0.6
            case _:
                bench.line.plug(True)
        asked[count] = lock.ask(True, count * locks.UNIT_MS, dice.randrange(5, 600) * MS)
        pass_time(dice.choice([0.005, 0.03, 0.1, 0.4]))
        if dice.random() < 0.2:
            lock.ask(False)
    bench.line.plug(True)
    told = {count: lock.answer(seq).outcome for count, seq in asked.items()}
    eventually(lock.linked, what="it did not come back")
    counts = [order["timer_count"] for order in reader.orders(Command.OUTPUT)]
    done = [count for count in counts if count in asked]
    assert len(done) == len(set(done))
    assert {told[count] for count in done} <= {Outcome.DONE, Outcome.TIMEOUT_UNKNOWN}
    assert {count for count, outcome in told.items() if outcome is Outcome.DONE} <= set(done)
    assert {Outcome.DONE, Outcome.OFFLINE} <= set(told.values())  # something was tried


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
            lock.ask(Ask(1, True, int(sys.argv[3]) or None, time.monotonic_ns() + 500_000_000))
    time.sleep(0.005)
"""


@pytest.mark.parametrize("pulse_ms", [1500, 0], ids=["a pulse", "an open hour"])
def test_a_release_ends_although_our_process_was_killed(bench, pulse_ms):
    reader = bench.reader()
    command = [sys.executable, "-c", KILLED, bench.line.panel, str(bench.key_file), str(pulse_ms)]
    with subprocess.Popen(command, cwd=osdp_bench.ROOT, stdout=subprocess.PIPE, text=True) as ours:
        reader.wait(reader.on, "the release")
        os.kill(ours.pid, signal.SIGKILL)
        assert ours.wait(60) == -signal.SIGKILL
    reader.wait(lambda: not reader.on(), "the reader to end it by itself")
    assert codes(reader) == [OFF, TEMPORARILY_ON]


# --- keys --------------------------------------------------------------------------------------------------------


def refused(bench: Bench, reader: osdp_bench.Reader, story: str) -> None:
    lock = bench.lock()
    eventually(lambda: any(not link.online for link in lock.links()), what="nothing was told")
    assert lock.links()[-1].detail == story
    assert lock.answer(lock.ask(True, 1000)).outcome is Outcome.OFFLINE
    pass_time(3)  # several tries
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
