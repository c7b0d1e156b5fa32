"""Reports by the real programs: the running service tells of a guest by itself, and a person does the rest by hand."""

import threading
import urllib.request

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.compose import open_books
from cloud_sync.config import load
from cloud_sync.doctor import examine
from cloud_sync.errors import NotFound, Refused
from cloud_sync.service import Service
from cloud_sync.store import tables
from tests.fakes.brokers import free_port
from tests.fakes.community_house import booking_row, csv_of, listing_row, local, registration_row
from tests.fakes.upstream_authorities import AlloggiatiPortal, LodgingRegister
from tests.fakes.upstream_far_side import scripted
from tests.fakes.upstream_house import NAME, settings
from tests.fakes.waiting import eventually

HOUR = 3_600_000
CONFIG = """data_dir = "data"
[community]
code = "dongfang"
name_zh = "东方新城"
name_en = "Dongfang"
profile = "cn-sc-cd"
[web]
tls = false
port = {web}
[broker]
port = {bus}
[metrics]
port = {metrics}
[upstream.lodging_report]
url = "{url}"
rehearsal = true
unit_code = "510107"
token_file = "token.secret"
[upstream.alloggiati_web]
url = "{portal}"
rehearsal = true
user = "IT1"
password_file = "pass-it.secret"
key_file = "key-it.secret"
"""


@pytest.fixture
def far():
    made = LodgingRegister(scripted([]))
    yield made
    made.close()


@pytest.fixture
def portal():
    made = AlloggiatiPortal(scripted([]))
    yield made
    made.close()


@pytest.fixture
def place(tmp_path, far, portal):
    """A set-up community in a folder, whose profile reports every guest to the register."""
    settings(tmp_path, {})  # the secrets' files
    ports = {"web": free_port(), "bus": free_port(), "metrics": free_port()}
    path = tmp_path / "gatehouse-sync.toml"
    path.write_text(CONFIG.format(url=far.url, portal=portal.url, **ports))
    runner(path)("setup")
    return path


