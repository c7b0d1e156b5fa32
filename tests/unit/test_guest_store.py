"""A guest registers by their link: the books, the vault and the passes afterwards."""

import sqlite3

import pytest
import sqlalchemy as sa

from cloud_sync.core.lifecycles import PassState
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.protocol.messages import PREREQ_FACE_CONSENT, PREREQ_LOOKALIKE, PREREQ_REGISTERED
from cloud_sync.protocol.pin import pin_credential
from cloud_sync.store import audit, tables
from tests.fakes.community_house import Gate, booking_row, registration_row, take
from tests.fakes.guest_house import ADULT, CHILD, COMPANION, FORM, GuestHouse

WRONG = {**FORM, "document_number": ADULT[:-1] + ("1" if ADULT[-1] != "1" else "2")}


@pytest.fixture
def made(tmp_path):
    houses = []

    def make(**words):
        house = GuestHouse(tmp_path / str(len(houses)), **words)
        house.read_notice()
        houses.append(house)
        return house

    yield make
    for house in houses:
        house.close()


@pytest.fixture
def house(made):
    return made()


def registrations(house):
    with house.books.engine.begin() as db:
        return db.execute(sa.select(tables.registration)).all()


def discrepancies(house):
    with house.books.engine.begin() as db:
        return db.execute(sa.select(tables.discrepancy)).all()


def disclosures(house):
    with house.books.engine.begin() as db:
        return db.execute(sa.select(tables.disclosure)).all()


# --- registering -------------------------------------------------------------------------------------------------


def test_typing_is_proof_of_level_one_and_arms_the_pass_where_that_is_enough(house):
    answer = house.registry.register_self(house.token, FORM)
    assert (answer.faults, answer.verified) == ({}, True)
    (row,) = registrations(house)
    assert (row.method, row.proofing, row.status) == ("self", 1, "VERIFIED")
    (told,) = house.rows()
    assert told.prereq & PREREQ_REGISTERED


def test_where_the_profile_asks_for_more_the_guest_is_recorded_and_waits_for_the_staff(made):
    house = made(profile="cn-default")
    answer = house.registry.register_self(house.token, FORM)
    assert (answer.faults, answer.verified) == ({}, False)
    (row,) = registrations(house)
    assert (row.proofing, row.status) == (1, "SUBMITTED")
    assert not house.rows()[0].prereq & PREREQ_REGISTERED
    take(house.books, "registrations", registration_row(proofing=4))
    assert [row.status for row in registrations(house)] == ["VERIFIED"]
    assert house.registry.guest_view(house.token).lead.verified


def test_nothing_is_asked_before_the_current_notice_was_read(tmp_path):
    house = GuestHouse(tmp_path)
    with pytest.raises(Refused) as refused:
        house.registry.register_self(house.token, FORM)
    assert refused.value.rule == "guest.read_first"
    with pytest.raises(Refused):
        house.registry.read_notice(house.token, "registration-0", "rules-0")
    house.close()


def test_what_is_typed_stands_sealed_in_the_vault_and_nowhere_in_the_records(house):
    house.registry.save_draft(house.token, FORM)
    house.registry.register_self(house.token, FORM)
    folder = house.books.config.data_dir
    for file in folder.rglob("*"):
        if file.is_file():
            assert FORM["name"].encode() not in file.read_bytes(), file.name
            assert ADULT.encode() not in file.read_bytes(), file.name


def test_a_companion_has_an_own_pass_and_the_lead_comes_first(made):
    house = made(headcount=2)
    with pytest.raises(Refused) as refused:
        house.registry.add_companion(house.token, COMPANION)
    assert refused.value.rule == "guest.lead_first"
    house.registry.register_self(house.token, FORM)
    assert house.registry.add_companion(house.token, COMPANION).verified
    view = house.registry.guest_view(house.token)
    assert [one.role for one in view.members] == ["lead", "companion"]
    assert len(house.rows()) == 2


