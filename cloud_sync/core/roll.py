"""Which bucket a row of a community's spreadsheet belongs in, when it is laid beside the registry: one, with a reason.

Nothing here gives or takes access: an exact row agrees with the registry, a fuzzy one is a suggestion, and people decide
about the rest (domain.md §8).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cloud_sync.core.addresses import AddressFault, Door, same_place
from cloud_sync.core.names import Likeness, NameForms, likeness


class Bucket(StrEnum):
    EXACT = "exact"
    FUZZY = "fuzzy"
    CONFLICT = "conflict"
    UNMATCHED = "unmatched"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why; a code that pages and commands have words for."""

    AGREES = "agrees"
    DOCUMENT = "document"
    SOUND = "sound"
    ONE_EDIT = "one_edit"
    STAIR_MISSING = "stair_missing"
    ONE_OF_SEVERAL = "one_of_several"
    LISTING_BY_DOOR = "listing_by_door"
    OTHER_NAME = "other_name"
    DOCUMENT_OTHER_NAME = "document_other_name"
    NAME_OTHER_DOCUMENT = "name_other_document"
    DOCUMENT_ELSEWHERE = "document_elsewhere"
    SEVERAL_DWELLINGS = "several_dwellings"
    SEVERAL_PERSONS = "several_persons"
    TAKEN_BEFORE = "taken_before"
    LISTING_OTHER_DOOR = "listing_other_door"
    DOOR_OTHER_LISTING = "door_other_listing"
    NO_DWELLING = "no_dwelling"
    OTHER_PLACE = "other_place"
    NOBODY_RECORDED = "nobody_recorded"
    NEW_MEMBER = "new_member"
    NO_LISTING = "no_listing"
    NO_NAME = "no_name"
    REPEATED = "repeated"
    BAD_DOCUMENT = "bad_document"
    BAD_LISTING_CODE = "bad_listing_code"
    FORMULA = "formula"
    LINE_BROKEN = "line_broken"
    CELL_LONG = "cell_long"
    ADDRESS_EMPTY = AddressFault.EMPTY.value
    ADDRESS_LONG = AddressFault.LONG.value
    ADDRESS_SHAPE = AddressFault.SHAPE.value
    ADDRESS_NO_FLOOR = AddressFault.FLOOR.value
    ADDRESS_DISAGREE = AddressFault.DISAGREE.value


@dataclass(frozen=True, slots=True)
class Verdict:
    """``unit`` and ``person`` are whom the row is, or seems to be; ``detail`` is never personal."""

    bucket: Bucket
    reason: Reason
    unit: str = ""
    person: str = ""
    detail: str = ""


def rejected(reason: Reason, detail: str = "") -> Verdict:
    return Verdict(Bucket.REJECTED, reason, detail=detail)


@dataclass(frozen=True, slots=True)
class Dwelling:
    unit: str
    phase: str
    stair: str


@dataclass(frozen=True, slots=True)
class Resident:
    """Somebody the registry knows; ``document`` is a keyed hash, empty where none is recorded."""

    person: str
    unit: str
    name: NameForms
    document: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What one row says: who lives behind which door."""

    door: Door
    name: NameForms
    document: str = ""
    member: bool = False  # not the head of the household


def dwellings_of(door: Door, held: Sequence[Dwelling]) -> list[Dwelling]:
    """Of the dwellings with this building and room, those that the rest of the address does not rule out."""
    return [one for one in held if door.phase in ("", one.phase) and door.stair in ("", one.stair)]


def judge_unit(door: Door, held: Sequence[Dwelling], places: frozenset[str]) -> Verdict:
    """A row that says no more than that there is such a dwelling."""
    fit = dwellings_of(door, held)
    missing = _missing(door, fit, places)
    if missing is not None:
        return missing
    if len(fit) > 1:
        return Verdict(Bucket.CONFLICT, Reason.SEVERAL_DWELLINGS)
    if fit[0].stair and not door.stair:
        return Verdict(Bucket.FUZZY, Reason.STAIR_MISSING, fit[0].unit)
    return Verdict(Bucket.EXACT, Reason.AGREES, fit[0].unit)


def judge_household(
    claim: Claim, held: Sequence[Dwelling], residents: Sequence[Resident], places: frozenset[str]
) -> Verdict:
    """``residents``: all of these dwellings, and whoever else has the row's document."""
    fit = dwellings_of(claim.door, held)
    units = {one.unit for one in fit}
    same = [one for one in residents if claim.document and one.document == claim.document]
    by_document = _by_document(claim, same, units, places)
    if by_document is not None:
        return by_document
    missing = _missing(claim.door, fit, places)
    if missing is not None:
        return missing
    here = [one for one in residents if one.unit in units]
    if len(fit) > 1:
        return _among_several(claim, here)
    return _in_one(claim, fit[0], here)


