"""Commands to doors: what pages may ask, and what the driver that sends them sees."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command as far as it is known: SENT, ACCEPTED, DONE, FAILED, REJECTED or EXPIRED."""

    id: str
    node: str
    access_point: str
    op: str  # release | lock | unlock | block
    state: str
    why: str
    issued_ms: int
    expires_ms: int


class Commands(Protocol):
    """Signed commands to doors: issued once, acted on at most once, never after their time."""

    def issue(self, door: str, op: str, *, actor: str, reason: str, arg: str = "") -> str:
        """Sign, keep and send; returns the command's id.  ``arg`` of a release may be ``class=visitor``.

        Raises:
            Refused: no reason was given, or the door's node cannot take this op now.
            NotFound: no such door.
        """
        ...

    def state(self, command_id: str) -> CommandView:
        """Raises NotFound for an id that was never issued."""
        ...


@dataclass(frozen=True, slots=True)
class OpenCommand:
    """A command that may still have to be sent; ``frame`` is the same bytes every time."""

    id: str
    node: str
    frame: bytes
    expires_ms: int
    answered: bool  # the node has accepted it; only its result is owed


class CommandQueue(Protocol):
    """The driver's view of issued commands."""

    def open(self, now_ms: int) -> list[OpenCommand]:
        """Everything not yet at its end, oldest first; what was accepted only while it lives."""
        ...

    def sent(self, command_id: str, now_ms: int) -> None: ...

    def expired(self, command_id: str, now_ms: int) -> None:
        """Its time is over and no answer came."""
        ...
