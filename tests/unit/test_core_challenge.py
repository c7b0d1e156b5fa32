"""The challenge machine: what passes, what does not, and that nothing lasts for ever."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.challenge import (
    GAP_MAX_NS,
    HELD_MIN,
    REACTION_NS,
    STEPS,
    TIMEOUT_NS,
    TURN_MIN,
    Ask,
    Failed,
    Passed,
    Pose,
    Seen,
    Step,
    TimedOut,
    Why,
    begin,
    draw,
    neutral_of,
    observe,
)

FRAME_NS = 100_000_000
NEUTRAL = Pose(0.08, 0.55)
DONE = {Step.LEFT: Pose(0.5, 0.55), Step.RIGHT: Pose(-0.36, 0.58), Step.NOD: Pose(0.1, 0.75)}
ALL = list(itertools.permutations(Step, STEPS))


def run(steps, answer, frames=80):
    """Ask until it is over; ``answer`` gives (pose, same) for the frame's number and what is asked."""
    challenge, said = begin(steps, NEUTRAL, 0), Ask(steps[0])
    for number in range(1, frames):
        pose, same = answer(number, said)
        challenge, said = observe(challenge, Seen(number * FRAME_NS, pose, same))
        if not isinstance(said, Ask):
            return said
    return said


def obedient(delay=4):
    """Does what is asked ``delay`` frames after it is asked, and goes back when told to."""
    since, last = 0, None

    def answer(number, said):
        nonlocal since, last
        if said != last:
            since, last = number, said
        if said.step is None:
            return NEUTRAL, True
        return (DONE[said.step] if number - since >= delay else NEUTRAL), True

    return answer


@pytest.mark.parametrize("steps", ALL, ids="-".join)
def test_who_does_what_is_asked_passes(steps):
    said = run(steps, obedient())
    assert isinstance(said, Passed)
    assert 0 < said.took_ns < TIMEOUT_NS


def test_who_does_not_react_is_not_accused():
    assert run((Step.LEFT, Step.NOD), lambda *_: (NEUTRAL, True)) == TimedOut(Why.NO_RESPONSE)


def test_who_begins_and_does_not_come_to_the_end_was_too_slow():
    assert run((Step.LEFT, Step.NOD), obedient(delay=30)) == TimedOut(Why.TOO_SLOW)
    stays_turned = run((Step.LEFT, Step.NOD), lambda *_: (DONE[Step.LEFT], True))
    assert stays_turned == TimedOut(Why.TOO_SLOW)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [(Step.LEFT, Step.RIGHT), (Step.RIGHT, Step.LEFT), (Step.NOD, Step.LEFT), (Step.NOD, Step.RIGHT)],
)
def test_a_turn_the_wrong_way_ends_the_attempt(asked, shown):
    assert run((asked, asked), lambda *_: (DONE[shown], True)) == Failed(Why.WRONG_TURN)


def test_a_turn_through_to_the_other_side_is_no_way_back():
    def swings(number, _said):
        return DONE[Step.LEFT if number < 8 else Step.RIGHT], True

    assert run((Step.LEFT, Step.LEFT), swings) == Failed(Why.WRONG_TURN)


def test_one_frame_is_a_landmark_that_jumped():
    def jumps(number, said):
        return (DONE[said.step] if said.step and number % 3 == 0 else NEUTRAL), True

    assert run((Step.LEFT, Step.RIGHT), jumps) == TimedOut(Why.NO_RESPONSE)
    assert HELD_MIN == 2


def test_what_was_under_way_when_the_task_was_set_is_no_answer():
    early = REACTION_NS // FRAME_NS

    def already_turning(number, _said):
        return (DONE[Step.LEFT] if number < early else NEUTRAL), True

    assert run((Step.LEFT, Step.LEFT), already_turning) == TimedOut(Why.NO_RESPONSE)


def test_another_face_in_the_middle_ends_the_attempt():
    assert run((Step.LEFT, Step.NOD), lambda n, said: (DONE[Step.LEFT], n < 3)) == Failed(Why.SWAPPED)