def _by_document(
    claim: Claim, same: Sequence[Resident], units: set[str], places: frozenset[str]
) -> Verdict | None:
    """A document is one person's: it decides wherever it is known."""
    if not same:
        return None
    at_home = [one for one in same if one.unit in units and same_place(claim.door.place, places)]
    if not at_home:
        return Verdict(Bucket.CONFLICT, Reason.DOCUMENT_ELSEWHERE, same[0].unit, same[0].person)
    person = at_home[0]
    if likeness(claim.name, person.name) is Likeness.DIFFERENT:
        return Verdict(Bucket.CONFLICT, Reason.DOCUMENT_OTHER_NAME, person.unit, person.person)
    return Verdict(Bucket.EXACT, Reason.DOCUMENT, person.unit, person.person)


def _missing(door: Door, fit: Sequence[Dwelling], places: frozenset[str]) -> Verdict | None:
    if not same_place(door.place, places):
        return Verdict(Bucket.UNMATCHED, Reason.OTHER_PLACE)
    return None if fit else Verdict(Bucket.UNMATCHED, Reason.NO_DWELLING)


def _among_several(claim: Claim, here: Sequence[Resident]) -> Verdict:
    equal = [one for one in here if likeness(claim.name, one.name) is Likeness.EQUAL]
    if len(equal) == 1 and not _documents_differ(claim, equal[0]):
        return Verdict(Bucket.FUZZY, Reason.ONE_OF_SEVERAL, equal[0].unit, equal[0].person)
    return Verdict(Bucket.CONFLICT, Reason.SEVERAL_DWELLINGS)


def _in_one(claim: Claim, dwelling: Dwelling, here: Sequence[Resident]) -> Verdict:
    for wanted in (Likeness.EQUAL, Likeness.EQUIVALENT, Likeness.CLOSE):
        alike = [one for one in here if likeness(claim.name, one.name) is wanted]
        if wanted is not Likeness.EQUAL:
            # Alike in sound, and another document: another person.
            alike = [one for one in alike if not _documents_differ(claim, one)]
        if len(alike) > 1:
            return Verdict(Bucket.CONFLICT, Reason.SEVERAL_PERSONS, dwelling.unit)
        if alike:
            return _found(claim, dwelling, alike[0], wanted)
    if not here:
        return Verdict(Bucket.UNMATCHED, Reason.NOBODY_RECORDED, dwelling.unit)
    if claim.member:
        return Verdict(Bucket.UNMATCHED, Reason.NEW_MEMBER, dwelling.unit)
    return Verdict(Bucket.CONFLICT, Reason.OTHER_NAME, dwelling.unit, here[0].person)


def _found(claim: Claim, dwelling: Dwelling, person: Resident, how: Likeness) -> Verdict:
    who = (dwelling.unit, person.person)
    if how is Likeness.EQUAL:
        if _documents_differ(claim, person):
            return Verdict(Bucket.CONFLICT, Reason.NAME_OTHER_DOCUMENT, *who)
        if dwelling.stair and not claim.door.stair:
            return Verdict(Bucket.FUZZY, Reason.STAIR_MISSING, *who)
        return Verdict(Bucket.EXACT, Reason.AGREES, *who)
    return Verdict(Bucket.FUZZY, Reason.SOUND if how is Likeness.EQUIVALENT else Reason.ONE_EDIT, *who)


def _documents_differ(claim: Claim, person: Resident) -> bool:
    return bool(claim.document and person.document and claim.document != person.document)


@dataclass(frozen=True, slots=True)
class Listed:
    """A listing the registry knows; ``door`` is None where its dwelling was written so that nobody can tell."""

    listing: str
    door: Door | None


def judge_listing(code: str, door: Door, by_code: Listed | None, at_door: Sequence[Listed]) -> Verdict:
    """``at_door``: listings in a dwelling with this building and room."""
    if by_code is not None:
        if by_code.door is not None and _one_door(door, by_code.door):
            return Verdict(Bucket.EXACT, Reason.AGREES, by_code.listing)
        return Verdict(Bucket.CONFLICT, Reason.LISTING_OTHER_DOOR, by_code.listing)
    here = [one for one in at_door if one.door is not None and _one_door(door, one.door)]
    if code and here:
        return Verdict(Bucket.CONFLICT, Reason.DOOR_OTHER_LISTING, here[0].listing)
    if len(here) == 1:
        return Verdict(Bucket.FUZZY, Reason.LISTING_BY_DOOR, here[0].listing)
    if here:
        return Verdict(Bucket.CONFLICT, Reason.DOOR_OTHER_LISTING, here[0].listing)
    return Verdict(Bucket.UNMATCHED, Reason.NO_LISTING)


def _one_door(one: Door, other: Door) -> bool:
    """Each part that both name is the same."""
    parts = ((one.phase, other.phase), (one.stair, other.stair))
    return one.lookup == other.lookup and all("" in pair or pair[0] == pair[1] for pair in parts)
