"""What the law of a place asks besides: on the form, in the vault, and in the report to its authority, for each place."""

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from cloud_sync.connectors.upstream.courier import Courier
from cloud_sync.connectors.upstream.ways import installed, open_upstream
from cloud_sync.core.jurisdiction import MORE_FIELDS, GuestKind
from cloud_sync.core.self_registration import Declared, FormFault, FormFaults, check_form
from cloud_sync.errors import Refused
from cloud_sync.jurisdictions import policies, policy_of
from cloud_sync.ports_guest import FormAnswer
from cloud_sync.ports_staff import Proof
from cloud_sync.store import tables
from cloud_sync.store.tables_upstream import upstream_submission
from cloud_sync.store.upstream_queue import Recipient, SqlSubmissions
from tests.fakes.community_house import registration_row, take
from tests.fakes.guest_house import COMPANION, GuestHouse
from tests.fakes.upstream_authorities import AlloggiatiPortal, SesMinistry
from tests.fakes.upstream_far_side import scripted
from tests.fakes.upstream_house import settings
from tests.fakes.web_house import visiting

TODAY = date(2026, 5, 1)
MORE = {
    "family_name": "Testbird",
    "second_family_name": "Sample",
    "given_names": "Canary",
    "sex": "F",
    "birth_place": "FRA",
    "residence": "FRA\r\n75001\r\nParis\r\n1 Rue du Test",
    "phone": "+33 0 00 00 00 00",
    "email": "canary@example.org",
    "support_number": "T0",
    "place_of_issue": "FRA",
    "occupation": "tester",
    "next_destination": "Nowhere",
    "signature": "on paper",
}
CHILD = {**COMPANION, "birth_date": "2016-05-04", "guardian_contact": "+33 1 00", "relation": "mother"}


def checked(form, profile, *, signs=True):
    law = policy_of(profile).jurisdiction
    return check_form(form, today=TODAY, arrival=TODAY, adult_from=18, synthetic=False, law=law, signs=signs)


def asked(profile, kind=GuestKind.FOREIGNER):
    return [name for name in policy_of(profile).jurisdiction.asks(kind) if name in MORE_FIELDS]


@pytest.mark.parametrize("profile", sorted(policies()))
def test_each_field_the_law_asks_for_is_missed_by_name_and_no_other(profile):
    wanted = asked(profile)
    answer = checked(COMPANION, profile)
    assert sorted(answer.faults if isinstance(answer, FormFaults) else ()) == sorted(wanted)
    whole = {**COMPANION, **{name: MORE[name] for name in wanted}}
    answer = checked(whole, profile)
    assert isinstance(answer, Declared)
    assert set(answer.more) == set(wanted)
    for name in wanted:
        answer = checked({**whole, name: ""}, profile)
        assert isinstance(answer, FormFaults)
        assert set(answer.faults) == {name}


def test_a_child_signs_nothing_where_the_law_says_from_when():
    whole = {**CHILD, **{name: MORE[name] for name in asked("es") if name != "signature"}}
    assert isinstance(checked(whole, "es"), Declared)
    answer = checked({**whole, "birth_date": "2000-05-04"}, "es")
    assert isinstance(answer, FormFaults)
    assert answer.faults == {"signature": FormFault.SIGNATURE_MISSING}


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("sex", "female", FormFault.SEX_UNKNOWN),
        ("phone", "call me", FormFault.PHONE_SHAPE),
        ("email", "canary", FormFault.MAIL_SHAPE),
        ("residence", "1 Rue du Test, Paris", FormFault.RESIDENCE_SHAPE),
        ("residence", "FRA\n\nParis\n1 Rue du Test", FormFault.RESIDENCE_SHAPE),
        ("birth_place", "Par\x07is", FormFault.MORE_ODD),
        ("occupation", "tester\nand more", FormFault.MORE_ODD),
        ("signature", "yes", FormFault.SIGNATURE_MISSING),
    ],
)
def test_what_cannot_be_is_refused_even_where_nobody_asked(name, value, fault):
    answer = checked({**COMPANION, name: value}, "cn-default")
    assert isinstance(answer, FormFaults)
    assert answer.faults == {name: fault}


def test_a_signature_that_nobody_saw_is_none():
    answer = checked({**COMPANION, **MORE}, "es", signs=False)
    assert isinstance(answer, Declared)
    assert "signature" not in answer.more


