"""How a node is, as one value: for the bus, the kiosk and the technician."""

from dataclasses import dataclass


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
