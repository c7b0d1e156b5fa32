"""From the service's desk to a gate that never heard of it: bundles, day codes, cards, visitors, PINs kept apart."""

import asyncio
import json
import re

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.errors import NotFound, Refused
from cloud_sync.jobs import SystemClock
from cloud_sync.ports import User
from cloud_sync.protocol import bundle, code
from cloud_sync.protocol.bundle import Kind
from cloud_sync.protocol.pin import duress_pin, pin_credential, pin_under_duress
from cloud_sync.store import tables
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import SqlCaseDesk
from cloud_sync.store.day_codes import DayCode
from cloud_sync.store.visitors import VisitWish
from edge.ports import Shown
from tests.fakes.community_house import (
    GATE,
    Gate,
    SteppedClock,
    booking_row,
    csv_of,
    listing_row,
    local,
    new_house,
    registration_row,
    take,
)
from tests.fakes.lone_gate import LoneGate

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
WHY = "phone broke"


@pytest.fixture
def books(tmp_path):
    (tmp_path / "gatehouse-sync.toml").write_text(CONFIG)
    books = new_house(tmp_path, SystemClock())
    yield books
    books.close()


@pytest.fixture
def typing(tmp_path):
    def run(*words, lines=""):
        done = CliRunner().invoke(
            app, [*words, "--config", str(tmp_path / "gatehouse-sync.toml")], input=lines
        )
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def with_guest(books, *, registered: bool = True, hours=(-1, 20)) -> str:
    """A party that is expected now, by the clock of these books; returns their link's token."""
    now = books.clock.now_ms()
    when = {"arrival": local(now + hours[0] * HOUR), "departure": local(now + hours[1] * HOUR)}
    take(books, "listings", listing_row())
    take(books, "bookings", {**booking_row(), **when})
    if registered:
        take(books, "registrations", registration_row())
    return books.registry.guest_link("xc", "1001")


def the_pass(books) -> str:
    return books.registry.passes()[-1].pass_id


def gate(books, *, rows=(), **words) -> LoneGate:
    """A gate of this community; cut off, and without passes where none are given."""
    words = {"online": False, "contact_age_ms": None, **words}
    return LoneGate(
        list(rows),
        key=books.keys.pin,
        door=GATE,
        community_key=books.keys.signer.public_key,
        kid=books.keys.signer.kid[:8],
        now_ms=books.clock.now_ms(),
        **words,
    )


def play(lone: LoneGate, *shown: tuple[str, str]) -> list[tuple[str, str | None]]:
    async def scene() -> None:
        await lone.boot()
        for kind, data in shown:
            lone.at_ns += 1_000_000_000
            await lone.gate.on_shown(Shown(GATE, kind, data, lone.at_ns))

    asyncio.run(scene())
    return [(fact.type.removeprefix("access."), fact.reason) for fact in lone.facts if fact.reason]


def audited(books, action: str) -> list[tuple[str, str, str, str]]:
    with books.engine.connect() as db:
        table = tables.audit
        found = sa.select(table).where(table.c.action == action).order_by(table.c.n)
        return [
            (row.actor, row.object, row.after, row.reason.split(" (policy")[0]) for row in db.execute(found)
        ]


# --- a phone's bundle ---------------------------------------------------------------------------------------------


@pytest.mark.story("21b")
def test_a_guest_s_phone_opens_a_gate_that_never_saw_the_pass(books):
    token, phone = with_guest(books), Ed25519PrivateKey.generate()
    with pytest.raises(Refused, match="no phone is bound"):
        books.registry.phone_bundle(token, None)
    books.registry.bind_code_key(token, None, phone.public_key().public_bytes_raw())
    signed, expires_ms = books.registry.phone_bundle(token, None)
    assert 0 < expires_ms - books.clock.now_ms() <= 24 * HOUR
    step = code.step_at(books.clock.now_ms() / 1000)
    use = phone.sign(bundle.used_bytes(signed[:-64], step))
    text = bundle.compose_use(signed[:-64], signed[-64:], step, use)
    assert play(gate(books), ("text", text)) == [("granted", "Granted")]
    assert play(gate(books, rows=books.registry.rows_for("gate-1")), ("text", text)) == [
        ("granted", "Granted")
    ]
    assert audited(books, "credential.signed") == []


