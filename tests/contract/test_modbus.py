"""Locks and inputs on a Modbus board, against a board that is a process of its own, on TCP and on a serial line.

The board is frozen, thawed and killed; what it did is read from the board, not from the driver.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import HardwareError
from edge.ports import Feedback, Outcome
from edge.ports_io import BusTold
from tests.fakes.gateio_rig import until
from tests.fakes.modbus_board import SITES, Site, rtu_site, tcp_site
from tests.fakes.modbus_doors import MS, Hand, inputs_at, lock_at

pytestmark = pytest.mark.alone
ROOT = Path(__file__).parents[2]

# A promise about time is kept when it is kept once: a busy machine makes everybody late, a mistake makes it always late.
TRIES = 3


@pytest.fixture(params=SITES)
def site(request) -> Iterator[Site]:
    with SITES[request.param]() as made:
        yield made


# --- in good days -----------------------------------------------------------------------------------------------


def test_an_opened_lock_is_put_to_rest_and_read_back(site):
    site.board.order("manual 0 1")
    with lock_at(site) as hand:
        assert hand.wait_for_link(True).energised is False
        assert not site.board.energised()
        assert hand.lock.feedback is Feedback.COIL
        assert hand.lock.self_timed_pulse is False
        assert hand.lock.selftest().startswith("gate: ")


def test_a_release_and_its_end_are_done_and_told(site):
    with lock_at(site) as hand:
        assert hand.outcome(True) is Outcome.DONE
        assert site.board.energised()
        assert hand.outcome(False) is Outcome.DONE
        assert not site.board.energised()


def test_a_maglock_rests_energised_and_is_left_dead(site):
    with lock_at(site, rest=True, dead=False) as hand:
        until(site.board.energised, "the magnet to hold")
        assert hand.outcome(False) is Outcome.DONE
        assert not site.board.energised()
        assert hand.outcome(True) is Outcome.DONE
    until(lambda: not site.board.energised(), "the dead level")


def test_a_pulse_nobody_ends_is_ended_by_the_driver(site):
    with lock_at(site) as hand:
        assert hand.outcome(True, pulse_ms=150) is Outcome.DONE
        until(lambda: site.board.moves() == [1, 0], "the end of the pulse")


def test_lock_pre_empts_a_release(site):
    with lock_at(site) as hand:
        release, rest = hand.ask(True), hand.ask(False)
        assert hand.answer(rest).outcome is Outcome.DONE
        assert not site.board.energised()
        said = [word.outcome for word in hand.told if isinstance(word, BusTold) and word.seq == release]
        assert said in ([], [Outcome.DONE])  # overtaken unsent, or ended at once


def test_a_late_release_is_refused_and_never_sent(site):
    with lock_at(site) as hand:
        assert hand.outcome(True, within_ms=-1) is Outcome.REFUSED
        assert hand.outcome(False) is Outcome.DONE
        assert {word for _, word in site.board.writes()} == {0}


def test_closing_leaves_the_dead_level_and_can_be_repeated(site):
    with lock_at(site) as hand:
        hand.outcome(True)
        hand.lock.close()
        until(lambda: not site.board.energised(), "the dead level")
        hand.lock.close()


def test_opened_and_closed_at_once_leaves_the_dead_level_and_nothing_open(site):
    before = set(Path("/proc/self/fd").iterdir())
    site.board.order("manual 0 1")
    with lock_at(site, up=False), inputs_at(site, rex={"input": 1}):
        pass
    until(lambda: not site.board.energised(), "the dead level")
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_release_of_a_minute_and_more_is_left_to_whoever_asked(site):
    with lock_at(site) as hand:
        assert hand.outcome(True, pulse_ms=60_000) is Outcome.DONE
        assert hand.lock._slot.plan.due() is None
        assert hand.outcome(True, pulse_ms=59_999) is Outcome.DONE
        assert hand.lock._slot.plan.due() is not None


def test_a_relay_that_somebody_else_drives_is_put_back_and_told(site):
    with lock_at(site) as hand:
        site.board.order("manual 0 1")
        until(lambda: site.board.moves() == [1, 0], "the relay to be put back")
        until(lambda: any("found released" in link.detail for link in hand.links()), "the news of it")


# --- a board that freezes -----------------------------------------------------------------------------------------


def unlock_into_ice(site: Site, hand: Hand) -> None:
    """Freeze the board and send it an unlock; when a poll came first nothing was sent, so try again."""
    for _ in range(20):
        before = len(hand.links())
        site.board.freeze()
        outcome = hand.outcome(True)
        if outcome is Outcome.TIMEOUT_UNKNOWN:
            return
        assert outcome is Outcome.OFFLINE
        site.board.thaw()
        hand.wait_for_link(True, before)
    raise AssertionError("no unlock was ever sent before a poll")


def test_a_late_unlock_is_ended_as_soon_as_the_board_is_heard_again(site):
    with lock_at(site, bus={"poll_ms": 200}) as hand:
        unlock_into_ice(site, hand)
        before, said_before = len(hand.links()), len(site.board.said)
        site.board.thaw()
        link = hand.wait_for_link(True, before)
        assert "may have been carried out; it is ended" in link.detail
        assert link.energised is False
        assert hand.outcome(False) is Outcome.DONE
        assert not site.board.energised()
        assert site.board.writes()
        late = [said for said in site.board.said[said_before:] if "coil" in said]
        assert [said["level"] for said in late] in ([], [1, 0])
        # Measured against the board's own clock, from the late unlock to its end.
        assert all(said["t_ns"] <= late[0]["t_ns"] + 1000 * MS for said in late)


def test_the_hole_is_real_an_unlock_that_timed_out_is_carried_out_late():
    with tcp_site() as site, lock_at(site, bus={"poll_ms": 200}) as hand:
        unlock_into_ice(site, hand)
        site.board.thaw()
        until(lambda: site.board.moves() == [1, 0], "the late unlock and its end")


def test_a_frozen_board_is_a_refusal_within_half_a_second(site):
    with lock_at(site) as hand:
        took_ms = []
        for _ in range(TRIES):
            before = len(hand.links())
            site.board.freeze()
            asked = time.monotonic_ns()
            told = hand.answer(hand.ask(True))
            took_ms.append((told.t_ns - asked) / MS)
            assert told.outcome in {Outcome.OFFLINE, Outcome.TIMEOUT_UNKNOWN}
            site.board.thaw()
            hand.wait_for_link(True, before)
        assert min(took_ms) <= hand.lock.ack_ms


def test_a_board_that_stays_frozen_is_offline_and_refuses_everything(site):
    with lock_at(site) as hand:
        site.board.freeze()
        hand.wait_for_link(False)
        assert hand.outcome(True) is Outcome.OFFLINE
        assert hand.outcome(False) is Outcome.OFFLINE
        site.board.thaw()
        hand.wait_for_link(True, 2)
        assert hand.outcome(True) is Outcome.DONE


def test_an_unlock_that_was_not_sent_is_dropped_for_ever(site):
    with lock_at(site) as hand:
        site.board.freeze()
        hand.wait_for_link(False)
        assert hand.outcome(True, within_ms=60_000) is Outcome.OFFLINE
        site.board.thaw()
        hand.wait_for_link(True, 2)
        assert hand.outcome(False) is Outcome.DONE
        assert {word for _, word in site.board.writes()} == {0}


def test_closing_beside_a_frozen_board_takes_less_than_a_second(site):
    took_s = []
    for _ in range(TRIES):
        with lock_at(site) as hand:
            site.board.freeze()
            began = time.monotonic()
            hand.lock.close()
            took_s.append(time.monotonic() - began)
            site.board.thaw()
    assert min(took_s) < 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("modbus")]


# --- a board that dies, and a driver that does ----------------------------------------------------------------------


def test_a_killed_board_is_lost_and_found_and_hears_the_resting_level_first(site):
    with lock_at(site) as hand:
        hand.outcome(True)
        site.board.kill()
        hand.wait_for_link(False)
        hand.ask(True, within_ms=60_000)
        site.board.start()
        assert hand.wait_for_link(True, 2).energised is False
        assert site.board.writes()[0] == (0, 0)
        assert hand.outcome(True) is Outcome.DONE


def test_a_board_that_is_not_there_yet_is_found_when_it_comes(site):
    site.board.kill()
    with lock_at(site, up=False) as hand:
        assert hand.outcome(True) is Outcome.OFFLINE
        hand.wait_for_link(False)
        site.board.start()
        hand.wait_for_link(True)
        assert hand.outcome(True) is Outcome.DONE


DRIVER = """
import json, sys, time
from pydantic import TypeAdapter
from edge.drivers.locks.modbus_relay import ModbusRelaySettings, open_lock
from edge.ports_io import Ask
settings = TypeAdapter(ModbusRelaySettings).validate_json(sys.argv[1])
lock = open_lock(settings, "gate", energised=False, dead=False)
pulse_ms = json.loads(sys.argv[2])
lock.ask(Ask(1, True, pulse_ms, time.monotonic_ns() + 10**10))
sys.stdin.read()
"""


@contextlib.contextmanager
def somebody_who_released(
    site: Site, pulse_ms: int | None, **changed: object
) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock released, until it is killed."""
    settings = json.dumps({"bus": site.bus, "coil": 0, **changed})
    command = [sys.executable, "-c", DRIVER, settings, json.dumps(pulse_ms)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)
        assert process.stdin is not None
        process.stdin.close()


