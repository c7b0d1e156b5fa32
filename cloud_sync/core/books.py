"""The four books as reconciliation reads them (domain.md §§8, 9): frozen, and only what a rule asks about."""

from dataclasses import dataclass
from typing import Literal

from cloud_sync.core.lifecycles import StayState

ClockName = Literal["TRUSTED", "HOLDOVER", "UNTRUSTED"]


@dataclass(frozen=True, slots=True)
class Drained:
    """Through when a node has delivered everything, by its own clock and that clock's quality."""

    through_ms: int
    clock: ClockName
    bound_ms: int

    def covers(self, moment_ms: int) -> bool:
        """True only when nothing from before ``moment_ms`` can still be on the way."""
        return self.clock != "UNTRUSTED" and self.through_ms - self.bound_ms >= moment_ms


@dataclass(frozen=True, slots=True)
class Entry:
    """A taken entry by one pass: ``ref`` is node/epoch/seq."""

    ref: str
    wall_ms: int
    clock: ClockName
    bound_ms: int
    night: bool


@dataclass(frozen=True, slots=True)
class MemberBook:
    pass_id: str
    verified: bool
    minor: bool
    entries: tuple[Entry, ...]
    used: bool  # any event at all names the pass
    presence: Literal["in", "out", "unknown"]


@dataclass(frozen=True, slots=True)
class StayBook:
    stay: str
    state: StayState
    planned_in_ms: int
    planned_out_ms: int
    checked_out_ms: int | None
    nodes: tuple[str, ...]  # those whose doors are on the way in
    members: tuple[MemberBook, ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch of seqs that is missing, declared lost, or contradicted."""

    ref: str
    since_ms: int
    kind: Literal["gap", "lost", "conflict"]


@dataclass(frozen=True, slots=True)
class NodeBook:
    node: str
    online: bool
    set_ver: int  # 0: nothing was ever sent to it
    set_root: str
    built_ms: int
    told_ver: int
    told_root: str
    revoked_ms: int | None  # the oldest taking-away that no receipt covers yet
    erase_ms: int | None  # the oldest erasure without a receipt
    holes: tuple[Hole, ...]


@dataclass(frozen=True, slots=True)
class DoorFact:
    """One event that says a door and its lock disagreed; ``window_ms`` is the day it belongs to."""

    ref: str
    access_point: str
    kind: Literal["forced", "held", "not_taken"]
    window_ms: int


@dataclass(frozen=True, slots=True)
class Books:
    now_ms: int
    drained: dict[str, Drained]
    stays: tuple[StayBook, ...] = ()
    nodes: tuple[NodeBook, ...] = ()
    doors: tuple[DoorFact, ...] = ()

    def watermark_ms(self, nodes: tuple[str, ...]) -> int:
        """T_eff of these nodes; 0 where one of them never reported or has no trustworthy clock."""
        held = [self.drained.get(node) for node in nodes]
        return min(
            (
                one.through_ms - one.bound_ms if one is not None and one.clock != "UNTRUSTED" else 0
                for one in held
            ),
            default=0,
        )

    def drained_through(self, nodes: tuple[str, ...], moment_ms: int) -> bool:
        """True when every one of these nodes has delivered all it saw until ``moment_ms``."""
        return bool(nodes) and all(
            (one := self.drained.get(node)) is not None and one.covers(moment_ms) for node in nodes
        )
