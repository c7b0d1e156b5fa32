"""What a read of a booking calendar means, beside what was read before (domain.md §5.2): values in, deeds out.

A calendar tells a cancellation by leaving the entry out, and so does a broken one.  So an entry has to be absent from two
good reads in a row, arrivals that have begun are never cancelled by absence, and an empty or failed read says nothing at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

ABSENT_TWICE = 2
ALERT_AFTER = 2  # empty or failed reads in a row

State = Literal["live", "cancelled", "same nights", "refused"]


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One booking as the calendar has it; ``ref`` is the platform's own name for it."""

    ref: str
    sequence: int
    arrival_ms: int
    departure_ms: int
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """One entry as it was last taken."""

    ref: str
    sequence: int
    arrival_ms: int
    departure_ms: int
    absent: int
    state: State


@dataclass(frozen=True, slots=True)
class Deed:
    """What one entry asks for; ``remember`` is how it is known afterwards."""

    do: Literal["take", "cancel", "note", "forget"]
    entry: FeedEntry
    remember: Known


def is_empty(read: Iterable[FeedEntry], known: Iterable[Known], now_ms: int) -> bool:
    """Nothing in the calendar though bookings lie ahead: taken for broken, not for a cancellation of all."""
    return not list(read) and any(one.state == "live" and one.arrival_ms > now_ms for one in known)


def judge(read: Iterable[FeedEntry], known: Mapping[str, Known], now_ms: int) -> list[Deed]:
    """Every deed of one good read, in the order of arrival; none for what is as it was."""
    there = {entry.ref: entry for entry in read}
    deeds = [deed for entry in there.values() if (deed := _present(entry, known.get(entry.ref))) is not None]
    deeds += [
        deed for ref, one in known.items() if ref not in there and (deed := _absent(one, now_ms)) is not None
    ]
    return sorted(deeds, key=lambda deed: (deed.entry.arrival_ms, deed.entry.ref))


def _present(entry: FeedEntry, held: Known | None) -> Deed | None:
    if held is None:
        return None if entry.cancelled else Deed("take", entry, _known(entry, "live"))
    if entry.sequence < held.sequence:  # an older copy of the calendar, from somewhere on the way
        return None if not held.absent else Deed("note", entry, replace(held, absent=0))
    if entry.cancelled:
        return None if held.state == "cancelled" else Deed("cancel", entry, _known(entry, "cancelled"))
    same = (entry.arrival_ms, entry.departure_ms) == (held.arrival_ms, held.departure_ms)
    if same and held.state != "cancelled":
        again = replace(held, absent=0, sequence=entry.sequence)
        return None if again == held else Deed("note", entry, again)
    return Deed("take", entry, _known(entry, "live"))


def _absent(held: Known, now_ms: int) -> Deed | None:
    entry = FeedEntry(held.ref, held.sequence, held.arrival_ms, held.departure_ms)
    if held.departure_ms <= now_ms:  # over: calendars drop what is past
        return Deed("forget", entry, held)
    if held.arrival_ms <= now_ms or held.state == "cancelled":
        return None
    once_more = replace(held, absent=held.absent + 1)
    if once_more.absent < ABSENT_TWICE:
        return Deed("note", entry, once_more)
    if held.state != "live":
        return Deed("forget", entry, held)
    return Deed("cancel", replace(entry, cancelled=True), replace(once_more, state="cancelled"))


def _known(entry: FeedEntry, state: State) -> Known:
    return Known(entry.ref, entry.sequence, entry.arrival_ms, entry.departure_ms, 0, state)
