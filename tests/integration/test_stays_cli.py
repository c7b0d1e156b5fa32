"""What staff type: bookings changed, a guest proved, a door on trial reported; one sentence where it cannot be."""

import re
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.errors import NotFound, Refused
from cloud_sync.jobs import SystemClock
from cloud_sync.store import tables
from cloud_sync.store.read import StoredDashboard
from tests.fakes.community_house import (
    GATE,
    NAME,
    NUMBER,
    Gate,
    csv_of,
    listing_row,
    local,
    new_house,
    resident_id,
    take,
)

HOUR = 3_600_000
CONFIG = """data_dir = "data"
[community]
code = "dongfang"
name_zh = "东方新城"
name_en = "Dongfang"
synthetic = true
[web]
tls = false
"""


@pytest.fixture
def books(tmp_path):
    (tmp_path / "gatehouse-sync.toml").write_text(CONFIG)
    books = new_house(tmp_path, SystemClock())
    now = books.clock.now_ms()
    take(books, "listings", listing_row())
    booking = {
        "source": "xc", "external_ref": "1001", "external_revision": 1, "listing": listing_row()["listing"],
        "room": listing_row()["room"], "arrival": local(now - HOUR), "departure": local(now + 20 * HOUR), "headcount": 1,
    }  # fmt: skip
    take(books, "bookings", booking)
    yield books
    books.close()


@pytest.fixture
def typing(tmp_path):
    def run(*words, lines=""):
        config = ("--config", str(tmp_path / "gatehouse-sync.toml"))
        done = CliRunner().invoke(app, [*words, *config], input=lines)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def test_a_pass_says_what_it_waits_for_and_a_link_is_an_address(books, typing):
    assert "PENDING v1" in typing("passes").stdout
    assert "waits-for=registration " in typing("passes").stdout
    assert re.fullmatch(r"https?://\S+/g/[0-9a-f]{32}\n", typing("guest-link", "xc", "1001").stdout)


def test_extend_shorten_and_cancel_say_how_the_stay_stands(books, typing):
    later, sooner = (local(books.clock.now_ms() + hours * HOUR) for hours in (40, 10))
    why = ("--reason", "by phone")
    assert typing("booking", "extend", "xc", "1001", later, *why).stdout == "EXPECTED\n"
    assert typing("booking", "shorten", "xc", "1001", sooner, *why).stdout == "EXPECTED\n"
    with pytest.raises(Refused, match="say 'booking shorten'"):
        typing("booking", "extend", "xc", "1001", local(books.clock.now_ms() + HOUR), *why)
    with pytest.raises(Refused, match="say 'booking extend'"):
        typing("booking", "shorten", "xc", "1001", later, *why)
    with pytest.raises(Refused, match="not a date and time"):
        typing("booking", "extend", "xc", "1001", "tomorrow", *why)
    with pytest.raises(NotFound, match="no room"):
        typing("booking", "move", "xc", "1001", "R-9", *why)
    assert typing("booking", "cancel", "xc", "1001", *why).stdout == "CANCELLED_BEFORE\n"


def test_a_guest_is_proved_without_their_name_on_the_command_line(books, typing):
    lines = f"{NAME}\n{resident_id()}\n1990-01-31\n"
    done = typing("prove", "xc", "1001", "--reason", "seen with the card", lines=lines)
    assert "level=4" in done.stdout
    assert GATE in done.stdout
    assert NAME not in done.stdout.splitlines()[-1]  # the lines above are what was typed
    with books.engine.connect() as db:
        assert db.execute(sa.select(tables.registration.c.method)).scalar_one() == "staff"


def test_a_call_is_said_to_be_one_and_a_wrong_number_is_one_sentence(books, typing):
    wrong = f"{NAME}\n{NUMBER}0\n1990-01-31\n"
    with pytest.raises(Refused, match=r"^document_number: number_check\.$"):
        typing("prove", "xc", "1001", "--by-call", "--reason", "on a call", lines=wrong)
    right = f"{NAME}\n{resident_id()}\n1990-01-31\n"
    assert (
        "level=3" in typing("prove", "xc", "1001", "--by-call", "--reason", "on a call", lines=right).stdout
    )


def test_residents_and_staff_are_kinds_of_import(books, typing, tmp_path):
    now = books.clock.now_ms()
    row = {
        "ref": "R-1", "name": NAME, "class": "resident", "access_points": GATE, "valid_from": local(now),
        "valid_until": local(now + 9 * HOUR),
    }  # fmt: skip
    (tmp_path / "people.csv").write_bytes(csv_of([row]))
    assert typing("import", "residents", str(tmp_path / "people.csv")).stdout.endswith(
        "residents: 1 new, 0 updated, 0 unchanged, 0 rejected\n"
    )
    with pytest.raises(Refused, match="residents"):
        typing("import", "tenants", str(tmp_path / "people.csv"))


def test_a_week_on_trial_is_reported_by_reason_with_its_denominator(books, typing):
    gate = Gate(books)
    for reason, kind, cls in (
        ("x:NotRegistered", "qr", "guest"),
        ("x:NotRegistered", "qr", "guest"),
        ("CredentialNotFound", "pin", None),
    ):
        gate.tells("access.would_deny", decision="deny", reason=reason, credential_kind=kind, class_=cls)
    gate.tells("access.would_allow", decision="allow", credential_kind="qr", class_="guest")
    gate.tells("access.denied", decision="deny", reason="CredentialExpired", credential_kind="qr")
    gate.close()
    lines = typing("dry-run", "report", GATE, "--days", "7").stdout.splitlines()
    assert lines[1] == "would deny 3 of 4 asked"
    assert [line.split() for line in lines[2:]] == [
        ["2", "x:NotRegistered", "qr", "guest"],
        ["1", "CredentialNotFound", "pin", "nobody", "known"],
    ]
    with pytest.raises(NotFound, match="no access point"):
        typing("dry-run", "report", "AP-9")


def test_what_a_door_on_trial_said_is_no_decision_of_the_day_and_no_case(books):
    gate = Gate(books)
    gate.tells("access.would_deny", decision="deny", reason="x:NotRegistered", credential_kind="qr")
    gate.close()
    now = datetime.fromtimestamp(books.clock.now_ms() / 1000, UTC)
    board = StoredDashboard(books.engine).dashboard("dongfang", now)
    assert (board.denied.numerator, board.denied.denominator) == (0, 0)
    assert [line.type for line in board.entries] == ["access.would_deny"]
