"""Conditions that no event tells: a node that fell silent, a camera without a picture (domain.md §5.8)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cloud_sync.core.case_types import (
    CAMERA_LOST,
    CLOCK_OFF,
    DELIVERY_FAILED,
    NODE_OFFLINE,
    VERSION_REFUSED,
    AlertKind,
    Severity,
)
from cloud_sync.core.node_clock import is_off

# Everybody passes these; a room's node is missed by one party.
COMMON_DOORS = frozenset({"gate", "unit", "garage"})

NodeSeen = tuple[str, int | None, tuple[tuple[str, str, str], ...]]  # node, last heard, (door, kind, camera)…


@dataclass(frozen=True, slots=True)
class Level:
    """One condition that is true now."""

    kind: AlertKind
    severity: Severity
    subject: str
    node: str
    access_point: str | None = None


def levels_of(
    nodes: Iterable[NodeSeen], now_ms: int, listening_since_ms: int, silent_ms: int
) -> tuple[Level, ...]:
    """Every condition that holds; a node that never spoke is not missed, and a silent one's cameras are unknown."""
    return tuple(level for node in nodes for level in _levels(node, now_ms, listening_since_ms, silent_ms))


def refused_levels(nodes: Iterable[str]) -> tuple[Level, ...]:
    """One for each of these nodes: its events wait aboard until one of the two is updated, silent or not."""
    return tuple(Level(VERSION_REFUSED, VERSION_REFUSED.severity, node, node) for node in nodes)


def clock_levels(offsets: Iterable[tuple[str, int | None]]) -> tuple[Level, ...]:
    """One for each node whose clock is off by too much; ``offsets`` are those of nodes that are heard."""
    return tuple(Level(CLOCK_OFF, CLOCK_OFF.severity, node, node) for node, off in offsets if is_off(off))


def undelivered_levels(nodes: Iterable[str]) -> tuple[Level, ...]:
    """One for each of these nodes: it is not ready for the guests of the day."""
    return tuple(Level(DELIVERY_FAILED, DELIVERY_FAILED.severity, node, node) for node in nodes)


def _levels(node: NodeSeen, now_ms: int, listening_since_ms: int, silent_ms: int) -> Iterator[Level]:
    name, heard_ms, doors = node
    if heard_ms is None:
        return
    if now_ms - max(heard_ms, listening_since_ms) > silent_ms:
        common = any(kind in COMMON_DOORS for _, kind, _ in doors)
        yield Level(NODE_OFFLINE, Severity.S2 if common else NODE_OFFLINE.severity, name, name)
        return
    for door, _, camera in doors:
        if camera.upper() == "LOST":
            yield Level(CAMERA_LOST, CAMERA_LOST.severity, door, name, door)
