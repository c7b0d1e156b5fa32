"""How a node is, as one value: for the bus, the kiosk and the technician."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from edge.core.delivery import BATTERY_LOW, SIGNAL_LOW, low
from edge.core.events import ClockState
from edge.core.face_mode import FaceMode
from edge.core.freshness import Countdown, Lease, countdowns
from edge.core.passes import SubjectClass
from edge.ports import RadioReading
from edge.runtime.gate import Gate
from edge.runtime.hands import Knowledge
from models.calibration import DoorThreshold, ThresholdRefused

DISK_FULL = "the disk is full: the reserve was freed to go on recording. Free space on this node."
NO_TIME = "the time of day cannot be believed: codes are refused, PINs go on. Check the clock chip and the time server."
LEASE_OVER = (
    "the passes of this node were lent until a day that is past: only codes signed anew, staff with two factors and "
    "emergency passes open. Bring its network back, or carry the revocations here."
)


@dataclass(frozen=True, slots=True)
class DoorHealth:
    access_point: str
    mode: str
    contact: str
    alarm: str
    camera: str
    lock: str  # OK, or what the lock did not do, or why the door gives no grants
    face: str  # off | on | refused | code (no safe threshold at a door that then asks for codes)
    liveness: str
    gallery_n: int
    threshold: float | None
    threshold_note: str | None
    expected_fpir: float | None
    engine: str | None
    dry_run: bool = False
    face_mode: str = "off"
    tail: str | None = None  # what the threshold rests on: measured, indicative or bounded
    verified_by: str | None = None  # real or simulated: how far up the table was verified
    battery: str | None = None  # low | ok, of a lock the node drives itself
    signal: str | None = None  # low | ok, likewise


@dataclass(frozen=True, slots=True)
class NodeHealth:
    state: str  # ONLINE | DEGRADED
    doors: tuple[DoorHealth, ...]
    faults: tuple[str, ...]
    clock: ClockState
    freshness: Mapping[SubjectClass, Countdown] = field(default_factory=dict)  # per class, without news
    lease_until_ms: int | None = None  # of the newest verified head


def node_health(
    doors: tuple[DoorHealth, ...],
    faults: Iterable[str],
    clock: ClockState,
    known: Knowledge,
    lease: Lease,
) -> NodeHealth:
    """All of it; ``faults`` are the node's own, empty texts none."""
    said = [fault for fault in faults if fault]
    said += [LEASE_OVER] if known.lease_left_ms == 0 else []
    said += [NO_TIME] if clock is ClockState.UNTRUSTED else []
    said += [f"{door.access_point}: {door.lock}" for door in doors if door.lock != "OK"]
    counts = countdowns(known.contact_age_ms, online=known.online, lease_left_ms=known.lease_left_ms)
    return NodeHealth("DEGRADED" if said else "ONLINE", doors, tuple(said), clock, counts, lease.until_ms)


def with_fault(health: NodeHealth, fault: str) -> NodeHealth:
    """The same with one fault more; none is an empty text."""
    return replace(health, state="DEGRADED", faults=(*health.faults, fault)) if fault else health


def door_health(gate: Gate, camera: str, radio: RadioReading | None = None) -> DoorHealth:
    """One door as it is now; with face, the threshold it would use for two frames."""
    desk = gate.desk
    threshold = None if desk is None else desk.threshold(2)
    known = threshold if isinstance(threshold, DoorThreshold) else None
    return DoorHealth(
        access_point=gate.access_point,
        mode=gate.state.mode,
        contact=gate.state.contact,
        alarm=gate.state.alarm,
        camera=camera,
        lock=gate.fault or _radio_fault(radio) or gate.withheld() or "OK",
        face=_face(gate, refused=threshold is not None and known is None),
        liveness=gate.liveness,
        dry_run=gate.dry_run,
        gallery_n=0 if desk is None else desk.people,
        threshold=None if known is None else round(known.t, 3),
        threshold_note=None if threshold is None else _note(threshold),
        expected_fpir=None if known is None else known.expected_fpir,
        engine=None if desk is None else desk.info.engine_id,
        face_mode="off" if desk is None else gate.face_mode,
        tail=None if known is None else known.tail,
        verified_by=_verified_by(gate),
        battery=None if radio is None else low(radio.battery, BATTERY_LOW),
        signal=None if radio is None else low(radio.linkquality, SIGNAL_LOW),
    )


def _radio_fault(radio: RadioReading | None) -> str:
    """What is wrong with a lock the node drives itself, before anybody stands at it."""
    if radio is None:
        return ""
    if not radio.online:
        return "the lock does not answer: the door opens for nobody. Use the key, and look after the radio"
    return "battery low: change it today" if low(radio.battery, BATTERY_LOW) == "low" else ""


def _face(gate: Gate, *, refused: bool) -> str:
    if gate.desk is None:
        return "off"
    if not refused:
        return "on"
    return "code" if gate.face_mode is FaceMode.ONE_TO_N_ELSE_CODE else "refused"


def _note(threshold: DoorThreshold | ThresholdRefused) -> str:
    return threshold.note if isinstance(threshold, DoorThreshold) else threshold.reason_sentence


def _verified_by(gate: Gate) -> str | None:
    table = None if gate.desk is None else gate.desk.info.calibration
    return None if table is None else table.verified_by
