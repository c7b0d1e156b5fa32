"""What each fact changes in what the rules remember, and what is written down with it.

``after`` takes the facts of one commit together with what was sensed before them.  What it changed is kept in that very
commit (``rule_rows``), so that no restart finds the ledger and the rules apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from edge.core import door_hours, occupancy, tailgating
from edge.core.anti_passback import Place, night_of
from edge.core.door_hours import Standing
from edge.core.door_rules import DoorRule, Memory, RuleSet
from edge.core.events import AccessPointId, ClockState, Fact, Stamp
from edge.core.tailgating import Habit, Passage, Sense, Tailgate
from edge.core.ways import Way, crossing, shakes
from edge.core.wrong_tries import Burst, after_wrong, is_wrong

DURESS = "access.duress"
TAILGATING = "door.tailgating"
RESET = "apb.reset"
GRANTS = frozenset({"access.granted", "access.would_allow"})
DECIDED = GRANTS | {"access.denied", "access.would_deny"}  # whoever is made to needs help, let in or not

Key = tuple[str, str]  # a map of Memory, and the name in it
Sensed = tuple[AccessPointId, Sense]
K = TypeVar("K", bound=str)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class After:
    """``more`` is to be written with the facts; ``changed`` are the entries that differ and outlive the process."""

    memory: Memory
    more: tuple[Fact, ...] = ()
    changed: frozenset[Key] = frozenset()


def after(
    rules: RuleSet, memory: Memory, facts: Sequence[Fact], stamp: Stamp, sensed: Sequence[Sensed] = ()
) -> After:
    """Everything these facts, and what was sensed before them, change."""
    draft = _Draft(rules, memory, stamp)
    for access_point, sense in sensed:
        draft.sense(access_point, sense)
    draft.forgive()
    for fact in facts:
        draft.take(fact)
    return draft.done()


class _Draft:
    """One ``after``: copies of the maps, and which entries it touched."""

    def __init__(self, rules: RuleSet, memory: Memory, stamp: Stamp) -> None:
        self._rules = rules
        self._stamp = stamp
        self._places = dict(memory.places)
        self._shaken = dict(memory.shaken)
        self._counts = dict(memory.counts)
        self._standing = dict(memory.standing)
        self._habits = dict(memory.habits)
        self._passages = dict(memory.passages)
        self._bursts = dict(memory.bursts)
        self._forgiven = memory.night
        self._changed: set[Key] = set()
        self._more: list[Fact] = []
        self._counted = rules.counted()
        self._night = night_of(rules.calendar.to_local(stamp.wall_ms))

    def done(self) -> After:
        memory = Memory(
            self._places,
            self._shaken,
            self._counts,
            self._standing,
            self._habits,
            self._passages,
            self._bursts,
            self._forgiven,
        )
        return After(memory, tuple(self._more), frozenset(self._changed))

    def _put(self, kind: str, held: dict[K, V], name: K, value: V) -> None:
        if held.get(name) != value:
            held[name] = value
            self._changed.add((kind, name))

    def _drop(self, kind: str, held: dict[K, V], name: K) -> None:
        if held.pop(name, None) is not None:
            self._changed.add((kind, name))

    # --- one fact ---------------------------------------------------------------------------------------------

    def sense(self, access_point: AccessPointId, sense: Sense) -> None:
        passage = self._passages.get(access_point)
        if passage is not None:
            self._passages[access_point] = tailgating.sensed(passage, sense)

    def forgive(self) -> None:
        """Once a night, by a clock that is believed: where people were yesterday is nobody's business today."""
        if self._stamp.clock_state is ClockState.UNTRUSTED or self._forgiven == self._night:
            return
        to_local = self._rules.calendar.to_local
        for name, place in list(self._places.items()):
            if night_of(to_local(place.at_ms)) != self._night:
                self._drop("places", self._places, name)
        self._forgiven = self._night

    def take(self, fact: Fact) -> None:
        if fact.type == RESET and fact.pass_id is not None:
            self._drop("places", self._places, fact.pass_id)
        if fact.type in DECIDED and fact.x.get("duress"):
            self._more.append(_call_for_help(fact))
        if is_wrong(fact) and fact.access_point is not None:
            self._count_wrong(fact.access_point, fact)
        rule = self._rules.doors.get(fact.access_point) if fact.access_point else None
        if rule is None:
            return
        self._door(rule, fact)
        for more in self._count_passage(rule, fact):
            self._more.append(more)
            self._door(rule, more)

    def _count_wrong(self, name: AccessPointId, fact: Fact) -> None:
        burst = self._bursts.get(name, Burst())
        self._bursts[name], told = after_wrong(burst, fact, self._stamp.mono_ms)
        if told is not None:
            self._more.append(told)

    def _door(self, rule: DoorRule, fact: Fact) -> None:
        if rule.hours is not None:
            before = self._standing.get(rule.access_point, Standing())
            standing = door_hours.heard(rule.hours, before, fact, self._stamp.wall_ms)
            self._put("standing", self._standing, rule.access_point, standing)
        if rule.way is not None:
            self._cross(rule.way, fact)

    def _cross(self, way: Way, fact: Fact) -> None:
        if shakes(way, fact):
            for zone in way.zones:
                self._put("shaken", self._shaken, zone, self._stamp.wall_ms)
        crossed = crossing(way, fact)
        if crossed is None:
            return
        if crossed.pass_id is not None:
            self._put("places", self._places, crossed.pass_id, Place(crossed.zone_to, self._stamp.wall_ms))
        for zone in way.zones & self._counted:
            count = occupancy.after(self._counts.get(zone), zone, crossed, self._night)
            if count is not None:
                self._put("counts", self._counts, zone, count)

    # --- people against grants --------------------------------------------------------------------------------

    def _count_passage(self, rule: DoorRule, fact: Fact) -> list[Fact]:
        """What is to be written down where the passage ends that this fact closes."""
        name, mono_ms = rule.access_point, self._stamp.mono_ms
        if rule.tailgate is Tailgate.OFF:
            return []
        passage = self._passages.get(name, Passage())
        if fact.type != "door.closed":
            self._passages[name] = tailgating.heard(passage, fact, mono_ms)
            return []
        self._passages[name] = tailgating.closed(passage)
        before = self._habits.get(name, Habit())
        found = tailgating.verdict(passage, before, mono_ms)
        if found is None or passage.first is None:
            return []
        habit = tailgating.learn(before, found)
        self._put("habits", self._habits, name, habit)
        if not found.flagged:
            return []
        flag = tailgating.fact_of(found, passage.first)
        grave = tailgating.is_case(rule.tailgate, before, habit, found)
        return [flag, Fact(TAILGATING, access_point=name, grant_id=flag.grant_id)] if grave else [flag]


def _call_for_help(granted: Fact) -> Fact:
    """The silent alarm of a grant under duress: where, and which grant.  Not whose: a guest can read what is kept of
    their own pass, and whoever stands beside them may make them.
    """
    return Fact(
        DURESS, access_point=granted.access_point, direction=granted.direction, grant_id=granted.grant_id
    )
