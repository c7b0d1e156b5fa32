"""Proving at the gate by page, and the page behind the code at a door, without scripts, in both languages."""

import re

import pytest
import sqlalchemy as sa

from cloud_sync.core.codes import mod11_2
from cloud_sync.store import tables
from cloud_sync.web.arrive import ALL_MAX, EACH_MAX, WITHIN_MS, Patience
from cloud_sync.web.staff.desk import WAITING_SHOWN_MS
from tests.fakes.staff_house import GUARD, OFFICER, StaffHouse, logged_in
from tests.fakes.web_house import BOOKING_CSV, GATE, LISTING_CSV, visiting

NUMBER = "00000119900131000"
WHO = {"name": "测试", "document_type": "resident_id", "document_number": NUMBER + mod11_2(NUMBER)}
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path)
    made.open_up()
    made.bring("listings", LISTING_CSV)
    made.bring("bookings", BOOKING_CSV)
    yield made
    made.close()


def prove(client, **changes):
    page = client.get("/staff/prove", params={"source": "tujia", "ref": "B-1"})
    form = {
        "csrf": CSRF.search(page.text)[1], "source": "tujia", "external_ref": "B-1", "method": "staff",
        "reason": "seen with the card", "member": "", **WHO, **changes,
    }  # fmt: skip
    return client.post("/staff/prove", data=form)


def registrations(house):
    with house.engine.connect() as db:
        return db.execute(sa.select(tables.registration.c.status, tables.registration.c.proofing)).all()


def test_a_guard_looks_up_a_booking_and_proves_who_stands_there(house):
    with logged_in(house, GUARD) as client:
        page = client.get("/staff/prove", params={"source": "tujia", "ref": "B-1"}).text
        assert "602" in page
        assert "nothing was sent yet" in page
        done = prove(client)
    assert done.status_code == 200
    assert "Proved: the way in is open" in done.text
    assert "East gate" in done.text
    assert "seen in person" in done.text
    assert registrations(house) == [("VERIFIED", 4)]


def test_who_proved_and_why_is_on_record_under_their_name(house):
    with logged_in(house, GUARD) as client:
        prove(client, method="live-video", reason="seen on a call")
    with house.engine.connect() as db:
        found = sa.select(tables.audit.c.actor, tables.audit.c.reason).filter_by(action="registration.prove")
        ((actor, reason),) = db.execute(found).all()
    assert actor == GUARD
    assert reason.startswith("level 3, live-video: seen on a call")


def test_a_wrong_number_is_said_at_its_field_and_what_was_typed_stays(house):
    with logged_in(house, GUARD) as client:
        wrong = prove(client, document_number=NUMBER + "0", name="甲乙")
    assert wrong.status_code == 422
    assert 'id="fault-document_number"' in wrong.text
    assert 'value="甲乙"' in wrong.text
    assert registrations(house) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reason": " "}, "Say in one line why"),
        ({"method": "hearsay"}, "in person or on a call|here or on a call"),
        ({"external_ref": "B-404"}, "not on record any more"),
    ],
)
def test_a_rule_that_says_no_is_said_in_words(house, changes, sentence):
    with logged_in(house, GUARD) as client:
        refused = prove(client, **changes)
    assert refused.status_code == 409
    assert re.search(sentence, refused.text)
    assert registrations(house) == []


def test_a_form_of_somebody_else_s_page_proves_nobody(house):
    with logged_in(house, GUARD) as client:
        assert prove(client, csrf="forged").status_code == 403
    assert registrations(house) == []


def test_the_page_is_for_staff_and_says_so_to_others(house):
    with visiting(house.app()) as client:
        assert client.get("/staff/prove").status_code == 303
        assert client.post("/staff/prove", data=WHO).status_code == 303


def test_an_unknown_booking_is_said_once_and_politely(house):
    with logged_in(house, GUARD) as client:
        page = client.get("/staff/prove", params={"source": "tujia", "ref": "B-404"})
    assert page.status_code == 404
    assert "There is no such booking" in page.text


# --- at the gate, not registered -----------------------------------------------------------------------------------


def test_right_and_wrong_numbers_get_the_very_same_answer(house):
    with visiting(house.app(), **{"accept-language": "en"}) as client:
        answers = [client.post(f"/arrive/{GATE}", data={"booking": said}) for said in ("B-1", "B-404", "")]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert "Thank you" in answers[0].text


