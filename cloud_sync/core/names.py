"""Whether two names may be one person's (domain.md §8): EQUAL, EQUIVALENT, CLOSE or DIFFERENT.

Two names are compared by *forms* made from each alone, and forms only by whether they are the same.  So they may be
hashed under a key before they are kept, and the answer stays what it was.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from itertools import islice, product

from cloud_sync.core.characters import CHARACTERS_MAX, is_han, simplified

NAME_MAX = 120
READINGS_MAX = 3  # of one character; more than that are readings of old books
SOUNDS_MAX = 24  # of one name
# An edit in a shorter name leaves nothing but the family name: 张伟 and 张强 are two people.
HAN_EDIT_MIN = 3
LATIN_EDIT_MIN = 5
GAP = "*"


class Likeness(StrEnum):
    EQUAL = "EQUAL"
    EQUIVALENT = "EQUIVALENT"  # the same sound, or the same parts in another order
    CLOSE = "CLOSE"  # one edit
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, slots=True)
class NameForms:
    """``plain`` without separators, ``sounds`` as passports write it, and what is left of it by one edit."""

    plain: str
    sounds: frozenset[str]
    gaps: frozenset[str]  # one character replaced by a mark
    cuts: frozenset[str]  # one character left out

    def keyed(self, key: Callable[[str], str]) -> "NameForms":
        """The same forms under a one-to-one ``key``; comparing gives what it gave before."""

        def all_of(forms: Iterable[str]) -> frozenset[str]:
            return frozenset(key(form) for form in forms)

        return NameForms(key(self.plain), all_of(self.sounds), all_of(self.gaps), all_of(self.cuts))


_SEPARATORS = re.compile(r"[\s<·・•‧∙⋅.,，、'’‘`´\-‐‑–—_/()]+")
# What stands in a column of names where nobody's name is known.
_NOBODY = frozenset(
    {"无", "空", "空置", "空房", "空户", "无人", "不详", "未知", "待查", "待核实", "NONE", "NA", "NULL"}
)


def parts_of(text: str) -> tuple[str, ...]:
    """The name's parts: capitals, simplified characters, no marks over letters."""
    plain = simplified(text).upper()
    if not plain.isascii():
        plain = "".join(_bare(character) for character in plain)
    return tuple(part for part in _SEPARATORS.split(plain) if part)


def is_name(text: str) -> bool:
    """Whether this can be a name at all: letters, printable, not too long, not a word for nobody."""
    if len(text) > NAME_MAX or not simplified(text).isprintable():
        return False
    plain = "".join(parts_of(text))
    return (
        bool(plain)
        and plain not in _NOBODY
        and any(c.isalpha() for c in plain)
        and not any(c.isdigit() for c in plain)
    )


def forms_of(text: str) -> NameForms:
    parts = parts_of(text)
    plain = "".join(parts)
    least = HAN_EDIT_MIN if any(map(is_han, plain)) else LATIN_EDIT_MIN
    edited = range(len(plain)) if len(plain) >= least else range(0)
    return NameForms(
        plain=plain,
        sounds=frozenset(_sounds(parts)),
        gaps=frozenset(plain[:at] + GAP + plain[at + 1 :] for at in edited),
        cuts=frozenset(plain[:at] + plain[at + 1 :] for at in edited),
    )


def likeness(one: NameForms, other: NameForms) -> Likeness:
    if one.plain == other.plain:
        return Likeness.EQUAL
    if one.sounds & other.sounds:
        return Likeness.EQUIVALENT
    if one.gaps & other.gaps or one.plain in other.cuts or other.plain in one.cuts:
        return Likeness.CLOSE
    return Likeness.DIFFERENT


def compare(one: str, other: str) -> Likeness:
    return likeness(forms_of(one), forms_of(other))


def _bare(character: str) -> str:
    """É is E; what is not Latin keeps its marks."""
    if is_han(character):
        return character
    base = unicodedata.normalize("NFD", character)
    return base[0] if base[0].isascii() else character


def _sounds(parts: tuple[str, ...]) -> Iterator[str]:
    """The letters a passport would have, from whichever part they begin: 张晓明, ZHANG XIAOMING, Xiaoming Zhang."""
    for spelled in islice(product(*(_readings(character) for character in "".join(parts))), SOUNDS_MAX):
        yield _least_rotation("".join(spelled))
    if len(parts) > 2:
        yield "".join(sorted(parts))


@cache
def _pinyin() -> dict[int, str]:
    """41,923 characters, read when the first Chinese name is compared: most commands of the service never do."""
    from pypinyin.pinyin_dict import pinyin_dict

    return pinyin_dict


@lru_cache(maxsize=CHARACTERS_MAX)
def _readings(character: str) -> tuple[str, ...]:
    """Toneless; ü as passports have had it: YU, V and U."""
    readings = _pinyin().get(ord(character)) if is_han(character) else None
    if readings is None:
        return (character,)
    bare = dict.fromkeys(_toneless(reading) for reading in readings.split(","))
    spelled = (form for one in islice(bare, READINGS_MAX) for form in _with_u(one))
    return tuple(dict.fromkeys(spelled))


def _toneless(reading: str) -> str:
    kept = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(c for c in kept if not unicodedata.combining(c)).upper()


def _with_u(syllable: str) -> tuple[str, ...]:
    if "V" not in syllable:
        return (syllable,)
    return (syllable.replace("V", "YU"), syllable, syllable.replace("V", "U"))


def _least_rotation(text: str) -> str:
    """The least of all rotations, so that it does not matter at which part one begins."""
    return min((text[at:] + text[:at] for at in range(len(text))), default="")