def runner(path):
    def run(*words):
        done = CliRunner().invoke(app, [*words, "--config", str(path)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def bring(path, document="X1234567"):
    """A guest by the community's own spreadsheets, whose stay has begun."""
    run = runner(path)
    books = open_books(load(path))
    now_ms = books.clock.now_ms()
    books.close()
    stay = {"arrival": local(now_ms - HOUR), "departure": local(now_ms + 20 * HOUR), "headcount": 1}
    person = {
        "name": NAME,
        "document_type": "passport",
        "document_issuer": "FRA",
        "document_number": document,
        "birth_date": "1988-05-04",
    }
    for kind, row in (
        ("listings", listing_row(access_points="AP-dongfang-001")),
        ("bookings", booking_row(**stay)),
        ("registrations", registration_row(**person)),
    ):
        file = path.parent / f"{kind}.csv"
        file.write_bytes(csv_of([row]))
        run("import", kind, str(file))
    books = open_books(load(path))
    with books.engine.connect() as db:
        guest = db.execute(
            sa.select(tables.person.c.person).where(tables.person.c.doc_hash.is_not(None))
        ).scalar_one()
    books.house.vault.seal(
        guest, "nationality", "FRA"
    )  # the form of a guest asks for it, the spreadsheet does not
    books.close()


@pytest.fixture
def with_node(place):
    """A node whose door the listing's way in names."""
    from cloud_sync.store.places import AccessPointSpec, NodeJoin
    from tests.fakes.community_house import public_key

    books = open_books(load(place))
    gate = AccessPointSpec("AP-dongfang-001", "gate", "南门", "South gate")
    books.registry.add_node(NodeJoin("gate-1", "South", public_key(), (gate,)))
    books.close()
    return place


@pytest.mark.story("1f")
def test_the_running_service_reports_a_guest_by_itself_and_counts_it(with_node, far):
    bring(with_node)
    config = load(with_node)
    with Service(config):
        eventually(lambda: far.held == {"X1234567": 1}, what="nobody was told")
        run = runner(with_node)
        eventually(lambda: "ACKED" in run("upstream", "list", "--all").stdout)
        with urllib.request.urlopen(f"http://127.0.0.1:{config.metrics.port}/metrics", timeout=60) as answer:
            said = answer.read().decode()
        assert 'gatehouse_upstream_reports{connector="lodging_report",state="ACKED"} 1.0' in said, said
    listed = run("upstream", "list")
    assert (listed.stdout, listed.exit_code) == ("", 0)
    assert not [one for one in examine(config, 0) if one.where == "reports"]


def known_as(shown):
    return shown.partition("known there as ")[2].split()[0]


def round_of(path):
    from cloud_sync.compose import courier_of

    books = open_books(load(path))
    courier_of(books)()
    books.close()


def test_what_needs_a_person_is_listed_shown_sent_again_and_settled(with_node, far):
    far.dice = scripted(["none"])
    bring(with_node, "XREFUSE1")
    round_of(with_node)
    run = runner(with_node)
    listed = run("upstream", "list")
    assert listed.exit_code == 1
    assert "1 need a person" in listed.stdout
    name = listed.stdout.split()[0]
    shown = run("upstream", "show", name).stdout
    assert "lodging register, unit 510107 (rehearsal): arrival birth_date departure" in shown
    assert "rejected D-17" in shown
    for secret in (NAME, "XREFUSE1"):
        assert secret not in listed.stdout + shown
    (finding,) = [one for one in examine(load(with_node), 0) if one.where == "reports"]
    assert str(finding).startswith("bad")
    with pytest.raises(Refused, match="cannot take 'settled'"):
        run("upstream", "settle", name, "--receipt", "LR-1", "--reason", "read there")
    run("upstream", "retry", name, "--reason", "their table was wrong")
    assert "QUEUED" in run("upstream", "list").stdout
    round_of(with_node)
    again = run("upstream", "show", name).stdout
    assert known_as(again) != known_as(shown), "a refused report goes under a new reference"
    with pytest.raises(NotFound, match="no report US-none"):
        run("upstream", "show", "US-none")


def test_a_dead_letter_is_settled_with_the_number_that_was_read(with_node, far):
    bring(with_node)
    far.dice = scripted(["drop_after"])
    round_of(with_node)
    books = open_books(load(with_node))
    with books.engine.begin() as db:
        db.execute(sa.text("update upstream_submission set attempts = 19, next_ms = 0"))
    far.dice = scripted(["drop_before"])
    books.close()
    round_of(with_node)
    run = runner(with_node)
    name = run("upstream", "list").stdout.split()[0]
    assert "DEAD_LETTER" in run("upstream", "list").stdout
    run("upstream", "settle", name, "--receipt", "LR-77", "--reason", "read in their register")
    assert "ACKED, 1 sent, receipt LR-77" in run("upstream", "show", name).stdout


def test_the_portal_s_receipt_of_a_day_is_a_private_file(place, portal, tmp_path):
    run = runner(place)
    out = tmp_path / "receipt.pdf"
    run("upstream", "day-receipt", "2026-05-01", "--out", str(out))
    assert out.read_bytes().startswith(b"%PDF")
    assert out.stat().st_mode & 0o077 == 0
    with pytest.raises(Refused, match="not a day"):
        run("upstream", "day-receipt", "yesterday", "--out", str(out))


def test_a_profile_that_names_a_recipient_without_a_table_is_the_doctor_s_business(place, far):
    text = place.read_text()
    start = text.index("[upstream.lodging_report]")
    place.write_text(text[:start] + text[text.index("[upstream.alloggiati_web]") :])
    (finding,) = [one for one in examine(load(place), 0) if one.where == "reports"]
    assert "no table [upstream.lodging_report]" in str(finding)


def test_nothing_of_a_guest_is_in_a_log_line(with_node, far, capfd):
    bring(with_node)
    done = threading.Thread(target=round_of, args=(with_node,))
    done.start()
    done.join(30)
    said = capfd.readouterr()
    assert "report_sent" in said.out + said.err
    for secret in (NAME, "X1234567", "1988-05-04"):
        assert secret not in said.out + said.err
