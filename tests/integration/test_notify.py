"""Guests are written to: a real mail server, rude web servers, a sheet, and the outbox between them."""

import hmac
import json
import sqlite3
import stat
from dataclasses import replace
from hashlib import sha256

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.connectors.notify.email import EmailNotifier, EmailSettings
from cloud_sync.connectors.notify.letter import Sender
from cloud_sync.connectors.notify.post import Post
from cloud_sync.connectors.notify.sheet import SheetNotifier, SheetSettings
from cloud_sync.connectors.notify.sms import SmsNotifier, SmsSettings
from cloud_sync.connectors.notify.ways import installed, open_notifiers
from cloud_sync.connectors.notify.webhook import SIGNATURE, WebhookNotifier, WebhookSettings
from cloud_sync.errors import ConfigError, ConnectorError, Refused
from cloud_sync.ports_guest import Notice
from cloud_sync.store import tables
from cloud_sync.store.notices import CLAIM_MS, RETRY_MS, Invitation
from tests.fakes.community_house import ZONE
from tests.fakes.far_sides import (
    Mailbox,
    answers,
    answers_endlessly,
    drips,
    free_port,
    hangs_up,
    http_server,
    says_garbage,
    says_nothing,
    smtp_server,
)
from tests.fakes.guest_house import GuestHouse

TO = "guest@example.test"
NOTICE = Notice(
    id="NO-1",
    to=TO,
    subject="东方新城：入住登记链接",
    text="请登记：https://gate.test/g/0123",
    link="https://gate.test/g/0123",
    language="zh",
    synthetic=False,
    at_ms=1_777_608_000_000,
)


def of_synthetic(notice=NOTICE):
    return replace(notice, synthetic=True)


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def mail(mailbox):
    with smtp_server(mailbox) as port:
        yield EmailNotifier(
            EmailSettings(host="127.0.0.1", port=port, tls="none", sender="gate@dongfang.test", within_s=5)
        )


# --- e-mail --------------------------------------------------------------------------------------------------------


def test_a_mail_arrives_as_it_was_written_and_the_servers_words_are_the_receipt(mail, mailbox):
    assert mail.send(NOTICE) == "250 queued as 1"
    (message,) = mailbox.mails
    assert (message["to"], message["from"], message["subject"]) == (TO, "gate@dongfang.test", NOTICE.subject)
    assert message.get_content().strip() == NOTICE.text
    assert message["message-id"] == "<NO-1@dongfang.test>"
    assert message["date"].datetime.timestamp() * 1000 == NOTICE.at_ms


def test_not_now_is_tried_again_and_never_is_never(mail, mailbox):
    mailbox.answers = ["451 come back later"]
    with pytest.raises(ConnectorError, match="451"):
        mail.send(NOTICE)
    mailbox.rcpt = "550 nobody here"
    with pytest.raises(Refused, match="address with 550"):
        mail.send(NOTICE)
    assert mailbox.mails == []


@pytest.mark.parametrize("to", ["", "no address", "a@b\r\nBcc: c@d", "a@@b", "<x>"])
def test_what_is_no_address_is_refused_before_anybody_is_called(mail, mailbox, to):
    with pytest.raises(Refused) as refused:
        mail.send(replace(NOTICE, to=to))
    assert refused.value.rule == "notify.address"
    assert mailbox.mails == []


def test_a_server_that_is_not_there_is_no_end():
    settings = EmailSettings(host="127.0.0.1", port=free_port(), tls="none", sender="a@b", within_s=2)
    with pytest.raises(ConnectorError, match="did not take the mail"):
        EmailNotifier(settings).send(NOTICE)


def test_a_server_that_offers_no_encryption_gets_nothing(mailbox):
    with smtp_server(mailbox) as port:
        settings = EmailSettings(host="127.0.0.1", port=port, tls="starttls", sender="a@b", within_s=5)
        with pytest.raises(ConnectorError):
            EmailNotifier(settings).send(NOTICE)
    assert mailbox.mails == []


def test_plain_mail_stays_on_this_machine():
    with pytest.raises(ConfigError, match="has to be encrypted"):
        open_notifiers({"email": {"host": "mail.example.test", "tls": "none", "sender": "a@b"}})


# --- webhook and SMS -------------------------------------------------------------------------------------------------


def hook(url, **words):
    return WebhookNotifier(WebhookSettings(url=url, within_s=1.5, **words))


def test_a_webhook_is_told_everything_and_can_tell_that_it_was_us(tmp_path):
    (tmp_path / "secret").write_text("between us\n")
    with http_server(answers("202 Accepted")) as (url, heard):
        assert hook(url, secret_file=tmp_path / "secret").send(NOTICE) == "HTTP 202 taken as 7"
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert json.loads(body) == {
        "id": "NO-1",
        "to": TO,
        "subject": NOTICE.subject,
        "text": NOTICE.text,
        "link": NOTICE.link,
        "language": "zh",
    }
    signature = hmac.digest(b"between us", body, sha256).hex()
    assert f"{SIGNATURE}: sha256={signature}".encode() in head


