"""How a node is, as one value: for the bus, the kiosk and the technician."""

from dataclasses import dataclass

from edge.core.events import ClockState

DISK_FULL = "the disk is full: the reserve was freed to go on recording. Free space on this node."
NO_TIME = "the time of day cannot be believed: codes are refused, PINs go on. Check the clock chip and the time server."


@dataclass(frozen=True, slots=True)
class DoorHealth:
    access_point: str
    mode: str
    contact: str
    alarm: str
    camera: str
    lock: str  # OK, or what the lock did not do
    face: str  # off | on | refused: …
    liveness: str
    gallery_n: int
    threshold: float | None
    threshold_note: str | None
    expected_fpir: float | None
    engine: str | None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class NodeHealth:
    state: str  # ONLINE | DEGRADED
    doors: tuple[DoorHealth, ...]
    faults: tuple[str, ...]
    clock: ClockState
