"""Which pictures are looked at and which faces get a vector, told by times and boxes alone."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import evidence, looking
from edge.core.looking import Attention, overlap
from edge.runtime import face_desk
from models import track

MS = 1_000_000
UP = 90_000 * MS
EVERY = 90 * MS
HERE = (100.0, 100.0, 120.0, 160.0)
THERE = (400.0, 100.0, 120.0, 160.0)


def never() -> bool:
    return False


def looks(attention: Attention, at_ms: int, *, moved: bool = False) -> bool:
    return attention.look_due(UP + at_ms * MS, every_ns=EVERY, moved=lambda: moved)


def stood(*, until_ms: int, step_ms: int, box=HERE, first: Attention | None = None) -> list[int]:
    """When somebody who stands still from 0 on gets a vector, if a picture comes every ``step_ms``."""
    attention, at = first or Attention(), []
    for ms in range(0, until_ms, step_ms):
        t_ns = UP + ms * MS
        if not attention.look_due(t_ns, every_ns=EVERY, moved=never):
            continue
        due = attention.vector_due(t_ns, box)
        attention = attention.after(t_ns, box, vector=due)
        at += [ms] if due else []
    return at


def test_the_limits_are_those_of_the_door_and_of_its_tracks():
    assert looking.FRAME_GAP_NS == evidence.FRAME_GAP_NS == track.APART_MIN_NS
    assert looking.FRAMES_MAX == evidence.FRAMES_MAX == track.ACCEPTED_MAX
    assert looking.GAP_MAX_NS == track.GAP_MAX_NS
    assert looking.HOLD_NS < track.GAP_MAX_NS
    assert looking.AFRESH_NS == face_desk.AGAIN_NS
    assert looking.SAME_PLACE > track.OVERLAP_MIN


def test_a_still_empty_lane_is_looked_at_once_a_second():
    attention = Attention().after(UP, None)
    assert [ms for ms in range(40, 1_100, 40) if looks(attention, ms)] == [1_000, 1_040, 1_080]


def test_something_that_moves_is_looked_at_in_the_very_next_picture():
    attention = Attention().after(UP, None)
    assert looks(attention, 90, moved=True)
    assert not looks(attention, 80, moved=True), "not more often than the configuration wishes"


def test_nobody_asks_what_moved_while_somebody_stands_there():
    attention = Attention().after(UP, HERE)
    assert attention.look_due(UP + EVERY, every_ns=EVERY, moved=lambda: 1 / 0)


def test_who_turned_away_or_held_up_a_code_is_expected_for_a_second_more():
    turned = Attention().after(UP, HERE).after(UP + 100 * MS, None)
    code = Attention().after(UP, None, code=True)
    assert looks(turned, 990)
    assert looks(code, 990)
    assert not looks(code.after(UP + 950 * MS, None), 1_050)


def test_a_new_face_gets_its_vector_at_once_and_the_second_as_soon_as_it_counts():
    assert stood(until_ms=400, step_ms=40)[:3] == [0, 160, 320]
    assert stood(until_ms=400, step_ms=33)[:3] == [0, 165, 330]


def test_a_look_comes_early_once_a_vector_and_not_with_every_picture():
    attention = Attention().after(UP, HERE, vector=True).after(UP + 120 * MS, HERE)
    assert looks(attention, 150)
    refused = attention.after(UP + 150 * MS, HERE)
    assert not looks(refused, 190)
    assert looks(refused, 240)


def test_five_vectors_settle_a_try_and_then_one_in_less_than_half_a_second_keeps_the_person_known():
    at = stood(until_ms=4_000, step_ms=40)
    assert at[:5] == [0, 160, 320, 480, 640]
    later = [b - a for a, b in itertools.pairwise(at[4:])]
    assert later
    assert all(300 <= gap < 500 for gap in later)


def test_after_five_seconds_a_new_try_is_given_its_own_five():
    at = stood(until_ms=7_000, step_ms=40)
    afresh = [ms for ms in at if ms >= 5_640]
    assert [b - a for a, b in itertools.pairwise(afresh)][:4] == [160] * 4


def test_a_slow_machine_never_lets_a_track_end_while_somebody_stands_there():
    for step_ms in (150, 200, 250, 300, 400, 480):
        at = stood(until_ms=9_000, step_ms=step_ms)
        assert max(b - a for a, b in itertools.pairwise(at)) <= 500, step_ms


def test_a_face_elsewhere_is_asked_who_it_is_at_once_and_so_is_one_that_came_back():
    known = Attention().after(UP, HERE, vector=True)
    t_ns = UP + 90 * MS
    assert not known.vector_due(t_ns, HERE)
    assert known.vector_due(t_ns, THERE)
    assert known.after(t_ns, None).vector_due(t_ns + 90 * MS, HERE)


def test_a_face_that_was_lost_is_sought_in_every_picture_until_its_track_would_end():
    lost = Attention().after(UP, HERE, vector=True).after(UP + 90 * MS, None)
    again = lost.after(UP + 130 * MS, None)
    assert looks(lost, 130)
    assert looks(again, 170)
    assert again.vector_due(UP + 170 * MS, HERE)
    assert not looks(again.after(UP + 490 * MS, None), 510)


def test_a_face_elsewhere_is_asked_until_it_has_answered():
    jumped = Attention().after(UP, HERE, vector=True).after(UP + 90 * MS, THERE, vector=False)
    assert jumped.vector_due(UP + 120 * MS, THERE)
    assert jumped.vector_due(UP + 120 * MS, HERE), "nor is who jumps back the one from before"


def test_a_face_that_gave_no_vector_for_half_a_second_is_a_new_one():
    attention = Attention().after(UP, HERE, vector=True)
    for ms in range(90, 600, 90):
        attention = attention.after(UP + ms * MS, HERE)
    assert attention.vector_ns is None
    assert attention.vectors == 0


@settings(deadline=None)
@given(
    steps=st.lists(st.integers(20, 600), min_size=1, max_size=60),
    places=st.lists(st.sampled_from([HERE, THERE, None]), min_size=60, max_size=60),
    good=st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_a_vector_is_skipped_only_for_who_was_known_at_this_place_less_than_half_a_second_ago(
    steps, places, good
):
    attention, t_ns = Attention(), UP
    last: tuple[int, tuple[float, float, float, float]] | None = None  # the last vector, unbroken since
    for step, box, judged_good in zip(steps, places, good, strict=False):
        t_ns += step * MS
        if not attention.look_due(t_ns, every_ns=EVERY, moved=lambda: True):
            continue
        due = box is not None and attention.vector_due(t_ns, box)
        if box is not None and not due:
            assert last is not None
            assert t_ns - last[0] <= looking.GAP_MAX_NS
            assert last[1] == box
        vector = due and judged_good
        attention = attention.after(t_ns, box, vector=vector)
        assert 0 <= attention.vectors <= looking.FRAMES_MAX
        if vector:
            last = (t_ns, box)
        elif last is not None and last[1] != box:
            last = None


def test_overlap_is_a_share_of_what_both_cover():
    assert overlap(HERE, HERE) == 1.0
    assert overlap(HERE, THERE) == 0.0
    assert overlap((0, 0, 2, 2), (1, 0, 2, 2)) == 1 / 3
    assert overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0