@pytest.mark.parametrize(
    "behaviour",
    [
        answers("500 Broken"),
        answers("503 Busy"),
        answers("429 Slow down"),
        answers("302 Over there", extra=b"location: http://127.0.0.1:1/\r\n"),
        says_garbage,
        hangs_up,
        says_nothing,
        drips,
    ],
)
def test_a_rude_server_is_tried_again_later(behaviour):
    with http_server(behaviour) as (url, _), pytest.raises(ConnectorError):
        hook(url).send(NOTICE)


@pytest.mark.parametrize("status", ["400 Bad", "401 Who", "404 Nobody", "410 Gone"])
def test_a_server_that_says_never_is_believed(status):
    with http_server(answers(status)) as (url, _), pytest.raises(Refused):
        hook(url).send(NOTICE)


def test_an_endless_answer_is_read_as_far_as_a_receipt_goes():
    with http_server(answers_endlessly) as (url, _):
        assert len(hook(url).send(NOTICE)) <= 200


def test_an_sms_gateway_gets_its_own_field_names_and_has_to_say_yes(tmp_path):
    (tmp_path / "token").write_text("t0ken")
    words = {
        "fields": {"mobile": "{to}", "content": "{text}", "key": "{token}"},
        "format": "json",
        "token_file": tmp_path / "token",
        "success": '"code":0',
        "within_s": 2,
    }
    called = replace(NOTICE, to="+86 (28) 0000-0000", subject="a {token} b")
    with http_server(answers("200 OK", b'{"code":7}'), answers("200 OK", b'{"code":0}')) as (url, heard):
        gateway = SmsNotifier(SmsSettings(url=url, **words))
        with pytest.raises(ConnectorError, match="does not say"):
            gateway.send(called)
        assert gateway.send(called) == 'HTTP 200 {"code":0}'
    told = json.loads(heard[1].partition(b"\r\n\r\n")[2])
    assert told == {"mobile": "+862800000000", "content": f"a {{token}} b {NOTICE.link}", "key": "t0ken"}
    with pytest.raises(Refused):
        gateway.send(replace(NOTICE, to="call me"))


# --- paper -----------------------------------------------------------------------------------------------------------


def test_a_sheet_needs_nothing_from_anywhere_and_is_for_its_owner_only(tmp_path):
    receipt = SheetNotifier(SheetSettings(folder=tmp_path / "sheets")).send(NOTICE)
    text = (tmp_path / "sheets" / "NO-1.html").read_text()
    assert receipt.endswith("NO-1.html")
    assert stat.S_IMODE((tmp_path / "sheets" / "NO-1.html").stat().st_mode) == 0o600
    assert "<svg" in text
    assert NOTICE.link in text
    assert "src=" not in text
    assert "href=" not in text


def test_a_sheet_of_invented_people_says_so(tmp_path):
    SheetNotifier(SheetSettings(folder=tmp_path)).send(of_synthetic())
    assert "虚构" in (tmp_path / "NO-1.html").read_text()


# --- plug-ins and refusals --------------------------------------------------------------------------------------------


def test_ours_are_found_like_a_strangers():
    assert {"email", "webhook", "sms", "sheet"} <= set(installed())


@pytest.mark.parametrize(
    ("tables_", "match"),
    [
        ({"pigeon": {}}, "no such way is installed"),
        ({"webhook": {"url": "ftp://x"}}, "notify.webhook.url"),
        ({"webhook": {"url": "https://x", "colour": "red"}}, "notify.webhook.colour"),
        ({"email": {"host": "localhost", "sender": "a@b", "password_file": "/nowhere"}}, "cannot be read"),
    ],
)
def test_a_wrong_table_is_one_sentence(tables_, match):
    with pytest.raises(ConfigError, match=match):
        open_notifiers(tables_)


@pytest.mark.parametrize("way", ["email", "webhook", "sms"])
def test_no_way_out_exists_for_invented_people(way, mailbox):
    with smtp_server(mailbox) as port, http_server(answers("200 OK")) as (url, heard):
        tables_ = {
            "email": {"host": "127.0.0.1", "port": port, "tls": "none", "sender": "a@b"},
            "webhook": {"url": url},
            "sms": {"url": url},
        }
        notifier = open_notifiers({way: tables_[way]})[way]
        with pytest.raises(Refused) as refused:
            notifier.send(of_synthetic())
    assert refused.value.rule == "notify.synthetic"
    assert (mailbox.mails, heard) == ([], [])


# --- the outbox ------------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path):
    made = GuestHouse(tmp_path, synthetic=False)
    yield made
    made.close()


def post(house, **notifiers):
    return Post(house.books.outbox, notifiers, house.clock, Sender(ZONE))


def invite(house, channel="email", to=TO):
    wish = Invitation("xc", "1001", channel, to, "en", "https://gate.test")
    return house.books.outbox.invite(wish, actor="chen")


def sealed(house, notice):
    with sqlite3.connect(house.books.config.vault) as vault:
        return vault.execute("SELECT count(*) FROM sealed WHERE person = ?", (notice,)).fetchone()[0]


