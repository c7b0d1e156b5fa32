"""Residents, tenants and staff by file: one pass each, the ways to use it, and what the ledger may say of them."""

import base64

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol.pin import card_credential, pin_credential
from cloud_sync.store import tables
from cloud_sync.store.places import AccessPointSpec
from tests.fakes.community_house import DOOR, GATE, NOON_MS, SteppedClock, csv_of, local, new_house, take
from tests.fakes.row_at_a_door import said_at

HOUR = 3_600_000
DAY = 24 * HOUR
CARD, PIN, NAME = "04A2B3C4D5E680", "482913", "金丝雀住户"


@pytest.fixture
def books(tmp_path):
    books = new_house(tmp_path, SteppedClock())
    yield books
    books.close()


def line(ref: str = "R-1", **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "ref": ref, "name": NAME, "class": "resident", "access_points": f"{GATE} {DOOR}",
        "valid_from": local(NOON_MS - HOUR), "valid_until": local(NOON_MS + 365 * DAY),
        "card": "", "code_key": "", "pin": "", "class_only": "no", "state": "active",
    }  # fmt: skip
    return {**row, **changes}


def staff(ref: str = "W-1", **changes: object) -> dict[str, object]:
    row = line(ref, **{"class": "maintenance", **changes})
    del row["class_only"]
    return row


def answers(books, kind, *rows):
    return books.registry.import_csv(kind, csv_of(list(rows)), actor="t").rows


def rows(books):
    return sorted(books.registry.rows_for("gate-1"), key=lambda row: row.pass_id)


def creds(row):
    return sorted((cred.kind, cred.cred_id) for cred in row.creds)


@pytest.mark.story("40a")
def test_a_resident_has_an_armed_row_for_their_doors_with_card_and_pin(books):
    assert take(books, "residents", line(card="04:a2:b3:c4:d5:e6:80", pin=PIN)) == ["new"]
    (held,) = rows(books)
    assert (held.cls, held.state, held.scope, held.prereq) == ("resident", "ARMED", [GATE, DOOR], 0)
    key = books.house.pin_key
    assert creds(held) == sorted(
        [("card", card_credential(key, CARD)[0]), ("pin", pin_credential(key, PIN)[0])]
    )
    for door in (GATE, DOOR):
        assert said_at(held, door, NOON_MS) == "Granted"


def test_neither_name_nor_card_nor_pin_stands_anywhere_but_sealed_or_keyed(books):
    take(books, "residents", line(card=CARD, pin=PIN))
    for path in books.config.data_dir.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [word for word in (NAME, CARD, PIN) if word.encode() in data], path
    with books.engine.connect() as db:
        person = db.execute(sa.select(tables.subject.c.person)).scalar_one()
    assert books.house.vault.open_field(person, "name", actor="t", purpose="test", screen="test") == NAME


def test_the_same_file_again_changes_nothing_and_an_empty_cell_leaves_what_is_there(books):
    take(books, "residents", line(card=CARD, pin=PIN))
    before = rows(books)
    assert take(books, "residents", line(card=CARD, pin=PIN)) == ["unchanged"]
    assert take(books, "residents", line()) == ["unchanged"]
    assert rows(books) == before


def test_a_dash_takes_a_way_in_away_and_a_new_card_replaces_the_old_one(books):
    take(books, "residents", line(card=CARD, pin=PIN))
    assert take(books, "residents", line(card="0011223344556677", pin="-")) == ["updated"]
    (held,) = rows(books)
    assert creds(held) == [("card", card_credential(books.house.pin_key, "0011223344556677")[0])]
    assert held.pass_version > 1


def test_a_code_key_is_told_its_id_and_works_like_a_guest_s(books):
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    encoded = base64.b64encode(public).decode()
    (answer,) = answers(books, "residents", line(code_key=encoded))
    (held,) = rows(books)
    ((kind, cred_id),) = creds(held)
    assert (kind, answer.reason) == ("qr", f"code {cred_id}")
    assert held.creds[0].verifier == public
    assert take(books, "residents", line(code_key=encoded)) == ["unchanged"]


def test_one_card_and_one_pin_belong_to_one_person(books):
    take(books, "residents", line(card=CARD, pin=PIN))
    for cells in ({"card": CARD}, {"pin": PIN}):
        (answer,) = answers(books, "residents", line("R-2", **cells))
        assert answer.status == "rejected"
        assert "somebody else's" in answer.reason
        assert CARD not in answer.reason
        assert PIN not in answer.reason
    assert len(rows(books)) == 1