def test_a_relay_left_driven_by_a_killed_driver_is_put_to_rest_by_the_next_one(site):
    with somebody_who_released(site, None) as process:
        until(site.board.energised, "the release")
        process.kill()
        process.wait(60)
    assert site.board.energised()
    with lock_at(site) as hand:
        assert hand.wait_for_link(True).energised is False
        assert site.board.moves() == [1, 0]


def test_a_board_with_flash_on_ends_the_pulse_although_the_driver_died():
    with tcp_site("--flash") as site:
        with somebody_who_released(site, 700, self_timed_pulse=True) as process:
            until(site.board.energised, "the release")
            process.kill()
            process.wait(60)
        assert (0x0200, 7) in site.board.writes()
        until(lambda: site.board.moves() == [1, 0], "the board to end it")


def test_a_maglock_with_flash_off_is_released_for_so_long():
    with tcp_site("--flash") as site, lock_at(site, rest=True, self_timed_pulse=True) as hand:
        assert hand.lock.self_timed_pulse
        assert hand.outcome(False, pulse_ms=350) is Outcome.DONE
        assert (0x0400, 3) in site.board.writes()
        until(lambda: site.board.moves()[:3] == [1, 0, 1], "the magnet to hold again")


# --- shared lines ---------------------------------------------------------------------------------------------------


