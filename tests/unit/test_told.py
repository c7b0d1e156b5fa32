"""Operators and expected guests are told without looking: once, over the real outbox, and never for invented people."""

import pytest
import sqlalchemy as sa

from cloud_sync.connectors.notify.email import EmailNotifier, EmailSettings
from cloud_sync.connectors.notify.letter import Sender
from cloud_sync.connectors.notify.post import Post
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_booking import Told
from cloud_sync.ports_model import OperatorWish
from cloud_sync.store import tables
from cloud_sync.store.booking_desk import SqlBookingDesk
from cloud_sync.store.notices import Invitation
from cloud_sync.store.retention import run_retention
from cloud_sync.store.tables_model import operator_notice
from tests.fakes.community_house import ZONE, Gate, booking_row, local, registration_row, take
from tests.fakes.far_sides import Mailbox, smtp_server
from tests.fakes.listing_house import OFFICER, OP, OPERATOR, ListingHouse

HOST, GUEST, HERE = "host@example.test", "guest@example.test", "inside@example.test"
PHONE = "028 0000 0000"
HOUR_MS = 3_600_000
ABROAD = {"document_type": "passport", "document_number": "X1234567", "nationality": "FRA"}


@pytest.fixture
def house(tmp_path):
    made = ListingHouse(tmp_path, synthetic=False)
    yield made
    made.close()


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def post(house, mailbox):
    with smtp_server(mailbox) as port:
        settings = EmailSettings(host="127.0.0.1", port=port, tls="none", sender="gate@dongfang.test", within_s=5)  # fmt: skip
        sender = Sender(ZONE, "https://gate.test", PHONE)
        yield Post(house.books.outbox, {"email": EmailNotifier(settings)}, house.clock, sender)


def written_to(house: ListingHouse, language: str = "zh") -> str:
    """A coded listing of an operator with an address; one guest inside, one expected, both invited by e-mail."""
    code = house.coded()
    house.books.operators.set_contact(OP, "email", HOST, language, OFFICER)
    for ref, to, hours in (("1001", HERE, (-1, 20)), ("1002", GUEST, (24, 48))):
        take(house.books, "bookings", booking_row(ref, hours=hours, listing=code, room=f"{code}-301"))
        house.books.outbox.invite(
            Invitation("xc", ref, "email", to, language, "https://gate.test"), actor="t"
        )
    take(
        house.books,
        "registrations",
        registration_row("1001", **(ABROAD if not house.books.house.synthetic else {})),
    )
    house.books.registry.advance_time(since_ms=0)
    (row,) = [one for one in house.books.registry.rows_for("gate-1") if one.state == "ARMED"]
    gate = Gate(house.books)
    gate.tells("access.taken", pass_id=row.pass_id, direction="in", decision="allow")
    gate.close()
    house.books.registry.advance_time(since_ms=0)
    return code


def emptied(post: Post, mailbox: Mailbox) -> dict[str, list[str]]:
    """Everything that is due is delivered; the subjects by whom they went to, since the last time."""
    mailbox.mails.clear()
    while post():
        pass
    found: dict[str, list[str]] = {}
    for mail in mailbox.mails:
        found.setdefault(str(mail["to"]), []).append(f"{mail['subject']}\n{mail.get_content()}")
    return found


def lines(house: ListingHouse) -> list[tuple[str, str]]:
    return [(one.topic, one.about) for one in house.books.operators.home(OPERATOR).told]


@pytest.mark.story("17g")
@pytest.mark.parametrize(
    ("language", "to_host", "to_guest"),
    [("zh", "已停业整改", "暂不得接待住客"), ("en", "is suspended", "may not take new guests now")],
)
def test_suspended_the_operator_and_the_expected_guest_are_told_and_who_is_inside_is_not(
    house, post, mailbox, language, to_host, to_guest
):
    code = written_to(house, language)
    emptied(post, mailbox)
    house.sanctioned(code, 2)
    told = emptied(post, mailbox)
    assert sorted(told) == [GUEST, HOST]
    assert to_host in told[HOST][0]
    assert "seen on site (C07 version 1" in told[HOST][0]
    assert "https://gate.test/operator" in told[HOST][0]
    assert to_guest in told[GUEST][0]
    assert PHONE in told[GUEST][0]
    assert lines(house) == [("listing_suspended", "")]
    assert emptied(post, mailbox) == {}


@pytest.mark.story("35f")
def test_banned_everybody_is_told(house, post, mailbox):
    code = written_to(house, "en")
    emptied(post, mailbox)
    house.sanctioned(code, 4)
    told = emptied(post, mailbox)
    assert sorted(told) == sorted([GUEST, HERE, HOST])
    assert f"listing {code} is banned" in told[HOST][0]
    assert "may no longer take guests" in told[HERE][0]
    assert lines(house) == [("listing_banned", "")]


