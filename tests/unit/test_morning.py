"""The morning's numbers on the real store: every number is its rows, and the page shows the same."""

import re
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from cloud_sync.errors import NotFound
from cloud_sync.store import tables
from cloud_sync.store.morning import StoredMorning
from tests.fakes.evening import EVENING_MS, HOUR_MS, enter, expect_guests, play, wall
from tests.fakes.staff_house import GUARD, OFFICER, StaffHouse, logged_in
from tests.fakes.web_house import COMMUNITY, GATE, SteppedClock

EVENING = date(2026, 11, 22)


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path, SteppedClock(EVENING_MS))
    made.open_up()
    yield made
    made.close()


def morning(house, day=EVENING):
    now = datetime.fromtimestamp(house.clock.now_ms() / 1000, UTC)
    return StoredMorning(house.engine).morning(COMMUNITY, now, day)


def expected(house):
    """Four bookings, three of them registered; each booking's pass by its own reference."""
    expect_guests(house)
    lines = {line.stay: line for line in house.registry.passes()}
    found = sa.select(tables.booking.c.external_ref, tables.stay.c.stay).join(
        tables.stay, tables.stay.c.booking == tables.booking.c.booking
    )
    with house.engine.connect() as db:
        return {row.external_ref: lines[row.stay] for row in db.execute(found)}


def ratio(house, metric, day=EVENING):
    measure = morning(house, day).measures[metric]
    return measure.numerator, measure.denominator


def cells(house, metric, name):
    return [row.cells[name] for row in morning(house).measures[metric].rows]


def test_registered_before_they_came_in_counts_people_and_shows_each(house):
    guests = expected(house)
    enter(house, guests["B-601"], -1, "face")  # a minute after the registration
    enter(house, guests["B-604"], -2, "qr")  # came in, and was never registered
    assert ratio(house, "registration") == (1, 2)
    (in_time, late) = morning(house).measures["registration"].rows
    assert (in_time.counts, in_time.cells["level"], in_time.cells["room"]) == (True, 2, "601")
    assert (late.counts, late.cells["level"], late.cells["verified_ms"]) == (False, None, None)


def test_verified_after_the_first_entry_is_not_in_time(house):
    guests = expected(house)
    enter(house, guests["B-601"], 30, "qr")  # half an hour before the registration was brought
    (row,) = morning(house).measures["registration"].rows
    assert (row.counts, row.cells["level"]) == (False, None)
    assert row.cells["verified_ms"] > row.cells["first_entry_ms"]


def test_every_rate_of_registration_is_shown_by_level_and_adds_up(house):
    guests = expected(house)
    for ref in ("B-601", "B-602", "B-604"):
        enter(house, guests[ref], -1, "qr")
    levels = dict(morning(house).levels)
    assert levels == {0: 0, 1: 0, 2: 2, 3: 0, 4: 0, None: 1}
    assert sum(levels.values()) == morning(house).measures["registration"].denominator


def test_a_day_is_the_community_s_own_and_the_next_has_nobody_of_it(house):
    guests = expected(house)
    enter(house, guests["B-601"], -1, "qr")
    assert ratio(house, "registration", date(2026, 11, 23)) == (0, 0)
    assert ratio(house, "arrivals") == (1, 4)
    assert ratio(house, "arrivals", date(2026, 11, 21)) == (0, 0)
    assert sum(morning(house).by_hour) == 1
    assert morning(house).by_hour[20] == 1


def test_who_went_out_again_is_not_in_house(house):
    guests = expected(house)
    for ref in ("B-601", "B-602"):
        enter(house, guests[ref], 60, "qr")
    gone = {"direction": "out", "pass_id": guests["B-602"].pass_id, "access_point": GATE, "wall": wall(10)}
    house.tell("access.taken", **gone)
    assert ratio(house, "in_house") == (1, 4)