def test_the_page_needs_no_login_and_speaks_both_languages(house):
    with visiting(house.app()) as client:
        chinese = client.get(f"/arrive/{GATE}")
        english = client.get(f"/arrive/{GATE}?lang=en")
    assert (chinese.status_code, english.status_code) == (200, 200)
    assert "东门" in chinese.text
    assert "East gate" in english.text
    assert "Number of your booking" in english.text


def test_a_door_nobody_knows_has_the_same_page_without_a_name(house):
    with visiting(house.app(), **{"accept-language": "en"}) as client:
        page = client.post("/arrive/AP-nowhere", data={"booking": "B-1"})
    assert (page.status_code, "Thank you" in page.text) == (200, True)
    assert house.registry.arrivals() == ()


def test_after_a_few_tries_one_has_to_wait_and_is_told_what_to_do(house):
    with visiting(house.app(), **{"accept-language": "en"}) as client:
        codes = [client.post(f"/arrive/{GATE}", data={"booking": f"N-{n}"}).status_code for n in range(6)]
        last = client.post(f"/arrive/{GATE}", data={"booking": "B-1"})
    assert codes == [200] * EACH_MAX + [429]
    assert "ask the staff at the gate" in last.text
    assert len(house.registry.arrivals()) == EACH_MAX


def test_patience_is_bounded_for_one_and_for_all_and_comes_back():
    now = [0]
    patience = Patience(lambda: now[0])
    assert [patience.takes("a") for _ in range(EACH_MAX + 1)] == [True] * EACH_MAX + [False]
    others = [patience.takes(f"c{n}") for n in range(ALL_MAX)]
    assert others.count(True) == ALL_MAX - EACH_MAX
    assert not others[-1]
    now[0] = WITHIN_MS
    assert patience.takes("a")


def test_the_guard_gives_whoever_waits_a_link_for_their_own_phone(house):
    house.registry.announce_arrival(GATE, "b-1")
    with logged_in(house, GUARD) as client:
        page = client.get("/staff/prove").text
        assert "b-1" in page
        action = re.search(r'action="(/staff/arrivals/[^"]+/link)"', page)[1]
        form = {"csrf": CSRF.search(page)[1], "source": "tujia", "external_ref": "B-1"}
        linked = client.post(action, data=form)
        token = re.search(r"/g/([0-9a-f]{32})", linked.text)[1]
        assert "data:image/svg+xml" in linked.text
        assert "Nobody waits" in client.get("/staff/prove").text
        again = client.post(action, data=form)
    assert house.registry.guest_view(token).is_open
    assert again.status_code == 409


def test_an_officer_may_prove_too(house):
    with logged_in(house, OFFICER) as client:
        assert prove(client).status_code == 200


# --- what the guard sees of it ---------------------------------------------------------------------------------------


def test_who_waits_at_a_gate_stands_on_the_first_page_until_they_are_proved(house):
    with logged_in(house, GUARD) as client:
        assert "At a gate, not registered" not in client.get("/staff").text
        house.registry.announce_arrival(GATE, "b-1")
        for path in ("/staff", "/staff/parts/queue"):
            assert "At a gate, not registered: 1." in client.get(path).text
        prove(client)
        assert "At a gate, not registered" not in client.get("/staff").text
        assert "Nobody waits." in client.get("/staff/prove").text


def test_who_said_so_half_an_hour_ago_is_listed_and_no_longer_on_the_first_page(house):
    house.registry.announce_arrival(GATE, "B-1")
    house.clock.now += WAITING_SHOWN_MS
    with logged_in(house, GUARD) as client:
        assert "At a gate, not registered" not in client.get("/staff").text
        assert "B-1" in client.get("/staff/prove").text


def test_the_number_of_a_booking_is_enough_to_find_it(house):
    with logged_in(house, GUARD) as client:
        assert "nothing was sent yet" in client.get("/staff/prove", params={"ref": "b-1"}).text
        assert client.get("/staff/prove", params={"ref": "B-404"}).status_code == 404


def test_after_one_person_is_proved_the_next_one_of_the_party_is_chosen_and_never_the_same_again(house):
    with logged_in(house, GUARD) as client:
        page = prove(client, member="").text
        chosen = re.search(r'name="member" id="member-\d" value="([^"]*)" checked', page)
        lead = re.search(r'id="member-1" value="([^"]*)"', page)[1]
    assert chosen[1] != lead


def test_somebody_new_stays_chosen_when_a_field_was_wrong(house):
    with logged_in(house, GUARD) as client:
        page = prove(client, member="", document_number="1").text
    assert 'id="member-0" value="" checked' in page