@pytest.mark.story("8a", "14a")
def test_a_minor_needs_a_guardian_and_is_never_asked_about_face(made):
    house = made(headcount=2)
    house.registry.register_self(house.token, FORM)
    child = {**FORM, "name": "小测试", "document_number": CHILD}
    assert set(house.registry.add_companion(house.token, child).faults) == {"guardian_contact", "relation"}
    told = {**child, "guardian_contact": "000", "relation": "mother"}
    assert house.registry.add_companion(house.token, told).verified
    view = house.registry.guest_view(house.token)
    assert [(one.role, one.face) for one in view.members] == [("lead", "ask"), ("minor", "not_offered")]


@pytest.mark.story("14c")
def test_somebody_under_age_alone_waits_for_a_person_whatever_the_profile_takes(house):
    child = {**FORM, "document_number": CHILD, "guardian_contact": "000", "relation": "mother"}
    assert not house.registry.register_self(house.token, child).verified
    assert [row.status for row in registrations(house)] == ["SUBMITTED"]


def test_the_house_takes_no_more_people_than_it_has_beds(made):
    house = made(headcount=3)
    house.registry.register_self(house.token, FORM)
    for n in range(2):
        house.registry.add_companion(house.token, {**COMPANION, "document_number": f"X123456{n}"})
    with pytest.raises(Refused) as refused:
        house.registry.add_companion(house.token, {**COMPANION, "document_number": "X1234569"})
    assert refused.value.rule == "registration.full"


def test_a_second_form_never_rewrites_a_registered_guest(house):
    house.registry.register_self(house.token, FORM)
    with pytest.raises(Refused) as refused:
        house.registry.register_self(house.token, {**FORM, "name": "别人"})
    assert refused.value.rule == "guest.registered"


# --- failed checks -----------------------------------------------------------------------------------------------


def test_typing_errors_are_named_field_by_field_and_count_for_nothing(house):
    answer = house.registry.register_self(
        house.token, {"document_type": "resident_id", "document_number": "1"}
    )
    assert set(answer.faults) == {"name", "document_number"}
    assert house.registry.guest_view(house.token).failed_checks == 0
    assert registrations(house) == []


def test_a_failed_check_is_a_state_and_a_corrected_number_leaves_it(house):
    assert house.registry.register_self(house.token, WRONG).faults == {"document_number": "number_check"}
    assert [row.status for row in registrations(house)] == ["VERIFY_FAILED"]
    assert house.registry.register_self(house.token, FORM).verified
    assert [row.status for row in registrations(house)] == ["VERIFIED"]
    assert discrepancies(house) == []


@pytest.mark.story("13c", "13e")
def test_the_third_failure_opens_d10_and_hands_over_to_a_person(house):
    answers = [house.registry.register_self(house.token, WRONG) for _ in range(3)]
    assert [answer.failed_checks for answer in answers] == [1, 2, 3]
    (found,) = discrepancies(house)
    assert (found.kind, found.severity, found.state) == ("D10", "S1", "open")
    with pytest.raises(Refused) as refused:
        house.registry.register_self(house.token, FORM)
    assert refused.value.rule == "guest.checks"
    take(house.books, "registrations", registration_row(proofing=4))
    assert house.registry.guest_view(house.token).lead.verified


def test_nobody_rewrites_a_known_person_by_typing_their_number(made):
    house = made()
    house.registry.register_self(house.token, FORM)
    take(house.books, "bookings", booking_row("1002", hours=(30, 50)))
    other = house.registry.guest_link("xc", "1002")
    house.registry.read_notice(other, house.books.house.profile.registration_notice, "rules-0")
    answer = house.registry.register_self(other, {**FORM, "name": "别人"})
    assert answer.faults == {"document_number": "not_together"}
    assert house.registry.register_self(other, FORM).verified
    purpose = {"actor": "test", "purpose": "look", "screen": "test"}
    (person,) = {row.person for row in registrations(house) if row.status == "VERIFIED"}
    assert house.books.house.vault.open_field(person, "name", **purpose) == FORM["name"]


# --- drafts ------------------------------------------------------------------------------------------------------


def test_a_draft_is_sealed_comes_back_and_each_look_is_on_record(house):
    house.registry.save_draft(house.token, {**FORM, "unknown": "dropped"})
    assert house.registry.draft(house.token) == FORM
    (look,) = disclosures(house)
    assert (look.actor, look.field) == ("guest", "draft")
    assert audit.first_break(house.books.engine, tables.disclosure, "dongfang") is None