def test_a_silent_board_does_not_disturb_the_other_one_on_its_line():
    with rtu_site("--unit", "1") as site, lock_at(site) as hand:
        hand.outcome(True)
        with lock_at(site, up=False, bus={"unit": 9}) as other:
            other.wait_for_link(False)
            assert other.outcome(True) is Outcome.OFFLINE
            assert hand.outcome(True) is Outcome.DONE
        assert site.board.moves() == [1]


def test_two_locks_of_one_board_are_two(site):
    with lock_at(site) as one, lock_at(site, coil=3) as other:
        assert one.outcome(True) is Outcome.DONE
        assert other.outcome(True) is Outcome.DONE
        assert one.outcome(False) is Outcome.DONE
        assert not site.board.energised(0)
        assert site.board.energised(3)
        with pytest.raises(HardwareError, match="coil 3 is named for two locks"), lock_at(site, coil=3):
            pass
    assert not site.board.energised(3)


def test_a_coil_that_the_board_does_not_have_is_offline_and_leaves_the_others_in_service(site):
    with lock_at(site) as hand, lock_at(site, coil=20, up=False) as wrong:
        until(lambda: any("function 5 at address 20" in link.detail for link in wrong.links()), "the refusal")
        assert hand.outcome(True) is Outcome.DONE
        assert hand.outcome(False) is Outcome.DONE
        site.board.order("manual 0 1")
        until(lambda: site.board.moves() == [1, 0, 1, 0], "the relay to be put back")


def test_one_line_cannot_be_described_in_two_ways():
    with (
        rtu_site() as site,
        lock_at(site),
        pytest.raises(HardwareError, match="different line settings"),
        lock_at(site, coil=1, bus={"parity": "E"}),
    ):
        pass


def test_the_bus_threads_leave_the_class_of_the_thread_that_opened_them():
    policies: dict[str, int] = {}

    def open_and_look(site: Site) -> None:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        with lock_at(site):
            for thread in threading.enumerate():
                if thread.name.startswith("modbus"):
                    policies[thread.name] = os.sched_getscheduler(thread.native_id)

    with tcp_site() as site:
        opener = threading.Thread(target=open_and_look, args=(site,))
        opener.start()
        opener.join(30)
    assert set(policies.values()) == {os.SCHED_OTHER}
