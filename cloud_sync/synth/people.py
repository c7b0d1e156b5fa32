"""Identities that belong to nobody: region 00, serial 000, ``UTO``, drama phone numbers (domain.md §18.6).

Uniqueness costs no memory: the n-th person has region n mod 10,000, and everybody of one round of the regions has a
birth date of the same residue, so that two people with one region never share a date.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Literal

from cloud_sync.core.codes import mod11_2
from cloud_sync.synth.names import chinese_name, latin_name

REGIONS = 10_000
ROUNDS = 256
PEOPLE_MAX = REGIONS * ROUNDS
MINOR_AGE, OLD_AGE, ADULT_LAST = 18, 65, 64
UTOPIA = "UTO"
_MRZ = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_YEAR = 365.25

Kind = Literal["adult", "minor", "old"]


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    sex: str  # a field of its own: serial 000 says nothing about it
    birth: date
    document_type: str
    document_number: str
    issuer: str
    phone: str
    email: str
    face: bool  # would say yes to the face
    smartphone: bool
    minor: bool
    mrz: str  # second line of a passport, else empty

    @property
    def foreign(self) -> bool:
        return self.document_type == "passport"


def region_of(n: int, turn: int) -> str:
    """``00xxxx``; ``turn`` is any whole number, so that another seed begins elsewhere."""
    return f"00{(n * 7919 + turn) % REGIONS:04}"


def birth_of(rng: Random, n: int, kind: Kind, today: date) -> date:
    """A birth date for this kind of person with the residue of the n-th person's round.

    The range is cut so that at no moment of a year anybody grows from one kind into the next.
    """
    youngest, oldest = {"minor": (1, MINOR_AGE - 2), "adult": (MINOR_AGE + 1, ADULT_LAST), "old": (66, 92)}[
        kind
    ]
    last = today.toordinal() - int(youngest * _YEAR)
    first = today.toordinal() - int(oldest * _YEAR)
    residue = n // REGIONS % ROUNDS
    first += (residue - first) % ROUNDS
    return date.fromordinal(first + ROUNDS * rng.randrange((last - first) // ROUNDS + 1))


def resident_id(region: str, birth: date) -> str:
    digits = f"{region}{birth:%Y%m%d}000"
    return digits + mod11_2(digits)


def mrz_check(text: str) -> str:
    """The check digit of a machine-readable zone: weights 7, 3, 1; a filler counts nothing."""
    total = sum((0 if c == "<" else _MRZ.index(c)) * (7, 3, 1)[k % 3] for k, c in enumerate(text))
    return str(total % 10)


def passport(n: int) -> str:
    """Nine characters; unlike for every n below 36 million."""
    letters = "".join(chr(65 + n // 10**6 // 26**k % 26) for k in (1, 0))
    return f"U{letters}{n % 10**6:06}"


def mrz_line(number: str, birth: date, sex: str, expiry: date) -> str:
    """The second line of a passport of Utopia, 44 characters with its five check digits."""
    document = f"{number:<9}".replace(" ", "<")
    born, ends, personal = f"{birth:%y%m%d}", f"{expiry:%y%m%d}", "<" * 14
    checked = (
        document + mrz_check(document), born + mrz_check(born), ends + mrz_check(ends), personal + mrz_check(personal),
    )  # fmt: skip
    whole = mrz_check("".join(checked))
    return f"{checked[0]}{UTOPIA}{checked[1]}{sex}{checked[2]}{checked[3]}{whole}"


def phone(rng: Random) -> str:
    """A number nobody has: of the ranges kept for drama, or a country code followed by 000."""
    at = rng.randrange(10)
    if at == 0:
        return f"+44 7700 900{rng.randrange(1000):03}"
    if at == 1:
        return f"+1 202 555 01{rng.randrange(100):02}"
    return f"+86 000 {rng.randrange(10**4):04} {rng.randrange(10**4):04}"


class People:
    """Makes persons one after the other; ``today`` is the day they arrive and fixes their age."""

    def __init__(self, rng: Random, today: date) -> None:
        self._rng = rng
        self.today = today
        self._turn = rng.randrange(REGIONS)
        self._n = 0
        self._before: tuple[int, Person] | None = None

    def one(self, kind: Kind = "adult", *, foreign: bool = False) -> Person:
        n = self._n
        assert n < PEOPLE_MAX, "there are no more identities that belong to nobody"
        self._n += 1
        made = self._foreigner(n, kind) if foreign else self._citizen(n, kind)
        self._before = (n, made)
        return made

    def _citizen(self, n: int, kind: Kind) -> Person:
        rng = self._rng
        birth, name = birth_of(rng, n, kind, self.today), chinese_name(rng)
        before = self._before
        if rng.random() < 0.005 and before and before[0] // REGIONS == n // REGIONS and not before[1].foreign:
            twin = before[1]  # another person of the same name and the same day
            if twin.minor == (kind == "minor"):
                birth, name = twin.birth, twin.name
        number = resident_id(region_of(n, self._turn), birth)
        return self._person(n, kind, name, birth, ("resident_id", number, "CHN", ""))

    def _foreigner(self, n: int, kind: Kind) -> Person:
        rng = self._rng
        birth, number = birth_of(rng, n, kind, self.today), passport(n)
        sex = rng.choice("MF")
        expiry = self.today + timedelta(days=rng.randrange(200, 3_000))
        mrz = mrz_line(number, birth, sex, expiry)
        return self._person(n, kind, latin_name(rng), birth, ("passport", number, UTOPIA, mrz), sex)

    def _person(
        self, n: int, kind: Kind, name: str, birth: date, document: tuple[str, str, str, str], sex: str = ""
    ) -> Person:
        rng = self._rng
        document_type, number, issuer, mrz = document
        smart = rng.random() >= 0.03
        return Person(
            name=name,
            sex=sex or rng.choice("MF"),
            birth=birth,
            document_type=document_type,
            document_number=number,
            issuer=issuer,
            phone=phone(rng),
            email=f"g{n}@example.invalid",
            face=kind != "minor" and rng.random() < 0.625,
            smartphone=smart,
            minor=kind == "minor",
            mrz=mrz,
        )
