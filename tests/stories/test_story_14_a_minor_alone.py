"""Story 14: somebody of fifteen books; guardian and relation are asked for, and a person of the staff decides."""

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa

from cloud_sync.connectors.notify.letter import Sender
from cloud_sync.connectors.notify.post import Post
from cloud_sync.connectors.notify.ways import open_notifiers
from cloud_sync.core.minors import Must
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.errors import Refused
from cloud_sync.ports_guest import Contact
from cloud_sync.ports_staff import Proof
from cloud_sync.store import tables
from cloud_sync.store.evidence_store import EvidenceBook
from cloud_sync.store.registry import SqlRegistry
from cloud_sync.store.staging import Staging
from cloud_sync.store.visitors import VisitWish
from tests.fakes.community_house import GATE, registration_row, resident_id, take
from tests.fakes.staff_house import GUARD, OTHER_GUARD, StaffHouse, logged_in
from tests.fakes.web_house import BOOKING_CSV, LISTING_CSV
from tests.fakes.web_house import GATE as WEB_GATE

FIFTEEN = resident_id("00000120110131000")
CSRF = re.compile(r'name="csrf" value="([^"]+)"')
FORM = {
    "name": "未成年测试",
    "document_type": "resident_id",
    "document_number": FIFTEEN,
    "birth_date": "2011-01-31",
}
GUARDED = {**FORM, "guardian_contact": "0000 138", "relation": "mother"}


@pytest.mark.story("14a")
def test_without_a_guardian_nothing_is_taken(at_home):
    at_home.read_notice()
    answer = at_home.registry.register_self(at_home.token, FORM)
    assert answer.faults == {"guardian_contact": "guardian_missing", "relation": "relation_missing"}


@pytest.mark.story("14a", "14c")
def test_alone_the_staff_decide_and_then_the_pass_arms(at_home):
    at_home.read_notice()
    answer = at_home.registry.register_self(at_home.token, GUARDED)
    assert (answer.faults, answer.verified) == ({}, False)
    assert [one.status for one in at_home.registrations()] == ["SUBMITTED"]
    assert {row.state for row in at_home.rows()} == {"PENDING"}
    done = at_home.registry.prove(Proof("xc", "1001", "staff", "spoke to the mother", GUARDED), actor="wang")
    assert done.pass_state == "ACTIVE"
    person = at_home.registrations()[0].person
    assert at_home.books.house.vault.holds(person, "guardian_contact")


@pytest.fixture
def desk(tmp_path):
    """A gate's staff, and somebody of fifteen who was proved with her mother's number."""
    made = StaffHouse(tmp_path)
    made.open_up()
    made.bring("listings", LISTING_CSV)
    made.bring("bookings", BOOKING_CSV)
    made.registry.prove(Proof("tujia", "B-1", "staff", "spoke to the mother", GUARDED), actor=GUARD)
    yield made
    made.close()


def tick(client, stay: str, must: str, reason: str = "done at the desk") -> int:
    page = client.get(f"/staff/minors/{stay}").text
    form = {"csrf": CSRF.search(page)[1], "must": must, "reason": reason}
    return client.post(f"/staff/minors/{stay}", data=form, follow_redirects=False).status_code


@pytest.mark.story("14b")
def test_the_five_musts_are_a_list_that_named_people_tick(desk):
    stay = desk.registry.party("tujia", "B-1").stay
    with logged_in(desk, GUARD) as client:
        assert f"/staff/minors/{stay}" in client.get("/staff/prove?source=tujia&ref=B-1").text
        page = client.get(f"/staff/minors/{stay}?lang=zh").text
        assert page.count('data-done="0"') == len(Must) == 5
        assert "没有成年人与这名未成年人一起登记" in page
        assert tick(client, stay, Must.CONTACT) == 303
        assert tick(client, stay, Must.WATCHED, "") == 409
    with logged_in(desk, OTHER_GUARD) as client:
        assert tick(client, stay, Must.CONTACT) == 409
        assert tick(client, stay, Must.WATCHED, "told the night round") == 303
        assert client.get(f"/staff/minors/{stay}").text.count('data-done="1"') == 2
    by = {one.must: (one.by, one.reason) for one in desk.registry.minor_care(stay).musts if one.by}
    assert by == {
        Must.CONTACT: (GUARD, "done at the desk"),
        Must.WATCHED: (OTHER_GUARD, "told the night round"),
    }


@pytest.mark.story("14b")
def test_no_must_is_ticked_against_the_records_and_the_fifth_settles_what_was_open(at_home):
    at_home.read_notice()
    at_home.registry.register_self(at_home.token, GUARDED)
    stay, registry = at_home.stay().stay, at_home.registry
    EvidenceBook(at_home.books.house).tell(stay, "MinorConcern", "k", {"what": "unrelated_adult"}, actor="li")
    at_home.time_goes()
    with pytest.raises(Refused, match="not proved yet"):
        registry.tick_must(stay, Must.PROVED, actor="wang", reason="looked")
    registry.prove(Proof("xc", "1001", "staff", "spoke to the mother", GUARDED), actor="wang")
    for must in Must:
        assert len(at_home.open("D20")) == 1
        registry.tick_must(stay, must, actor="wang", reason="done at the desk")
    at_home.time_goes()
    assert at_home.open("D20") == []


