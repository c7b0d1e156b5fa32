"""What hellos show of a node's clock, and what they cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.node_clock import OFF_MOST_MS, is_off, off_ms

OFFSETS = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize(
    ("heard", "before", "certain"),
    [
        (0, None, 0),
        (12_000, None, 12_000),  # a hello cannot come before it was said
        (-12_000, None, None),  # or it travelled long
        (-12_000, 0, 0),
        (-12_000, -12_500, -12_000),
        (-40_000, -12_000, -12_000),
        (-12_000, 50_000, 0),  # it was ahead, and was set right meanwhile
        (12_000, -60_000, 12_000),
    ],
)
def test_what_is_certain_of_an_offset(heard, before, certain):
    assert off_ms(heard, before) == certain


@pytest.mark.parametrize(
    ("off", "told"), [(None, False), (OFF_MOST_MS, False), (10_001, True), (-10_001, True), (0, False)]
)
def test_more_than_ten_seconds_is_told(off, told):
    assert is_off(off) is told


@given(OFFSETS, st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_however_late_hellos_come_a_clock_is_never_said_to_be_further_ahead_than_it_is(truth, delays):
    before = None
    for delay in delays:
        heard = truth - delay
        certain = off_ms(heard, before)
        assert certain is None or heard <= certain <= max(truth, 0)
        before = heard
