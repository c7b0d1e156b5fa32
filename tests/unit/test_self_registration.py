"""The form a guest fills in: what is taken, and the one reason why a field is not."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.self_registration import (
    FAILED_CHECKS,
    FORM_FIELDS,
    VALUE_MAX,
    Declared,
    FormFault,
    FormFaults,
    check_form,
    kept,
)
from tests.fakes.community_house import resident_id

TODAY = date(2026, 5, 1)
ADULT = resident_id("00000119900131000")
CARD = {"name": "金丝雀测试", "document_type": "resident_id", "document_number": ADULT}
PASSPORT = {
    "name": "Canary Testbird",
    "document_type": "passport",
    "document_number": "x 123-4567",
    "nationality": "fra",
    "birth_date": "1988-05-04",
}


def checked(form, *, synthetic=True, arrival=TODAY):
    return check_form(form, today=TODAY, arrival=arrival, adult_from=18, synthetic=synthetic)


def faults(form, **words):
    answer = checked(form, **words)
    assert isinstance(answer, FormFaults)
    return dict(answer.faults)


def test_a_card_says_birth_date_and_country_itself():
    answer = checked(CARD)
    assert isinstance(answer, Declared)
    assert (answer.birth, answer.nationality, answer.document.issuer) == (date(1990, 1, 31), "CHN", "CHN")


def test_a_passport_number_has_one_writing_and_its_country_is_who_issued_it():
    answer = checked(PASSPORT)
    assert isinstance(answer, Declared)
    assert (answer.document.number, answer.document.issuer, answer.nationality) == ("X1234567", "FRA", "FRA")


@pytest.mark.parametrize("written", ["1988-05-04", "1988/5/4", "1988.5.4", "19880504"])
def test_a_date_may_be_written_as_people_write_dates(written):
    answer = checked({**PASSPORT, "birth_date": written})
    assert isinstance(answer, Declared)
    assert answer.birth == date(1988, 5, 4)


@pytest.mark.parametrize(
    ("change", "field", "fault"),
    [
        ({"name": "  "}, "name", FormFault.NAME_MISSING),
        ({"name": "…"}, "name", FormFault.NAME_ODD),
        ({"document_type": "library_card"}, "document_type", FormFault.DOCUMENT_UNKNOWN),
        ({"document_number": ""}, "document_number", FormFault.NUMBER_MISSING),
        ({"document_number": ADULT[:-1]}, "document_number", FormFault.NUMBER_SHAPE),
        ({"document_number": ADULT[:-1] + "4"}, "document_number", FormFault.NUMBER_CHECK),
        ({"document_number": resident_id("00000119901331000")}, "document_number", FormFault.NUMBER_BIRTH),
        ({"birth_date": "1990-02-01"}, "birth_date", FormFault.BIRTH_DIFFERS),
        ({"birth_date": "31.1.1990"}, "birth_date", FormFault.BIRTH_SHAPE),
        ({"birth_date": "2027-01-01"}, "birth_date", FormFault.BIRTH_RANGE),
        ({"birth_date": "1870-01-01"}, "birth_date", FormFault.BIRTH_RANGE),
    ],
)
def test_one_wrong_field_is_one_reason_at_that_field(change, field, fault):
    assert faults({**CARD, **change}) == {field: fault}


def test_a_passport_needs_its_country_and_a_birth_date():
    assert faults({**PASSPORT, "nationality": "France"}) == {"nationality": FormFault.NATIONALITY_SHAPE}
    assert faults({**PASSPORT, "birth_date": ""}) == {"birth_date": FormFault.BIRTH_MISSING}


def test_the_region_of_nobody_is_for_a_synthetic_community_only():
    assert faults(CARD, synthetic=False) == {"document_number": FormFault.NUMBER_REGION}


def test_age_is_counted_on_the_day_of_arrival():
    turning = resident_id("00000120080601000")
    young = {**CARD, "document_number": turning}
    assert set(faults(young, arrival=date(2026, 5, 31))) == {"guardian_contact", "relation"}
    assert isinstance(checked(young, arrival=date(2026, 6, 1)), Declared)


def test_typing_errors_beside_a_failed_check_are_corrected_first():
    answer = checked({**CARD, "name": "", "document_number": ADULT[:-1] + "4"})
    assert isinstance(answer, FormFaults)
    assert answer.failed_check is None
    alone = checked({**CARD, "document_number": ADULT[:-1] + "4"})
    assert isinstance(alone, FormFaults)
    assert alone.failed_check is FormFault.NUMBER_CHECK


@given(st.dictionaries(st.sampled_from((*FORM_FIELDS, "picture")), st.text(max_size=300)))
def test_whatever_is_sent_is_taken_or_answered_and_never_breaks_the_form(form):
    answer = checked(form)
    if isinstance(answer, FormFaults):
        assert answer.faults
        assert set(answer.faults) <= set(FORM_FIELDS)
        assert answer.failed_check is None or answer.failed_check in FAILED_CHECKS
    held = kept(form)
    assert set(held) == set(FORM_FIELDS)
    assert all(len(value) <= VALUE_MAX for value in held.values())


def test_what_is_personal_never_stands_in_a_repr():
    assert ADULT not in repr(checked(CARD))
    assert CARD["name"] not in repr(checked(CARD))
