"""Identifiers: check characters catch what people mistype, and 00 is a region only where nobody is real."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.codes import (
    BASE32,
    Document,
    DocumentRefused,
    check_document,
    listing_code,
    listing_code_fault,
    mod11_2,
    mod37_36,
    ulid,
)
from cloud_sync.core.guards import age_on, surely_at_least

CODES = st.builds(
    listing_code, st.text("0123456789", min_size=6, max_size=6), st.text(BASE32, min_size=8, max_size=8)
)


def test_check_characters_agree_with_published_examples():
    assert mod37_36("A12425GABC1234002") == "M"  # the example of the Global Release Identifier
    assert mod11_2("11010519491231002") == "X"  # the example of GB 11643-1999


@given(CODES, st.data())
def test_one_mistyped_character_of_a_listing_code_is_noticed(code, data):
    assert listing_code_fault(code) is None
    place = data.draw(st.sampled_from([i for i in range(3, 18) if code[i] != "-"]))
    other = data.draw(st.sampled_from([c for c in BASE32 if c != code[place]]))
    assert listing_code_fault(code[:place] + other + code[place + 1 :]) is not None


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_keys_sort_by_time(one, other, randomness):
    assert len(ulid(one, randomness)) == 26
    assert (one < other) == (ulid(one, randomness) < ulid(other, randomness))


def resident(stem: str) -> str:
    return stem + mod11_2(stem)


def test_a_synthetic_resident_id_is_accepted_only_in_a_synthetic_community():
    number = resident("00000119900131000")
    accepted = check_document("resident_id", "", number, synthetic=True)
    assert accepted == Document("resident_id", "CHN", number, date(1990, 1, 31))
    assert isinstance(check_document("resident_id", "", number, synthetic=False), DocumentRefused)
    real_region = resident("11000119900131000")
    assert isinstance(check_document("resident_id", "", real_region, synthetic=False), Document)


@given(st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_of_a_resident_id_is_noticed(place, shift):
    number = resident("11000119900131000")
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    assert isinstance(check_document("resident_id", "", wrong, synthetic=True), DocumentRefused)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("resident_id", "123"),
        ("resident_id", resident("11000119900231000")),  # 31 February
        ("passport", "?"),
        ("hk_mo_permit", "12345678"),
        ("library_card", "A1234567"),
    ],
)
def test_a_document_is_refused_in_a_sentence_that_does_not_repeat_the_number(kind, number):
    refused = check_document(kind, "X", number, synthetic=True)
    assert isinstance(refused, DocumentRefused)
    assert number not in refused.sentence


def test_one_number_has_one_writing():
    spaced = check_document("passport", "uto", "ｌ898902 c3", synthetic=True)
    assert spaced == Document("passport", "UTO", "L898902C3", None)


def test_who_is_born_in_the_doubtful_year_needs_the_date():
    assert age_on(date(2012, 5, 2), date(2026, 5, 1)) == 13
    assert age_on(date(2012, 5, 1), date(2026, 5, 1)) == 14
    assert age_on(date(2012, 2, 29), date(2026, 2, 28)) == 13
    assert surely_at_least(14, 2011, date(2026, 1, 1)) is True
    assert surely_at_least(14, 2013, date(2026, 12, 31)) is False
    assert surely_at_least(14, 2012, date(2026, 6, 1)) is None
