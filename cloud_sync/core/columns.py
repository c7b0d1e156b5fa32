"""Which column of somebody's spreadsheet is which of ours; a heading is known by any of the names it goes by."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from cloud_sync.core.characters import simplified

HEADER_WITHIN = 10  # rows: titles, dates and who made it stand above the headings
COLUMNS_MAX = 256


class Kind(StrEnum):
    HOUSEHOLDS = "households"
    UNITS = "units"
    LISTINGS = "listings"


class Field(StrEnum):
    NAME = "name"
    DOCUMENT = "document"
    PHONE = "phone"
    RELATION = "relation"
    PLACE = "place"
    ADDRESS = "address"
    BUILDING = "building"
    STAIR = "stair"
    FLOOR = "floor"
    ROOM = "room"
    LISTING = "listing"
    LISTING_NAME = "listing_name"


NAMES: Mapping[Field, tuple[str, ...]] = MappingProxyType({
    Field.NAME: ("姓名", "户主", "户主姓名", "业主", "业主姓名", "居民姓名", "住户姓名", "住户", "人员姓名", "name", "householder"),
    Field.DOCUMENT: ("身份证", "身份证号", "身份证号码", "公民身份号码", "证件号", "证件号码", "document", "document_number", "id number"),
    Field.PHONE: ("电话", "手机", "手机号", "手机号码", "联系电话", "联系方式", "phone", "mobile"),
    Field.RELATION: ("关系", "与户主关系", "家庭关系", "relation"),
    Field.PLACE: ("小区", "小区名称", "院落", "社区", "place", "estate"),
    Field.ADDRESS: ("地址", "住址", "详细地址", "家庭住址", "房屋地址", "居住地址", "房源地址", "门牌", "门牌号", "address", "unit"),
    Field.BUILDING: ("楼栋", "楼栋号", "栋", "栋号", "楼号", "幢", "幢号", "building"),
    Field.STAIR: ("单元", "单元号", "梯", "stair", "entrance"),
    Field.FLOOR: ("楼层", "层", "层数", "floor"),
    Field.ROOM: ("房号", "房间号", "室", "室号", "户号", "房屋号", "门号", "room", "roomno", "door"),
    Field.LISTING: ("房源码", "房源编码", "房源编号", "listing", "listing code", "fangyuan_code"),
    Field.LISTING_NAME: ("房源名称", "房源名", "门店", "listing name"),
})  # fmt: skip
_FIELD_OF: Mapping[str, Field] = MappingProxyType(
    {name.upper(): field for field, names in NAMES.items() for name in names}
)
# Whoever stands for the household; anybody else is a member of it.
_HEADS = frozenset({"", "户主", "本人", "业主", "HEAD", "SELF"})


def field_of(heading: str) -> Field | None:
    """Remarks in brackets, stars for "needed" and spaces between characters do not count."""
    plain = simplified(heading).upper().split("(")[0]
    kept = plain.strip(" *:\t\r\n")
    return _FIELD_OF.get(kept) or _FIELD_OF.get("".join(kept.split()))


def read_header(cells: Sequence[str], kind: Kind) -> dict[int, Field] | None:
    """Column number to field when this row is the headings for ``kind``; None when it is not."""
    found: dict[int, Field] = {}
    for at, cell in enumerate(cells[:COLUMNS_MAX]):
        field = field_of(cell)
        if field is not None and field not in found.values():
            found[at] = field
    fields = set(found.values())
    has_door = Field.ADDRESS in fields or Field.ROOM in fields
    has_needed = Field.NAME in fields if kind is Kind.HOUSEHOLDS else True
    return found if has_door and has_needed and len(fields) >= _LEAST[kind] else None


# One known word alone may stand in a title too.
_LEAST: Mapping[Kind, int] = MappingProxyType({Kind.HOUSEHOLDS: 2, Kind.UNITS: 1, Kind.LISTINGS: 1})


def is_member(relation: str) -> bool:
    return simplified(relation).strip().upper() not in _HEADS
