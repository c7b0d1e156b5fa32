"""The plan of the community: every door and node stands on it once, with its state by more than its colour."""

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa

from cloud_sync.core.roles import Role
from cloud_sync.store.plan import StoredPlan
from cloud_sync.store.tables import access_point
from cloud_sync.store.tables_model import unit
from cloud_sync.web.app import create_app
from cloud_sync.web.plan import DRAWN_MAX, SIGNS
from tests.fakes.web_house import (
    COMMUNITY,
    GATE,
    LISTING_CSV,
    PASSWORD,
    ROOM,
    UNIT,
    WebHouse,
    door,
    log_in,
    visiting,
)

SIGN = re.compile(r'<a href="([^"]*)" id="plan-([^"]*)" class="sign-([a-z]*)" aria-label="([^"]*)"')


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    made.add_nodes()
    made.accounts.add("zhao", "officer", PASSWORD, actor="test")
    yield made
    made.close()


def app_of(house):
    return create_app(replace(house.services, plan=StoredPlan(house.engine)))


def signs(house, lang="en"):
    with visiting(app_of(house), **{"accept-language": lang}) as client:
        log_in(client, name="zhao")
        page = client.get("/plan").text
    return {key: (sign, said, href) for href, key, sign, said in SIGN.findall(page)}, page


STATES = (
    ({}, "good"),
    ({"alarm": "FORCED", "contact": "open"}, "alarm"),
    ({"alarm": "HELD", "contact": "open"}, "alarm"),
    ({"camera": "LOST"}, "fault"),
    ({"contact": "fault"}, "fault"),
    ({"mode": "UNKNOWN"}, "fault"),
    ({"mode": "BLOCKED"}, "shut"),
    ({"mode": "LOCKED_DOWN"}, "shut"),
    ({"mode": "UNLOCKED"}, "free"),
)


def test_every_door_and_node_has_the_sign_of_its_state(house):
    with visiting(app_of(house), **{"accept-language": "en"}) as client:
        log_in(client, name="zhao")
        for words, sign in STATES:
            house.report("gate-1", [door(GATE, **words)])
            found = {key: (seen, said) for _, key, seen, said in SIGN.findall(client.get("/parts/plan").text)}
            assert found[GATE][0] == sign, words
            assert found["gate-1"][0] == "fault"  # it has not told which passes it holds
            assert "passes not confirmed" in found["gate-1"][1]
            assert found[UNIT][0] == found["building-7"][0] == "silent"  # this node was never heard


def test_no_two_states_share_a_letter_or_a_shape(house):
    assert len({letter for letter, _ in SIGNS.values()}) == len(SIGNS)
    house.report("gate-1", [door(GATE)])
    _, page = signs(house)
    legend = page[page.index('class="legend"') : page.index('class="blocks"')]
    drawn = re.findall(r'focusable="false">\s*<(\w+) ([^>]*)/>', legend)
    shapes = [f"{name} {what}" for name, what in drawn]
    assert len(shapes) == len(SIGNS)
    assert len(set(shapes)) == len(SIGNS) - 1  # what is silent is the ring of what is in order, dashed


def test_doors_stand_with_the_building_that_the_dossiers_give_them_and_all_are_in_the_table(house):
    house.bring("listings", LISTING_CSV)
    row = {"stair": "1", "floor": "6", "door_no": "602", "grid": "G1", "use": "self", "ownership": "own"}
    with house.engine.begin() as db:
        db.execute(
            sa.insert(unit).values(community=COMMUNITY, unit="7-1-602", building="7", made_ms=1, **row)
        )
    assert StoredPlan(house.engine).buildings(COMMUNITY) == {GATE: "7", UNIT: "7", ROOM: "7"}
    found, page = signs(house)
    titles = re.findall(r'<h2 id="block-\d+">([^<]*)</h2>', page)
    assert titles == ["Gates and garages", "Building 7"]
    assert set(found) == {GATE, UNIT, ROOM, "gate-1", "building-7"}
    table = page[page.index("<tbody>") :]
    assert table.count("<tr>") == len(found)
    _, chinese = signs(house, "zh")
    assert "7 栋" in chinese


def test_of_very_many_doors_the_gravest_are_drawn_and_the_others_counted(house):
    with house.engine.begin() as db:
        for at in range(60):
            values = {"kind": "room", "name_zh": f"{at}", "name_en": f"{at}", "location_class": "room"}
            db.execute(
                sa.insert(access_point).values(
                    community=COMMUNITY, access_point=f"R-{at}", node="building-7", face_enabled=0, **values
                )
            )
    house.report("building-7", [door(f"R-{at}", alarm="HELD" if at == 59 else "NORMAL") for at in range(60)])
    found, page = signs(house)
    assert found["R-59"][0] == "alarm"
    assert sum(key.startswith("R-") for key in found) < DRAWN_MAX
    assert page[page.index("<tbody>") :].count("<tr>") == len(found)
    assert f"and {62 + 1 - DRAWN_MAX} more, less grave" in page  # 62 doors and their node
    assert sum(map(int, re.findall(r"<strong>(\d+)</strong>", page))) == 60 + 5


def test_it_is_for_who_may_see_the_board_and_its_part_is_the_same_without_the_frame(house):
    house.accounts.add("li", Role.GUARD, PASSWORD, actor="test")
    with visiting(app_of(house)) as client:
        log_in(client, name="li")
        assert client.get("/plan").status_code == 403
        client.cookies.clear()
        log_in(client, name="zhao")
        assert 'href="/plan"' in client.get("/").text
        part = client.get("/parts/plan").text
        assert "<html" not in part
        assert part.count('class="block"') == client.get("/plan").text.count('class="block"') == 2
    with visiting(create_app(house.services)) as client:
        log_in(client, name="zhao")
        assert client.get("/plan").status_code == 404
        assert "/plan" not in client.get("/").text