def test_an_invitation_brings_a_link_that_works_and_leaves_no_address_behind(house, mail, mailbox):
    notice = invite(house)
    assert sealed(house, notice) == 1
    assert post(house, email=mail)() == 1
    (line,) = house.books.outbox.lines()
    assert (line.state, line.attempts, line.receipt) == ("SENT", 1, "250 queued as 1")
    text = mailbox.mails[0].get_content()
    token = text.split("https://gate.test/g/")[1].split()[0]
    assert house.registry.guest_view(token).stay == line.whom
    assert sealed(house, notice) == 0
    with house.books.engine.begin() as db:
        everything = repr([db.execute(sa.select(table)).all() for table in tables.metadata.sorted_tables])
    assert TO not in everything
    assert token not in everything


def test_what_fails_is_tried_again_at_its_times_and_then_left_to_a_person(house, mail, mailbox):
    mailbox.answers = ["451 later"] * 10
    notice = invite(house)
    deliver = post(house, email=mail)
    for tried, wait_ms in enumerate(RETRY_MS, start=1):
        assert deliver() == 0
        assert house.books.outbox.line(notice).attempts == tried
        assert deliver() == 0
        assert house.books.outbox.line(notice).attempts == tried, "not before its time"
        house.clock.step(ms=wait_ms)
    assert deliver() == 0
    line = house.books.outbox.line(notice)
    assert (line.state, line.attempts) == ("FAILED", len(RETRY_MS) + 1)
    assert sealed(house, notice) == 0


def test_a_retry_that_succeeds_is_a_receipt_like_any_other(house, mail, mailbox):
    mailbox.answers = ["451 later"]
    notice = invite(house)
    deliver = post(house, email=mail)
    assert deliver() == 0
    house.clock.step(ms=RETRY_MS[0])
    assert deliver() == 1
    assert house.books.outbox.line(notice).state == "SENT"
    assert len(mailbox.mails) == 1


def test_two_senders_never_hold_one_message(house):
    invite(house)
    outbox = house.books.outbox
    assert len(outbox.claim(most=5)) == 1
    assert outbox.claim(most=5) == []
    house.clock.step(ms=CLAIM_MS)
    assert len(outbox.claim(most=5)) == 1, "a sender that died is not the end of the message"


def test_a_refusal_is_final_and_the_reason_is_kept(house, mail):
    notice = invite(house, to="nobody")
    assert post(house, email=mail)() == 0
    line = house.books.outbox.line(notice)
    assert (line.state, line.attempts) == ("REFUSED", 1)
    assert "nobody" not in line.problem


def test_a_way_nobody_configured_waits_and_says_so(house):
    notice = invite(house, channel="sms")
    post(house)()
    assert "notify.sms" in house.books.outbox.line(notice).problem


def test_a_synthetic_community_keeps_its_letters_to_itself(tmp_path, mail, mailbox):
    house = GuestHouse(tmp_path)
    notice = invite(house)
    post(house, email=mail)()
    assert house.books.outbox.line(notice).state == "REFUSED"
    assert mailbox.mails == []
    house.close()


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def command(house, tmp_path):
    """``gatehouse-sync`` as staff type it, over the community of ``house``."""

    def run(*words: str, notify: str = ""):
        community = 'code = "dongfang"\nname_zh = "东方新城"\nname_en = "Dongfang"\nprofile = "cn-self"\n'
        web = '[web]\ntls = false\npublic_url = "https://gate.example.test/"\n'
        file = tmp_path / "gatehouse-sync.toml"
        file.write_text(f'data_dir = "data"\n[community]\n{community}{web}{notify}')
        return CliRunner().invoke(app, [*words, "--config", str(file)])

    return run


def test_staff_invite_on_paper_and_see_what_became_of_it(command, tmp_path):
    sheet = '[notify.sheet]\nfolder = "sheets"\n'
    asked = command("invite", "xc", "1001", "--by", "sheet", "--lang", "en", notify=sheet)
    assert asked.exit_code == 0, asked.output
    (file,) = (tmp_path / "sheets").iterdir()
    assert "https://gate.example.test/g/" in file.read_text()
    listed = command("notices", notify=sheet)
    assert " sheet SENT tries=1 " in listed.output
    assert "/g/" not in listed.output


def test_what_is_not_taken_now_is_said_so_and_stays_queued(command):
    with http_server(answers("503 Busy")) as (url, _):
        words = f'[notify.webhook]\nurl = "{url}"\n'
        asked = command("invite", "xc", "1001", "--by", "webhook", "--to", TO, notify=words)
    assert asked.exit_code == 1
    assert " webhook QUEUED tries=1 127.0.0.1 answered HTTP 503" in asked.output
    assert TO not in asked.output


def test_a_way_without_a_table_is_one_sentence_and_no_link_is_lost(command, house):
    asked = command("invite", "xc", "1001", "--by", "pigeon")
    assert isinstance(asked.exception, ConfigError)
    assert house.registry.guest_view(house.token).is_open
