"""The lines at the foot of a document as the fields of a guest's form, or the one thing that is wrong with them."""

import unicodedata
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from cloud_sync.core.mrz import MrzFault, read_mrz
from cloud_sync.core.self_registration import FormFault

LENGTHS = {90: 30, 72: 36, 88: 44}  # of the whole zone, and of one of its lines
PASTED_MAX = 400
_FAULTS: Mapping[str, FormFault] = MappingProxyType({
    "shape": FormFault.MRZ_SHAPE,
    "document number": FormFault.MRZ_NUMBER,
    "birth date": FormFault.MRZ_BIRTH,
    "expiry date": FormFault.MRZ_EXPIRY,
    "personal number": FormFault.MRZ_PERSONAL,
    "whole zone": FormFault.MRZ_WHOLE,
    "date": FormFault.MRZ_DATE,
    "no number": FormFault.MRZ_NONE,
})  # fmt: skip
_GERMANY = {"D": "DEU"}  # the one state whose passports show a single letter; the form asks for three


def fields_of_zone(text: str, today: date) -> dict[str, str] | FormFault:
    """Fields by their names in the form; those that the zone does not say are left out."""
    read = read_mrz(_in_lines(text[:PASTED_MAX]), today)
    if isinstance(read, MrzFault):
        return _FAULTS[read.what]
    fields = {
        "name": read.name,
        "document_number": read.number,
        "nationality": _GERMANY.get(read.nationality, read.nationality),
        "birth_date": read.birth.isoformat(),
        "sex": read.sex,
        "family_name": read.surname,
        "given_names": read.given,
    }
    if read.kind.startswith("P"):
        fields["document_type"] = "passport"
    return {name: value for name, value in fields.items() if value}


def _in_lines(text: str) -> str:
    """As printed, however a narrow field or a clipboard broke it; signs that stand for < are taken for it."""
    plain = unicodedata.normalize("NFKC", text).replace("«", "<<").replace("‹", "<")
    whole = "".join(plain.split())
    length = LENGTHS.get(len(whole))
    if length is None:
        return plain
    return "\n".join(whole[at : at + length] for at in range(0, len(whole), length))
