"""Barriers in virtual time: what goes up comes down over a clear beam, and never on a car."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.events import AccessPointId
from edge.errors import ConfigError
from edge.gateio.barrier import CLEAR_NS
from edge.gateio.board import LEASE_NS, Board, DoorRules
from edge.gateio.outputs import MS, T_MAX_ENERGISE_NS, Why, Wish
from edge.gateio.profile import parse_profile
from edge.ports import Cmd, Outcome, Point

GARAGE = AccessPointId("garage")
SECOND = 1000 * MS
START = 5_000 * SECOND
RULES = DoorRules(
    release_energises=True,
    min_pulse_ms=50,
    max_pulse_ms=65_000,
    rex_unlocks=True,
    t_rex_ms=3000,
    fire_group="house",
    barrier=True,
)


class Barrier:
    """One barrier, turned as the process turns it."""

    def __init__(self, rules=RULES, latched=frozenset()):
        self.now = START
        self.board = Board({GARAGE: rules}, latched)
        self.notes = []
        self.board.beat(self.now)
        self.settle()

    def settle(self):
        self.notes += [note.kind for note in self.board.settle(self.now)]

    def wait(self, ns, *, alive=True):
        end = self.now + ns
        while self.now < end:
            due = self.board.next_deadline(self.now)
            beat = self.now + SECOND if alive else end
            self.now = min(end, beat, due if due is not None else end)
            if alive:
                self.board.beat(self.now)
            self.settle()

    def beam(self, level):
        self.board.sense(GARAGE, Point.BEAM, level, self.now, self.now)
        self.settle()

    def pulse(self, ms=10_000):
        cmd = Cmd("p", self.now + SECOND, "test")
        assert self.board.pulse(GARAGE, cmd, ms, self.now).outcome is Outcome.DONE
        self.settle()

    @property
    def up(self):
        return self.board.wanted(self.now)[GARAGE]


def test_over_a_clear_beam_the_end_of_the_pulse_is_the_end():
    b = Barrier()
    b.beam(False)
    b.wait(2 * SECOND)
    b.pulse()
    b.wait(10 * SECOND - 1)
    assert b.up
    b.wait(1)
    assert not b.up
    assert b.notes == ["pulse_start", "pulse_end"]


@pytest.mark.parametrize("blocked", [True, None])
def test_it_never_comes_down_on_what_stands_there_nor_on_what_nobody_can_see(blocked):
    b = Barrier()
    b.beam(False)
    b.pulse()
    b.wait(5 * SECOND)
    b.beam(blocked)
    b.wait(3600 * SECOND)  # far beyond T_max_energise
    assert b.up
    assert b.notes == ["pulse_start", "beam_start", "pulse_end"]
    b.beam(False)
    b.wait(CLEAR_NS - 1)
    assert b.up
    b.wait(1)
    assert not b.up
    assert b.notes[-1] == "beam_end"


def test_a_beam_that_was_never_read_keeps_it_up():
    b = Barrier()
    b.pulse(500)
    b.wait(60 * SECOND)
    assert b.up


def test_a_gap_between_a_car_and_its_trailer_is_no_clear_beam():
    b = Barrier()
    b.pulse(500)
    for _ in range(20):
        b.beam(True)
        b.wait(SECOND)
        b.beam(False)
        b.wait(CLEAR_NS - MS)
        assert b.up
    b.wait(MS)
    assert not b.up


def test_the_same_clear_level_again_does_not_begin_the_clear_time_anew():
    b = Barrier()
    b.beam(True)
    b.pulse(500)
    b.wait(SECOND)
    b.beam(False)
    b.wait(CLEAR_NS // 2)
    b.beam(False)  # the level read every second
    b.wait(CLEAR_NS // 2)
    assert not b.up


def test_lock_says_that_something_stands_there_and_lets_nothing_down():
    b = Barrier()
    b.beam(True)
    b.pulse()
    verdict = b.board.lock(GARAGE, Cmd("l", b.now + SECOND, "test"), b.now)
    b.settle()
    assert (verdict.outcome, verdict.detail) == (Outcome.DONE, "still released: beam")
    assert b.up


def test_neither_a_dead_node_nor_a_withdrawn_grant_lets_it_down_on_a_car():
    b = Barrier()
    b.beam(True)
    b.pulse(60_000)
    b.wait(LEASE_NS * 2, alive=False)
    assert "lease_end" in b.notes
    assert b.up
    b.board.withdraw(GARAGE, b.now)
    b.settle()
    assert b.up


def test_a_car_alone_opens_nothing():
    b = Barrier()
    b.beam(True)
    b.wait(3600 * SECOND)
    assert not b.up
    assert b.notes == []


def test_a_barrier_latched_at_start_comes_down_over_a_clear_beam_only():
    b = Barrier(latched=frozenset({(GARAGE, Why.EVACUATE)}))
    b.beam(True)
    reset = b.board.reset(GARAGE, Cmd("r", b.now + SECOND, "test"), Why.EVACUATE, "staff-1", b.now)
    b.settle()
    assert (reset.outcome, b.up) == (Outcome.DONE, True)
    b.beam(False)
    b.wait(CLEAR_NS)
    assert not b.up


def test_no_device_is_asked_to_time_a_barrier_by_itself():
    b = Barrier()
    b.pulse()
    assert b.board.wish(GARAGE, b.now) == Wish(energised=True, rest=False, until_ns=None)
    b.wait(T_MAX_ENERGISE_NS)
    assert b.board.wish(GARAGE, b.now).reflex  # the beam's


STEPS = st.one_of(
    st.tuples(st.just("beam"), st.sampled_from([True, False, None])),
    st.tuples(st.just("pulse"), st.integers(50, 65_000)),
    st.tuples(st.sampled_from(["wait", "silence"]), st.integers(0, 120_000)),
    st.tuples(st.sampled_from(["lock", "rex", "withdraw"]), st.just(0)),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(STEPS, max_size=60))
def test_whatever_happens_it_comes_down_over_a_beam_that_was_clear_for_a_while(steps):
    b, clear_since = Barrier(), None
    for what, value in steps:
        was_up = b.up
        match what:
            case "beam":
                b.beam(value)
                clear_since = (clear_since if clear_since is not None else b.now) if value is False else None
            case "pulse":
                b.board.beat(b.now)
                b.pulse(value)
            case "wait" | "silence":
                b.wait(value * MS, alive=what == "wait")
            case "lock":
                b.board.lock(GARAGE, Cmd("l", b.now + SECOND, "t"), b.now)
                b.settle()
            case "withdraw":
                b.board.withdraw(GARAGE, b.now)
                b.settle()
            case "rex":
                for level in (True, False):
                    b.board.sense(GARAGE, Point.REX, level, b.now, b.now)
                b.settle()
        if was_up and not b.up:
            assert clear_since is not None
            assert b.now - clear_since >= CLEAR_NS


def test_a_barrier_without_a_beam_is_refused_with_what_is_missing(tmp_path):
    door = {
        "access_point": "garage",
        "lock_profile": "barrier",
        "rex_unlocks": False,
        "lock": {"driver": "simulated", "record": str(tmp_path / "lock")},
        "inputs": {"driver": "simulated", "rig": str(tmp_path / "rig"), "wired": ["contact"]},
    }
    with pytest.raises(ConfigError, match=r"door\.0\.inputs\.beam: is missing at a barrier"):
        parse_profile({"door": [door]})
    wired = door | {"inputs": door["inputs"] | {"wired": ["contact", "beam"]}}
    assert parse_profile({"door": [wired]}).rules()[GARAGE].barrier


@pytest.mark.parametrize("kind", ["motor_bolt", "turnstile"])
def test_a_motor_bolt_and_a_turnstile_are_driven_like_a_strike(tmp_path, kind):
    door = {
        "access_point": "garage",
        "lock_profile": kind,
        "rex_unlocks": False,
        "lock": {"driver": "simulated", "record": str(tmp_path / "lock")},
        "inputs": {"driver": "simulated", "rig": str(tmp_path / "rig"), "wired": ["contact"]},
    }
    rules = parse_profile({"door": [door]}).rules()[GARAGE]
    assert (rules.release_energises, rules.barrier) == (True, False)
