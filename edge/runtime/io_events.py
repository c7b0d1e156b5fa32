"""What a change at the wires means to a door: levels and edges of gate-io in, events of the door machine out."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, assert_never

from edge.core.door_events import (
    BoltChanged,
    Boot,
    ClockChanged,
    DpsClose,
    DpsOpen,
    Event,
    FireOff,
    FireOn,
    RexPressed,
    RexReleased,
    TamperOff,
    TamperOn,
)
from edge.core.door_types import Bolt, Contact
from edge.core.events import AccessPointId, ClockState, GrantId
from edge.ports import IoSnapshot, Point

if TYPE_CHECKING:
    from edge.runtime.gate import Gate


def edge_event(point: Point, level: bool, new_id: Callable[[], str]) -> Event | None:
    """One point changed its level."""
    match point:
        case Point.CONTACT:
            return DpsOpen() if level else DpsClose()
        case Point.REX:
            return RexPressed(GrantId(new_id())) if level else RexReleased()
        case Point.FIRE:
            return FireOn() if level else FireOff()
        case Point.TAMPER:
            return TamperOn() if level else TamperOff()
        case Point.BOLT:
            return BoltChanged(Bolt.UNLOCKED if level else Bolt.LOCKED)
        case _:
            assert_never(point)


def boot_events(
    snapshot: IoSnapshot, doors: Mapping[AccessPointId, "Gate"], boot_id: str, clock: ClockState
) -> list[tuple[AccessPointId, Event]]:
    """The first snapshot boots the doors."""
    events: list[tuple[AccessPointId, Event]] = []
    for access_point in doors:
        level = snapshot.points.get((access_point, Point.CONTACT))
        contact = Contact.UNKNOWN if level is None else (Contact.OPEN if level else Contact.CLOSED)
        fire = snapshot.points.get((access_point, Point.FIRE), False)
        latched = (access_point, "fire") in snapshot.latches
        boot = Boot(boot_id, contact, fire_input=fire, fire_latched=latched)
        events += [(access_point, boot), (access_point, ClockChanged(clock))]
    return events


def later_events(
    snapshot: IoSnapshot, doors: Mapping[AccessPointId, "Gate"]
) -> list[tuple[AccessPointId, Event]]:
    """A later snapshot tells every level that differs as an edge."""
    events: list[tuple[AccessPointId, Event]] = []
    for access_point, gate in doors.items():
        level = snapshot.points.get((access_point, Point.CONTACT))
        contact = Contact.OPEN if level else Contact.CLOSED
        if level is not None and contact is not gate.state.contact:
            events.append((access_point, DpsOpen() if level else DpsClose()))
    return events