def test_open_discrepancies_stand_by_kind_and_by_age(house):
    house.open_case("D01", "S2", "ST-1")
    house.clock.now += 3 * HOUR_MS
    house.open_case("D01", "S2", "ST-2")
    house.open_case("D21", "S3", "gate-1")
    house.clock.now += HOUR_MS
    assert ratio(house, "discrepancies") == (2, 3)
    assert morning(house).ages == (("D01", (1, 1, 0, 0, 0)), ("D21", (1, 0, 0, 0, 0)))


@pytest.mark.parametrize(
    ("hours", "column"), [(1.9, 0), (2, 1), (23.9, 1), (24, 2), (72, 3), (168, 4), (999, 4)]
)
def test_an_age_belongs_to_one_column(house, hours, column):
    house.open_case("D01", "S2", "ST-1")
    house.clock.now += round(hours * HOUR_MS)
    ((_, counts),) = morning(house).ages
    assert counts.index(1) == column


def test_a_silent_gate_is_not_online_and_says_how_far_behind_it_is(house):
    assert ratio(house, "gates") == (2, 2)
    house.clock.now += 120_000
    house.report("gate-1", [])
    assert ratio(house, "gates") == (1, 2)
    assert sorted(cells(house, "gates", "lag_s")) == [0, 120]


def test_a_case_counts_until_somebody_looks(house):
    house.alarm("door.forced")
    assert ratio(house, "cases") == (1, 1)
    assert cells(house, "cases", "kind") == ["forced"]


def test_numbers_from_doors_are_as_of_the_watermark_and_from_books_as_of_now(house):
    play(house)
    held = morning(house)
    assert held.measures["registration"].as_of_ms == held.watermark_ms
    assert held.measures["in_house"].as_of_ms == held.watermark_ms
    assert held.measures["cases"].as_of_ms == held.now_ms == house.clock.now_ms()


def test_no_row_holds_a_name(house):
    play(house)
    for measure in morning(house).measures.values():
        assert "测试" not in str(measure.rows)


def test_a_community_that_is_not_there_is_not_there(house):
    now = datetime.fromtimestamp(house.clock.now_ms() / 1000, UTC)
    with pytest.raises(NotFound):
        StoredMorning(house.engine).morning("nowhere", now, EVENING)


# --- the pages -------------------------------------------------------------------------------------------------


def test_each_number_leads_to_as_many_rows_as_it_counts(house):
    play(house)
    house.alarm("door.forced")
    with logged_in(house, OFFICER) as client:
        page = client.get("/morning?day=2026-11-22").text
        for metric in morning(house).measures:
            tile = page[page.index(f'id="{metric}"') :]
            numerator, denominator = re.search(
                r"<strong>(\d+)</strong><span class=\"of\">/ (\d+)<", tile
            ).groups()
            rows = client.get(f"/morning/{metric}?day=2026-11-22").text
            body = rows[rows.index("<tbody>") :] if "<tbody>" in rows else ""
            assert (body.count("<tr class=counted>"), body.count("<tr")) == (int(numerator), int(denominator))


@pytest.mark.parametrize(
    ("hours", "path", "day"),
    [
        (0, "/morning", "2026-11-22"),
        (12, "/morning", "2026-11-22"),
        (16, "/morning", "2026-11-23"),
        (0, "/morning?day=2027-01-01", "2026-11-22"),
    ],
)
def test_until_noon_the_page_is_about_yesterday_and_never_about_tomorrow(house, hours, path, day):
    house.clock.now += hours * HOUR_MS
    with logged_in(house, OFFICER) as client:
        assert f'<time datetime="{day}">' in client.get(path).text


@pytest.mark.parametrize("path", ["/morning/nonsense", "/morning?day=2026-13-41"])
def test_what_is_not_there_is_said_politely(house, path):
    with logged_in(house, OFFICER) as client:
        assert client.get(path).status_code == 404


def test_the_numbers_are_for_the_officer_and_not_for_the_gate(house):
    with logged_in(house, GUARD) as client:
        assert client.get("/morning").status_code == 403
        assert client.get("/morning/registration").status_code == 403
