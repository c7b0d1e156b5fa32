"""What the law of a place asks of a guest besides name, document and birth date: the fields of a form, ready to print."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.core.jurisdiction import GuestKind
from cloud_sync.core.self_registration import ON_PAPER, SEXES
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


def _field(name: str, kind: GuestKind | None, say: Texts) -> MoreField:
    label, how = MORE[name]
    choices = tuple((sex, say(_SEXES[sex])) for sex in SEXES) if how == "select" else ()
    help_ = say(_OF[kind]) if kind is not None else ""
    return MoreField(name, say(label), how, help_, choices, ON_PAPER if how == "tick" else "")