def test_a_bundle_of_before_a_change_is_refused_where_the_change_is_known(books):
    token, phone = with_guest(books), Ed25519PrivateKey.generate()
    books.registry.bind_code_key(token, None, phone.public_key().public_bytes_raw())
    signed, _ = books.registry.phone_bundle(token, None)
    books.registry.issue_pin(token, None)
    step = code.step_at(books.clock.now_ms() / 1000)
    text = bundle.compose_use(
        signed[:-64], signed[-64:], step, phone.sign(bundle.used_bytes(signed[:-64], step))
    )
    aboard = gate(books, rows=books.registry.rows_for("gate-1"))
    assert play(aboard, ("text", text)) == [("denied", "x:Superseded")]
    books.registry.cancel_booking("xc", "1001", actor="test", reason="gone")
    revoked = gate(books, rows=books.registry.rows_for("gate-1"))
    assert play(revoked, ("text", text)) == [("denied", "CredentialNotActive")]
    with pytest.raises(Refused):
        books.registry.phone_bundle(token, None)


def test_nothing_is_signed_for_whom_no_door_would_open(books):
    token = with_guest(books, registered=False)
    books.registry.bind_code_key(token, None, Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    with pytest.raises(Refused, match="does not open doors"):
        books.registry.phone_bundle(token, None)
    with pytest.raises(Refused, match="does not open doors"):
        books.registry.day_code(the_pass(books), minutes=60, actor="li.na", reason=WHY)


def test_a_bundle_never_outlives_its_pass(tmp_path):
    books = new_house(tmp_path, SteppedClock())
    token = with_guest(books, hours=(-1, 2))
    books.registry.bind_code_key(token, None, Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    _, expires_ms = books.registry.phone_bundle(token, None)
    assert expires_ms <= books.registry.passes()[-1].not_after_ms
    books.close()


# --- day codes ----------------------------------------------------------------------------------------------------


@pytest.mark.story("10c", "21c")
def test_a_day_code_is_journaled_and_opens_with_its_pin_alone(books, typing):
    with_guest(books)
    held = the_pass(books)
    said = typing("day-code", "issue", held, "--reason", WHY, "--hours", "6").stdout.splitlines()
    text, pin = said[1], said[2].removeprefix("PIN ")
    assert re.fullmatch(r"[0-9]{6}", pin)
    assert said[0].startswith(f"{held} until ")
    ((actor, of, after, reason),) = audited(books, "credential.signed")
    assert (actor.split(":")[0], of, reason) == ("cli", held, WHY)
    assert re.fullmatch(r"day_code v[0-9]+ 360 min", after)
    assert play(gate(books), ("text", text), ("keys", pin)) == [("granted", "Granted")]
    assert play(gate(books), ("text", text)) == []
    assert play(gate(books), ("keys", pin)) == [("denied", "CredentialNotFound")]
    assert play(gate(books), ("text", text), ("keys", "000000")) == [("denied", "CredentialNotFound")]
    everything = json.dumps([list(map(str, row)) for row in _all_audit(books)])
    assert pin not in everything


def _all_audit(books):
    with books.engine.connect() as db:
        return [tuple(row) for row in db.execute(sa.select(tables.audit))]


def test_the_digits_of_a_day_code_are_nobody_else_s_and_no_node_hears_of_them(books):
    with_guest(books)
    held = the_pass(books)
    before = books.registry.rows_for("gate-1")
    made = books.registry.day_code(held, minutes=60, actor="li.na", reason=WHY)
    assert books.registry.rows_for("gate-1") == before
    cred_id, _ = pin_credential(books.keys.pin, made.pin)
    with books.engine.connect() as db:
        row = db.execute(sa.select(tables.credential).where(tables.credential.c.cred_id == cred_id)).one()
    assert (row.kind, row.pass_id) == ("day", held)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"reason": " "}, "needs a reason"),
        ({"minutes": 24 * 60 + 1}, "lives 1 to 1440 minutes"),
        ({"minutes": 0}, "lives 1 to 1440 minutes"),
    ],
)
def test_a_day_code_needs_a_reason_and_a_day_at_most(books, words, sentence):
    with_guest(books)
    with pytest.raises(Refused, match=sentence):
        books.registry.day_code(the_pass(books), **{"minutes": 60, "actor": "li.na", "reason": WHY, **words})


