"""Story 32: what is written to a guest is Chinese or English, as that guest reads; a notice to a building."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from cloud_sync.connectors.notify.email import EmailNotifier, EmailSettings
from cloud_sync.connectors.notify.letter import Sender, written
from cloud_sync.connectors.notify.post import Post
from cloud_sync.core.bulletins import BulletinWish
from cloud_sync.core.codes import listing_code
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.store import tables
from cloud_sync.store.bulletin_letters import write_letters
from cloud_sync.store.bulletins import SqlBulletins
from cloud_sync.store.notices import OVER, Invitation
from cloud_sync.store.retention import run_retention
from tests.fakes.community_house import booking_row, listing_row, take
from tests.fakes.far_sides import Mailbox, smtp_server
from tests.fakes.web_house import visiting
from tests.stories.story import ROOM_2, Community

OTHER = listing_code("000001", "8M4N2RXE")


@pytest.mark.story("32a")
def test_two_guests_of_one_evening_are_each_written_to_in_their_language(community):
    take(community.books, "bookings", booking_row("1002", headcount=1, room=ROOM_2))
    outbox = community.books.outbox
    for ref, language in (("1001", "zh"), ("1002", "en")):
        to = f"{ref}@example.test"
        outbox.invite(Invitation("xc", ref, "email", to, language, "https://gate.test"), actor="chen")
    sender, now_ms = Sender(community.books.house.zone), community.clock.now_ms()
    letters = {due.to: written(due, sender, now_ms) for due in outbox.claim(most=9)}
    zh, en = letters["1001@example.test"], letters["1002@example.test"]
    assert ("东方新城" in zh.subject, "Dongfang" in zh.subject) == (True, False)
    assert ("东方新城" in en.subject, "Dongfang" in en.subject) == (False, True)
    assert zh.text != en.text


ZH, EN = "一号楼今晚停水。", "Building 1 has no water tonight."


def on_page_of(community, token: str) -> list[str]:
    return [one.text_en for one in community.registry.guest_view(token).bulletins]


@pytest.mark.story("32b", "32c", "32d")
def test_a_notice_reaches_who_is_there_tonight_who_arrives_later_and_nobody_when_it_is_over(community):
    """Building 1 has no water for six hours: one guest is inside, one books while it runs, one comes next week."""
    elsewhere = listing_row(listing=OTHER, unit="2-101", room=f"{OTHER}-1", label="101")
    take(community.books, "listings", elsewhere)
    take(community.books, "bookings", booking_row("1009", listing=OTHER, room=f"{OTHER}-1"))
    take(community.books, "bookings", booking_row("1007", hours=(7 * 24, 8 * 24), room=ROOM_2))
    neighbour, next_week = (community.registry.guest_link("xc", ref) for ref in ("1009", "1007"))
    community.registers()
    community.comes_in(community.rows()[0])
    desk, ends_ms = SqlBulletins(community.books.house), community.clock.now_ms() + 6 * HOUR_MS
    desk.write(BulletinWish("building", "1", ZH, EN, ends_ms), actor="chen")
    assert on_page_of(community, community.token) == [EN]
    community.clock.step(hours=2)
    take(community.books, "bookings", booking_row("1008", hours=(3, 20), room=ROOM_2))
    late = community.registry.guest_link("xc", "1008")
    assert on_page_of(community, late) == [EN]
    assert [on_page_of(community, one) for one in (neighbour, next_week)] == [[], []]
    assert [one.stays for one in desk.bulletins()] == [2]
    community.clock.step(hours=4)
    assert [on_page_of(community, one) for one in (community.token, late)] == [[], []]
    assert [one.runs for one in desk.bulletins()] == [False]


# --- as a message ----------------------------------------------------------------------------------------------------


class Office:
    """A community with real guests and a mail server of its own; the desk where notices are written."""

    def __init__(self, folder, mailbox, port):
        self.town, self.mailbox = Community(folder, synthetic=False), mailbox
        self.house = replace(self.town.books.house, channels=frozenset({"email"}))
        self.desk = SqlBulletins(self.house)
        settings = EmailSettings(host="127.0.0.1", port=port, tls="none", sender="gate@dongfang.test", within_s=5)  # fmt: skip
        sender = Sender(self.house.zone, "https://gate.test", "028 0000 0000")
        self.post = Post(self.town.books.outbox, {"email": EmailNotifier(settings)}, self.town.clock, sender)

    def invites(self, ref, language, hours=(1, 20), **where):
        take(self.town.books, "bookings", booking_row(ref, hours=hours, headcount=1, **where))
        to = f"{ref}@example.test"
        wish = Invitation("xc", ref, "email", to, language, "https://gate.test")
        self.town.books.outbox.invite(wish, actor="chen")

    def writes(self, hours=6):
        wish = BulletinWish("building", "1", ZH, EN, self.town.clock.now_ms() + hours * HOUR_MS)
        return self.desk.write(wish, actor="chen")

    def delivered(self):
        """What went out since the last time: whom to, and the whole of it."""
        self.mailbox.mails.clear()
        while self.post():
            pass
        return {str(mail["to"]): f"{mail['subject']}\n{mail.get_content()}" for mail in self.mailbox.mails}


@pytest.fixture
def office(tmp_path):
    mailbox = Mailbox()
    with smtp_server(mailbox) as port:
        made = Office(tmp_path, mailbox, port)
        yield made
        made.town.end()


@pytest.mark.story("32e")
def test_it_also_goes_to_where_the_link_was_sent_once_to_each_and_to_who_books_meanwhile(office):
    take(
        office.town.books,
        "listings",
        listing_row(listing=OTHER, unit="2-101", room=f"{OTHER}-1", label="101"),
    )
    office.invites("2001", "zh", room=ROOM_2)
    office.invites("2002", "en")
    office.invites("2003", "en", listing=OTHER, room=f"{OTHER}-1")
    office.invites("2004", "en", hours=(7 * 24, 8 * 24), room=ROOM_2)
    assert len(office.delivered()) == 4
    office.writes()
    assert [write_letters(office.house), write_letters(office.house)] == [2, 0]
    told = office.delivered()
    assert sorted(told) == ["2001@example.test", "2002@example.test"]
    assert (ZH in told["2001@example.test"], EN in told["2001@example.test"]) == (True, False)
    assert (ZH in told["2002@example.test"], EN in told["2002@example.test"]) == (False, True)
    assert not any("/g/" in words for words in told.values())
    office.invites("2005", "en", hours=(3, 20), room=ROOM_2)
    office.delivered()
    assert write_letters(office.house) == 1
    assert EN in office.delivered()["2005@example.test"]
    (line,) = office.desk.bulletins()
    assert (line.stays, line.written, line.sent) == (4, 3, 3)  # the fourth has a link and no address
    assert (write_letters(office.house), office.delivered()) == (0, {})


@pytest.mark.story("32e")
def test_the_address_stands_sealed_each_opening_is_on_record_and_it_goes_a_day_after_the_stay(office):
    office.invites("2001", "en")
    office.delivered()
    office.writes()
    write_letters(office.house)
    engine = office.town.books.engine
    with engine.begin() as db:
        everything = repr([db.execute(sa.select(table)).all() for table in tables.metadata.sorted_tables])
        (contact,) = db.execute(sa.select(tables.stay_contact.c.contact)).scalars()
    assert "2001@example" not in everything
    office.delivered()
    with engine.begin() as db:
        looks = db.execute(sa.select(tables.disclosure).where(tables.disclosure.c.person == contact)).all()
    assert [(row.actor, row.purpose, row.screen) for row in looks] == [("notifier", "send the bulletin", "email")]  # fmt: skip
    office.town.clock.step(hours=20 + 25)
    run_retention(office.house)
    assert contact not in office.house.vault.persons()


def test_what_is_over_or_withdrawn_before_it_went_is_not_sent(office):
    office.invites("2001", "en", room=ROOM_2)
    office.invites("2002", "zh")
    office.delivered()
    short, withdrawn = office.writes(hours=2), office.writes()
    assert write_letters(office.house) == 4
    office.desk.withdraw(withdrawn, actor="sun")
    office.town.clock.step(hours=3)
    assert [office.delivered(), office.delivered()] == [{}, {}]  # a round looks at three
    ended = [one for one in office.town.books.outbox.lines() if one.state == "REFUSED"]
    assert [one.problem for one in ended] == [OVER] * 4
    assert {one.bulletin for one in office.desk.bulletins()} == {short, withdrawn}


def test_a_guest_who_has_the_address_forgotten_is_written_to_no_more_and_still_finds_the_notice(office):
    office.invites("2001", "en")
    sent = office.delivered()["2001@example.test"]
    token = sent.split("https://gate.test/g/")[1].split()[0]
    office.writes()
    assert write_letters(office.house) == 1
    with visiting(office.town.app(), **{"accept-language": "en"}) as client:
        assert "Forget the address" in client.get(f"/g/{token}/data").text
        assert client.post(f"/g/{token}/data/address").status_code == 303
        assert client.post(f"/g/{token}/data/address").status_code == 303
        assert "Forget the address" not in client.get(f"/g/{token}/data").text
    assert office.delivered() == {}
    office.writes()
    assert write_letters(office.house) == 0
    assert on_page_of(office.town, token) == [EN, EN]
    assert not [key for key in office.house.vault.persons() if key.startswith("CO-")]


def test_nobody_is_written_to_where_no_way_of_writing_is_set_up(office):
    office.invites("2001", "en")
    office.writes()
    assert write_letters(office.town.books.house) == 0