def test_a_gap_ends_the_attempt_and_nobody_is_said_to_have_been_swapped():
    challenge = begin((Step.LEFT, Step.NOD), NEUTRAL, 0)
    _, said = observe(challenge, Seen(GAP_MAX_NS + 1, NEUTRAL, same=True))
    assert said == Failed(Why.GAP)


def test_frames_that_could_not_be_compared_accuse_nobody():
    challenge, said = begin((Step.LEFT, Step.NOD), NEUTRAL, 0), None
    for number in range(1, 8):
        challenge, said = observe(challenge, Seen(number * FRAME_NS, NEUTRAL, same=False, blind=True))
        if not isinstance(said, Ask):
            break
    assert said == Failed(Why.GAP)


@given(
    steps=st.sampled_from(ALL),
    poses=st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.booleans()), max_size=90),
    frame_ns=st.integers(20_000_000, 700_000_000),
)
def test_every_challenge_ends_within_its_time_and_never_by_frames_of_another_face(steps, poses, frame_ns):
    challenge, said, same_frames = begin(steps, NEUTRAL, 0), Ask(steps[0]), 0
    for number, (yaw, pitch, same) in enumerate(poses, start=1):
        challenge, said = observe(challenge, Seen(number * frame_ns, Pose(yaw, pitch), same))
        same_frames += same
        if number * frame_ns >= TIMEOUT_NS:
            assert not isinstance(said, Ask | Passed)
        if not isinstance(said, Ask):
            break
    if isinstance(said, Passed):
        assert same_frames >= STEPS * (HELD_MIN + 1)
        assert said.took_ns >= STEPS * REACTION_NS


@given(
    steps=st.sampled_from(ALL),
    poses=st.lists(st.tuples(st.floats(-0.34, 0.34), st.floats(-0.14, 0.14)), max_size=60),
)
def test_nobody_passes_who_never_turns_or_nods_far_enough(steps, poses):
    challenge = begin(steps, NEUTRAL, 0)
    for number, (yaw, pitch) in enumerate(poses, start=1):
        pose = Pose(NEUTRAL.yaw + yaw, NEUTRAL.pitch + pitch)
        challenge, said = observe(challenge, Seen(number * FRAME_NS, pose, same=True))
        assert said == Ask(steps[0]) or isinstance(said, TimedOut)
        if isinstance(said, TimedOut):
            break
    assert TURN_MIN > 0.34


@given(st.integers())
def test_what_is_asked_is_drawn_from_turns_and_nods_only(seed):
    steps = draw(random.Random(seed).choice)
    assert len(steps) == STEPS
    assert set(steps) <= set(Step)


@given(st.integers())
def test_nothing_is_asked_twice_in_one_challenge(seed):
    """A photo rolled in its plane can look like one turn to the detector's points; it is not asked for that one twice."""
    steps = draw(random.Random(seed).choice)
    assert len(set(steps)) == STEPS


@pytest.mark.parametrize("trick", Step)
@given(st.integers())
def test_whatever_can_do_one_movement_only_passes_no_challenge_that_can_be_drawn(trick, seed):
    steps = draw(random.Random(seed).choice)
    obeys = obedient()

    def one_trick(number, said):
        pose, same = obeys(number, said)
        return (DONE[trick] if pose in DONE.values() else pose), same

    assert not isinstance(run(steps, one_trick), Passed)


def test_what_was_drawn_is_not_offered_again():
    offered = []
    draw(lambda steps: offered.append(set(steps)) or steps[-1])
    assert offered == [set(Step), {Step.LEFT, Step.RIGHT}]


def test_all_six_orders_can_be_drawn_and_none_is_twice_as_likely_as_another():
    dice = random.Random(1)
    drawn = [draw(dice.choice) for _ in range(900)]
    counts = [drawn.count(steps) for steps in ALL]
    assert len(ALL) == 6
    assert sum(counts) == len(drawn)
    assert min(counts) > 100
    assert max(counts) < 200


def test_the_neutral_is_the_middle_of_the_last_frames_and_one_odd_frame_does_not_move_it():
    poses = [Pose(9, 9), Pose(0.1, 0.5), Pose(0.12, 0.52), Pose(2.0, 0.1), Pose(0.1, 0.5), Pose(0.11, 0.51)]
    assert neutral_of(poses) == Pose(0.11, 0.5)