def test_ended_the_pass_is_revoked_the_name_goes_and_the_card_may_be_handed_on(books):
    take(books, "residents", line(card=CARD))
    assert take(books, "residents", line(state="ended")) == ["updated"]
    (held,) = rows(books)
    assert (held.state, held.creds) == ("REVOKED", [])
    assert said_at(held, GATE, NOON_MS) == "CredentialNotActive"
    with books.engine.connect() as db:
        person = db.execute(sa.select(tables.subject.c.person)).scalar_one()
    assert not books.house.vault.holds(person, "name")
    assert take(books, "residents", line(state="ended")) == ["unchanged"]
    assert take(books, "residents", line("R-2", card=CARD)) == ["new"]
    assert [creds(row) for row in rows(books) if row.state == "ARMED"] == [
        [("card", card_credential(books.house.pin_key, CARD)[0])]
    ]


def test_an_ended_right_leaves_the_doors_with_its_erase_clock(books):
    take(books, "residents", line(card=CARD))
    take(books, "residents", line(state="ended"))
    books.clock.step(hours=24.1)
    books.registry.advance_time(since_ms=0)
    assert rows(books) == []


def test_a_right_that_ended_by_its_window_goes_on_with_the_same_card_after_a_new_file(books):
    take(books, "residents", line(card=CARD, valid_until=local(NOON_MS + HOUR)))
    books.clock.step(hours=2)
    books.registry.advance_time(since_ms=0)
    (over,) = rows(books)
    assert (over.state, said_at(over, GATE, books.clock.now_ms())) == ("EXPIRED", "CredentialExpired")
    take(books, "residents", line(card=CARD))
    held = rows(books)
    assert [row.state for row in held] == ["EXPIRED", "ARMED"]
    # A node refuses a set in which one credential stands on two passes.
    assert [len(row.creds) for row in held] == [0, 1]
    assert held[1].subject_ref == held[0].subject_ref


def test_a_right_of_tomorrow_opens_tomorrow(books):
    take(books, "residents", line(valid_from=local(NOON_MS + 24 * HOUR)))
    (held,) = rows(books)
    assert said_at(held, GATE, NOON_MS) == "CredentialNotActive"
    assert said_at(held, GATE, NOON_MS + 25 * HOUR) == "Granted"


def test_a_group_is_whatever_doors_of_its_kind_there_are_also_later_ones(books):
    take(books, "residents", line(access_points=f"@gate {DOOR}"))
    assert rows(books)[0].scope == [GATE, DOOR]
    books.registry.add_access_point("gate-1", AccessPointSpec("AP-dongfang-009", "gate", "西门", "West gate"))
    assert rows(books)[0].scope == [GATE, "AP-dongfang-009", DOOR]


@pytest.mark.story("40b")
def test_class_only_is_a_bit_that_residents_choose_and_staff_do_not_have(books):
    take(books, "residents", line(class_only="yes"))
    assert rows(books)[0].prereq == 16
    assert take(books, "residents", line(class_only="no")) == ["updated"]
    assert rows(books)[0].prereq == 0
    with pytest.raises(Exception, match="class_only"):
        answers(books, "staff", line(**{"class": "maintenance"}))


def test_staff_who_were_cut_off_too_long_need_a_second_factor(books):
    assert take(books, "staff", staff(pin=PIN)) == ["new"]
    (held,) = rows(books)
    assert (held.cls, said_at(held, GATE, NOON_MS)) == ("maintenance", "Granted")
    assert said_at(held, GATE, NOON_MS, online=False) == "x:SecondFactor"


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"access_points": "AP-9"}, "AP-9 is not known"),
        ({"access_points": "@room"}, "@room is not known; groups are @gate"),
        ({"class": "operator"}, "class is not one of resident, long_tenant"),
        ({"class": "emergency"}, "class is not one of"),
        ({"pin": "1234"}, "pin is not 6 to 12 digits"),
        ({"card": "zz"}, "card is not 4 to 20 bytes"),
        ({"code_key": "AAAA"}, "code_key is not base64"),
        ({"valid_until": local(NOON_MS - 2 * HOUR)}, "valid_until is not after"),
        ({"name": ""}, "name is empty"),
        ({"class_only": "maybe"}, "class_only is not one of yes, no"),
    ],
)
def test_a_line_that_cannot_be_says_why_and_leaves_nothing(books, cells, sentence):
    (answer,) = answers(books, "residents", line(**cells))
    assert answer.status == "rejected"
    assert sentence in answer.reason
    assert NAME not in answer.reason
    assert rows(books) == []
    with books.engine.connect() as db:
        assert db.execute(sa.select(tables.person)).first() is None


def test_a_named_person_suspends_a_resident_s_pass_too(books):
    take(books, "residents", line(card=CARD))
    books.registry.advance_time(since_ms=0)
    (held,) = rows(books)
    books.registry.suspend_pass(held.pass_id, actor="li")
    (held,) = rows(books)
    assert said_at(held, GATE, NOON_MS) == "CredentialNotEnabled"


def test_reconciliation_looks_at_residents_without_taking_them_for_guests(books):
    take(books, "residents", line(card=CARD))
    assert books.reconciler.run_full() == 0
