"""The timing rules of gate-io in virtual time: random nights, and the sentences they must never contradict."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.events import AccessPointId
from edge.gateio.board import LEASE_NS, Board, DoorRules
from edge.gateio.outputs import MS, T_MAX_ENERGISE_NS, Output, Why
from edge.ports import Cmd, Outcome, Point

GATE, STAIR = AccessPointId("gate"), AccessPointId("stair")
SECOND = 1000 * MS
START = 5_000 * SECOND
FAR = 2**62


def rules(**changed):
    usual = {
        "release_energises": True,
        "min_pulse_ms": 50,
        "max_pulse_ms": 20_000,
        "rex_unlocks": True,
        "t_rex_ms": 3000,
        "fire_group": "house",
    }
    return DoorRules(**(usual | changed))


_ids = count()


def cmd(deadline=FAR):
    return Cmd(f"c{next(_ids)}", deadline, "test")


def board(latched=frozenset(), **changed):
    made = Board({GATE: rules(**changed), STAIR: rules(**changed)}, latched)
    made.beat(START)
    return made


def kinds(notes):
    return [(note.kind, note.door) for note in notes]


# --- one sentence each ---------------------------------------------------------------------------------------


def test_a_pulse_ends_by_itself():
    b = board()
    assert b.pulse(GATE, cmd(), 1500, START).outcome is Outcome.DONE
    assert b.released(GATE, START + 1500 * MS - 1)
    assert not b.released(GATE, START + 1500 * MS)
    assert b.next_deadline(START) == START + 1500 * MS


def test_a_second_pulse_extends_and_never_stacks():
    b = board()
    b.pulse(GATE, cmd(), 1500, START)
    b.pulse(GATE, cmd(), 1500, START + SECOND)
    assert b.released(GATE, START + 2499 * MS)
    assert not b.released(GATE, START + 2500 * MS)


def test_a_shorter_second_pulse_takes_nothing_away():
    b = board()
    b.pulse(GATE, cmd(), 1500, START)
    b.pulse(GATE, cmd(), 100, START)
    assert b.released(GATE, START + 1499 * MS)


@pytest.mark.parametrize("ms", [0, 49, 20_001, 86_400_000])
def test_a_pulse_out_of_bounds_is_refused_with_the_bounds(ms):
    b = board()
    verdict = b.pulse(GATE, cmd(), ms, START)
    assert (verdict.outcome, "50 to 20000 ms" in verdict.detail) == (Outcome.REFUSED, True)
    assert not b.released(GATE, START)


def test_a_late_command_is_refused_and_does_nothing():
    b = board()
    assert b.pulse(GATE, cmd(deadline=START), 1500, START).outcome is Outcome.REFUSED
    assert b.latch(GATE, cmd(deadline=START), Why.EVACUATE, "staff-1", START).outcome is Outcome.REFUSED
    assert not b.released(GATE, START)


def test_a_hold_lasts_to_its_end_and_no_longer_than_a_day():
    b = board()
    assert b.hold(GATE, cmd(), START + 90 * SECOND, START).outcome is Outcome.DONE
    b.beat(START + 89 * SECOND)
    b.settle(START + 89 * SECOND)
    assert b.released(GATE, START + 89 * SECOND)
    assert not b.released(GATE, START + 90 * SECOND)
    assert b.hold(GATE, cmd(), START + 25 * 3600 * SECOND, START).outcome is Outcome.REFUSED
    assert b.hold(GATE, cmd(), START, START).outcome is Outcome.REFUSED


def test_lock_pre_empts_pulse_and_hold():
    b = board()
    b.pulse(GATE, cmd(), 5000, START)
    b.hold(GATE, cmd(), START + 60 * SECOND, START)
    assert b.lock(GATE, cmd(), START).outcome is Outcome.DONE
    assert not b.released(GATE, START)


def test_lock_does_not_end_the_way_out_and_says_so():
    b = board()
    b.sense(GATE, Point.REX, True, START, START)
    verdict = b.lock(GATE, cmd(), START)
    assert (verdict.outcome, verdict.detail) == (Outcome.DONE, "still released: rex")
    assert b.released(GATE, START + 2999 * MS)
    assert not b.released(GATE, START + 3000 * MS)


def test_rex_is_served_without_any_node():
    b = Board({GATE: rules()}, frozenset())
    b.sense(GATE, Point.REX, True, START, START)
    assert kinds(b.settle(START)) == [("rex_press", GATE), ("rex_start", GATE)]
    assert b.released(GATE, START)
    assert kinds(b.settle(START + 3000 * MS)) == [("rex_end", GATE)]


def test_a_button_held_down_is_one_press():
    b = board()
    for second in range(5):
        b.sense(GATE, Point.REX, True, START + second * SECOND, START)
    assert not b.released(GATE, START + 3 * SECOND)


def test_a_free_handle_is_reported_and_releases_nothing():
    b = board(rex_unlocks=False)
    b.sense(GATE, Point.REX, True, START, START)
    assert kinds(b.settle(START)) == [("rex_handle", GATE)]
    assert not b.released(GATE, START)


def test_the_first_reading_is_a_level_and_not_an_edge():
    b = board()
    assert not b.sense(GATE, Point.CONTACT, True, START, START)
    assert b.sense(GATE, Point.CONTACT, False, START, START)
    assert not b.sense(GATE, Point.CONTACT, False, START, START)


@pytest.mark.story("24c")
def test_fire_at_one_door_releases_its_whole_group_and_no_other():
    b = Board({GATE: rules(), STAIR: rules(), AccessPointId("shed"): rules(fire_group=None)}, frozenset())
    b.sense(STAIR, Point.FIRE, True, START, START)
    b.sense(STAIR, Point.FIRE, False, START, START)
    later = START + 3600 * SECOND
    assert (b.released(GATE, later), b.released(STAIR, later)) == (True, True)
    assert not b.released(AccessPointId("shed"), later)


@pytest.mark.story("24e")
def test_a_fire_latch_is_reset_by_a_person_after_the_fire():
    b = board()
    b.sense(GATE, Point.FIRE, True, START, START)
    assert b.reset(GATE, cmd(), Why.FIRE, "staff-1", START).outcome is Outcome.REFUSED
    assert b.reset(STAIR, cmd(), Why.FIRE, "staff-1", START).outcome is Outcome.REFUSED
    b.sense(GATE, Point.FIRE, False, START, START)
    assert b.reset(GATE, cmd(), Why.FIRE, "", START).outcome is Outcome.REFUSED
    assert b.released(GATE, START)
    assert b.reset(GATE, cmd(), Why.FIRE, "staff-1", START).outcome is Outcome.DONE
    assert not b.released(GATE, START)


def test_a_cut_fire_wire_is_a_fault_and_no_fire_and_the_person_is_told_of_it():
    b = board()
    b.sense(GATE, Point.FIRE, False, START, START)
    assert b.sense(GATE, Point.FIRE, None, START, START)  # told as an edge
    assert not b.released(GATE, START)
    b.sense(GATE, Point.FIRE, True, START, START)
    b.sense(GATE, Point.FIRE, None, START, START)
    assert b.released(STAIR, START)
    verdict = b.reset(STAIR, cmd(), Why.FIRE, "staff-1", START)
    assert (verdict.outcome, verdict.detail) == (
        Outcome.DONE,
        "a fire input does not say; look for yourself",
    )


def test_an_exit_button_that_does_not_say_opens_nothing_and_opens_when_it_says_pressed():
    b = board()
    b.sense(GATE, Point.REX, None, START, START)
    assert not b.released(GATE, START)
    b.sense(GATE, Point.REX, True, START, START)
    assert b.released(GATE, START)


@pytest.mark.parametrize("point", [Point.POWER, Point.RESET, Point.TAMPER, Point.BEAM])
def test_what_is_the_node_s_business_is_an_edge_and_moves_nothing(point):
    b = board()
    assert [b.sense(GATE, point, level, START, START) for level in (False, True, None, False)] == [
        False,
        True,
        True,
        True,
    ]
    assert not b.released(GATE, START)
    assert b.settle(START) == []


def test_a_grant_that_was_withdrawn_leaves_the_way_out_and_the_latches():
    b = board()
    b.pulse(GATE, cmd(), 1500, START)
    b.hold(GATE, cmd(), START + 60 * SECOND, START)
    b.sense(GATE, Point.REX, True, START, START)
    b.latch(STAIR, cmd(), Why.EVACUATE, "staff-1", START)
    b.withdraw(GATE, START)
    b.withdraw(STAIR, START)
    assert kinds(b.settle(START)).count(("withdrawn", GATE)) == 1
    assert ("withdrawn", STAIR) not in kinds(b.settle(START))
    assert b.wish(GATE, START).until_ns == START + 3000 * MS
    assert b.wish(STAIR, START).until_ns is None
    assert all(b.wish(at, START).reflex for at in (GATE, STAIR))


def test_silence_of_the_node_ends_its_pulse_and_hold_but_no_latch_and_no_way_out():
    b = board()
    b.pulse(GATE, cmd(), 20_000, START)
    b.latch(STAIR, cmd(), Why.EVACUATE, "staff-1", START)
    assert b.next_deadline(START) == START + LEASE_NS
    quiet = START + LEASE_NS
    b.sense(GATE, Point.REX, True, quiet - 1, quiet)
    assert ("lease_end", GATE) in kinds(b.settle(quiet))
    assert b.released(GATE, quiet)  # the press
    assert not b.released(GATE, quiet + 3 * SECOND)
    assert b.released(STAIR, quiet + 3600 * SECOND)


def test_a_maglock_is_released_by_taking_its_current_away():
    b = board(release_energises=False)
    assert b.wanted(START) == {GATE: True, STAIR: True}
    b.pulse(GATE, cmd(), 1500, START)
    assert b.wanted(START) == {GATE: False, STAIR: True}


def test_latches_found_at_start_release_at_once_and_are_not_news():
    b = board(latched=frozenset({(GATE, Why.FIRE)}))
    assert b.wanted(START)[GATE] is True
    assert b.settle(START) == []


def test_an_unknown_door_is_refused_by_name():
    assert "'cellar'" in board().pulse(AccessPointId("cellar"), cmd(), 100, START).detail


def test_the_watchdog_ends_a_pulse_that_no_bound_caught():
    endless = Output().pulse(10**9, START)
    assert endless.reasons(START + T_MAX_ENERGISE_NS - 1) == {Why.PULSE}
    assert endless.reasons(START + T_MAX_ENERGISE_NS) == set()


# --- random nights -------------------------------------------------------------------------------------------

ACTIONS = st.one_of(
    st.tuples(st.just("wait"), st.integers(0, 70_000)),
    st.tuples(st.just("beat"), st.just(0)),
    st.tuples(st.just("pulse"), st.integers(0, 70_000)),
    st.tuples(st.just("late_pulse"), st.integers(50, 20_000)),
    st.tuples(st.just("hold"), st.integers(1, 90_000)),
    st.tuples(st.just("lock"), st.just(0)),
    st.tuples(st.just("rex"), st.just(0)),
)


class Night:
    """A board turned as the process turns it: never a moment later than ``next_deadline``."""

    def __init__(self):
        self.now = START
        self.board = board()
        self.pulse_allowed = self.hold_allowed = self.rex_allowed = START
        self.beat_allowed = START + LEASE_NS

    def play(self, what, ms):
        gate, now = self.board, self.now
        match what:
            case "wait":
                self.wait(ms * MS)
            case "beat":
                gate.beat(now)
                self.beat_allowed = now + LEASE_NS
            case "pulse" if gate.pulse(GATE, cmd(), ms, now).outcome is Outcome.DONE:
                self.pulse_allowed = now + 20_000 * MS
            case "late_pulse":
                assert gate.pulse(GATE, cmd(deadline=now - 1), ms, now).outcome is Outcome.REFUSED
            case "hold" if gate.hold(GATE, cmd(), now + ms * MS, now).outcome is Outcome.DONE:
                self.hold_allowed = max(self.hold_allowed, now + ms * MS)
            case "lock":
                gate.lock(GATE, cmd(), now)
                self.pulse_allowed = self.hold_allowed = now
            case "rex":
                gate.sense(GATE, Point.REX, True, now, now)
                gate.sense(GATE, Point.REX, False, now, now)
                self.rex_allowed = now + 3000 * MS
        self.check()

    def wait(self, ns):
        end = self.now + ns
        for _ in range(1000):
            due = self.board.next_deadline(self.now)
            self.now = end if due is None else min(due, end)
            self.check()
            if self.now == end:
                return
        raise AssertionError("deadlines without end")

    def check(self):
        self.board.settle(self.now)
        node = max(self.pulse_allowed, self.hold_allowed) > self.now and self.beat_allowed > self.now
        rex = self.rex_allowed > self.now
        assert not self.board.released(GATE, self.now) or node or rex
        assert not rex or self.board.released(GATE, self.now), "REX is never refused"


@settings(max_examples=300, deadline=None)
@given(st.lists(ACTIONS, max_size=60))
def test_no_schedule_of_commands_releases_longer_than_its_newest_reason_allows(actions):
    night = Night()
    for what, ms in actions:
        night.play(what, ms)
    night.play("wait", 90_000)
    assert not night.board.released(GATE, night.now)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(50, 65_000), min_size=1, max_size=40), st.integers(1, 64_000))
def test_a_pulse_never_outlives_the_watchdog_since_the_last_grant(pulses, gap_ms):
    b, now = board(max_pulse_ms=65_000), START
    for ms in pulses:
        b.beat(now)
        b.pulse(GATE, cmd(), ms, now)
        last, now = now, now + gap_ms * MS
    b.beat(last + T_MAX_ENERGISE_NS)  # the node lives; only the watchdog is left
    b.settle(last + T_MAX_ENERGISE_NS)
    assert not b.released(GATE, last + T_MAX_ENERGISE_NS)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTIONS, max_size=30), st.lists(ACTIONS, max_size=30))
def test_fire_always_wins(before, after):
    night = Night()
    for what, ms in before:
        night.play(what, ms)
    night.board.sense(STAIR, Point.FIRE, True, night.now, night.now)
    night.check = lambda: night.board.settle(night.now)  # from here on only one thing counts
    for what, ms in after:
        night.play(what, ms)
        night.board.reset(GATE, cmd(), Why.FIRE, "staff-1", night.now)
        assert night.board.wanted(night.now)[GATE] is True
