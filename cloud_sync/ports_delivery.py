"""Which guests' passes have arrived at which doors: what the distributor notes, and what the pages read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SetLines:
    """Guests' passes in a version of a node's set: pass → its version; None for one that is not in it any more.

    ``whole``: all there are, not only what changed.  ``anew``: what was receipted before proves nothing of them.
    """

    node: str
    auth_ver: int
    root: str
    passes: Mapping[str, int | None]
    whole: bool = False
    anew: bool = False


class PassLines(Protocol):
    """Where it is kept in which version of which set a pass went out, until the node's receipt names that version."""

    def note(self, lines: Sequence[SetLines], now_ms: int) -> None:
        """Doing it twice changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class DoorReceipt:
    """One door of one pass.  ``since_ms``: since when its node has the pass's present version, by its receipt; None: not yet."""

    access_point: str
    name_zh: str
    name_en: str
    node: str
    node_name: str
    online: bool
    since_ms: int | None
    told_ms: int | None  # since when that version stands in the node's set


@dataclass(frozen=True, slots=True)
class PassReceipts:
    """One guest's pass and its doors; never a name."""

    pass_id: str
    subject_ref: str
    stay: str
    room: str
    version: int
    not_before_ms: int
    not_after_ms: int
    doors: tuple[DoorReceipt, ...]

    @property
    def missing(self) -> int:
        return sum(door.since_ms is None for door in self.doors)


@dataclass(frozen=True, slots=True)
class NodeUnready:
    """A node that was not ready at the last check, and is not yet."""

    node: str
    name: str
    missing: int  # passes without receipt, now
    why: tuple[str, ...]  # words of ``core.delivery.Unready``
    found_ms: int


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The last check, and every pass needed until ``until_ms``: those without receipt first."""

    name_zh: str
    name_en: str
    now_ms: int
    until_ms: int
    checked_ms: int | None  # None: no check has been made yet
    unready: tuple[NodeUnready, ...]
    passes: tuple[PassReceipts, ...]
    left_out: int  # passes that did not fit


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One node's whole set, as it travels; believed by its root only."""

    auth_ver: int
    packed: bytes


class Snapshots(Protocol):
    def pull(self, node: str, *, at_ms: int, nonce: str, signature: str) -> Snapshot:
        """What this node is to hold, to the device itself.

        Raises:
            Refused: the node's device has not signed this request, not now, or has sent it before.
            StoreError: the set is not to be had at this moment; it comes in parts.
        """
        ...


class DeliveryReader(Protocol):
    def deliveries(self, now_ms: int, *, of: str = "", most: int) -> Deliveries:
        """``of``: only this room, stay or pass."""
        ...