@pytest.fixture
def reported(at_home, tmp_path):
    """A suspicion that a guard reported where a liaison is set up: (community, the minor's stay, what came of it)."""
    at_home.read_notice()
    at_home.registry.register_self(at_home.token, GUARDED)
    house = replace(at_home.books.house, liaison=Contact("sheet", "liaison@police.example"))
    registry = SqlRegistry(house, Staging(tmp_path / "staging.db", bytes(32)))
    stay = at_home.stay().stay
    return at_home, stay, registry.report_suspicion(stay, actor="li", reason="a stranger waits for her")


@pytest.mark.story("14d")
def test_a_suspicion_tells_the_liaison_and_is_a_case_and_a_disclosure(reported, tmp_path):
    town, stay, told = reported
    assert (told.written, told.guardians) == (True, ("0000 138",))
    with town.books.engine.connect() as db:
        looks = db.execute(sa.select(tables.disclosure.c.actor, tables.disclosure.c.field)).all()
        case = db.execute(sa.select(tables.case_).where(tables.case_.c.id == told.case)).one()
    assert ("li", "suspicion") in looks
    assert ("li", "guardian_contact") in looks
    assert (case.severity, case.subject, case.owner_role) == ("S1", stay, "emergency_call")
    town.time_goes()
    assert [row.subject for row in town.open("D20")] == [stay]
    sheets = tmp_path / "sheets"
    post = Post(
        town.books.outbox,
        open_notifiers({"sheet": {"folder": sheets}}),
        town.clock,
        Sender(town.books.house.zone),
    )
    assert post() == 1
    (sheet,) = [one.read_text() for one in sheets.iterdir()]
    assert "a stranger waits for her" in sheet
    assert "301" in sheet
    assert told.case in sheet
    assert FORM["name"] not in sheet
    assert FIFTEEN not in sheet


@pytest.mark.story("14d")
def test_a_synthetic_community_writes_to_no_liaison(at_home, tmp_path):
    at_home.read_notice()
    at_home.registry.register_self(at_home.token, GUARDED)
    house = replace(at_home.books.house, liaison=Contact("email", "liaison@police.example"))
    registry = SqlRegistry(house, Staging(tmp_path / "staging.db", bytes(32)))
    registry.report_suspicion(at_home.stay().stay, actor="li", reason="a stranger waits for her")
    ways = open_notifiers({"email": {"host": "mail.example", "sender": "gate@community.example"}})
    assert Post(at_home.books.outbox, ways, at_home.clock, Sender(house.zone))() == 0
    (line,) = at_home.books.outbox.lines()
    assert (line.state, "synthetic" in line.problem) == ("REFUSED", True)


@pytest.mark.story("14d")
def test_the_button_says_whom_to_call_once_and_asks_for_a_reason(desk):
    stay = desk.registry.party("tujia", "B-1").stay
    with logged_in(desk, GUARD) as client:
        page = client.get(f"/staff/minors/{stay}").text
        form = {"csrf": CSRF.search(page)[1], "reason": " "}
        assert client.post(f"/staff/minors/{stay}/suspicion", data=form).status_code == 409
        told = client.post(f"/staff/minors/{stay}/suspicion", data={**form, "reason": "a stranger waits"})
        assert "0000 138" in told.text
        assert "call 110 yourself" in told.text
        assert told.headers["cache-control"] == "no-store"
        assert "0000 138" not in client.get(f"/staff/minors/{stay}").text


def alone_on_record(town) -> str:
    take(town.books, "registrations", {
        **registration_row(), "name": FORM["name"], "document_number": FIFTEEN, "birth_date": FORM["birth_date"],
        "guardian_contact": "0000 138", "relation": "mother",
    })  # fmt: skip
    return town.stay().stay


@pytest.mark.story("14e")
def test_a_visitor_let_in_to_that_room_is_an_s1_case(community):
    stay = alone_on_record(community)
    wish = VisitWish("day_visitor", (GATE,), 60, "says he is an uncle", "1-301")
    community.registry.admit(wish, actor="li")
    with community.books.engine.connect() as db:
        (case,) = db.execute(sa.select(tables.case_)).all()
    assert (case.kind, case.severity, case.subject) == ("D20", "S1", stay)
    community.time_goes()
    assert [row.severity for row in community.open("D20")] == ["S1"]


@pytest.mark.story("14e")
def test_a_visitor_to_somebody_grown_up_is_none(community):
    community.registers()
    community.registry.admit(VisitWish("day_visitor", (GATE,), 60, "an uncle", "1-301"), actor="li")
    community.time_goes()
    assert community.open("D20") == []


@pytest.mark.story("14e")
def test_who_lets_somebody_in_by_hand_says_the_room(desk):
    desk.clock.now += 48 * HOUR_MS  # the stay has begun
    with logged_in(desk, GUARD) as client:
        csrf = CSRF.search(client.get(f"/staff/doors/{WEB_GATE}").text)[1]
        form = {"csrf": csrf, "op": "admit", "reason": "says he is an uncle", "visits": "no such room"}
        wrong = client.post(f"/staff/doors/{WEB_GATE}/confirm", data=form)
        assert wrong.status_code == 409
        assert "no room" in wrong.text
        client.post(f"/staff/doors/{WEB_GATE}/confirm", data={**form, "visits": "602"})
    desk.sort_out()
    cases = [line.case for line in desk.desk.queue(desk.user(GUARD))]
    assert [case.severity for case in cases if case.kind == "D20"] == ["S1"]