def test_a_draft_is_gone_once_it_was_sent_or_the_stay_is_over(house):
    house.registry.save_draft(house.token, FORM)
    house.registry.register_self(house.token, FORM)
    assert house.registry.draft(house.token) == {}
    assert not house.registry.guest_view(house.token).has_draft
    house.registry.save_draft(house.token, COMPANION)
    take(house.books, "bookings", booking_row(external_revision=2, state="cancelled"))
    house.registry.advance_time(since_ms=house.clock.now_ms())
    with sqlite3.connect(house.books.config.vault) as vault:
        assert vault.execute("SELECT count(*) FROM sealed WHERE field = 'draft'").fetchone() == (0,)


# --- face, PIN, leaving ------------------------------------------------------------------------------------------


def test_no_to_face_is_remembered_and_changes_nothing_else(house):
    house.registry.register_self(house.token, FORM)
    before = house.rows()
    house.registry.answer_face(house.token, None, agrees=False, text_version="face_access-1", language="zh")
    assert house.registry.guest_view(house.token).lead.face == "no"
    assert house.rows() == before
    assert before[0].prereq & PREREQ_REGISTERED


def test_yes_is_a_consent_and_taking_it_back_leaves_the_code(house):
    house.registry.register_self(house.token, FORM)
    house.registry.bind_code_key(house.token, None, bytes(range(31)) + b"\x01")
    house.registry.answer_face(house.token, None, agrees=True, text_version="face_access-1", language="zh")
    assert house.rows()[0].prereq & PREREQ_FACE_CONSENT
    assert house.registry.remove_face(house.token, None) == 1
    (told,) = house.rows()
    assert not told.prereq & PREREQ_FACE_CONSENT
    assert [cred.kind for cred in told.creds] == ["qr"]
    assert house.registry.guest_view(house.token).lead.face == "no"


FACE = {"agrees": True, "text_version": "face_access-1", "language": "zh"}


def test_the_comparison_with_others_is_asked_apart_and_a_yes_to_face_is_no_yes_to_it(house):
    house.registry.register_self(house.token, FORM)
    house.registry.answer_face(house.token, None, **FACE)
    assert not house.rows()[0].prereq & PREREQ_LOOKALIKE
    assert not house.registry.guest_view(house.token).lead.alike


def test_whoever_agrees_to_both_can_take_the_comparison_back_and_keep_the_face(house):
    house.registry.register_self(house.token, FORM)
    house.registry.answer_face(house.token, None, **FACE, alike_version="face_lookalike-1")
    assert house.rows()[0].prereq & PREREQ_LOOKALIKE
    assert house.registry.guest_view(house.token).lead.alike
    assert house.registry.stop_comparing(house.token, None) == 1
    (told,) = house.rows()
    assert (told.prereq & PREREQ_LOOKALIKE, bool(told.prereq & PREREQ_FACE_CONSENT)) == (0, True)


def test_with_the_face_the_comparison_ends_too(house):
    house.registry.register_self(house.token, FORM)
    house.registry.answer_face(house.token, None, **FACE, alike_version="face_lookalike-1")
    assert house.registry.remove_face(house.token, None) == 1
    assert not house.rows()[0].prereq & (PREREQ_LOOKALIKE | PREREQ_FACE_CONSENT)
    house.registry.give_consent(house.token, "face_access", "face_access-1", "zh", "guest-link")
    assert not house.rows()[0].prereq & PREREQ_LOOKALIKE, "a new yes to face brings no old yes back"


def test_the_comparison_alone_is_worth_nothing_without_a_face(house):
    house.registry.register_self(house.token, FORM)
    house.registry.give_consent(house.token, "face_lookalike", "face_lookalike-1", "zh", "guest-link")
    assert not house.rows()[0].prereq & (PREREQ_LOOKALIKE | PREREQ_FACE_CONSENT)


