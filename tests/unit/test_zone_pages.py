"""Zones on the staff's pages and for programs: two people press, and one line says how many doors did it."""

import re

import httpx
import pytest

from tests.fakes.staff_house import GUARD, OFFICER, OTHER_GUARD, logged_in
from tests.fakes.zone_house import ZoneHouse, answers


@pytest.fixture
def house(tmp_path):
    made = ZoneHouse(tmp_path)
    made.open_up()
    yield made
    made.close()


def csrf(client: httpx.Client) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', client.get("/staff/zones").text)[1]


def propose(client: httpx.Client, **more: str) -> httpx.Response:
    form = {"csrf": csrf(client), "zone": "site", "op": "lockdown", "reason": "fight", **more}
    return client.post("/staff/zones", data=form)


def id_in(response: httpx.Response) -> str:
    assert response.status_code == 303, response.text
    return response.headers["location"].rpartition("/")[2]


def test_two_guards_lock_down_the_site_and_the_line_counts_the_doors(house: ZoneHouse) -> None:
    with logged_in(house, GUARD) as first:
        command_id = id_in(propose(first))
        page = first.get(f"/staff/zones/{command_id}").text
        assert "waiting for a second person" in page
        assert 'id="yes"' not in page, "who proposed it cannot say the same"
        refused = first.post(f"/staff/zones/{command_id}", data={"csrf": csrf(first)})
        assert (refused.status_code, "Another person has to say the same" in refused.text) == (409, True)
    with logged_in(house, OTHER_GUARD) as second:
        assert f"/staff/zones/{command_id}" in second.get("/staff/zones").text
        assert 'id="yes"' in second.get(f"/staff/zones/{command_id}").text
        assert second.post(f"/staff/zones/{command_id}", data={"csrf": csrf(second)}).status_code == 303
        doors = len(house.zone_commands.state(command_id).results)
        answers(house, command_id, ["done"] * (doors - 1) + ["refused"])
        part = second.get(f"/staff/zones/{command_id}/part").text
        assert f"{doors - 1} of {doors} doors did it · 1 refused" in part
        assert "the door refused" in part
        assert "hx-get" not in part, "it has ended"
    with logged_in(house, OFFICER, **{"accept-language": "zh"}) as reader:
        assert (
            f"{doors} 扇门中 {doors - 1} 扇已执行 · 1 扇拒绝" in reader.get(f"/staff/zones/{command_id}").text
        )


@pytest.mark.parametrize("missing", [{"reason": " "}, {"op": ""}, {"zone": ""}, {"op": "release"}])
def test_what_is_missing_is_asked_for(house: ZoneHouse, missing: dict[str, str]) -> None:
    with logged_in(house, GUARD) as client:
        response = propose(client, **missing)
        assert (response.status_code, "Choose a zone" in response.text) == (409, True)
    assert house.zone_commands.recent(9) == []


def test_nobody_joins_after_a_minute(house: ZoneHouse) -> None:
    with logged_in(house, GUARD) as first:
        command_id = id_in(propose(first))
    house.clock.now += 61_000
    with logged_in(house, OTHER_GUARD) as second:
        response = second.post(f"/staff/zones/{command_id}", data={"csrf": csrf(second)})
        assert (response.status_code, "within a minute" in response.text) == (409, True)
        assert "nobody joined in time" in second.get("/staff/zones").text


def test_the_staff_page_leads_there(house: ZoneHouse) -> None:
    with logged_in(house, GUARD) as client:
        assert 'href="/staff/zones"' in client.get("/staff").text


def test_programs_do_it_with_two_sessions(house: ZoneHouse) -> None:
    wish = {"op": "lockopen", "reason": "smoke"}
    with logged_in(house, GUARD) as first, logged_in(house, OTHER_GUARD) as second:
        assert first.post("/api/v1/zones/site/commands", json=wish).status_code == 403
        token = {"x-csrf-token": csrf(first)}
        made = first.post("/api/v1/zones/site/commands", json=wish, headers=token)
        assert made.status_code == 201, made.text
        where = f"/api/v1/zone-commands/{made.json()['id']}"
        assert first.get(where).json()["state"] == "PROPOSED"
        assert first.post(f"{where}/second", headers=token).status_code == 403
        sent = second.post(f"{where}/second", headers={"x-csrf-token": csrf(second)}).json()
        assert (sent["state"], sent["ended"], sent["open"]) == ("SENT", False, len(sent["doors"]))
