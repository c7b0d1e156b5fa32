"""When a picture was taken: from its arrival and the source's own clock, in invented time."""

import pytest

from edge.drivers.stamps import OUR_CLOCK_NS, SETTLE_NS, OwnClock, of_our_clock

MS = 1_000_000
FRAME_MS = 66
START_MS = 50_000


def ages_ms(stream):
    """How old each picture is thought to be; None: not known yet.  ``stream``: (arrived ms, stamped ms or None)."""
    clock = OwnClock()
    found = []
    for arrived, stamped in stream:
        taken = clock.taken_ns(int(arrived * MS), None if stamped is None else int(stamped * MS))
        found.append(None if taken is None else round(arrived - taken / MS))
    return found


def steady(seconds, *, late_ms=0.0, rate=1.0, from_ms=0.0):
    """A living stream: a picture every 66 ms; its clock goes ``rate`` times as fast as ours."""
    count = int(seconds * 1000 / FRAME_MS)
    times = [from_ms + n * FRAME_MS for n in range(count)]
    return [(START_MS + t + late_ms, t * rate) for t in times]


def test_nothing_is_believed_in_the_first_half_second():
    ages = ages_ms(steady(3))
    unknown = ages.count(None)
    assert unknown == SETTLE_NS // (FRAME_MS * MS) + 1
    assert set(ages[unknown:]) == {0}


def test_a_picture_is_as_much_older_as_its_way_was_longer():
    late = [(arrived + 300, stamped) for arrived, stamped in steady(0.4, from_ms=3000)]
    ages = ages_ms([*steady(3), *late])
    assert 285 <= ages[-1] <= 300


def test_what_piled_up_before_the_connection_stood_is_not_taken_for_live():
    """Two seconds of pictures at once, then the living stream."""
    pile = [(START_MS + 2000 + n, n * FRAME_MS) for n in range(30)]
    ages = ages_ms([*pile, *steady(3, from_ms=2000)])
    assert all(age is None for age in ages[: len(pile)])
    assert set(ages[-20:]) == {0}


def test_a_burst_after_a_silence_is_old_but_for_its_last():
    burst = [(START_MS + 4500 + n, 3000 + n * FRAME_MS) for n in range(23)]
    ages = ages_ms([*steady(3), *burst])[-23:]
    assert ages[0] > 1400
    assert ages == sorted(ages, reverse=True)
    assert ages[-1] < 100


def test_a_stream_that_began_late_and_catches_up_is_not_believed_until_it_has():
    """Were the late pictures of the catching up taken for live, they would be three seconds old."""
    slow = steady(2, late_ms=3000)
    catching = [(START_MS + 5000 + n * 5, 2000 + n * FRAME_MS) for n in range(46)]
    ages = ages_ms([*slow, *catching])[len(slow) :]
    assert all(age is None for age in ages[2:])


@pytest.mark.parametrize("rate", [0.992, 1.0, 1.008])
def test_a_camera_that_counts_pictures_instead_of_time_does_not_grow_old(rate):
    ages = ages_ms(steady(600, rate=rate))
    unknown = ages.count(None)
    assert unknown < 10
    assert max(ages[unknown:]) < 50


def test_without_stamps_the_arrival_counts():
    ages = ages_ms([(START_MS + n * FRAME_MS, None) for n in range(30)])
    assert ages[-1] == 0
    assert ages[0] is None


@pytest.mark.parametrize("at", [0, 7, 40])
def test_one_picture_without_a_stamp_among_stamped_ones_spoils_none_and_is_not_believed(at):
    stream = steady(4)
    plain = ages_ms(stream)
    stream[at] = (stream[at][0], None)
    assert ages_ms(stream) == [*plain[:at], None, *plain[at + 1 :]]


@pytest.mark.parametrize(
    ("stamped", "taken"),
    [(None, 10**12), (10**12 - 7, 10**12 - 7), (10**12 + 7, 10**12), (10**12 - OUR_CLOCK_NS - 1, 10**12)],
)
def test_of_our_own_clock_the_older_of_the_two_counts_and_another_clock_does_not(stamped, taken):
    assert of_our_clock(10**12, stamped) == taken
