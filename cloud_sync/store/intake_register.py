"""Files of the register beside the listings themselves: decided states, operators, rooms with their beds."""

from collections.abc import Mapping
from typing import Any

from cloud_sync.core.lifecycles import ListingState
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import RowAnswer
from cloud_sync.ports_model import OperatorWish
from cloud_sync.store import tables
from cloud_sync.store.dossier_books import put_operator
from cloud_sync.store.filing import BEDS_MAX, GUESTS_MAX
from cloud_sync.store.house import Act
from cloud_sync.store.imports import Form
from cloud_sync.store.intake_found import follow_register
from cloud_sync.store.listings import take_state
from cloud_sync.store.places import scope_of
from cloud_sync.store.rows import RowFault, choice_in, needed_in, number_in, ref_in, text_in
from cloud_sync.store.tables_model import operator, room_file

KINDS = ("person", "company")
PHONE_MAX, USCC_LENGTH = 32, 18


def _state(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    wanted = ListingState(choice_in(cells, "state", tuple(ListingState), ""))
    return take_state(act, line, needed_in(cells, "listing"), wanted, text_in(cells, "reason"))


def _operator(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    name, kind = ref_in(cells, "operator"), choice_in(cells, "kind", KINDS, "")
    uscc = cells.get("uscc", "")
    if uscc and len(uscc) != USCC_LENGTH:
        raise RowFault(f"uscc has not {USCC_LENGTH} characters")
    sealed = {"name": text_in(cells, "name"), "phone": cells.get("phone", ""), "document_number": uscc}
    if len(sealed["phone"]) > PHONE_MAX:
        raise RowFault(f"phone has more than {PHONE_MAX} characters")
    held: Any = act.row(operator, operator=name)
    if held is not None and held.kind == kind:
        told = act.house.vault.seal_all(name, {key: value for key, value in sealed.items() if value})
        return RowAnswer(line, "updated" if told else "unchanged", name, "")
    user = str(held.user or "") if held is not None else ""
    put_operator(act, OperatorWish(name, kind, user, sealed))
    return RowAnswer(line, "new" if held is None else "updated", name, "")


def _room(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    """The room itself came with its listing; here are its beds, and how many it may hold."""
    name, listing = ref_in(cells, "room"), needed_in(cells, "listing")
    held: Any = act.row(tables.room, room=name)
    if held is None:
        raise NotFound(f"there is no room {name}; import the listings first.")
    if held.listing != listing:
        raise Refused("room.listing", f"room {name} belongs to listing {held.listing}.")
    lock = cells.get("lock", "")
    if lock and lock not in scope_of(held.access_points):
        raise Refused(
            "room.lock", f"door {lock[:64]} is not on the way to room {name}; its listing says which are."
        )
    values = {
        "listing": listing,
        "beds": number_in(cells, "beds", 1, BEDS_MAX),
        "max_guests": number_in(cells, "max_occupancy", 1, GUESTS_MAX),
    }
    filed: Any = act.row(room_file, room=name)
    if filed is None:
        act.insert(room_file, room=name, **values)
    elif all(getattr(filed, column) == value for column, value in values.items()):
        return RowAnswer(line, "unchanged", name, "")
    else:
        act.update(room_file, {"room": name}, **values)
    before = None if filed is None else f"{filed.beds} beds, {filed.max_guests} guests"
    act.note("room.file", name, before, f"{values['beds']} beds, {values['max_guests']} guests")
    follow_register(act, listing)
    act.touch(listing)
    return RowAnswer(line, "new" if filed is None else "updated", name, "")


LISTING_STATES = Form(
    needed=("listing", "state", "reason"),
    optional=("at",),
    personal=frozenset(),
    key=("listing",),
    take=_state,
)
OPERATORS = Form(
    needed=("operator", "kind", "name"),
    optional=("phone", "uscc", "commitment_signed_at"),
    personal=frozenset({"name", "phone", "uscc"}),
    key=("operator",),
    take=_operator,
)
ROOMS = Form(
    needed=("room", "listing", "beds", "max_occupancy"),
    optional=("label", "lock"),
    personal=frozenset(),
    key=("room",),
    take=_room,
)
