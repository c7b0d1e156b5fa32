"""Machine readable zones of travel documents (ICAO 9303): TD1, TD2 and TD3, with every check digit.

A fault never repeats what was read: its sentence may be shown, printed and logged.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Format = Literal["TD1", "TD2", "TD3"]
_SHAPES: dict[tuple[int, int], Format] = {(3, 30): "TD1", (2, 36): "TD2", (2, 44): "TD3"}
_CHARACTERS = re.compile(r"[A-Z0-9<]+")
_WEIGHTS = (7, 3, 1)
LINES_MAX = 3
CENTURY = 100


@dataclass(frozen=True, slots=True)
class Mrz:
    """What a zone says; its check digits hold.  ``birth`` is the latest year that is not in the future."""

    format: Format
    kind: str  # P, I, A, C, V …
    issuer: str = field(repr=False)
    number: str = field(repr=False)
    surname: str = field(repr=False)
    given: str = field(repr=False)
    nationality: str = field(repr=False)
    birth: date = field(repr=False)
    sex: str = field(repr=False)  # F, M, or "" where it is not said
    expires: date

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.surname, self.given) if part)


@dataclass(frozen=True, slots=True)
class MrzFault:
    """Why a zone is not taken; ``check`` tells a check digit that fails from one that was read or typed badly."""

    sentence: str
    check: bool = False
    what: str = ""  # which check digit fails, or "shape", "date", "no number"


def check_digit(text: str) -> str:
    """The digit ICAO 9303 puts after ``text``: weights 7, 3, 1; letters from A = 10, the filler is 0."""
    values = (0 if character == "<" else int(character, 36) for character in text)
    return str(sum(value * _WEIGHTS[place % 3] for place, value in enumerate(values)) % 10)


def read_mrz(text: str, today: date) -> Mrz | MrzFault:
    """Read a zone of two or three lines; spaces and small letters are forgiven, nothing else is."""
    lines = [
        "".join(line.split()).upper() for line in text.strip().splitlines()[: LINES_MAX + 1] if line.strip()
    ]
    shape = _SHAPES.get((len(lines), len(lines[0]) if lines else 0))
    if shape is None or any(len(line) != len(lines[0]) or not _CHARACTERS.fullmatch(line) for line in lines):
        return MrzFault(
            "the zone is not 3 lines of 30, or 2 of 36 or 44, of capital letters, digits and <", what="shape"
        )
    return _td1(lines, today) if shape == "TD1" else _two_lines(lines, shape, today)


@dataclass(frozen=True, slots=True)
class _Raw:
    format: Format
    kind: str
    issuer: str
    number: str
    names: str
    nationality: str
    birth: str
    sex: str
    expires: str
    checks: tuple[tuple[str, str, str], ...]  # (what, text, digit)


def _td1(lines: list[str], today: date) -> Mrz | MrzFault:
    first, second, third = lines
    number, digit, optional = first[5:14], first[14], first[15:30]
    checked = number
    if (
        digit == "<"
    ):  # a number of more than nine characters goes on in the optional field, its digit after it
        more = optional.split("<", 1)[0]
        number, digit, checked = number + more[:-1], more[-1:] or "?", number + more[:-1]
    whole = first[5:30] + second[0:7] + second[8:15] + second[18:29]
    return _judged(
        _Raw(
            "TD1", first[0:2], first[2:5], number, third, second[15:18], second[0:6], second[7], second[8:14],
            (
                ("document number", checked, digit), ("birth date", second[0:6], second[6]),
                ("expiry date", second[8:14], second[14]), ("whole zone", whole, second[29]),
            ),
        ),
        today,
    )  # fmt: skip


def _two_lines(lines: list[str], shape: Format, today: date) -> Mrz | MrzFault:
    first, second = lines
    checks = [
        ("document number", second[0:9], second[9]),
        ("birth date", second[13:19], second[19]),
        ("expiry date", second[21:27], second[27]),
    ]
    personal = second[28:42]
    if shape == "TD3":
        # An empty personal number may have 0 or the filler as its digit.
        if personal.strip("<") or second[42] not in "<0":
            checks.append(("personal number", personal, second[42]))
        checks.append(("whole zone", second[0:10] + second[13:20] + second[21:43], second[43]))
    else:
        checks.append(("whole zone", second[0:10] + second[13:20] + second[21:35], second[35]))
    return _judged(
        _Raw(
            shape, first[0:2], first[2:5], second[0:9], first[5:], second[10:13], second[13:19], second[20], second[21:27],
            tuple(checks),
        ),
        today,
    )  # fmt: skip


def _judged(raw: _Raw, today: date) -> Mrz | MrzFault:
    wrong = [what for what, text, digit in raw.checks if check_digit(text) != digit]
    if wrong:
        return MrzFault(f"the check digit of the {wrong[0]} is wrong", check=True, what=wrong[0])
    birth, expires = _born(raw.birth, today), _date(raw.expires, 2000)
    if birth is None or expires is None:
        return MrzFault("a date of the zone does not exist", check=True, what="date")
    if not raw.number.strip("<"):
        return MrzFault("the zone has no document number", what="no number")
    surname, _, given = raw.names.partition("<<")
    return Mrz(
        format=raw.format,
        kind=raw.kind.strip("<"),
        issuer=raw.issuer.strip("<"),
        number=raw.number.replace("<", ""),
        surname=_words(surname),
        given=_words(given),
        nationality=raw.nationality.strip("<"),
        birth=birth,
        sex=raw.sex if raw.sex in "FM" else "",
        expires=expires,
    )


def _words(text: str) -> str:
    return " ".join(text.replace("<", " ").split())


def _date(digits: str, century: int) -> date | None:
    if not digits.isdigit():
        return None
    try:
        return date(century + int(digits[0:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return None


def _born(digits: str, today: date) -> date | None:
    """Two digits of a year: this century, unless that lies ahead."""
    century = today.year // CENTURY * CENTURY
    latest = _date(digits, century)
    if latest is not None and latest <= today:
        return latest
    return _date(digits, century - CENTURY)
