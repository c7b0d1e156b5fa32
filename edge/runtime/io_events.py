"""What a change at the wires means to a door: levels and edges of gate-io in, events of the door machine out."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import structlog

from edge.core.door_events import (
    BeamBroken,
    BeamClear,
    BoltChanged,
    Boot,
    ClockChanged,
    DpsClose,
    DpsFault,
    DpsOpen,
    Event,
    FireOff,
    FireOn,
    FireReset,
    LockBack,
    LockLost,
    PowerBack,
    PowerLow,
    RexPressed,
    RexReleased,
    TamperOff,
    TamperOn,
)
from edge.core.door_types import Bolt, Contact
from edge.core.events import AccessPointId, ClockState, Fact, GrantId
from edge.ports import BoltNews, IoNews, IoSnapshot, Level, LockLink, LockState, Lost, Point

if TYPE_CHECKING:
    from edge.runtime.gate import Gate

log = structlog.get_logger()


def edge_event(point: Point, level: Level, new_id: Callable[[], str]) -> Event | None:
    """One point changed its level; only a contact and a bolt can say that they are broken."""
    if level is None:
        return _BROKEN.get(point)
    match point:
        case Point.CONTACT:
            return DpsOpen() if level else DpsClose()
        case Point.REX:
            return RexPressed(GrantId(new_id())) if level else RexReleased()
        case Point.RESET:
            return FireReset(PANEL_KEY) if level else None
        case Point.BOLT:
            return BoltChanged(Bolt.UNLOCKED if level else Bolt.LOCKED)
        case _:
            return _SWITCHED[point][level]


PANEL_KEY = "panel key"  # who turned it is the key book's to say

_BROKEN: Mapping[Point, Event] = MappingProxyType(
    {Point.CONTACT: DpsFault(), Point.BOLT: BoltChanged(Bolt.FAULT)}
)
_SWITCHED: Mapping[Point, tuple[Event, Event]] = MappingProxyType(
    {
        Point.FIRE: (FireOff(), FireOn()),
        Point.TAMPER: (TamperOff(), TamperOn()),
        Point.BEAM: (BeamClear(), BeamBroken()),
        Point.POWER: (PowerBack(), PowerLow()),
    }
)


def boot_events(
    snapshot: IoSnapshot, doors: Mapping[AccessPointId, "Gate"], boot_id: str, clock: ClockState
) -> list[tuple[AccessPointId, Event]]:
    """The first snapshot boots the doors."""
    events: list[tuple[AccessPointId, Event]] = []
    for access_point in doors:
        contact = _contact(snapshot, access_point)
        fire = snapshot.points.get((access_point, Point.FIRE)) is True
        latched = (access_point, "fire") in snapshot.latches
        boot = Boot(boot_id, contact, fire_input=fire, fire_latched=latched)
        events += [(access_point, boot), (access_point, ClockChanged(clock))]
    return events


def _contact(snapshot: IoSnapshot, access_point: AccessPointId) -> Contact:
    level = snapshot.points.get((access_point, Point.CONTACT), UNWIRED)
    if level is UNWIRED:
        return Contact.UNKNOWN
    return Contact.FAULT if level is None else (Contact.OPEN if level else Contact.CLOSED)


UNWIRED = object()


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


def lock_events(
    news: BoltNews | LockLink, doors: Mapping[AccessPointId, "Gate"]
) -> list[tuple[AccessPointId, Event]]:
    """What a lock behind a bus or a radio says of itself; what it did not do before is over when it is shut or back."""
    if news.door not in doors:
        return []
    if isinstance(news, LockLink):
        doors[news.door].fault = "" if news.online else doors[news.door].fault
        return [(news.door, LockBack() if news.online else LockLost())]
    if news.state is LockState.LOCKED:
        doors[news.door].fault = ""
    return [(news.door, BoltChanged(_BOLT[news.state]))]


def note_lost(lost: Lost, doors: Mapping[AccessPointId, "Gate"], own: frozenset[AccessPointId]) -> None:
    """gate-io went or came back; doors whose lock the node drives itself do not need it."""
    for access_point in doors.keys() - own:
        doors[access_point].fault = "" if lost.back else "gate-io is away: the door cannot be driven"
    log.warning("gate_io", back=lost.back)


def late_fact(news: IoNews) -> Fact | None:
    """A lock unlocked after its command had been given up, and was locked again: people have to hear of it."""
    if not isinstance(news, BoltNews) or not news.late:
        return None
    return Fact("door.late_unlock", access_point=news.door, bolt=Bolt.UNLOCKED)


_BOLT: Mapping[LockState, Bolt] = MappingProxyType(
    {
        LockState.LOCKED: Bolt.LOCKED,
        LockState.UNLOCKED: Bolt.UNLOCKED,
        LockState.JAMMED: Bolt.JAMMED,
        LockState.MOVING: Bolt.UNKNOWN,
        LockState.UNKNOWN: Bolt.UNKNOWN,
    }
)
