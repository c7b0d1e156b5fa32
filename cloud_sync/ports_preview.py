"""Looks through a door's camera: what the page may ask; no picture ever comes through the service."""

from dataclasses import dataclass
from typing import Protocol

from cloud_sync.ports import User


@dataclass(frozen=True, slots=True)
class PreviewTicket:
    """``url`` is the node's own page with the ticket behind the ``#``; it is good until then, once."""

    id: str
    url: str
    until_ms: int


class PreviewDesk(Protocol):
    """Tickets for named staff, each with a reason, each in the audit."""

    def offers(self, door: str) -> bool:
        """Whether the node of this door has an address at which staff may look."""
        ...

    def given(self, door: str, *, since_ms: int) -> int:
        """How many tickets were given out for this door since then."""
        ...

    def ticket(self, door: str, user: User, reason: str) -> PreviewTicket:
        """Raises Refused without a reason or an address, and NotFound for a door that is not there."""
        ...