def test_a_day_code_is_for_a_pass(books):
    with pytest.raises(NotFound, match="there is no pass PS-9"):
        books.registry.day_code("PS-9", minutes=60, actor="li.na", reason=WHY)


# --- cards --------------------------------------------------------------------------------------------------------


def rows_of(books):
    return books.registry.rows_for("gate-1")


@pytest.mark.story("10c")
def test_a_card_read_at_the_desk_opens_at_the_gate(books, typing):
    with_guest(books)
    held = the_pass(books)
    said = typing("card", "add", held, "--reader", "--card-base", "16", lines="04:a1:b2:c3\n").stdout
    assert said.splitlines()[-1] == f"{held} has a card"
    assert "a1:b2" not in said
    (row,) = rows_of(books)
    assert [cred.kind for cred in row.creds] == ["card"]
    assert play(gate(books, rows=[row], online=True), ("card", "32:04A1B2C3")) == [("granted", "Granted")]
    assert "04A1B2C3" not in str(_all_audit(books)).upper()
    assert typing("card", "withdraw", held, "--reason", "lost").stdout == f"{held} has no card\n"
    assert rows_of(books)[0].creds == []


def test_a_card_with_its_bits_is_the_same_at_desk_and_gate(books):
    with_guest(books)
    books.registry.enrol_card(the_pass(books), "26:A1B2C3C0", actor="li.na")
    lone = gate(books, rows=rows_of(books), online=True)
    assert play(lone, ("card", "26:A1B2C3C0"), ("card", "32:A1B2C3C0"))[-1] == (
        "denied",
        "CredentialNotFound",
    )
    assert play(gate(books, rows=rows_of(books), online=True), ("card", "26:A1B2C3C0")) == [
        ("granted", "Granted")
    ]


def test_cards_by_file_are_answered_row_by_row(books, typing, tmp_path):
    with_guest(books)
    held = the_pass(books)
    file = tmp_path / "cards.csv"
    file.write_bytes(
        csv_of(
            [
                {"pass_id": held, "card": "04A1B2C3"},
                {"pass_id": "PS-9", "card": "04A1B2C4"},
                {"pass_id": held, "card": "zz"},
            ]
        )
    )
    done = typing("card", "import", str(file))
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0].startswith("line 3: PS-9: there is no pass")
    assert done.stdout.splitlines()[1].startswith(f"line 4: {held}: a card number is")
    assert done.stdout.splitlines()[2] == "cards: 1 taken, 2 rejected"


def test_one_card_has_one_holder_until_the_stay_is_over(books):
    with_guest(books)
    held = the_pass(books)
    books.registry.enrol_card(held, "04A1B2C3", actor="li.na")
    visit = books.registry.admit(VisitWish("day_visitor", (GATE,), 60, "delivery of a bed"), actor="li.na")
    with pytest.raises(Refused, match="somebody else's already"):
        books.registry.enrol_card(visit.pass_id, "04A1B2C3", actor="li.na")
    books.registry.cancel_booking("xc", "1001", actor="test", reason="gone")
    books.registry.enrol_card(visit.pass_id, "04A1B2C3", actor="li.na")
    assert {row.pass_id: len(row.creds) for row in rows_of(books)} == {held: 0, visit.pass_id: 1}


# --- visitors and emergencies ---------------------------------------------------------------------------------------


