"""From a node's configuration to the rules between its doors."""

from datetime import UTC, datetime, tzinfo

from edge.config import DoorConfig, NodeConfig
from edge.core.door_hours import DoorHours
from edge.core.door_rules import DoorRule, RuleSet
from edge.core.events import AccessPointId
from edge.core.face_mode import FaceMode
from edge.core.schedule import Calendar, Local, ToLocal


def local_time(zone: tzinfo) -> ToLocal:
    """UTC milliseconds as the clock on the wall of ``zone`` shows them."""

    def to_local(at_ms: int) -> Local:
        there = datetime.fromtimestamp(at_ms // 1_000, UTC).astimezone(zone)
        return Local(there.date(), 60 * there.hour + there.minute)

    return to_local


def sees_people(config: NodeConfig, door: DoorConfig) -> bool:
    """Whether faces before this door may be looked for at all; where they may not, nobody is counted by them either."""
    return config.face.enabled and door.face.mode is not FaceMode.OFF


def rule_set(config: NodeConfig, zone: tzinfo) -> RuleSet:
    """All rules of this node, in its community's time."""
    schedules = {one.name: one.schedule for one in config.schedules}
    calendar = Calendar(local_time(zone), schedules, frozenset(config.holidays))
    doors = {AccessPointId(door.access_point): _rule(config, door) for door in config.doors}
    return RuleSet(calendar, doors, config.t_apb_soft_ms)


def _rule(config: NodeConfig, door: DoorConfig) -> DoorRule:
    first = frozenset(door.first_person)
    return DoorRule(
        access_point=AccessPointId(door.access_point),
        way=door.way,
        anti_passback=door.anti_passback,
        interlock_group=door.interlock_group or "",
        hours=None if door.schedule is None else DoorHours(door.schedule, first),
        tailgate=door.tailgate,
        sees_people=sees_people(config, door),
        occupancy_max=door.occupancy_max,
    )