@pytest.mark.story("5c")
def test_cancelled_while_somebody_is_inside_the_operator_is_told_and_before_it_is_not(house, post, mailbox):
    code = written_to(house, "en")
    emptied(post, mailbox)
    desk = SqlBookingDesk(house.books.house)
    for ref, hours in (("1002", (24, 48)), ("1001", (-1, 20))):
        times = (local(house.clock.now_ms() + hour * HOUR_MS) for hour in hours)
        (taken,) = desk.take(
            "xc", [Told(ref, 2, code, f"{code}-301", *times, 2, "cancelled")], actor="api:xc"
        )
        assert taken.status == "updated"
    assert lines(house) == [("cancelled_inside", "xc 1001")]
    told = emptied(post, mailbox)
    assert list(told) == [HOST]
    assert "booking xc 1001 was cancelled while its guests are inside" in told[HOST][0]


def test_the_register_file_suspends_and_tells_as_an_officer_does(house, post, mailbox):
    code = written_to(house)
    emptied(post, mailbox)
    room = {"listing": code, "name": "云居", "unit": "1-301", "operator": OP, "max_guests": 2, "room": f"{code}-301", "label": "301"}  # fmt: skip
    for _ in range(2):
        take(house.books, "listings", {**room, "state": "SUSPENDED", "access_points": "AP-dongfang-001"})
    assert sorted(emptied(post, mailbox)) == [GUEST, HOST]
    assert lines(house) == [("listing_suspended", "")]


def test_an_act_that_fails_tells_nobody(house):
    code = written_to(house)
    with pytest.raises(Refused):
        house.desk.decide(code, "14 d over", "not yet", OFFICER)
    assert lines(house) == []


def test_without_an_address_the_page_says_it_and_nothing_waits(house):
    code = house.coded()
    house.sanctioned(code, 2)
    assert lines(house) == [("listing_suspended", "")]
    assert house.books.outbox.lines() == []


def test_an_address_that_is_gone_ends_the_message_and_holds_up_no_other(house, post, mailbox):
    code = written_to(house)
    emptied(post, mailbox)
    house.books.house.vault.forget(OP)
    house.sanctioned(code, 2)
    assert list(emptied(post, mailbox)) == [GUEST]
    (line,) = [one for one in house.books.outbox.lines() if one.whom == OP]
    assert (line.state, line.problem) == ("REFUSED", "no address is on file")


def test_a_synthetic_community_writes_to_no_operator_and_no_guest(tmp_path, mailbox):
    house = ListingHouse(tmp_path)
    with smtp_server(mailbox) as port:
        settings = EmailSettings(host="127.0.0.1", port=port, tls="none", sender="gate@dongfang.test", within_s=5)  # fmt: skip
        post = Post(house.books.outbox, {"email": EmailNotifier(settings)}, house.clock, Sender(ZONE))
        house.sanctioned(written_to(house), 2)
        for _ in range(5):
            post()
    assert {(one.state, one.attempts) for one in house.books.outbox.lines()} == {("REFUSED", 1)}
    assert mailbox.mails == []
    assert lines(house) == [("listing_suspended", "")]
    house.close()


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_addresses_are_in_the_vault_alone_and_a_guests_goes_a_day_after_the_stay(house, post, mailbox):
    written_to(house)
    emptied(post, mailbox)
    with house.books.engine.begin() as db:
        everything = repr([db.execute(sa.select(table)).all() for table in tables.metadata.sorted_tables])
        contacts = set(db.execute(sa.select(tables.stay_contact.c.contact)).scalars())
    assert not [one for one in (HOST, GUEST, HERE) if one in everything]
    assert len(contacts) == 2
    assert contacts <= house.books.house.vault.persons()
    house.clock.step(hours=48 + 25)
    run_retention(house.books.house)
    assert not contacts & house.books.house.vault.persons()
    with house.books.engine.begin() as db:
        assert db.execute(sa.select(tables.stay_contact)).all() == []


def test_the_lines_of_an_operator_go_after_ninety_days(house):
    house.sanctioned(house.coded(), 2)
    for days, left in ((89, 1), (2, 0)):
        house.clock.step(hours=24 * days)
        run_retention(house.books.house)
        with house.books.engine.begin() as db:
            assert len(db.execute(sa.select(operator_notice)).all()) == left


@pytest.mark.parametrize(
    ("channel", "address", "language"),
    [("email", HOST, "fr"), ("email", "a" * 255, "zh"), ("email", "a\nb", "zh"), ("e mail", HOST, "zh")],
)
def test_what_cannot_be_written_to_is_refused(house, channel, address, language):
    with pytest.raises(Refused):
        house.books.operators.set_contact(OP, channel, address, language, OFFICER)
    with pytest.raises(Refused, match="may not"):
        house.books.operators.set_contact(OP, "email", HOST, "zh", OPERATOR)
    with pytest.raises(NotFound):
        house.books.operators.set_contact("OP-9", "email", HOST, "zh", OFFICER)


def test_an_operator_that_is_entered_anew_keeps_its_address(house):
    house.books.operators.set_contact(OP, "email", HOST, "en", OFFICER)
    house.desk.put_operator(OperatorWish(OP, user=OPERATOR.name), OFFICER)
    (line,) = house.books.operators.operators(OFFICER)
    assert (line.channel, line.language, line.user) == ("email", "en", OPERATOR.name)
