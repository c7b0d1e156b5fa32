"""What a guest types about themselves: read, checked, and refused field by field (domain.md §§5.3, 14).

Proof by typing is level 1: the words of the guest and a check character.  Whether that is enough says the profile.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from cloud_sync.core.codes import Document, DocumentFault, DocumentRefused, check_document, normalised
from cloud_sync.core.guards import age_on
from cloud_sync.core.jurisdiction import MORE_FIELDS, Jurisdiction

PROOFING_BY_TYPING = 1
METHOD = "self"
VALUE_MAX = 120  # no name and no address of a guardian that we have met is longer
AGE_MAX_DAYS = 366 * 130
PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,30}")
MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
NO_PLACE = Jurisdiction()
CHECKS_MAX = 3  # then a person helps: the third failure opens D10 (domain.md §5.3)

RESIDENCE_LINES = 4  # country, postal code, place, street: some authorities want each by itself
SEXES = ("F", "M", "X")
ON_PAPER = "on paper"  # a signature is given before the staff, who say so

FORM_FIELDS = (
    "name",
    "document_type",
    "document_number",
    "nationality",
    "birth_date",
    "guardian_contact",
    "relation",
    *MORE_FIELDS,
)


class FormFault(StrEnum):
    """Why one field is not taken."""

    NAME_MISSING = "name_missing"
    NAME_ODD = "name_odd"
    DOCUMENT_UNKNOWN = "document_unknown"
    NUMBER_MISSING = "number_missing"
    NUMBER_SHAPE = "number_shape"
    NATIONALITY_SHAPE = "nationality_shape"
    BIRTH_MISSING = "birth_missing"
    BIRTH_SHAPE = "birth_shape"
    BIRTH_RANGE = "birth_range"
    GUARDIAN_MISSING = "guardian_missing"
    RELATION_MISSING = "relation_missing"
    MORE_MISSING = "more_missing"  # the law of this place asks for it
    MORE_ODD = "more_odd"
    SEX_UNKNOWN = "sex_unknown"
    PHONE_SHAPE = "phone_shape"
    MAIL_SHAPE = "mail_shape"
    RESIDENCE_SHAPE = "residence_shape"
    SIGNATURE_MISSING = "signature_missing"
    NUMBER_REGION = "number_region"
    NUMBER_CHECK = "number_check"
    NUMBER_BIRTH = "number_birth"
    BIRTH_DIFFERS = "birth_differs"
    MRZ_SHAPE = "mrz_shape"  # the lines at the foot of a document: not whole
    MRZ_NUMBER = "mrz_number"  # which check digit does not hold
    MRZ_BIRTH = "mrz_birth"
    MRZ_EXPIRY = "mrz_expiry"
    MRZ_PERSONAL = "mrz_personal"
    MRZ_WHOLE = "mrz_whole"
    MRZ_DATE = "mrz_date"
    MRZ_NONE = "mrz_none"
    NOT_TOGETHER = "not_together"  # number, name and birth date are on record otherwise


# Beyond typing errors: each counts as a failed document check, and the third brings a person.
FAILED_CHECKS = frozenset(
    {
        FormFault.NUMBER_REGION,
        FormFault.NUMBER_CHECK,
        FormFault.NUMBER_BIRTH,
        FormFault.BIRTH_DIFFERS,
        FormFault.NOT_TOGETHER,
    }
)
_OF_DOCUMENT: Mapping[DocumentFault, tuple[str, FormFault]] = {
    DocumentFault.TYPE: ("document_type", FormFault.DOCUMENT_UNKNOWN),
    DocumentFault.SHAPE: ("document_number", FormFault.NUMBER_SHAPE),
    DocumentFault.REGION: ("document_number", FormFault.NUMBER_REGION),
    DocumentFault.CHECK: ("document_number", FormFault.NUMBER_CHECK),
    DocumentFault.BIRTH: ("document_number", FormFault.NUMBER_BIRTH),
}


@dataclass(frozen=True, slots=True)
class Declared:
    """One person as they declared themselves; form and check character hold, nothing more is known."""

    name: str = field(repr=False)
    document: Document = field(repr=False)
    birth: date = field(repr=False)
    nationality: str = field(repr=False)
    guardian_contact: str = field(repr=False, default="")
    relation: str = ""
    more: Mapping[str, str] = field(
        repr=False, default_factory=dict
    )  # what the law of the place asks besides


@dataclass(frozen=True, slots=True)
class FormFaults:
    """At least one field is not taken; nothing personal is repeated here."""

    faults: Mapping[str, FormFault]

    @property
    def failed_check(self) -> FormFault | None:
        """The fault that counts against the three, if the typing itself was right."""
        found = set(self.faults.values())
        return min(found) if found <= FAILED_CHECKS else None


def kept(form: Mapping[str, str]) -> dict[str, str]:
    """The fields of the form we ask for, trimmed and bounded; everything else that was sent is dropped."""
    return {name: form.get(name, "").replace("\r\n", "\n").strip()[:VALUE_MAX] for name in FORM_FIELDS}


def check_form(
    form: Mapping[str, str],
    *,
    today: date,
    arrival: date,
    adult_from: int,
    synthetic: bool,
    law: Jurisdiction = NO_PLACE,
    signs: bool = False,
) -> Declared | FormFaults:
    """Read one form; every field that is wrong is named at once, each with its one reason.

    ``law`` says what is asked besides; ``signs``: a signature is given here and now, otherwise somebody asks for it later.
    """
    typed = kept(form)
    faults: dict[str, FormFault] = {}
    _check_name(typed["name"], faults)
    document = _document(typed, faults, synthetic=synthetic)
    nationality = _nationality(typed, faults)
    birth = _birth(typed, document, today, faults)
    if birth is not None and age_on(birth, arrival) < adult_from:
        _check_guardian(typed, faults)
    age = age_on(birth, arrival) if birth is not None else None
    asked = [name for name in law.asks(law.kind_of(nationality), age) if name in MORE_FIELDS]
    more = {name: typed[name] for name in MORE_FIELDS if typed[name]}
    if not signs:
        more.pop("signature", None)
        asked = [name for name in asked if name != "signature"]
    faults.update(_more_faults(asked, more))
    if faults or document is None or birth is None:
        return FormFaults(faults)
    return Declared(
        typed["name"], document, birth, nationality, typed["guardian_contact"], typed["relation"], more
    )


def _more_faults(asked: Sequence[str], more: Mapping[str, str]) -> dict[str, FormFault]:
    found = {
        name: FormFault.SIGNATURE_MISSING if name == "signature" else FormFault.MORE_MISSING
        for name in asked
        if name not in more
    }
    return found | {name: fault for name, value in more.items() if (fault := _more_fault(name, value))}


def _more_fault(name: str, value: str) -> FormFault | None:
    lines = value.split("\n")
    if not all(line.isprintable() for line in lines) or (len(lines) > 1 and name != "residence"):
        return FormFault.MORE_ODD
    if name == "sex":
        return None if value in SEXES else FormFault.SEX_UNKNOWN
    if name == "phone":
        return None if PHONE.fullmatch(value) else FormFault.PHONE_SHAPE
    if name == "email":
        return None if MAIL.fullmatch(value) else FormFault.MAIL_SHAPE
    if name == "residence":
        whole = len(lines) == RESIDENCE_LINES and all(line.strip() for line in lines)
        return None if whole else FormFault.RESIDENCE_SHAPE
    if name == "signature":
        return None if value == ON_PAPER else FormFault.SIGNATURE_MISSING
    return None


def _check_name(name: str, faults: dict[str, FormFault]) -> None:
    if not name:
        faults["name"] = FormFault.NAME_MISSING
    elif not name.isprintable() or not any(character.isalpha() for character in name):
        faults["name"] = FormFault.NAME_ODD


def _document(typed: Mapping[str, str], faults: dict[str, FormFault], *, synthetic: bool) -> Document | None:
    if not typed["document_number"]:
        faults["document_number"] = FormFault.NUMBER_MISSING
        return None
    kind = typed["document_type"]
    # Permits are issued by China; a passport by the state whose three letters it shows.
    issuer = typed["nationality"] if kind == "passport" else "CHN"
    checked = check_document(kind, issuer, typed["document_number"], synthetic=synthetic)
    if isinstance(checked, DocumentRefused):
        where, fault = _OF_DOCUMENT[checked.fault]
        faults[where] = fault
        return None
    return checked


def _nationality(typed: Mapping[str, str], faults: dict[str, FormFault]) -> str:
    """Three letters for a passport; the other documents are for Chinese nationals and say so themselves."""
    if typed["document_type"] != "passport":
        return "CHN"
    letters = normalised(typed["nationality"])
    if len(letters) != 3 or not letters.isascii() or not letters.isalpha():
        faults["nationality"] = FormFault.NATIONALITY_SHAPE
    return letters


def _birth(
    typed: Mapping[str, str], document: Document | None, today: date, faults: dict[str, FormFault]
) -> date | None:
    """As typed, or as the resident id says when the field was left empty; the two must not differ."""
    inside = document.birth if document is not None else None
    text = typed["birth_date"]
    if not text:
        if typed["document_type"] != "resident_id" and "document_type" not in faults:
            faults["birth_date"] = FormFault.BIRTH_MISSING
        return inside
    birth = _date(text)
    fault = _birth_fault(birth, inside, today)
    if fault is not None:
        faults["birth_date"] = fault
        return None
    return birth


def _birth_fault(birth: date | None, inside: date | None, today: date) -> FormFault | None:
    if birth is None:
        return FormFault.BIRTH_SHAPE
    if not 0 <= (today - birth).days < AGE_MAX_DAYS:
        return FormFault.BIRTH_RANGE
    return FormFault.BIRTH_DIFFERS if inside is not None and inside != birth else None


def _date(text: str) -> date | None:
    """2001-02-03; old browsers show a plain field, where people also write 2001/2/3, 2001.2.3 or 20010203."""
    parts = text.replace("/", "-").replace(".", "-").split("-")
    if len(parts) == 1 and len(text) == 8:
        parts = [text[:4], text[4:6], text[6:]]
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts) or len(parts[0]) != 4:
        return None
    try:
        return date(*(int(part) for part in parts))
    except ValueError:
        return None


def _check_guardian(typed: Mapping[str, str], faults: dict[str, FormFault]) -> None:
    if not typed["guardian_contact"]:
        faults["guardian_contact"] = FormFault.GUARDIAN_MISSING
    if not typed["relation"]:
        faults["relation"] = FormFault.RELATION_MISSING
