"""Coming days and the wall: each number is a count of stays, and a wall has nobody in it and nothing to press."""

import re
from dataclasses import replace
from datetime import date

import sqlalchemy as sa

from cloud_sync.core.forecast import What
from cloud_sync.core.roles import Role
from cloud_sync.store import tables
from cloud_sync.store.forecast import StoredForecast
from cloud_sync.web.app import create_app
from tests.fakes.web_house import COMMUNITY, GATE, PASSWORD, WebHouse, door, log_in, visiting

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
# (state, arrival in days from today's 14:00, nights, booked how many days before, first entry, left)
STAYS = {
    "came": ("CHECKED_OUT", -3, 2, 9, True, True),
    "stays-on": ("IN_HOUSE", -1, 3, 9, True, False),
    "booked-that-day": ("CHECKED_OUT", -3, 1, 0, True, True),
    "never-came": ("NO_SHOW", -3, 2, 5, False, False),
    "cancelled": ("CANCELLED_BEFORE", 2, 2, 5, False, False),
    "ahead": ("REGISTERED", 2, 2, 5, False, False),
    "beyond": ("EXPECTED", 30, 2, 5, False, False),
}


def put(house):
    begins = house.house.midnight_ms(house.clock.now)
    with house.engine.begin() as db:
        for name, (state, from_day, nights, before, came, left) in STAYS.items():
            arrival = begins + from_day * DAY_MS + 14 * HOUR_MS
            ends = arrival + nights * DAY_MS - 2 * HOUR_MS
            row = {"community": COMMUNITY, "listing": "L1", "room": "R1"}
            db.execute(
                sa.insert(tables.booking).values(
                    **row, booking=f"B-{name}", source="t", external_ref=name, external_revision=1, state="CONFIRMED",
                    arrival_ms=arrival, departure_ms=ends, headcount=2, version=1,
                    received_ms=arrival - before * DAY_MS - HOUR_MS,
                )
            )  # fmt: skip
            db.execute(
                sa.insert(tables.stay).values(
                    **row, stay=name, booking=f"B-{name}", planned_in_ms=arrival, planned_out_ms=ends, state=state,
                    first_entry_ms=arrival + HOUR_MS if came else None, checked_out_ms=ends if left else None,
                    guest_token_hash="",
                )
            )  # fmt: skip


def test_each_day_counts_what_was_booked_what_came_and_who_was_there(tmp_path):
    house = WebHouse(tmp_path)
    put(house)
    held = StoredForecast(house.house).forecast()
    found = {one.day: {what: {fact.stay for fact in one.found[what]} for what in What} for one in held.days}
    assert [one.over for one in held.days] == [True] * 7 + [False] * 7
    today = date.fromordinal(held.today.toordinal())
    day = {n: found[date.fromordinal(today.toordinal() + n)] for n in range(-7, 7)}
    assert day[-3][What.EXPECTED] == {"came", "booked-that-day", "never-came"}
    assert day[-3][What.KNOWN] == {"came", "never-came"}
    assert day[-3][What.ARRIVED] == {"came", "booked-that-day"}
    assert day[-3][What.NIGHT] == day[-3][What.SEEN] == {"came", "booked-that-day"}
    assert day[-2][What.LEAVING] == day[-2][What.LEFT] == {"booked-that-day"}
    assert day[-2][What.SEEN] == {"came"}
    assert day[-1][What.SEEN] == {"stays-on"}
    assert day[2][What.EXPECTED] == day[2][What.NIGHT] == {"ahead"}
    assert day[4][What.LEAVING] == {"ahead"}
    assert next(one for one in held.days if "ahead" in found[one.day][What.NIGHT]).people == 2
    house.close()


def test_every_number_of_the_page_leads_to_its_stays(tmp_path):
    house = WebHouse(tmp_path)
    put(house)
    for role in (Role.OFFICER, Role.STREET):
        house.accounts.add(f"the-{role}", role, PASSWORD, actor="test")
    app = create_app(replace(house.services, forecast=StoredForecast(house.house)))
    with visiting(app, **{"accept-language": "en"}) as client:
        log_in(client, name="the-officer")
        assert 'href="/forecast"' in client.get("/").text
        links = re.findall(r'<a href="(/forecast/[^"]+)">(\d+)</a>', client.get("/forecast").text)
        assert len(links) > 10
        for href, number in links:
            assert client.get(href).text.partition("<tbody>")[2].count("<tr>") == int(number), href
        assert client.get("/forecast/2020-01-01/night").status_code == 404
        assert client.get(f"{links[0][0].rpartition('/')[0]}/nobody").status_code == 404
        client.cookies.clear()
        log_in(client, name="the-street")
        assert client.get("/forecast").status_code == client.get("/wall").status_code == 403
    house.close()


def test_a_wall_has_numbers_and_alarms_and_nobody_and_nothing_to_press(tmp_path):
    house = WebHouse(tmp_path)
    house.add_nodes()
    house.accounts.add("zhao", Role.OFFICER, PASSWORD, actor="test")
    house.report("gate-1", [door(GATE, alarm="HELD", contact="open")])
    house.tell("access.granted", subject_ref="GST-7K3M9QXD7K3M9QXD", decision="allow", credential_kind="qr")
    house.open_case("D01", "S1", "ST-secret")
    with visiting(house.app(), **{"accept-language": "en"}) as client:
        log_in(client, name="zhao")
        assert "GST-7K3M9QXD7K3M9QXD" in client.get("/").text
        for page in (client.get("/wall").text, client.get("/parts/wall").text):
            assert not re.search(r"<(a|button|input|form|select)\b", page)
            for word in ("GST-", "ST-secret", "zhao", "Log out"):
                assert word not in page
            assert re.search(r"<strong>East gate</strong>\s*held", page)
            assert re.search(r'id="wall-nodes">.*?<strong>1</strong> <span>/ 2', page, re.DOTALL)
            assert re.search(r'id="wall-open">.*?<strong>1</strong> <span>/ 1', page, re.DOTALL)
    house.close()
