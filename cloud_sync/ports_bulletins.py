"""What the pages may ask about notices to whoever stays here: they are written, they run, and they are counted."""

from dataclasses import dataclass
from typing import Protocol

from cloud_sync.core.bulletins import BulletinWish


@dataclass(frozen=True, slots=True)
class BulletinView:
    """One notice with its counts; of stays, never of people."""

    bulletin: str
    wish: BulletinWish
    made_by: str
    made_ms: int
    withdrawn_by: str  # "" while nobody has
    runs: bool
    stays: int  # it is for now; of one that is over, that saw it
    shown: int  # on whose page it has stood
    written: int = 0  # that have an address, and a message of it
    sent: int = 0  # whose message a far side has taken


@dataclass(frozen=True, slots=True)
class Audiences:
    """Where guests can be at all: what a notice may name."""

    buildings: tuple[str, ...]
    units: tuple[str, ...]
    listings: tuple[tuple[str, str], ...]  # code and name


class BulletinDesk(Protocol):
    def bulletins(self) -> tuple[BulletinView, ...]:
        """The newest first, a hundred at most."""
        ...

    def audiences(self) -> Audiences: ...

    def write(self, wish: BulletinWish, *, actor: str) -> str:
        """Raises Refused (bulletin.audience, .text, .ends, .many)."""
        ...

    def withdraw(self, bulletin: str, *, actor: str) -> None:
        """Raises NotFound: there is none that runs."""
        ...