def test_an_old_text_about_the_comparison_is_no_answer_to_either(house):
    house.registry.register_self(house.token, FORM)
    with pytest.raises(Refused) as refused:
        house.registry.answer_face(house.token, None, **FACE, alike_version="face_lookalike-0")
    assert refused.value.rule == "consent.version"
    assert not house.rows()[0].prereq & PREREQ_FACE_CONSENT
    assert house.registry.guest_view(house.token).lead.face == "ask"


def test_an_old_text_about_face_is_no_answer(house):
    house.registry.register_self(house.token, FORM)
    with pytest.raises(Refused) as refused:
        house.registry.answer_face(
            house.token, None, agrees=True, text_version="face_access-0", language="zh"
        )
    assert refused.value.rule == "consent.version"
    assert house.registry.guest_view(house.token).lead.face == "ask"


def test_where_no_door_knows_faces_nobody_is_asked(made):
    house = made(face=False)
    house.registry.register_self(house.token, FORM)
    assert house.registry.guest_view(house.token).lead.face == "not_offered"


def test_a_pin_is_told_once_and_the_doors_hold_only_its_keyed_verifier(house):
    house.registry.register_self(house.token, FORM)
    pin = house.registry.issue_pin(house.token, None)
    assert len(pin) == 6
    assert pin.isdigit()
    cred_id, verifier = pin_credential(house.books.house.pin_key, pin)
    ((held,),) = [row.creds for row in house.rows()]
    assert (held.kind, held.cred_id, held.verifier) == ("pin", cred_id, verifier)
    assert house.registry.guest_view(house.token).lead.has_pin


def test_a_new_pin_ends_the_old_one_and_leaves_the_code(house):
    house.registry.register_self(house.token, FORM)
    house.registry.bind_code_key(house.token, None, bytes(range(31)) + b"\x01")
    old = house.registry.issue_pin(house.token, None)
    new = house.registry.issue_pin(house.token, None)
    (told,) = house.rows()
    ids = {cred.cred_id for cred in told.creds if cred.kind == "pin"}
    assert ids == {pin_credential(house.books.house.pin_key, new)[0]}
    assert old != new
    assert len(told.creds) == 2


def test_leaving_needs_somebody_who_came_and_ends_the_pass(house):
    house.registry.register_self(house.token, FORM)
    with pytest.raises(Refused) as refused:
        house.registry.leave(house.token)
    assert refused.value.rule == "stay.checkout"
    gate = Gate(house.books)
    gate.tells("access.taken", pass_id=house.rows()[0].pass_id, direction="in", decision="allow")
    house.registry.advance_time(since_ms=house.clock.now_ms())
    assert house.registry.guest_view(house.token).inside
    house.registry.leave(house.token)
    assert house.registry.guest_view(house.token).lead.pass_state is PassState.EXPIRED
    gate.close()


def test_a_link_that_was_replaced_opens_nothing(house):
    house.registry.guest_link("xc", "1001")
    with pytest.raises(NotFound):
        house.registry.guest_view(house.token)


# --- my data -----------------------------------------------------------------------------------------------------


def test_my_data_is_everything_of_this_stay_and_nobody_elses(made):
    house = made(headcount=2)
    house.registry.register_self(house.token, FORM)
    house.registry.add_companion(house.token, COMPANION)
    held = house.registry.own_data(house.token, None, ADULT[-4:])
    assert held["data"]["name"] == FORM["name"]
    assert held["data"]["document_number"] == ADULT
    assert [row["status"] for row in held["registrations"]] == ["VERIFIED"]
    assert COMPANION["name"] not in repr(held)
    assert COMPANION["document_number"] not in repr(held)
    looked = {row.field for row in disclosures(house)}
    assert set(held["data"]) <= looked
    assert {row["field"] for row in held["looked_at"]} == looked


def test_whoever_cannot_say_how_the_number_ends_sees_nothing_and_soon_has_to_wait(house):
    house.registry.register_self(house.token, FORM)
    rules = []
    for _ in range(6):
        with pytest.raises(Refused) as refused:
            house.registry.own_data(house.token, None, "0000")
        rules.append(refused.value.rule)
    assert rules == ["guest.data_ending"] * 5 + ["guest.data_wait"]
    house.clock.step(ms=HOUR_MS + 1)
    assert house.registry.own_data(house.token, None, ADULT[-4:])["data"]
