"""Identifiers: made, checked, and never derived from a person's data (domain.md §3, §18.6)."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

_37_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is read as something else
_LISTING = re.compile(r"FY-(\d{6})-([0-9A-HJKMNP-TV-Z]{8})-([0-9A-Z])")


def mod37_36(text: str) -> str:
    """The ISO 7064 MOD 37,36 check character of ``text`` (digits and capital letters)."""
    product = 36
    for character in text:
        total = (product + _37_36.index(character)) % 36 or 36
        product = total * 2 % 37
    return _37_36[(37 - product) % 36]


def listing_code(area: str, body: str) -> str:
    """``FY-<area>-<body>-<check>``; ``area`` has six digits and ``body`` eight base-32 characters."""
    code = f"FY-{area}-{body}-{mod37_36(area + body)}"
    assert _LISTING.fullmatch(code), f"{code} is not a listing code"
    return code


def listing_code_fault(code: str) -> str | None:
    """What is wrong with a listing code, as the end of a sentence; None when nothing is."""
    found = _LISTING.fullmatch(code)
    if found is None:
        return "is not of the form FY-<6 digits>-<8 characters>-<check>"
    if found[3] != mod37_36(found[1] + found[2]):
        return "has a wrong check character: one character was mistyped or two were swapped"
    return None


def ulid(now_ms: int, randomness: bytes) -> str:
    """A sortable key: 48 bits of time and 80 of chance, 26 characters."""
    assert len(randomness) == 10
    assert 0 <= now_ms < 1 << 48
    number = now_ms << 80 | int.from_bytes(randomness, "big")
    return "".join(BASE32[number >> shift & 31] for shift in range(125, -1, -5))


def ulid_ms(key: str) -> int:
    """When a key of ``ulid`` was made."""
    number = 0
    for character in key[:10]:
        number = number << 5 | BASE32.index(character)
    return number


DocumentType = Literal["resident_id", "passport", "hk_mo_permit", "tw_permit"]
DOCUMENT_TYPES: tuple[DocumentType, ...] = ("resident_id", "passport", "hk_mo_permit", "tw_permit")
_SHAPES = {
    "passport": re.compile(r"[A-Z0-9]{5,12}"),
    "hk_mo_permit": re.compile(r"[HMC][0-9]{8}(?:[0-9]{2})?"),
    "tw_permit": re.compile(r"[0-9]{8}"),
}
_WEIGHTS = tuple(2 ** (17 - i) % 11 for i in range(17))
_SYNTHETIC_REGION = "00"


@dataclass(frozen=True, slots=True)
class Document:
    """A document whose form was checked; whether it is genuine is a matter of proofing."""

    type: DocumentType
    issuer: str
    number: str
    birth: date | None  # read from a resident id, else None


class DocumentFault(StrEnum):
    TYPE = "type"  # not a kind of document we know
    SHAPE = "shape"  # mistyped: too short, too long, or letters where digits belong
    REGION = "region"
    CHECK = "check"
    BIRTH = "birth"


@dataclass(frozen=True, slots=True)
class DocumentRefused:
    """``sentence`` never repeats the number: it may be read aloud, printed and logged."""

    sentence: str
    fault: DocumentFault


def normalised(text: str) -> str:
    """NFKC, capital letters, nothing but letters and digits: one number has one writing."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).upper() if c.isalnum())


def mod11_2(digits: str) -> str:
    """The ISO 7064 MOD 11-2 check character of 17 digits (the 18th of a resident id)."""
    assert len(digits) == 17
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True))
    return "0123456789X"[(12 - total % 11) % 11]


def check_document(kind: str, issuer: str, number: str, *, synthetic: bool) -> Document | DocumentRefused:
    """Form, region and check character; region 00 belongs to nobody and passes only in a synthetic community."""
    text = normalised(number)
    if kind == "resident_id":
        return _resident(text, synthetic=synthetic)
    for known in DOCUMENT_TYPES:
        if kind == known:
            if not _SHAPES[known].fullmatch(text):
                return DocumentRefused(
                    f"the document number does not have the form of a {known}", DocumentFault.SHAPE
                )
            return Document(known, normalised(issuer), text, None)
    return DocumentRefused(f"document_type is not one of {', '.join(DOCUMENT_TYPES)}", DocumentFault.TYPE)


def _resident(text: str, *, synthetic: bool) -> Document | DocumentRefused:
    if not re.fullmatch(r"[0-9]{17}[0-9X]", text):
        return DocumentRefused("a resident id has 17 digits and a check character", DocumentFault.SHAPE)
    if text[:2] == _SYNTHETIC_REGION and not synthetic:
        return DocumentRefused("the region of this resident id does not exist", DocumentFault.REGION)
    if mod11_2(text[:17]) != text[17]:
        return DocumentRefused("the check character of this resident id is wrong", DocumentFault.CHECK)
    try:
        birth = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return DocumentRefused("the birth date inside this resident id does not exist", DocumentFault.BIRTH)
    return Document("resident_id", "CHN", text, birth)
