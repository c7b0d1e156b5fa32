"""Machine readable zones: the specimens of ICAO 9303 are read, and whatever is not whole is refused without repeating it."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.mrz import Mrz, MrzFault, check_digit, read_mrz

TODAY = date(2026, 5, 1)
TD3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
TD2 = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
TD1 = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"


@pytest.mark.parametrize(
    ("text", "format_", "number"),
    [(TD3, "TD3", "L898902C3"), (TD2, "TD2", "D23145890"), (TD1, "TD1", "D23145890")],
)
def test_the_specimens_are_read(text, format_, number):
    read = read_mrz(text, TODAY)
    assert isinstance(read, Mrz), read
    assert (read.format, read.number, read.nationality, read.issuer) == (format_, number, "UTO", "UTO")
    assert (read.name, read.birth, read.sex, read.expires) == (
        "ERIKSSON ANNA MARIA",
        date(1974, 8, 12),
        "F",
        date(2012, 4, 15),
    )


def test_a_number_of_more_than_nine_characters_goes_on_in_the_optional_field():
    number = "D23145890734"
    upper = f"I<UTO{number[:9]}<{number[9:]}{check_digit(number)}".ljust(30, "<")
    lower = "7408122F1204159UTO".ljust(29, "<")
    whole = upper[5:30] + lower[0:7] + lower[8:15] + lower[18:29]
    read = read_mrz("\n".join((upper, lower + check_digit(whole), "A<<B".ljust(30, "<"))), TODAY)
    assert isinstance(read, Mrz), read
    assert read.number == number


@pytest.mark.parametrize("text", [TD3, TD2, TD1], ids=["TD3", "TD2", "TD1"])
@given(data=st.data())
def test_one_wrong_character_under_a_check_digit_is_found(text, data):
    """ICAO's weights find every single digit that was read as another; letters may be ten apart and stay unfound."""
    lines = text.splitlines()
    line = 1 if len(lines) == 2 else 0
    places = range(9) if len(lines) == 2 else range(5, 14)
    place = data.draw(st.sampled_from([at for at in places if lines[line][at].isdigit()]))
    other = data.draw(st.sampled_from([c for c in "0123456789" if c != lines[line][place]]))
    lines[line] = lines[line][:place] + other + lines[line][place + 1 :]
    read = read_mrz("\n".join(lines), TODAY)
    assert isinstance(read, MrzFault)
    assert read.check


@pytest.mark.parametrize(
    "text", ["", "P<UTO", TD3[:-1], TD3 + "\nX", TD3.replace("<", "*"), "\n".join(["A" * 44] * 5)]
)
def test_what_is_no_zone_is_refused_in_one_sentence(text):
    read = read_mrz(text, TODAY)
    assert isinstance(read, MrzFault)
    assert not read.check


@given(st.text(DIGITS + "\n ", max_size=140))
def test_nothing_anybody_types_breaks_the_reading(text):
    read_mrz(text, TODAY)


def test_neither_a_repr_nor_a_fault_repeats_who_it_is():
    read = read_mrz(TD3, TODAY)
    assert "ERIKSSON" not in repr(read)
    assert "L898902C3" not in repr(read)


@pytest.mark.parametrize(("digits", "born"), [("260430", 2026), ("260502", 1926), ("000229", 2000)])
def test_a_birth_year_is_the_latest_that_is_not_ahead(digits, born):
    lower = f"L898902C36UTO{digits}{check_digit(digits)}F1204159{'<' * 14}0"
    lower += check_digit(lower[0:10] + lower[13:20] + lower[21:43])
    read = read_mrz(f"P<UTOERIKSSON<<ANNA{'<' * 25}\n{lower}", TODAY)
    assert isinstance(read, Mrz), read
    assert read.birth.year == born