@pytest.mark.story("26d")
@pytest.mark.parametrize("cls", ["day_visitor", "courier"])
def test_a_visitor_s_code_opens_a_gate_that_is_cut_off_and_nothing_else_does(books, cls):
    made = books.registry.admit(VisitWish(cls, ("@gate",), 30, "parcel"), actor="li.na")
    assert play(gate(books), ("text", made.text)) == [("granted", "Granted")]
    (row,) = rows_of(books)
    assert (row.cls, row.creds, row.not_after - row.not_before) == (cls, [], 30 * 60_000)
    books.registry.enrol_card(made.pass_id, "04A1B2C3", actor="li.na")
    aboard = rows_of(books)
    assert play(gate(books, rows=aboard), ("card", "32:04A1B2C3")) == [("denied", "x:OfflineExpired")]
    ((_, of, after, reason),) = audited(books, "visitor.admit")
    assert (of, after, reason) == (made.pass_id, f"{cls} 30 min", "parcel")


@pytest.mark.story("28a")
def test_an_emergency_needs_its_pin_everywhere_and_lives_an_hour(books, typing):
    said = typing(
        "visitor", "admit", "--as", "emergency", "--door", GATE, "--minutes", "60", "--reason", "ambulance"
    )
    _, text, pin = said.stdout.splitlines()
    lone = gate(books)
    assert play(lone, ("text", text), ("keys", pin.removeprefix("PIN "))) == [
        ("granted", "Granted"),
        ("emergency", "Granted"),
    ]
    assert [fact.x["flags"] for fact in lone.facts if fact.type == "access.granted"] == ["emergency"]
    assert play(gate(books, rows=rows_of(books)), ("text", text), ("text", text)) == []


@pytest.mark.story("28c")
@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (VisitWish("courier", (GATE,), 121, "parcel"), "lives 1 to 120 minutes"),
        (VisitWish("emergency", (GATE,), 61, "fire"), "lives 1 to 60 minutes"),
        (VisitWish("guest", (GATE,), 10, "friend"), "is not one of"),
        (VisitWish("courier", (GATE,), 10, ""), "needs a reason"),
        (VisitWish("courier", (), 10, "parcel"), "name the gates"),
        (VisitWish("day_visitor", ("AP-room",), 10, "friend"), "nobody visits a room|is not known"),
    ],
)
def test_what_no_visitor_is_given(books, wish, sentence):
    with pytest.raises((Refused, NotFound), match=sentence):
        books.registry.admit(wish, actor="li.na")


@pytest.mark.story("28b")
def test_every_use_of_an_emergency_pass_is_a_case_for_people(books):
    teller = Gate(books)
    teller.tells("access.emergency", decision="allow", class_="emergency")
    assert CaseIntake(books.house).take_alarms() == 1
    (line,) = SqlCaseDesk(books.house).queue(User("chen", "guard"))
    teller.close()
    assert (line.case.kind, line.case.access_point) == ("emergency", GATE)


# --- PINs kept apart ------------------------------------------------------------------------------------------------


def test_a_new_pin_is_never_one_beside_another_s(tmp_path):
    """The community's chance is made to propose the neighbours first."""
    books = new_house(tmp_path, SteppedClock())
    token = with_guest(books)
    first = books.registry.issue_pin(token, None)
    proposals = iter([first, duress_pin(first), pin_under_duress(first), "770315"])

    def chance(n: int) -> bytes:
        return int(next(proposals)).to_bytes(n, "big") if n == 8 else bytes(n)

    object.__setattr__(books.house, "randomness", chance)
    assert books.registry.issue_pin(token, None) == "770315"
    books.close()


def test_a_chosen_pin_beside_another_s_is_refused(books):
    token = with_guest(books)
    taken = books.registry.issue_pin(token, None)
    row = {
        "ref": "r-1", "name": "王五", "class": "resident", "access_points": GATE, "valid_from": "2020-01-01T00:00",
        "valid_until": "2090-01-01T00:00", "pin": duress_pin(taken),
    }  # fmt: skip
    (answer,) = books.registry.import_csv("residents", csv_of([row]), actor="test").rows
    assert answer.status == "rejected"
    assert "one in its last digit" in answer.reason


def test_a_day_code_says_nothing_but_its_pin_and_pass(books):
    with_guest(books)
    made = books.registry.day_code(the_pass(books), minutes=60, actor="li.na", reason=WHY)
    assert isinstance(made, DayCode)
    assert made.pin not in repr(made)
    assert bundle.parse(made.signed.text).told.kind is Kind.DAY_CODE
