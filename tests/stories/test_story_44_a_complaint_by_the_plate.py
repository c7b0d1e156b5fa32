"""Story 44: noise at one in the morning, and a neighbour who scans the plate."""

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa

from cloud_sync.core.complaints import SAID_MAX
from cloud_sync.errors import Refused
from cloud_sync.ports_guest import Contact
from cloud_sync.store import tables
from cloud_sync.store.complaints import SqlComplaints
from cloud_sync.web.listings.complaints import EACH_MAX
from tests.fakes.listing_house import OFFICER, OPERATOR, OTHER, PASSWORD, ListingHouse
from tests.fakes.web_house import log_in, visiting

LINK = re.compile(r'id="answer-link">[^<]*(/complaints/of/[^<]+)<')
ID = re.compile(r'id="(CP-[0-9A-Z]{26})"')


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path)
    yield made
    made.books.close()


def complain(site, code: str, **words: str):
    return site.post(f"/verify/{code}/complaint", data={"topic": "noise", "said": "music again", **words})


def enter(site, name: str) -> str:
    site.cookies.clear()
    log_in(site, name=name, password=PASSWORD)
    return str(site.get("/api/v1/session").json()["csrf"])


@pytest.mark.story("44b")
def test_a_neighbour_complains_without_login_and_reads_the_answer(house):
    code = house.coded()
    with visiting(house.app(), **{"accept-language": "en"}) as site:
        assert f"/verify/{code}/complaint" in site.get(f"/verify/{code}").text
        sent = complain(site, code)
        link = LINK.search(sent.text)[1]
        assert "nobody has answered yet" in site.get(link).text
        csrf = enter(site, OFFICER.name)
        page = site.get("/complaints").text
        assert code in page
        assert "music again" in page
        answered = {"csrf": csrf, "event": "answer", "text": "the operator was spoken to"}
        site.post(f"/complaints/{ID.search(page)[1]}", data=answered)
        again = site.post(f"/complaints/{ID.search(page)[1]}", data=answered)
        assert again.status_code == 409
        site.cookies.clear()
        status = site.get(link).text
        assert "the operator was spoken to" in status
        assert OFFICER.name not in status
        assert site.get("/complaints/of/" + "A" * 32).status_code == 404
        assert site.get("/complaints").status_code != 200


@pytest.mark.story("44b")
def test_the_operators_program_reads_it_and_their_telephone_is_written_to(house):
    code = house.coded()
    desk = SqlComplaints(replace(house.books.house, channels=frozenset({"sms"})))
    desk.complain(code, "rubbish", "boxes on the stairs")
    (line,) = house.books.outbox.lines()
    assert (line.channel, line.state) == ("sms", "QUEUED")
    (due,) = house.books.outbox.claim(most=1)
    assert Contact(due.channel, due.to) == Contact("sms", "+86 000 1234 5678")
    assert due.said == {"listing": code}
    with visiting(house.app()) as site:
        enter(site, OPERATOR.name)
        (told,) = site.get(f"/api/v1/listings/{code}/complaints").json()
    assert (told["topic"], told["state"]) == ("rubbish", "OPEN")
    assert "boxes" not in str(told)


@pytest.mark.story("44b")
def test_what_cannot_be_is_refused_and_nobody_floods(house):
    code = house.coded()
    with visiting(house.app()) as site:
        assert complain(site, code, topic="weather").status_code == 409
        assert complain(site, code, said="x" * (SAID_MAX + 1)).status_code == 409
        assert complain(site, "FY-000001-00000000-0").status_code == 409
        assert [complain(site, code).status_code for _ in range(EACH_MAX)] == [429] * EACH_MAX
    assert house.books.complaints.complaints() == ()


@pytest.mark.story("44d")
def test_the_third_day_of_noise_proposes_points_and_a_person_decides(house):
    code, desk = house.coded(), house.books.complaints
    for day in range(3):
        desk.complain(code, "noise", "")
        desk.complain(code, "noise", "the same night")
        assert len(house.desk.queue().points) == (1 if day == 2 else 0)
        house.clock.step(hours=24)
    (proposal,) = house.desk.queue().points
    assert (proposal.rule, proposal.state, len(proposal.evidence)) == ("C05", "PROPOSED", 5)
    assert house.desk.listing(code, OFFICER).row.standing.left == 10
    desk.complain(code, "noise", "once more")
    assert len(house.desk.queue().points) == 1
    house.desk.decide_points(proposal.id, "confirm", "heard it on the stairs", OFFICER)
    assert house.desk.listing(code, OFFICER).row.standing.left == 7
    house.desk.appeal(proposal.id, "it was the neighbour", OPERATOR)
    with pytest.raises(Refused):
        house.desk.decide_points(proposal.id, "uphold", "no", OFFICER)
    house.desk.decide_points(proposal.id, "reverse", "another flat", OTHER)
    assert house.desk.listing(code, OFFICER).row.standing.left == 10


@pytest.mark.story("44d")
def test_what_was_dismissed_or_is_a_month_old_proposes_nothing(house):
    code, desk = house.coded(), house.books.complaints
    desk.complain(code, "noise", "")
    (first,) = desk.complaints()
    desk.answer(first.complaint, "dismiss", "it was the street", OFFICER)
    for hours in (24, 24 * 31, 24):
        house.clock.step(hours=hours)
        desk.complain(code, "noise", "")
    assert house.desk.queue().points == ()
    with house.books.engine.connect() as db:
        audited = db.execute(
            sa.select(tables.audit.c.actor).where(tables.audit.c.action == "complaint.dismiss")
        )
        assert audited.scalars().all() == [OFFICER.name]
