"""More people than a listing takes, approved by a named person with a reason and an end (invariant 8)."""

from typing import Any

from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import Person
from cloud_sync.store.house import Act
from cloud_sync.store.interests import check_place, is_interested
from cloud_sync.store.listing_steps import listing_of, open_stays
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_model import capacity_exception

EXTRA_MAX = 10
DAYS_MAX = 90
_MORE = capacity_exception


def approve(act: Act, listing: str, more: int, days: int, reason: str, by: Person) -> str:
    """``more`` people than the listing takes, until the end of the day that is ``days`` ahead.

    Raises:
        Refused: too many, too long, no reason, or somebody close to the operator.
    """
    held, why = listing_of(act, listing), checked_reason(reason)
    _check_person(act, held, by)
    if not (1 <= more <= EXTRA_MAX and 0 <= days <= DAYS_MAX):
        raise Refused(
            "capacity.bounds",
            f"an exception is for 1 to {EXTRA_MAX} more people and at most {DAYS_MAX} days.",
        )
    until_ms = act.house.midnight_ms(act.now_ms + (days + 1) * DAY_MS)
    made = act.new_id("CX")
    values = {"listing": listing, "extra": more, "reason": why, "approved_by": by.name, "ended_by": None}
    act.insert(_MORE, id=made, approved_ms=act.now_ms, until_ms=until_ms, **values)
    act.note("listing.exception", listing, None, f"{more} more", why)
    _judge_again(act, listing)
    return made


def end(act: Act, id_: str, reason: str, by: Person) -> None:
    """From now on it covers nobody; who is over the number by that is D06.

    Raises:
        NotFound, Refused: there is none, it is over, no reason, or somebody close to the operator.
    """
    held: Any = act.row(_MORE, id=id_)
    if held is None:
        raise NotFound(f"there is no exception {id_}.")
    why = checked_reason(reason)
    _check_person(act, listing_of(act, held.listing), by)
    if held.until_ms <= act.now_ms:
        raise Refused("capacity.over", f"the exception {id_} is over.")
    act.update(_MORE, {"id": id_}, until_ms=act.now_ms, ended_by=by.name)
    act.note("listing.exception end", held.listing, f"{held.extra} more", None, why)
    _judge_again(act, held.listing)


def _judge_again(act: Act, listing: str) -> None:
    for stay in open_stays(act, listing):
        act.touch(stay.stay)


def _check_person(act: Act, listing: Any, by: Person) -> None:
    check_place(act, by.name, listing.unit)
    if is_interested(act, by.name, listing):
        raise Refused("capacity.interested", f"{by.name} filed it or is close to its operator.")
