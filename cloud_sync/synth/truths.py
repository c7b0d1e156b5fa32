"""The truth about stays: one row for each that has something wrong with it, written from what happened, not from rules."""

from collections.abc import Callable, Mapping

from cloud_sync.synth.homes import Homes
from cloud_sync.synth.rows import Truth
from cloud_sync.synth.stay import DAY, GRACE, Stay


def truth_of(stay: Stay, homes: Homes) -> Truth | None:
    """What a perfect observer would write down; None when all is well."""
    found = _WORDS.get(stay.label)
    if found is None:
        return None
    begin, end, evidence, note = found(stay, homes)
    return Truth(stay.label, _subject(stay, homes), begin, end, evidence, note)


def _subject(stay: Stay, homes: Homes) -> str:
    if stay.label == "D12" and stay.turn % 2:
        return f"operator:{operator_ref(homes.listings[stay.listing].operator)}"
    member = {"D01": len(stay.members) - 1, "D02": len(stay.members) - 1}.get(stay.label)
    if member is not None and stay.turn % 3 == 1:
        return f"member:{stay.who(member)}"
    if stay.label == "D09":
        return f"stays:{stay.partner}|{stay.key}"
    if stay.label == "D19":
        return f"member:{stay.who(0)}"
    return f"stay:{stay.key}"


def operator_ref(operator: int) -> str:
    return f"OP-{operator + 1:04}"


Words = tuple[int, int, str, str]


def _d01(stay: Stay, _homes: Homes) -> Words:
    variant = stay.turn % 3
    note = (
        "the party came first and registered later",
        "a companion never registered",
        "nobody ever registered",
    )
    last = stay.members[-1].registered_at
    return stay.arrive, last if variant == 0 and last else stay.leave, "override at the gate", note[variant]


def _d02(stay: Stay, _homes: Homes) -> Words:
    note = "one of the party never came" if stay.turn % 3 == 1 else "nobody of the party came"
    return stay.planned_in + DAY // 2, stay.planned_out, "no event of theirs", note


def _d03(stay: Stay, _homes: Homes) -> Words:
    return (
        stay.planned_out + GRACE,
        stay.leave,
        "last exit after the planned departure",
        "nobody asked for more time",
    )


def _d04(stay: Stay, _homes: Homes) -> Words:
    return (
        stay.leave + DAY,
        stay.planned_out,
        "last exit more than a day before the planned departure",
        "no checkout",
    )


def _d05(stay: Stay, _homes: Homes) -> Words:
    count = len(stay.members) + 1
    return stay.arrive, stay.leave, f"{count} people counted at their door", f"{len(stay.members)} registered"


def _d06(stay: Stay, homes: Homes) -> Words:
    occupancy = homes.rooms[stay.room].occupancy
    told = stay.members[-1].registered_at or stay.planned_in
    return told, stay.planned_out, f"{len(stay.members)} declared for {occupancy}", "room over its occupancy"


def _d08(stay: Stay, homes: Homes) -> Words:
    listing = homes.listings[stay.listing]
    return (
        stay.received,
        stay.planned_out,
        f"listing {listing.code}",
        f"booked and tried while {listing.state}",
    )


def _d09(stay: Stay, _homes: Homes) -> Words:
    return stay.arrive, stay.leave, "one document in two stays at once", f"also in {stay.partner}"


def _d10(stay: Stay, _homes: Homes) -> Words:
    at = stay.members[0].registered_at or stay.planned_in
    return at - 12, at, "three registrations with a wrong check character", "corrected by staff"


def _d11(stay: Stay, homes: Homes) -> Words:
    rooms = f"registered {homes.rooms[stay.room].ref}, used {homes.rooms[stay.used_room].ref}"
    return stay.arrive, stay.leave, rooms, "unlocks at another room"


def _d12(stay: Stay, _homes: Homes) -> Words:
    if stay.turn % 2:
        return (
            (stay.day + 1) * DAY + DAY // 2,
            (stay.day + 2) * DAY,
            f"return of day {stay.day}",
            "daily return missing",
        )
    return stay.arrive + DAY, stay.arrive + 3 * DAY, "receipt after due_at", "report late"


def _d13(stay: Stay, _homes: Homes) -> Words:
    return stay.arrive, stay.arrive + 2 * DAY, "receipt says rejected", "corrected later"


def _d14(stay: Stay, _homes: Homes) -> Words:
    return (
        stay.planned_in - 240,
        stay.members[0].registered_at or stay.arrive,
        "registered late",
        "before they came",
    )


def _d18(stay: Stay, _homes: Homes) -> Words:
    return stay.arrive + 30 * DAY, stay.leave, f"{stay.nights} nights", "longer than thirty days"


def _d19(stay: Stay, _homes: Homes) -> Words:
    return stay.arrive, stay.leave, "one credential at two gates within half a minute", "too far to walk"


def _d20(stay: Stay, _homes: Homes) -> Words:
    at = stay.members[-1].registered_at or stay.arrive
    return at, stay.leave, "a minor without guardian contact and relation", "registered by the adult beside"


def _mark(stay: Stay, note: str) -> Words:
    return stay.received, stay.leave, "bookings", note


_WORDS: Mapping[str, Callable[[Stay, Homes], Words]] = {
    "D01": _d01, "D02": _d02, "D03": _d03, "D04": _d04, "D05": _d05, "D06": _d06, "D08": _d08, "D09": _d09,
    "D10": _d10, "D11": _d11, "D12": _d12, "D13": _d13, "D14": _d14, "D18": _d18, "D19": _d19, "D20": _d20,
    "name_variant": lambda stay, _: _mark(stay, "the platform wrote the lead's name otherwise"),
    "cancelled_with_luggage": lambda stay, _: _mark(stay, "cancelled at noon while inside"),
    "room_move": lambda stay, _: _mark(stay, "moved to another room"),
    "duplicate_feed": lambda stay, _: _mark(stay, "the same revision told twice"),
    "out_of_order": lambda stay, _: _mark(stay, "revision 3 told before revision 2"),
    "ical_late": lambda stay, _: _mark(stay, "told by a calendar hours before arrival"),
}  # fmt: skip
