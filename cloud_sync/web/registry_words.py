"""Words for what became of imported rows; every one stands in both catalogues."""

from collections.abc import Mapping
from types import MappingProxyType

from cloud_sync.core.roll import Bucket, Reason
from cloud_sync.web.texts import mark

KINDS: Mapping[str, str] = MappingProxyType({
    "households": mark("Households"),
    "units": mark("Dwellings"),
    "listings": mark("Listings"),
})  # fmt: skip
BUCKETS: Mapping[Bucket, str] = MappingProxyType({
    Bucket.EXACT: mark("Agrees"),
    Bucket.FUZZY: mark("Seems to agree"),
    Bucket.CONFLICT: mark("Contradicts"),
    Bucket.UNMATCHED: mark("Not in the registry"),
    Bucket.REJECTED: mark("Cannot be read"),
})  # fmt: skip
DECISIONS: Mapping[str, str] = MappingProxyType({
    "same": mark("The row is what is recorded there, written differently"),
    "keep": mark("The registry is right; set the row aside"),
    "add": mark("Both are right: record the row as well"),
    "replace": mark("The row is right: it takes the place of what is recorded"),
})  # fmt: skip
DECISIONS_SAID: Mapping[str, str] = MappingProxyType({
    "same": mark("decided: the same, written differently"),
    "keep": mark("decided: the registry stays as it is"),
    "add": mark("decided: recorded as well"),
    "replace": mark("decided: recorded in the other's place"),
})  # fmt: skip
REFUSED: Mapping[str, str] = MappingProxyType({
    "import.decide": mark("Choose what is right, and say in a few words why."),
    "import.decided": mark("A colleague has decided already; nothing was changed."),
})  # fmt: skip
REASONS: Mapping[Reason, str] = MappingProxyType({
    Reason.AGREES: mark("Dwelling and name agree"),
    Reason.DOCUMENT: mark("The document is the same, and the name fits"),
    Reason.SOUND: mark("The name sounds the same"),
    Reason.ONE_EDIT: mark("The name differs by one character"),
    Reason.STAIR_MISSING: mark("The stair is not named; only one dwelling fits"),
    Reason.ONE_OF_SEVERAL: mark("The address fits several dwellings, the name only one"),
    Reason.LISTING_BY_DOOR: mark("No listing code; one listing is known behind this door"),
    Reason.OTHER_NAME: mark("Somebody else is recorded in this dwelling"),
    Reason.DOCUMENT_OTHER_NAME: mark("The document is recorded with another name"),
    Reason.NAME_OTHER_DOCUMENT: mark("The name is recorded with another document"),
    Reason.DOCUMENT_ELSEWHERE: mark("The document is recorded in another dwelling"),
    Reason.SEVERAL_DWELLINGS: mark("The address fits several dwellings"),
    Reason.SEVERAL_PERSONS: mark("Several people recorded there fit the name"),
    Reason.TAKEN_BEFORE: mark("An earlier row is this person already"),
    Reason.LISTING_OTHER_DOOR: mark("The listing code is recorded for another dwelling"),
    Reason.DOOR_OTHER_LISTING: mark("Another listing is recorded behind this door"),
    Reason.NO_DWELLING: mark("No such dwelling is recorded"),
    Reason.OTHER_PLACE: mark("The address is of another estate"),
    Reason.NOBODY_RECORDED: mark("The dwelling is known, nobody is recorded there"),
    Reason.NEW_MEMBER: mark("A further member of a known household"),
    Reason.NO_LISTING: mark("No listing is recorded here"),
    Reason.NO_NAME: mark("There is no name in the row"),
    Reason.REPEATED: mark("The row repeats an earlier one"),
    Reason.BAD_DOCUMENT: mark("The document number cannot be right"),
    Reason.BAD_LISTING_CODE: mark("The listing code cannot be right"),
    Reason.FORMULA: mark("A cell holds a formula; paste its value"),
    Reason.LINE_BROKEN: mark("The line cannot be read: a quotation mark is not closed"),
    Reason.CELL_LONG: mark("A cell or the line is far too long"),
    Reason.ADDRESS_EMPTY: mark("There is no address in the row"),
    Reason.ADDRESS_LONG: mark("The address is far too long"),
    Reason.ADDRESS_SHAPE: mark("No building and room can be found in the address"),
    Reason.ADDRESS_NO_FLOOR: mark("The room does not say on which floor"),
    Reason.ADDRESS_DISAGREE: mark("Floor and room number do not go together"),
})  # fmt: skip
