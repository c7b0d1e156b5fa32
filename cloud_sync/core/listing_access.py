"""What each listing state permits (domain.md §6).  Persons inside are never locked out by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cloud_sync.core.lifecycles import ListingState

InHouse = Literal["normal", "until_relocation", "exit_only"]


@dataclass(frozen=True, slots=True)
class ListingAccess:
    bookings: Literal["yes", "flagged", "no"]
    new_passes: bool  # new registrations and passes
    confirmed_before: bool  # only those already confirmed, where new ones are not
    in_house: InHouse


_UNCODED = ListingAccess("flagged", new_passes=False, confirmed_before=False, in_house="exit_only")
_GONE = ListingAccess("no", new_passes=False, confirmed_before=False, in_house="exit_only")
_OPEN = ListingAccess("yes", new_passes=True, confirmed_before=True, in_house="normal")
_S = ListingState

ACCESS: Mapping[ListingState, ListingAccess] = MappingProxyType(
    {
        _S.DRAFT: _UNCODED,
        _S.FILED: _UNCODED,
        _S.IN_REVIEW: _UNCODED,
        _S.RETURNED: _UNCODED,
        _S.REJECTED: _UNCODED,
        _S.ACTIVE: _OPEN,
        _S.LAPSED: _OPEN,
        _S.SUSPENDED: ListingAccess("flagged", new_passes=False, confirmed_before=False, in_house="normal"),
        _S.WITHDRAWING: ListingAccess("no", new_passes=False, confirmed_before=True, in_house="normal"),
        _S.REVOKED: ListingAccess(
            "no", new_passes=False, confirmed_before=False, in_house="until_relocation"
        ),
        _S.CLOSED: _GONE,
        _S.WITHDRAWN: _GONE,
    }
)


def access_by_listing_state(state: ListingState) -> ListingAccess:
    """The row of domain.md §6 for this state; total over all states."""
    return ACCESS[state]


def permits_extension(state: ListingState) -> bool:
    """Whether a stay may be made longer by hand; a suspended listing keeps its guests until they planned to leave."""
    return state not in {_S.SUSPENDED, _S.REVOKED, _S.CLOSED, _S.WITHDRAWN}


def listing_permits(
    state: ListingState, *, in_house: bool, confirmed: bool, relocated_by_ms: int | None, now_ms: int
) -> bool:
    """Whether a guest's pass may open doors under this listing now."""
    access = access_by_listing_state(state)
    if not in_house:
        return access.new_passes or (access.confirmed_before and confirmed)
    if access.in_house == "until_relocation":
        return relocated_by_ms is not None and now_ms < relocated_by_ms
    return access.in_house == "normal"
