"""What a change at the wires means to a door: levels and edges of gate-io in, events of the door machine out."""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
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
    FoundOpen,
    LockBack,
    LockLost,
    PowerBack,
    PowerLow,
    RexPressed,
    RexReleased,
    TamperOff,
    TamperOn,
)
from edge.core.door_types import AlarmFlag, Bolt, Contact, LifeSafety, Mode, Output, output
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


class FirePanel:
    """Who burns: a door is released by any fire input of its group, and cannot be reset before the last is quiet."""

    def __init__(self, groups: Mapping[AccessPointId, str | None]) -> None:
        self._groups = dict(groups)
        self._levels: dict[AccessPointId, bool] = {}

    def hear(self, door: AccessPointId, level: Level) -> list[tuple[AccessPointId, Event]]:
        """One input changed; what that means to every door of its group.  A cut wire is a fault and no fire."""
        self._levels[door] = level is True
        return [(one, FireOn() if self.burning(one) else FireOff()) for one in self._together(door)]

    def read(self, snapshot: IoSnapshot) -> None:
        """Every fire input as it is now."""
        self._levels = {
            door: level is True for (door, point), level in snapshot.points.items() if point is Point.FIRE
        }

    def burning(self, door: AccessPointId) -> bool:
        return any(self._levels.get(one, False) for one in self._together(door))

    def _together(self, door: AccessPointId) -> list[AccessPointId]:
        group = self._groups.get(door)
        return [
            one for one, its in self._groups.items() if one == door or (its == group and group is not None)
        ]


def told_of(
    snapshot: IoSnapshot, doors: Mapping[AccessPointId, "Gate"], booted: Set[AccessPointId]
) -> tuple[dict[AccessPointId, "Gate"], dict[AccessPointId, "Gate"]]:
    """The doors it speaks for: those that boot from it, and those it is a later one for."""
    told = {door: gate for door, gate in doors.items() if snapshot.doors is None or door in snapshot.doors}
    first = {door: gate for door, gate in told.items() if door not in booted}
    return first, {door: gate for door, gate in told.items() if door in booted}


@dataclass(frozen=True, slots=True)
class BootNews:
    """What this life of the node knows before its first look at the wires."""

    boot_id: str
    modes: Mapping[str, str]  # in which each door was left
    clock: ClockState


def boot_events(
    snapshot: IoSnapshot, doors: Mapping[AccessPointId, "Gate"], panel: FirePanel, boot: BootNews
) -> list[tuple[AccessPointId, Event]]:
    """Their first snapshot boots the doors, then tells what is not as it should be."""
    events: list[tuple[AccessPointId, Event]] = []
    for access_point in doors:
        before = boot.modes.get(access_point)
        told = Boot(
            boot.boot_id,
            contact=_contact(snapshot, access_point),
            bolt=_bolt(snapshot, access_point),
            fire_input=panel.burning(access_point),
            fire_latched=(access_point, "fire") in snapshot.latches,
            prev_mode=Mode(before) if before in set(Mode) else None,
            evacuated=(access_point, "evacuate") in snapshot.latches,
            beam=snapshot.points.get((access_point, Point.BEAM)) is True,
        )
        events += [(access_point, told), (access_point, ClockChanged(boot.clock))]
        events += [(access_point, event) for event in _faults(snapshot, access_point, frozenset())]
    return events


def later_events(
    snapshot: IoSnapshot, doors: Mapping[AccessPointId, "Gate"], panel: FirePanel
) -> list[tuple[AccessPointId, Event]]:
    """A later snapshot tells every level that differs as an edge: nothing passes unseen."""
    events: list[tuple[AccessPointId, Event]] = []
    for access_point, gate in doors.items():
        found = [
            *_missed_latches(snapshot, access_point, gate, panel),
            *_moved(snapshot, access_point, gate, burning=panel.burning(access_point)),
            *_faults(snapshot, access_point, gate.state.flags),
        ]
        events += [(access_point, event) for event in found]
    return events


def fire_latched(panel: FirePanel, door: AccessPointId) -> list[Event]:
    """gate-io has released for a fire, which may be over by now."""
    return [FireOn()] if panel.burning(door) else [FireOn(), FireOff()]


