"""Who of several people asks for the door: the nearest in the marked area, or nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.claimant import COMPARABLE_AREA, WHOLE, NotOne, area_of, claimant, corners

SIZE = (640, 480)
LEFT_HALF = ((0.0, 0.0), (0.5, 1.0))
TRIANGLE = ((0.5, 0.0), (1.0, 1.0), (0.0, 1.0))


def box(x: float, y: float, side: float):
    """A square face around this point."""
    return (x - side / 2, y - side / 2, side, side)


boxes = st.lists(st.builds(box, st.floats(0, 640), st.floats(0, 480), st.floats(8, 300)), max_size=6)
regions = st.sampled_from([WHOLE, LEFT_HALF, TRIANGLE])


def test_nobody_is_nobody_and_one_is_the_claimant():
    assert claimant([], SIZE) is NotOne.NOBODY
    assert claimant([box(600, 20, 60)], SIZE) == 0


def test_the_nearest_is_the_claimant_and_a_passer_by_in_the_background_does_not_stop_them():
    assert claimant([box(100, 200, 60), box(300, 200, 100)], SIZE) == 1


def test_a_second_face_of_six_tenths_is_asked_to_step_back():
    near, as_near = box(200, 200, 100), box(450, 200, 100 * COMPARABLE_AREA**0.5 + 0.01)
    assert claimant([near, as_near], SIZE) is NotOne.ONE_AT_A_TIME
    assert claimant([near, box(450, 200, 100 * COMPARABLE_AREA**0.5 - 0.01)], SIZE) == 0


def test_a_larger_face_outside_the_area_is_not_at_the_door_and_does_not_stop_who_is():
    assert claimant([box(600, 200, 200), box(100, 200, 80)], SIZE, LEFT_HALF) == 1
    assert claimant([box(600, 200, 200)], SIZE, LEFT_HALF) is NotOne.NOBODY


def test_a_polygon_is_the_area_between_its_corners():
    assert claimant([box(320, 300, 60)], SIZE, TRIANGLE) == 0
    assert claimant([box(60, 60, 60)], SIZE, TRIANGLE) is NotOne.NOBODY
    assert claimant([box(580, 60, 60)], SIZE, TRIANGLE) is NotOne.NOBODY


def test_a_face_cut_off_by_the_picture_is_in_the_whole_of_it():
    assert claimant([box(-20, 200, 100)], SIZE) == 0


def test_a_rectangle_is_two_corners_in_either_order():
    assert set(corners(((0.6, 0.9), (0.2, 0.1)))) == {(0.6, 0.9), (0.2, 0.9), (0.2, 0.1), (0.6, 0.1)}
    assert area_of(((0.6, 0.9), (0.2, 0.1))) == pytest.approx(0.32)
    assert (area_of(WHOLE), area_of(TRIANGLE)) == (1.0, 0.5)


@given(boxes, regions, st.randoms())
def test_the_order_of_the_faces_is_irrelevant(some, region, shuffle):
    mixed = list(some)
    shuffle.shuffle(mixed)
    one, other = claimant(some, SIZE, region), claimant(mixed, SIZE, region)
    assert isinstance(one, NotOne) == isinstance(other, NotOne)
    if isinstance(one, NotOne) or isinstance(other, NotOne):
        assert one == other
    else:
        assert some[one] == mixed[other]


@given(boxes, regions)
def test_a_claimant_is_alone_at_their_distance_inside_the_area(some, region):
    who = claimant(some, SIZE, region)
    if isinstance(who, NotOne):
        return
    mine = some[who]
    assert claimant([mine], SIZE, region) == 0
    for place, other in enumerate(some):
        inside = claimant([other], SIZE, region) == 0
        assert place == who or not inside or other[2] * other[3] < COMPARABLE_AREA * mine[2] * mine[3]


@given(boxes, boxes)
def test_whoever_stands_outside_changes_nothing(inside, outside):
    here = [one for one in inside if claimant([one], SIZE, LEFT_HALF) == 0]
    there = [one for one in outside if claimant([one], SIZE, LEFT_HALF) is NotOne.NOBODY]
    assert claimant([*here, *there], SIZE, LEFT_HALF) == claimant(here, SIZE, LEFT_HALF)
