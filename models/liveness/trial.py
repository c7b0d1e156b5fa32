"""What a door on trial promises to whoever tries it with pictures: it is looked at by the very code of a gate.

The door is brought by the entry point group ``gatehouse.door_rules``; ``models`` may not reach into a gate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Literal, Protocol, cast

from models.engine import EngineError, FaceEngine, Frame, Vector

GROUP, SHIPPED = "gatehouse.door_rules", "live"

Answer = Literal["ACCEPTED", "REFUSED", "NOT_RECOGNISED", "UNDECIDED"]


@dataclass(frozen=True, slots=True)
class LiveOutcome:
    """How one try ended."""

    answer: Answer
    recognised: bool  # the face was named; only then does liveness have anything to stop
    why: str | None  # the closed words of a failed challenge
    asked: bool
    named: str | None  # as whom
    took_ns: int  # from the first question to the end; 0 where nothing was asked


class LiveDoor(Protocol):
    """One door with one engine and one policy."""

    def hold(self, rows: Sequence[tuple[str, Vector]], *, k: int) -> None:
        """These people may be recognised from now on."""
        ...

    def begin(self) -> None:
        """Whoever stood there has left; somebody new comes."""
        ...

    def show(self, frame: Frame, after_ns: int) -> str | None:
        """One more picture, so long after the last; the word on the screen, once there is one."""
        ...

    @property
    def outcome(self) -> LiveOutcome:
        """So far."""
        ...


def open_live_door(engine: FaceEngine, *, policy: str, fpir: float) -> LiveDoor:
    """A door of the installed product.

    Raises:
        EngineError: the gate's program is not installed beside this one.
    """
    for point in metadata.entry_points(group=GROUP, name=SHIPPED):
        opener = cast("Callable[..., LiveDoor]", point.load())
        return opener(engine, policy=policy, fpir=fpir)
    raise EngineError("attacks: no door rule is installed. Install the gate's program beside this one.")
