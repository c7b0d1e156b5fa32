"""Complaints by the plate of a door: made without a login, answered by a named person."""

from dataclasses import dataclass, field
from typing import Protocol

from cloud_sync.core.complaints import ComplaintState, Topic
from cloud_sync.ports_model import Person


@dataclass(frozen=True, slots=True)
class ComplaintView:
    """``said`` is for the community's own people: a neighbour may be known by it."""

    complaint: str
    listing: str
    topic: Topic
    said: str = field(repr=False)
    made_ms: int
    state: ComplaintState
    answer: str
    answered_by: str
    answered_ms: int | None


class ComplaintDesk(Protocol):
    """Every change is one transaction with an audit row."""

    def complain(self, listing: str, topic: str, said: str) -> str:
        """Put it on the listing and tell its operator; a token by which its answer can be read.

        Raises:
            Refused: no such topic, too long, or no listing has this code.
        """
        ...

    def status(self, token: str) -> ComplaintView:
        """Raises NotFound for a token nobody was given, or whose complaint is no longer kept."""
        ...

    def complaints(self, listing: str = "") -> tuple[ComplaintView, ...]:
        """What waits for an answer first, then the newest; of one listing where that is asked."""
        ...

    def answer(self, complaint: str, event: str, text: str, by: Person) -> None:
        """answer or dismiss, with one line for whoever complained.

        Raises:
            Refused: no line, another event, or it has been answered.
            NotFound: no such complaint.
        """
        ...
