"""Whose pass is at which door, as the gate staff's page says it: in both languages, and nobody's name."""

import pytest

from cloud_sync.ports_delivery import Deliveries, NodeUnready
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import Lang
from cloud_sync.web.render import Chrome
from cloud_sync.web.services import DEFAULT_ZONE
from cloud_sync.web.staff.arrived import passes_page
from cloud_sync.web.texts import texts
from tests.fakes.community_house import NAME, NUMBER
from tests.fakes.delivered import Delivery
from tests.fakes.evening import EVENING_MS
from tests.fakes.staff_house import GUARD, StaffHouse, logged_in
from tests.fakes.web_house import GATE, ROOM, UNIT, SteppedClock, visiting


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path, SteppedClock(EVENING_MS))
    made.open_up()
    yield made
    made.close()


def page_of(house, lang=Lang.EN, of=""):
    held = house.services.deliveries.deliveries(house.clock.now_ms(), of=of, most=9)
    return passes_page(Chrome(lang, "", None, ""), held, Speaker(texts(lang), DEFAULT_ZONE), of)


def said(page):
    (one,) = page.passes
    return {door.access_point: door.said for door in one.doors}


def test_each_door_says_since_when_it_has_the_pass_or_that_it_has_it_not_yet(house):
    delivery = Delivery(house)
    assert set(said(page_of(house)).values()) == {"not yet; not on its way"}
    delivery.send()
    on_its_way = said(page_of(house))
    assert set(on_its_way) == {GATE, UNIT, ROOM}
    assert all(text.startswith("not yet; on its way since ") for text in on_its_way.values())
    house.clock.now += 60_000
    delivery.receipt("building-7")
    page = page_of(house)
    (one,) = page.passes
    at = Speaker(texts(Lang.EN), DEFAULT_ZONE).clock(house.clock.now)
    assert said(page) == {GATE: on_its_way[GATE], UNIT: f"has it since {at}", ROOM: f"has it since {at}"}
    assert (one.room, one.summary, one.whole) == ("602", "not yet at 1 of 3 doors", False)
    delivery.receipt("gate-1")
    assert page_of(house).passes[0].summary == "at all 3 doors"


def test_it_is_found_by_room_stay_and_pass_and_by_nothing_else(house):
    Delivery(house)
    (one,) = house.services.deliveries.deliveries(house.clock.now_ms(), most=9).passes
    for known in ("602", one.stay, one.pass_id):
        assert len(page_of(house, of=known).passes) == 1
    assert page_of(house, of="603").passes == ()


def test_those_that_are_not_there_stand_first_and_what_does_not_fit_is_counted(house):
    Delivery(house)
    held = house.services.deliveries.deliveries(house.clock.now_ms(), most=0)
    assert (held.passes, held.left_out) == ((), 1)


@pytest.mark.parametrize("lang", list(Lang))
def test_a_node_that_is_not_ready_says_why_in_both_languages(lang):
    nodes = (NodeUnready("gate-1", "East", 3, ("missing", "offline", "lease"), EVENING_MS),)
    held = Deliveries("东", "East", EVENING_MS, EVENING_MS, EVENING_MS, nodes, (), 0)
    say = texts(lang)
    (line,) = passes_page(Chrome(lang, "", None, ""), held, Speaker(say, DEFAULT_ZONE)).unready
    assert line.why.startswith(say("%(n)s passes without receipt", n=3))
    assert line.why.count("; ") == 2


def test_gate_staff_see_the_page_and_its_part_and_no_name_and_nobody_else_does(house):
    delivery = Delivery(house)
    delivery.send()
    with logged_in(house, GUARD) as client:
        whole, part = client.get("/staff/passes").text, client.get("/staff/parts/passes?of=602").text
        assert 'href="/staff/passes"' in client.get("/staff").text
        assert client.get(f"/staff/passes?of={'6' * 65}").status_code == 422
    assert "<html" in whole
    assert "<html" not in part
    for text in (whole, part):
        assert f'data-door="{GATE}"' in text
        assert NAME not in text
        assert NUMBER not in text
    with visiting(house.app()) as stranger:
        assert stranger.get("/staff/passes").status_code in (303, 401)


def test_a_case_about_it_leads_there(house):
    Delivery(house)
    house.work.delivery = lambda: None
    with house.engine.begin() as db:
        db.exec_driver_sql(
            "insert into delivery_unready (community, at_ms, node, missing, why, found_ms) "
            "values ('dongfang', 1, 'gate-1', 1, 'missing', 1)"
        )
    house.sort_out()
    (line,) = house.desk.queue(house.user(GUARD))
    with logged_in(house, GUARD) as client:
        text = client.get(f"/staff/cases/{line.case.id}").text
    assert 'id="passes-at-doors"' in text
    assert "Not ready for today&#39;s guests" in text
