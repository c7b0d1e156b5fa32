"""Files about what somebody saw or read: advertisements, inspections on the spot, complaints (D07, D16, D17)."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from cloud_sync.core.evidence import Advertisement, Capacity, Complaint, Inspection
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import RowAnswer
from cloud_sync.store import tables
from cloud_sync.store.dossier_books import check_unit
from cloud_sync.store.evidence_store import Status, end, is_standing, tell, tell_news, told_body
from cloud_sync.store.house import Act
from cloud_sync.store.imports import Form
from cloud_sync.store.intake_units import listing_of_unit
from cloud_sync.store.rows import RowFault, choice_in, needed_in, number_in, ref_in, text_in, told_ms
from cloud_sync.store.tables_model import room_file
from cloud_sync.store.tables_rules import evidence

SHOWN = ("shown", "gone")
# What makes a complaint one about hidden letting; what else people complain about is a case that staff open.
NO_PLATE = ("unfiled listing", "no plate")
MATCHED_BY = ("address", "position", "photo")
LOOKED = "inspection"  # one key: the newest look counts
ROOMS_MAX, BEDS_MAX = 99, 999


def _advertisement(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    """About the dwelling's listing where it has one, whose code the page has to show; else about the dwelling."""
    unit_id = needed_in(cells, "unit")
    check_unit(act, unit_id)
    platform, name = ref_in(cells, "platform"), ref_in(cells, "advertisement")
    matched: Any = choice_in(cells, "matched_by", MATCHED_BY, MATCHED_BY[0])
    body = Advertisement(platform, cells.get("shown_code", "")[:64], matched)
    key, listing = f"{platform}/{name}", listing_of_unit(act, unit_id)
    subject = listing or unit_id
    if listing is not None:
        _end_if_stands(act, unit_id, key)  # it was let without a code when the page was first seen
    if choice_in(cells, "state", SHOWN, SHOWN[0]) == "gone":
        ended = _end_if_stands(act, subject, key)
        return RowAnswer(line, "updated" if ended else "unchanged", key, "")
    held: Any = act.row(evidence, subject=subject, type=Advertisement.__name__, key=key)
    if is_standing(act, subject, key, body):
        return RowAnswer(line, "unchanged", key, "")
    tell(act, subject, key, body)
    return RowAnswer(line, "new" if held is None else "updated", key, "")


def _end_if_stands(act: Act, subject: str, key: str) -> bool:
    held: Any = act.row(evidence, subject=subject, type=Advertisement.__name__, key=key)
    if held is None or held.ended_ms is not None:
        return False
    end(act, subject, Advertisement.__name__, key)
    return True


def _inspection(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    at_ms = told_ms(cells, act.house)
    if cells.get("listing"):
        status = _capacity(act, cells, at_ms)
        return RowAnswer(line, status, cells["listing"], "")
    unit_id = needed_in(cells, "unit")
    check_unit(act, unit_id)
    found = bool(cells.get("finding"))
    if not found and (cells.get("rooms") or cells.get("beds")):
        raise RowFault("rooms and beds are counted for a listing, and listing is empty")
    by = cells.get("by", "")[:64] or act.actor
    status = tell_news(act, unit_id, LOOKED, Inspection(by, operating=found), at_ms)
    return RowAnswer(line, status, unit_id, "")


def _capacity(act: Act, cells: Mapping[str, str], at_ms: int) -> Status:
    listing = cells["listing"]
    held: Any = act.row(tables.listing, listing=listing)
    if held is None:
        raise NotFound(f"there is no listing {listing[:40]}; import the listings first.")
    if cells.get("unit") and cells["unit"] != held.unit:
        raise Refused("inspection.unit", f"listing {listing} is not in unit {cells['unit'][:64]}.")
    if cells.get("finding"):
        raise RowFault(
            "finding is for a dwelling without a listing; a listing's inspection counts rooms and beds"
        )
    rooms, beds = number_in(cells, "rooms", 0, ROOMS_MAX), number_in(cells, "beds", 0, BEDS_MAX)
    return tell_news(act, listing, LOOKED, Capacity(rooms, *_kept(act, listing, beds)), at_ms)


def _kept(act: Act, listing: str, beds_seen: int) -> tuple[int, int, int]:
    """(rooms of the register, beds seen, beds of the register)."""
    rooms = act.rows(tables.room, listing=listing)
    known: Counter[str] = Counter()
    for row in act.rows(room_file, listing=listing):
        known[str(row.room)] = int(str(row.beds))
    if any(str(row.room) not in known for row in rooms):
        raise NotFound(f"the register has no beds for listing {listing}; import its rooms first.")
    return len(rooms), beds_seen, known.total()


def follow_register(act: Act, listing: str) -> None:
    """The register of rooms and beds has changed: what an inspection counted is laid beside it anew."""
    held: Any = act.row(evidence, subject=listing, type=Capacity.__name__, key=LOOKED)
    if held is None or held.ended_ms is not None:
        return
    said = told_body(held)
    assert isinstance(said, Capacity)
    kept = _kept(act, listing, said.beds_seen)
    tell(act, listing, LOOKED, Capacity(said.rooms_seen, *kept), held.since_ms)


def _complaint(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    unit_id, at_ms = needed_in(cells, "unit"), told_ms(cells, act.house)
    check_unit(act, unit_id)
    matter = text_in(cells, "category")
    if matter not in NO_PLATE:
        raise RowFault(
            f"category is not one of {', '.join(NO_PLATE)}; staff open a case of any other complaint"
        )
    status = tell_news(act, unit_id, f"complaint/{cells['at'][:40]}", Complaint(matter), at_ms)
    return RowAnswer(line, status, unit_id, "")


ADVERTISEMENTS = Form(
    needed=("platform", "advertisement", "unit", "shown_code"),
    optional=("matched_by", "state"),
    personal=frozenset(),
    key=("platform", "advertisement"),
    take=_advertisement,
)
INSPECTIONS = Form(
    needed=("at", "listing", "unit", "rooms", "beds", "finding"),
    optional=("by",),
    personal=frozenset({"finding"}),
    key=("listing", "unit"),
    take=_inspection,
)
COMPLAINTS = Form(
    needed=("at", "unit", "category"), optional=(), personal=frozenset(), key=("unit", "at"), take=_complaint
)