# --- pages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("profile", ["cn-self", "it", "es", "jp", "uk"])
def test_the_guests_page_asks_for_what_the_law_asks_and_for_nothing_else(tmp_path, profile, lang):
    house = GuestHouse(tmp_path, profile=profile, synthetic=False, face=False)
    try:
        house.read_notice()
        with visiting(house.app()) as client:
            page = client.get(f"/g/{house.token}/me?lang={lang}")
        assert page.status_code == 200
        law = policy_of(profile).jurisdiction
        shown = {name for name in MORE_FIELDS if f'name="{name}"' in page.text}
        assert shown == {name for name in law.asked_besides() if name != "signature"}
    finally:
        house.close()


# --- to the authority --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "connector", "far_side"),
    [("it", "alloggiati_web", AlloggiatiPortal), ("es", "ses_hospedajes", SesMinistry)],
)
def test_what_a_guest_typed_and_the_gate_saw_is_all_the_authority_needs(
    tmp_path, profile, connector, far_side
):
    house, far = GuestHouse(tmp_path, profile=profile, synthetic=False, face=False), far_side(scripted([]))
    try:
        house.read_notice()
        typed = {**COMPANION, **{name: MORE[name] for name in asked(profile) if name != "signature"}}
        answer = house.registry.register_self(house.token, typed)
        assert (dict(answer.faults), answer.verified) == ({}, False)
        proof = Proof("xc", "1001", "staff", "seen with the passport", {**typed, "signature": "on paper"})
        done = house.registry.prove(proof, actor="chen")
        assert not isinstance(done, FormAnswer), done
        assert done.pass_state == "ACTIVE"
        assert _reported(house, connector, far) == ["ACKED"]
        assert far.held[COMPANION["document_number"]] == 1
    finally:
        house.close()
        far.close()


def _reported(house, connector, far):
    """The state of every report once the guest has come in."""
    with house.books.engine.begin() as db:
        values = {"first_entry_ms": house.clock.now_ms(), "state": "IN_HOUSE"}
        db.execute(sa.update(tables.stay).values(**values))
    held = house.books.house
    told = replace(held, profile=replace(held.profile, reports_to=(connector,)))
    ways = {name: Recipient(way.shape, way.rule) for name, way in installed().items()}
    courier = Courier(SqlSubmissions(told, ways), open_upstream(settings(house.folder, {connector: far.url})))
    for _ in range(10):
        courier()
        with house.books.engine.connect() as db:
            rows = db.execute(sa.select(upstream_submission)).all()
        due = [row.next_ms for row in rows if row.next_ms is not None]
        if rows and not due:
            break
        house.clock.at_ms = max([house.clock.at_ms, *due])
    return [row.state for row in rows]


def test_who_has_to_sign_is_not_proved_on_a_call(tmp_path):
    house = GuestHouse(tmp_path, profile="es", synthetic=False, face=False)
    try:
        form = {**COMPANION, **{name: MORE[name] for name in asked("es")}}
        with pytest.raises(Refused, match="sign"):
            house.registry.prove(Proof("xc", "1001", "live-video", "on a call", form), actor="chen")
        with house.books.engine.connect() as db:
            assert db.execute(sa.select(tables.registration)).all() == []
    finally:
        house.close()


def test_a_file_may_say_all_of_it_with_the_address_in_one_cell(tmp_path):
    house = GuestHouse(tmp_path, profile="es", synthetic=False, face=False)
    try:
        cells = {name: MORE[name] for name in asked("es")} | {
            "residence": "FRA / 75001 / Paris / 1 Rue du Test"
        }
        row = registration_row(
            document_type="passport",
            document_issuer="FRA",
            document_number="X1234567",
            birth_date="1988-05-04",
            nationality="FRA",
            **cells,
        )
        assert take(house.books, "registrations", row) == ["new"]
        with house.books.engine.connect() as db:
            (held,) = db.execute(sa.select(tables.registration)).all()
        assert held.status == "VERIFIED"
        opened = house.books.house.vault.open_field(
            held.person, "residence", actor="chen", purpose="a test", screen="test"
        )
        assert opened == "FRA\n75001\nParis\n1 Rue du Test"
    finally:
        house.close()
