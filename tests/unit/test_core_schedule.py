"""Weekly hours: what they say of a minute, when they open next, and what a night with two three o'clocks does to them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.core.schedule import MINUTE_MS, Calendar, Hours, Local, Schedule, read_hours
from edge.runtime.rule_parts import local_time

ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
OFFICE = Schedule("office", (read_hours("mon-fri 08:00-18:00"), read_hours("sat 10:00-24:00")))


def ms(text: str, zone: str = "Asia/Shanghai") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def calendar(*schedules: Schedule, zone: str = "Asia/Shanghai", holidays: tuple[date, ...] = ()) -> Calendar:
    return Calendar(local_time(ZoneInfo(zone)), {one.name: one for one in schedules}, frozenset(holidays))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mon-fri 08:00-18:00", Hours(frozenset(range(5)), 480, 1080)),
        ("sat 10:00-24:00", Hours(frozenset({5}), 600, 1440)),
        ("06:30-22:00", Hours(frozenset(range(7)), 390, 1320)),
        ("sat-mon 00:00-24:00", Hours(frozenset({5, 6, 0}), 0, 1440)),
    ],
)
def test_hours_are_read_as_people_write_them(text, expected):
    assert read_hours(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8-18",
        "mon 18:00-08:00",
        "mon 08:00-08:00",
        "foo 08:00-18:00",
        "mon 08:00-24:01",
        "mon 08:75-09:00",
    ],
)
def test_hours_that_mean_nothing_are_refused(text):
    with pytest.raises(ValueError, match="hours"):
        read_hours(text)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-27 07:59", False),  # a Friday
        ("2026-11-27 08:00", True),
        ("2026-11-27 17:59", True),
        ("2026-11-27 18:00", False),
        ("2026-11-28 23:59", True),
        ("2026-11-29 00:00", False),
        ("2026-12-25 12:00", False),  # a holiday
    ],
)
def test_a_schedule_is_open_from_its_first_minute_up_to_its_last(at, is_open):
    assert calendar(OFFICE, holidays=(date(2026, 12, 25),)).is_open("office", ms(at)) is is_open


def test_a_schedule_that_runs_through_holidays_is_open_on_them():
    through = Schedule("cleaning", OFFICE.hours, through_holidays=True)
    assert calendar(through, holidays=(date(2026, 12, 25),)).is_open("cleaning", ms("2026-12-25 12:00"))


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-27 18:00:30", "2026-11-28 10:00"),
        ("2026-11-29 00:00", "2026-11-30 08:00"),
        ("2026-12-24 18:00", "2026-12-26 10:00"),  # over the holiday
        ("2026-11-27 09:13:07", "2026-11-27 09:13:07"),  # open: now
    ],
)
def test_the_next_opening_skips_nights_sundays_and_holidays(at, opens):
    assert calendar(OFFICE, holidays=(date(2026, 12, 25),)).opens_ms("office", ms(at)) == ms(opens)


def test_a_schedule_nobody_knows_is_closed_and_opens_never():
    nothing = calendar(OFFICE)
    assert not nothing.is_open("offices", ms("2026-11-27 12:00"))
    assert nothing.opens_ms("offices", ms("2026-11-27 12:00")) is None
    assert nothing.since_ms("offices", ms("2026-11-27 12:00")) is None


def test_a_month_of_holidays_is_longer_than_anybody_is_told_to_wait():
    month = tuple(date(2026, 11, 27) + timedelta(days=day) for day in range(40))
    assert calendar(OFFICE, holidays=month).opens_ms("office", ms("2026-11-27 12:00")) is None


def test_an_opening_knows_where_it_began_and_a_closed_hour_does_not():
    office = calendar(OFFICE)
    assert office.since_ms("office", ms("2026-11-27 17:59:59")) == ms("2026-11-27 08:00")
    assert office.since_ms("office", ms("2026-11-27 18:00")) is None
    whole = calendar(Schedule("w", (read_hours("fri-sat 22:00-24:00"), read_hours("00:00-06:00"))))
    assert whole.since_ms("w", ms("2026-11-28 03:00")) == ms("2026-11-27 22:00")


def test_what_never_closes_is_looked_back_at_for_eight_days_and_no_further():
    ever = calendar(Schedule("ever", (read_hours("00:00-24:00"),)))
    since = ever.since_ms("ever", ms("2026-11-27 12:00"))
    assert since is not None
    assert ms("2026-11-27 12:00") - since == pytest.approx(8 * 86_400_000, abs=900_000)


def test_the_hour_that_does_not_exist_is_never_open_and_the_doubled_one_is_open_twice():
    night = calendar(Schedule("n", (read_hours("02:00-03:00"),)), zone="Europe/Berlin")
    spring, autumn = ms("2026-03-29 01:59", "Europe/Berlin"), ms("2026-10-25 01:59", "Europe/Berlin")
    minutes = range(180)
    assert not any(night.is_open("n", spring + minute * MINUTE_MS) for minute in minutes)
    assert sum(night.is_open("n", autumn + minute * MINUTE_MS) for minute in minutes) == 120


# --- against a slow reading, minute by minute -----------------------------------------------------------------

hours = st.builds(
    lambda days, start, length: Hours(days, start, min(1440, start + length)),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 700),
)
moments = st.one_of(
    st.integers(ms("2026-03-01 00:00"), ms("2026-04-12 00:00")),
    st.integers(ms("2026-09-25 00:00"), ms("2026-11-08 00:00")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(hours, min_size=1, max_size=3), st.sampled_from(ZONES), moments)
@example([Hours(frozenset({6}), 150, 160)], "Europe/Berlin", ms("2026-03-29 01:00", "Europe/Berlin"))
def test_the_next_opening_is_the_first_open_minute_there_is(spans, zone, now_ms):
    schedule = Schedule("s", tuple(spans))
    held = calendar(schedule, zone=zone)
    at_ms = now_ms
    for _ in range(2 * 1440):
        if held.is_open("s", at_ms):
            break
        at_ms = at_ms - at_ms % MINUTE_MS + MINUTE_MS
    else:
        at_ms = None
    found = held.opens_ms("s", now_ms)
    assert found == at_ms or (at_ms is None and (found is None or held.is_open("s", found)))


@settings(max_examples=60, deadline=None)
@given(st.lists(hours, min_size=1, max_size=3), st.sampled_from(ZONES), moments)
def test_an_opening_is_open_from_where_it_began_and_shut_the_minute_before(spans, zone, now_ms):
    held = calendar(Schedule("s", tuple(spans)), zone=zone)
    since = held.since_ms("s", now_ms)
    if since is None:
        assert not held.is_open("s", now_ms)
        return
    assert all(held.is_open("s", at_ms) for at_ms in range(since, now_ms + 1, MINUTE_MS))
    assert not held.is_open("s", since - 1) or now_ms - since > 7 * 86_400_000


def test_local_time_is_the_wall_s():
    at_ms = int(datetime(2026, 7, 1, 22, 30, tzinfo=UTC).timestamp() * 1000)
    assert local_time(ZoneInfo("Asia/Shanghai"))(at_ms) == Local(date(2026, 7, 2), 390)
