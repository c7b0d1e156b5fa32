"""Where a dwelling is, read from however somebody wrote it: 东方新城二期3栋2单元1801 and 3幢2-1801 are one door.

A small grammar, read from the end: building, stair, floor, room; what stands before is the place.  It refuses where it
would have to guess.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from cloud_sync.core.characters import simplified

TEXT_MAX = 200  # the longest postal address of a Chinese city has about sixty characters
FLOOR_MAX = 99


class AddressFault(StrEnum):
    EMPTY = "address_empty"
    LONG = "address_long"
    SHAPE = "address_shape"  # no building and room to be found
    FLOOR = "address_no_floor"  # "3栋2单元5号": which floor?
    DISAGREE = "address_floors_disagree"  # "18层1701"


@dataclass(frozen=True, slots=True)
class Door:
    """One dwelling's door; ``phase`` and ``stair`` are empty where the text names none, ``place`` is what stood before."""

    building: str
    room: str  # floor and two digits, such as 1801; a wing's letter behind it
    phase: str = ""
    stair: str = ""
    place: str = ""

    @property
    def lookup(self) -> str:
        """What two writings of one door share even where one leaves phase or stair out."""
        return f"{self.building}/{self.room}"

    @property
    def key(self) -> str:
        return f"{self.phase or '-'}/{self.building}/{self.stair or '-'}/{self.room}"


_DIGITS = {character: value for value, character in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2}
_NUMERAL = re.compile(r"[〇零一二三四五六七八九十百两]+")
_DASHES = re.compile(r"[-‐‑‒–—―−_/\\,、.。·;:~|]+")
_REMARK = re.compile(r"\([^()]*\)$")
_BETWEEN = re.compile(r"(?<=[0-9A-Z])\s+(?=[0-9A-Z])")
_DOOR = re.compile(
    r"(?P<place>.*?)"
    r"(?:(?P<phase>\d{1,2})期-?)?"
    r"(?P<building>[A-Z]?\d{1,3}|[A-Z])(?:号楼|号栋|栋楼|栋|幢|座|#楼|#|号|楼|-)-?"
    r"(?:(?P<stair>\d{1,2}|[A-Z])(?:单元|单|梯|门|-)-?)?"
    r"(?:(?P<floor>\d{1,2})(?:楼|层|F|-)-?)?"
    r"(?P<room>\d{1,4})(?P<wing>[A-Z]?)(?:号房|室|号|房|户)?"
)


def read_address(text: str) -> Door | AddressFault:
    """The door somebody wrote down, or why it cannot be told."""
    if len(text) > TEXT_MAX:
        return AddressFault.LONG
    plain = _plain(text)
    if not plain:
        return AddressFault.EMPTY
    found = _DOOR.fullmatch(plain)
    if found is None:
        return AddressFault.SHAPE
    room = _room(found["floor"], found["room"])
    if isinstance(room, AddressFault):
        return room
    return Door(
        building=_number(found["building"]),
        room=room + found["wing"],
        phase=_number(found["phase"] or ""),
        stair=_number(found["stair"] or ""),
        place=found["place"].strip("-"),
    )


def read_parts(place: str, building: str, stair: str, floor: str, room: str) -> Door | AddressFault:
    """The same from columns of their own; a bare number is what its column says it is."""
    if not (building.strip() or stair.strip() or floor.strip()):
        return read_address(f"{place}{room}")
    marked = (_marked(building, "栋"), _marked(stair, "单元"), _marked(floor, "层"))
    return read_address("".join((place, *marked, room)))


def same_place(written: str, known: frozenset[str]) -> bool:
    """Whether the place somebody wrote can be one of ours: one ends as the other does, or either side names none."""
    return not written or not known or any(written.endswith(one) or one.endswith(written) for one in known)


def _marked(cell: str, mark: str) -> str:
    plain = _plain(cell)
    return plain + mark if plain and plain[-1].isascii() and plain[-1].isalnum() else plain


def _plain(text: str) -> str:
    """One writing for digits, letters, characters and separators."""
    kept = simplified(text).upper().strip()
    kept = _REMARK.sub("", kept).rstrip()
    kept = _NUMERAL.sub(lambda found: _arabic(found[0]), kept)
    kept = _BETWEEN.sub("-", kept)
    return _DASHES.sub("-", re.sub(r"\s+", "", kept)).strip("-")


def _arabic(numeral: str) -> str:
    """二十三 is 23, 一百零二 is 102, 一八〇一 is 1801 digit by digit; what is no number stays as it is."""
    if not set(numeral) & set("十百"):
        return "".join(str(_DIGITS[character]) for character in numeral)
    found = re.fullmatch(r"(?:(.)百)?零?(?:(.?)十)?(.?)", numeral)
    if found is None or any(part and part not in _DIGITS for part in found.groups()):
        return numeral
    hundreds, tens, ones = found.groups()
    total = _DIGITS[hundreds] * 100 if hundreds else 0
    if tens is not None:
        total += (_DIGITS[tens] if tens else 1) * 10
    return str(total + (_DIGITS[ones] if ones else 0))


def _number(text: str) -> str:
    """03 is 3, A03 is A3."""
    letter, digits = re.fullmatch(r"([A-Z]?)(\d*)", text).groups()  # type: ignore[union-attr]  # as the grammar has it
    return letter + (str(int(digits)) if digits else "")


def _room(floor: str | None, room: str) -> str | AddressFault:
    if len(room) <= 2:
        if floor is None or not int(floor):
            return AddressFault.FLOOR
        return f"{int(floor)}{int(room):02d}"
    inside, number = divmod(int(room), 100)
    if not 1 <= inside <= FLOOR_MAX:
        return AddressFault.FLOOR
    if floor is not None and int(floor) != inside:
        return AddressFault.DISAGREE
    return f"{inside}{number:02d}"
