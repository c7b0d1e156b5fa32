"""The rules between doors, put together: what is remembered, what each fact changes, and what a decision is told.

Pure: ``ruled`` answers for one attempt from what is remembered and how the doors stand; ``rule_facts`` says what each
fact changes, and ``rule_rows`` how it is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from edge.core import anti_passback, interlock, occupancy
from edge.core.anti_passback import T_APB_SOFT_MS, Place, Record, Strictness, night_of
from edge.core.decision_types import DoorView, Ruling
from edge.core.door_hours import DoorHours, Standing
from edge.core.door_types import DoorState
from edge.core.events import AccessPointId, ClockState, PassId
from edge.core.interlock import Claim, claimed_by_another, is_cleared
from edge.core.occupancy import Count
from edge.core.passes import Pass
from edge.core.schedule import Calendar
from edge.core.tailgating import Habit, Passage, Tailgate
from edge.core.ways import FREE, Way
from edge.core.wrong_tries import Burst

# Words every node knows; any other has to name a schedule of this node.
ANY_TIME = frozenset({"", "always"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorRule:
    """What is asked of one door beside its passes."""

    access_point: AccessPointId
    way: Way | None = None
    anti_passback: Strictness = Strictness.OFF
    interlock_group: str = ""
    hours: DoorHours | None = None
    tailgate: Tailgate = Tailgate.OFF
    sees_people: bool = False  # faces may be looked for here, so they may be counted
    occupancy_max: int | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of a node."""

    calendar: Calendar
    doors: Mapping[AccessPointId, DoorRule] = field(default_factory=dict)
    t_apb_soft_ms: int = T_APB_SOFT_MS

    def peers_of(self, access_point: AccessPointId) -> tuple[AccessPointId, ...]:
        """The other doors of its interlock."""
        group = self.doors[access_point].interlock_group
        return tuple(
            name
            for name, rule in self.doors.items()
            if group and rule.interlock_group == group and name != access_point
        )

    def counted(self) -> frozenset[str]:
        """Spaces whose people are counted."""
        return frozenset(
            rule.way.zone_to for rule in self.doors.values() if rule.way and rule.occupancy_max is not None
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """What the rules remember.  All but ``passages`` and ``bursts`` outlives the process; those are over in a while."""

    places: Mapping[PassId, Place] = field(default_factory=dict)
    shaken: Mapping[str, int] = field(
        default_factory=dict
    )  # zone → when somebody unknown may have crossed it
    counts: Mapping[str, Count] = field(default_factory=dict)
    standing: Mapping[AccessPointId, Standing] = field(default_factory=dict)
    habits: Mapping[AccessPointId, Habit] = field(default_factory=dict)
    passages: Mapping[AccessPointId, Passage] = field(default_factory=dict)
    bursts: Mapping[AccessPointId, Burst] = field(default_factory=dict)
    night: date | None = None  # up to which places were forgiven


# --- before a decision ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Doors:
    """How the doors of the node stand now, and which of each interlock has just said yes."""

    states: Mapping[AccessPointId, DoorState]
    claims: Mapping[str, Claim] = field(default_factory=dict)
    now_ns: int = 0


def ruled(
    rules: RuleSet,
    memory: Memory,
    view: DoorView,
    holder: Pass | None,
    now_ms: int,
    clock: ClockState,
    doors: Doors,
) -> DoorView:
    """The view with everything these rules say of this pass at this door.  A door that leads out is not judged."""
    rule = rules.doors.get(view.access_point, DoorRule(access_point=view.access_point))
    if view.direction == "out":
        return replace(view, schedule=Ruling.MET)
    known = clock is not ClockState.UNTRUSTED
    scheduled, opens_ms = _schedule(rules.calendar, holder, now_ms, time_known=known)
    return replace(
        view,
        schedule=scheduled,
        schedule_opens_ms=opens_ms,
        anti_passback=_passback(rules, memory, rule, holder, now_ms, doors, time_known=known),
        interlock=_interlock(rules, rule, doors),
        occupancy=_occupancy(rules, memory, rule, now_ms),
    )


def _schedule(
    calendar: Calendar, holder: Pass | None, now_ms: int, *, time_known: bool
) -> tuple[Ruling, int | None]:
    """A clock that is not believed cannot say that it is the wrong hour; an unknown schedule stays shut all the same."""
    if holder is None or holder.schedule in ANY_TIME:
        return Ruling.NOT_CONFIGURED, None
    known = calendar.named(holder.schedule) is not None
    if known and (not time_known or calendar.is_open(holder.schedule, now_ms)):
        return Ruling.MET, None
    return Ruling.BROKEN, calendar.opens_ms(holder.schedule, now_ms)


def _passback(
    rules: RuleSet,
    memory: Memory,
    rule: DoorRule,
    holder: Pass | None,
    now_ms: int,
    doors: Doors,
    *,
    time_known: bool,
) -> Ruling:
    if rule.way is None or holder is None:
        return Ruling.NOT_CONFIGURED
    record = record_of(rules, memory, holder.pass_id, now_ms, doors)
    return anti_passback.judged(
        rule.anti_passback, rule.way, record, now_ms, time_known=time_known, t_apb_soft_ms=rules.t_apb_soft_ms
    )


def record_of(rules: RuleSet, memory: Memory, pass_id: PassId, now_ms: int, doors: Doors) -> Record | None:
    """Where this pass is recorded, and what that is worth now."""
    place = memory.places.get(pass_id)
    if place is None:
        return None
    local = rules.calendar.to_local
    sure = place.at_ms > memory.shaken.get(place.zone, -1) and place.zone not in _open_zones(rules, doors)
    return Record(place, sure, night_of(local(place.at_ms)) != night_of(local(now_ms)))


def _open_zones(rules: RuleSet, doors: Doors) -> frozenset[str]:
    """Zones with a door that stands open: whoever wants crosses it."""
    return frozenset(
        zone
        for name, state in doors.states.items()
        if state.mode in FREE and name in rules.doors
        for zone in _zones(rules.doors[name])
    )


def _zones(rule: DoorRule) -> frozenset[str]:
    return rule.way.zones if rule.way else frozenset()


def _interlock(rules: RuleSet, rule: DoorRule, doors: Doors) -> Ruling:
    if not rule.interlock_group or rule.access_point not in doors.states:
        return Ruling.NOT_CONFIGURED
    group = [doors.states[name] for name in rules.peers_of(rule.access_point)]
    own, claim = doors.states[rule.access_point], doors.claims.get(rule.interlock_group)
    if claimed_by_another(claim, rule.access_point, doors.now_ns) and not is_cleared([own, *group]):
        return Ruling.BROKEN
    return interlock.judged(own, group)


def _occupancy(rules: RuleSet, memory: Memory, rule: DoorRule, now_ms: int) -> Ruling:
    if rule.way is None:
        return Ruling.NOT_CONFIGURED
    night = night_of(rules.calendar.to_local(now_ms))
    return occupancy.judged(rule.way, rule.occupancy_max, memory.counts.get(rule.way.zone_to), night)
