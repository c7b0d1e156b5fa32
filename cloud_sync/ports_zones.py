"""Zones of doors, and what two people together tell all doors of one."""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ZoneView:
    """A fire section, a building, or whatever else the community calls one; ``site`` is every door."""

    zone: str
    kind: str  # fire | building | other | site
    name_zh: str
    name_en: str
    doors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DoorResult:
    access_point: str
    node: str
    state: str  # as a command's to one door
    why: str
    mode: str


@dataclass(frozen=True, slots=True)
class Tally:
    """``of`` is all; the rest adds up to it."""

    of: int
    did: int
    refused: int
    failed: int
    silent: int  # their time is over
    open: int  # their time is not over yet

    @classmethod
    def count(cls, results: tuple[DoorResult, ...]) -> "Tally":
        by = Counter(one.state for one in results)
        did, refused, failed, silent = (by[name] for name in ("DONE", "REJECTED", "FAILED", "EXPIRED"))
        return cls(len(results), did, refused, failed, silent, len(results) - did - refused - failed - silent)


@dataclass(frozen=True, slots=True)
class ZoneCommandView:
    """PROPOSED until somebody else has said the same, or LAPSED; then SENT until every door's time is OVER."""

    id: str
    zone: str
    op: str
    state: str
    issuer: str
    second: str
    reason: str
    proposed_ms: int
    issued_ms: int
    expires_ms: int
    results: tuple[DoorResult, ...]

    @property
    def tally(self) -> Tally:
        return Tally.count(self.results)

    @property
    def ended(self) -> bool:
        return self.state == "LAPSED" or (self.state != "PROPOSED" and self.tally.open == 0)


class ZoneBook(Protocol):
    """Which doors belong to which zones; a node learns of its own by its join file."""

    def all(self) -> list[ZoneView]:
        """``site`` first."""
        ...

    def get(self, zone: str) -> ZoneView:
        """Raises NotFound."""
        ...


class ZoneCommands(Protocol):
    """One person proposes, another says the same within a minute; then it is signed, sent, and never again."""

    def propose(self, zone: str, op: str, *, actor: str, reason: str) -> str:
        """Returns its id.

        Raises:
            Refused: no reason or no actor, an op that no zone takes, or a zone without doors.
            NotFound: no such zone.
        """
        ...

    def second(self, command_id: str, *, actor: str) -> None:
        """Sign it, in the name of both; the driver sends it within a moment.

        Raises:
            Refused: it is the same person, too late, or signed already.
            NotFound: no such command.
        """
        ...

    def state(self, command_id: str) -> ZoneCommandView:
        """Raises NotFound."""
        ...

    def recent(self, most: int) -> list[ZoneCommandView]:
        """Newest first."""
        ...


@dataclass(frozen=True, slots=True)
class OpenZoneCommand:
    """One that is signed and whose time may not be over; ``frame`` is the same bytes every time."""

    id: str
    zone: str
    frame: bytes
    expires_ms: int
    silent: tuple[str, ...]  # nodes of doors that have not answered


class ZoneQueue(Protocol):
    """The driver's view."""

    def open(self) -> list[OpenZoneCommand]: ...

    def sent(self, command_id: str) -> None: ...

    def over(self, command_id: str, now_ms: int) -> None:
        """Its time is over; doors that never answered are said to be silent."""
        ...
