"""What the law of a place asks of a guest besides name, document and birth date: the fields of a form, ready to print."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.core.emergency import Emergency
from cloud_sync.core.jurisdiction import GuestKind
from cloud_sync.core.self_registration import ON_PAPER, SEXES
from cloud_sync.web.board import Speaker
from cloud_sync.web.texts import Texts, mark

# Label, and how it is asked for: an <input> of this type, "select", "lines" or "tick".
MORE: Mapping[str, tuple[str, str]] = MappingProxyType({
    "family_name": (mark("Family name"), "text"),
    "second_family_name": (mark("Second family name"), "text"),
    "given_names": (mark("Given names"), "text"),
    "sex": (mark("Sex, as in the document"), "select"),
    "birth_place": (mark("Place of birth, as in the document"), "text"),
    "residence": (mark("Where you live: country, postal code, town, street with number, one to a line"), "lines"),
    "phone": (mark("Telephone number, with + and the country first"), "tel"),
    "email": (mark("E-mail address"), "email"),
    "support_number": (mark("Support number of the document"), "text"),
    "place_of_issue": (mark("Where the document was issued"), "text"),
    "occupation": (mark("Occupation"), "text"),
    "next_destination": (mark("Where you travel next"), "text"),
    "signature": (mark("This person has signed the entry form here"), "tick"),
})  # fmt: skip
# Asked while an emergency is declared, and of nobody at any other time; nobody has to answer.
EMERGENCY: Mapping[str, str] = MappingProxyType({
    "temperature": mark("Body temperature in degrees Celsius, such as 36.8"),
    "symptoms": mark("Signs of illness in the last days"),
    "came_from": mark("Where you have been in the last 14 days"),
})  # fmt: skip
_WHY = mark(
    "Because of a declared emergency (%(purpose)s; %(basis)s) you are asked a little more. You need not answer. Until %(ends)s; then it is deleted."
)
_SEXES: Mapping[str, str] = MappingProxyType(
    {"F": mark("female"), "M": mark("male"), "X": mark("unspecified (X)")}
)
_OF: Mapping[GuestKind, str] = MappingProxyType({
    GuestKind.NATIONAL: mark("Asked of nationals only"),
    GuestKind.FOREIGNER: mark("Asked of guests from abroad only"),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class MoreField:
    name: str
    label: str
    how: str
    help: str
    choices: tuple[tuple[str, str], ...] = ()
    value: str = ""  # of a tick


def more_fields(
    asks: Mapping[str, GuestKind | None], say: Texts, *, signs: bool = False
) -> tuple[MoreField, ...]:
    """Those that a form has; a signature only where somebody sees it given."""
    return tuple(_field(name, kind, say) for name, kind in asks.items() if signs or name != "signature")


def emergency_fields(emergency: Emergency | None, say: Texts) -> tuple[MoreField, ...]:
    names = emergency.fields if emergency is not None else ()
    return tuple(MoreField(name, say(EMERGENCY[name]), "text", "") for name in names)


def why_asked(emergency: Emergency | None, by: Speaker) -> str:
    """In whose name, on what ground and until when; nothing where nothing is declared."""
    if emergency is None:
        return ""
    ends = by.day_and_clock(emergency.over_ms)
    return by.say(_WHY, purpose=emergency.purpose, basis=emergency.basis, ends=ends)


def _field(name: str, kind: GuestKind | None, say: Texts) -> MoreField:
    label, how = MORE[name]
    choices = tuple((sex, say(_SEXES[sex])) for sex in SEXES) if how == "select" else ()
    help_ = say(_OF[kind]) if kind is not None else ""
    return MoreField(name, say(label), how, help_, choices, ON_PAPER if how == "tick" else "")
