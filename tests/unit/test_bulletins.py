"""Notices to whoever stays here: whom they reach, when they are over, what is counted, and what cannot be written."""

import pytest
import sqlalchemy as sa

from cloud_sync.core.bulletins import RUN_MOST_MS, BulletinWish, fault_of
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.bulletins import RUNNING_MAX, SqlBulletins
from cloud_sync.store.retention import run_retention
from cloud_sync.store.tables_bulletins import bulletin, bulletin_receipt
from tests.fakes.guest_house import FORM, GuestHouse
from tests.fakes.staff_house import GUARD, OFFICER, StaffHouse, logged_in
from tests.fakes.web_house import visiting

ZH, EN = "三号楼今晚停水。", "Building 3 has no water tonight."


@pytest.fixture
def guest(tmp_path):
    made = GuestHouse(tmp_path / "guest")
    made.read_notice()
    yield made
    made.close()


@pytest.fixture
def office(tmp_path):
    made = StaffHouse(tmp_path)
    made.open_up()
    made.guest_link()
    yield made
    made.close()


def wish(
    now_ms: int, audience: str = "community", ref: str = "", hours: float = 6, **words: str
) -> BulletinWish:
    said = {"text_zh": ZH, "text_en": EN, **words}
    return BulletinWish(audience, ref, ends_ms=now_ms + round(hours * HOUR_MS), **said)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"audience": "street"}, "audience"),
        ({"audience": "building"}, "audience"),
        ({"ref": "3"}, "audience"),
        ({"audience": "building", "ref": "3"}, ""),
        ({"text_en": " "}, "text"),
        ({"text_zh": "水" * 501}, "text"),
        ({"text_zh": "水" * 500}, ""),
        ({"text_en": "two\nlines"}, ""),
        ({"text_en": "a bell \x07"}, "text"),
        ({"text_en": "turned \u202e round"}, "text"),
        ({"hours": 0}, "ends"),
        ({"hours": RUN_MOST_MS / HOUR_MS + 1}, "ends"),
    ],
)
def test_what_cannot_be_written_is_said_by_a_word(changes, fault):
    assert fault_of(wish(10**12, **changes), 10**12) == fault


def test_a_place_that_is_not_on_file_has_nobody_to_tell(guest):
    desk, now_ms = SqlBulletins(guest.books.house), guest.clock.now_ms()
    for audience, ref in (("building", "3"), ("unit", "3-1"), ("listing", "FY-1")):
        with pytest.raises(Refused, match="on file"):
            desk.write(wish(now_ms, audience, ref), actor="chen")
    for _ in range(RUNNING_MAX):
        desk.write(wish(now_ms), actor="chen")
    with pytest.raises(Refused, match="withdraw one"):
        desk.write(wish(now_ms), actor="chen")


def test_a_page_shows_it_as_plain_text_counts_the_stay_once_and_ends_with_it(guest):
    desk = SqlBulletins(guest.books.house)
    words = "<b>No water</b> tonight."
    name = desk.write(wish(guest.clock.now_ms(), text_en=words), actor="chen")
    guest.registry.register_self(guest.token, FORM)
    with visiting(guest.app(), **{"accept-language": "en"}) as client:
        page = client.get(f"/g/{guest.token}/pass")
        assert "&lt;b&gt;No water&lt;/b&gt; tonight." in page.text
        client.get(f"/g/{guest.token}/pass")
        (one,) = desk.bulletins()
        assert (one.stays, one.shown) == (1, 1)
        desk.withdraw(name, actor="sun")
        assert "No water" not in client.get(f"/g/{guest.token}/pass").text
    with pytest.raises(NotFound):
        desk.withdraw(name, actor="sun")
    (one,) = desk.bulletins()
    assert (one.runs, one.withdrawn_by, one.stays, one.shown) == (False, "sun", 1, 1)
    with guest.books.engine.begin() as db:
        deeds = [
            (row.action, row.actor) for row in db.execute(sa.select(tables.audit)) if "bulletin" in row.action
        ]
    assert deeds == [("bulletin.write", "chen"), ("bulletin.withdraw", "sun")]


def test_both_go_ninety_days_later(guest):
    desk = SqlBulletins(guest.books.house)
    desk.write(wish(guest.clock.now_ms()), actor="chen")
    guest.registry.saw_bulletins(guest.token)
    for days, left in ((89, 1), (3, 0)):
        guest.clock.step(ms=days * DAY_MS)
        run_retention(guest.books.house)
        with guest.books.engine.begin() as db:
            assert [len(db.execute(sa.select(one)).all()) for one in (bulletin, bulletin_receipt)] == [
                left
            ] * 2


def test_the_officer_writes_and_withdraws_on_a_page_and_a_guard_does_not(office):
    with logged_in(office, GUARD) as client:
        assert client.get("/bulletins").status_code == 403
    with logged_in(office, OFFICER) as client:
        page = client.get("/bulletins").text
        form = {
            "csrf": page.split('name="csrf" value="')[1].split('"')[0],
            "audience": "community", "zh": ZH, "en": EN, "ends": "2026-11-23T12:00",
        }  # fmt: skip
        again = client.post("/bulletins", data={**form, "ends": "soon"})
        assert again.status_code == 409
        assert EN in again.text
        assert client.post("/bulletins", data={**form, "en": ""}).status_code == 409
        assert client.post("/bulletins", data=form).status_code == 303
        listed = client.get("/bulletins").text
        assert EN in listed
        assert "1 stays" in listed
        path = "/bulletins/" + listed.split('action="/bulletins/')[1].split('"')[0]
        assert client.post(path, data={"csrf": form["csrf"]}).status_code == 303
        assert client.post(path, data={"csrf": form["csrf"]}).status_code == 409
        assert f"withdrawn by {OFFICER}" in client.get("/bulletins").text