def _missed_latches(
    snapshot: IoSnapshot, door: AccessPointId, gate: "Gate", panel: FirePanel
) -> Iterator[Event]:
    """What gate-io keeps open and nobody here has heard of; a latch that it owes to let go is no news."""
    state = gate.state
    if (door, "fire") in snapshot.latches and state.life_safety is LifeSafety.CLEAR and not gate.owes("fire"):
        yield from fire_latched(panel, door)
    if (door, "evacuate") in snapshot.latches and not state.evacuated and not gate.owes("evacuate"):
        yield FoundOpen()


def _moved(snapshot: IoSnapshot, access_point: AccessPointId, gate: "Gate", *, burning: bool) -> list[Event]:
    state = gate.state
    contact, bolt = _contact(snapshot, access_point), _bolt(snapshot, access_point)
    beam = snapshot.points.get((access_point, Point.BEAM))
    told: list[tuple[bool, Event]] = [
        (contact not in {state.contact, Contact.UNKNOWN}, _CONTACT.get(contact, DpsFault())),
        (bolt not in {state.bolt, Bolt.UNKNOWN} and not _still_jammed(bolt, gate), BoltChanged(bolt)),
        (burning is not state.fire_input, FireOn() if burning else FireOff()),
        (beam is not None and beam is not state.beam, BeamBroken() if beam else BeamClear()),
    ]
    return [event for differs, event in told if differs]


def _still_jammed(bolt: Bolt, gate: "Gate") -> bool:
    """A jammed bolt is free again where it should be, and nowhere else."""
    shut = output(gate.state, gate.profile) is Output.SECURED
    return gate.state.bolt is Bolt.JAMMED and bolt is not (Bolt.LOCKED if shut else Bolt.UNLOCKED)


def _faults(snapshot: IoSnapshot, access_point: AccessPointId, known: frozenset[AlarmFlag]) -> list[Event]:
    """Tamper, power and a silent lock, where they are not as they were."""
    found: list[Event] = []
    for point, flag in ((Point.TAMPER, AlarmFlag.TAMPER), (Point.POWER, AlarmFlag.POWER_LOW)):
        level = snapshot.points.get((access_point, point))
        if level is not None and level is not (flag in known):
            found.append(_SWITCHED[point][level])
    silent = access_point in snapshot.silent
    if silent is not (AlarmFlag.LOCK_SILENT in known):
        found.append(LockLost() if silent else LockBack())
    return found


_CONTACT: Mapping[Contact, Event] = MappingProxyType({Contact.OPEN: DpsOpen(), Contact.CLOSED: DpsClose()})


def _contact(snapshot: IoSnapshot, access_point: AccessPointId) -> Contact:
    if (access_point, Point.CONTACT) not in snapshot.points:
        return Contact.UNKNOWN
    level = snapshot.points[access_point, Point.CONTACT]
    return Contact.FAULT if level is None else (Contact.OPEN if level else Contact.CLOSED)


def _bolt(snapshot: IoSnapshot, access_point: AccessPointId) -> Bolt:
    if (access_point, Point.BOLT) not in snapshot.points:
        return Bolt.UNKNOWN
    level = snapshot.points[access_point, Point.BOLT]
    return Bolt.FAULT if level is None else (Bolt.UNLOCKED if level else Bolt.LOCKED)


def lock_events(
    news: BoltNews | LockLink, doors: Mapping[AccessPointId, "Gate"]
) -> list[tuple[AccessPointId, Event]]:
    """What a lock behind a bus or a radio says of itself; what it did not do before is over when it is shut or back."""
    if news.door not in doors:
        return []
    if isinstance(news, LockLink):
        if news.online:
            doors[news.door].is_well()
        return [(news.door, LockBack() if news.online else LockLost())]
    if news.state is LockState.LOCKED:
        doors[news.door].is_well()
    return [(news.door, BoltChanged(_BOLT[news.state]))]


def note_lost(lost: Lost, doors: Mapping[AccessPointId, "Gate"], own: frozenset[AccessPointId]) -> None:
    """gate-io went or came back; doors whose lock the node drives itself do not need it."""
    for access_point in doors.keys() - own:
        if lost.back:
            doors[access_point].is_well()
        else:
            doors[access_point].fault = "gate-io is away: the door cannot be driven"
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
