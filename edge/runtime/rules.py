"""The rules between the doors of a node at work: asked before a decision, told every fact, kept with the ledger.

It stands where the node's ledger stands: what is appended goes through ``append``, on the one thread that writes, so
that the rules hear of a fact exactly when it is on the disk.  Everything else runs on the node's loop and reads one
consistent ``Memory``.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol

import structlog

from edge.core.anti_passback import ResetWhy
from edge.core.decision_types import DoorView, Moment
from edge.core.door_events import BeamBroken, BeamClear, Event, SchedClose, SchedOpen
from edge.core.door_hours import Standing, Wish, wish
from edge.core.door_rules import DoorRule, Doors, RuleSet, ruled
from edge.core.door_types import DoorState, Mode
from edge.core.events import AccessPointId, ClockState, Direction, Fact, PassId, Stamp
from edge.core.interlock import CLAIM_NS, Claim
from edge.core.passes import Pass
from edge.core.roll_call import note_passage
from edge.core.rule_facts import RESET, Sensed, after
from edge.core.rule_rows import changed_rows, memory_of
from edge.core.schedule import MINUTE_MS
from edge.core.tailgating import Beam, People, Tailgate
from edge.errors import RuleRefused
from edge.ports import Clock
from edge.runtime.commissioned import Withheld

HOURS_EVERY_S = 2.0  # a door follows its hours within this
MOVED = frozenset({"access.taken", "access.not_taken"})
SENSED_MAX = 4_096  # pictures and beams between two facts; a door that closes takes them up

log = structlog.get_logger()


class RuleBook(Protocol):
    """The ledger, and the rows the rules keep in its file."""

    @property
    def epoch(self) -> str: ...

    @property
    def head(self) -> int: ...

    @property
    def disk_alarm(self) -> bool: ...

    def door_modes(self) -> Mapping[str, str]: ...

    def open_grants(self) -> Sequence[Fact]: ...

    def rows(self) -> Mapping[str, str]: ...

    def append_rows(
        self, facts: Sequence[Fact], stamp: Stamp, rows: Mapping[str, str | None]
    ) -> list[int]: ...


class RuledDoor(Protocol):
    """A gate, as far as its hours are concerned."""

    @property
    def state(self) -> DoorState: ...

    @property
    def withheld(self) -> Withheld: ...

    def on_event(self, event: Event) -> Awaitable[None]: ...


class Recorder(Protocol):
    def record(self, facts: Sequence[Fact]) -> Awaitable[None]: ...


class DoorRules:
    """``Ledger`` of ports.py and ``GateRules`` at once; ``run`` keeps the doors' hours."""

    def __init__(self, rules: RuleSet, book: RuleBook, clock: Clock) -> None:
        self._rules = rules
        self._book = book
        self._clock = clock
        self._memory = memory_of(book.rows())
        self._doors: Mapping[AccessPointId, RuledDoor] = {}
        self._claims: dict[str, Claim] = {}
        self._said_ms: dict[AccessPointId, int] = {}  # the opening in which a door was asked to stand open
        self._opened: dict[AccessPointId, tuple[int, int | None]] = {}  # when looked at, and since when open
        self._sensed: deque[Sensed] = deque(maxlen=SENSED_MAX)
        self._seen: dict[PassId, Direction] = {}

    def take_doors(self, doors: Mapping[AccessPointId, RuledDoor]) -> None:
        """The doors of this node; once, before anybody asks: gates and rules need each other."""
        self._doors = doors

    # --- the ledger -------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> str:
        return self._book.epoch

    @property
    def head(self) -> int:
        return self._book.head

    @property
    def disk_alarm(self) -> bool:
        return self._book.disk_alarm

    def open_grants(self) -> Sequence[Fact]:
        return self._book.open_grants()

    def door_modes(self) -> Mapping[str, str]:
        return self._book.door_modes()

    def append(self, facts: Sequence[Fact], stamp: Stamp) -> list[int]:
        """Write the facts, what follows from them, and what the rules remember of both, in one commit.

        Raises:
            DiskFull, StoreError: nothing was written, and nothing is remembered.
        """
        found = after(self._rules, self._memory, facts, stamp, self._take_sensed())
        seqs = self._book.append_rows((*facts, *found.more), stamp, changed_rows(found))
        self._memory = found.memory
        for fact in facts:
            note_passage(self._seen, fact)
            if fact.type in MOVED and fact.access_point is not None:
                self._unclaim(fact.access_point)
        return seqs

    def seen(self) -> Mapping[PassId, Direction]:
        """Which way each pass went last at these doors since the node started."""
        return dict(self._seen)

    def _unclaim(self, access_point: AccessPointId) -> None:
        """A door whose grant was used or let lapse has long moved: what it is doing now, its state says."""
        group = self._rule(access_point).interlock_group
        claim = self._claims.get(group)
        if claim is not None and claim.door == access_point:
            self._claims.pop(group, None)

    def _take_sensed(self) -> list[Sensed]:
        return [self._sensed.popleft() for _ in range(len(self._sensed))]

    # --- what a gate asks and tells ---------------------------------------------------------------------------

    def ruled(self, view: DoorView, holder: Pass | None, moment: Moment) -> DoorView:
        return ruled(self._rules, self._memory, view, holder, moment.now_ms, moment.clock, self._now())

    def claim(self, access_point: AccessPointId) -> None:
        group = self._rule(access_point).interlock_group
        if group:
            self._claims[group] = Claim(access_point, self._clock.read().mono_ns + CLAIM_NS)

    def saw(self, access_point: AccessPointId, event: Event) -> None:
        if isinstance(event, BeamBroken | BeamClear) and self._counts(access_point):
            now_ms = self._clock.read().mono_ns // 1_000_000
            self._sensed.append((access_point, Beam(isinstance(event, BeamBroken), now_ms)))

    def saw_people(self, access_point: AccessPointId, count: int, t_ns: int) -> None:
        if self._counts(access_point) and self._rule(access_point).sees_people:
            self._sensed.append((access_point, People(count, t_ns // 1_000_000)))

    def _counts(self, access_point: AccessPointId) -> bool:
        return self._rule(access_point).tailgate is not Tailgate.OFF

    def _rule(self, access_point: AccessPointId) -> DoorRule:
        return self._rules.doors.get(access_point, DoorRule(access_point=access_point))

    def _now(self) -> Doors:
        states = {name: door.state for name, door in self._doors.items()}
        return Doors(states, dict(self._claims), self._clock.read().mono_ns)

    # --- hours ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Let every door stand open at its hours, for ever."""
        while True:
            for name, rule in self._rules.doors.items():
                if rule.hours is not None and name in self._doors:
                    await self.keep_hours(name)
            await asyncio.sleep(HOURS_EVERY_S)

    async def keep_hours(self, name: AccessPointId) -> None:
        """Tell one door what its schedule asks of it now."""
        hours, door = self._rule(name).hours, self._doors[name]
        assert hours is not None
        reading = self._clock.read()
        # By a clock that is not believed no door stands open.
        believed = reading.state is not ClockState.UNTRUSTED
        since_ms = self._since_ms(name, hours.schedule, reading.wall_ms) if believed else None
        standing = self._memory.standing.get(name, Standing())
        wanted = wish(hours, standing, since_ms, self._said_ms.get(name), door.state.mode)
        if wanted is not None and not (wanted is Wish.OPEN and door.withheld()):
            await door.on_event(SchedOpen() if wanted is Wish.OPEN else SchedClose())
            log.info("door_hours", access_point=name, wanted=wanted, mode=door.state.mode)
        if since_ms is None:
            self._said_ms.pop(name, None)
        elif wanted is Wish.OPEN and door.state.mode is Mode.UNLOCKED:
            self._said_ms[name] = since_ms

    def _since_ms(self, name: AccessPointId, schedule: str, now_ms: int) -> int | None:
        """Where this opening began.  Looked up once: between two looks less than a minute apart nothing can close."""
        calendar, (looked_ms, since_ms) = self._rules.calendar, self._opened.get(name, (0, None))
        if (
            since_ms is None
            or not 0 <= now_ms - looked_ms < MINUTE_MS
            or not calendar.is_open(schedule, now_ms)
        ):
            since_ms = calendar.since_ms(schedule, now_ms)
        self._opened[name] = (now_ms, since_ms)
        return since_ms

    # --- people -----------------------------------------------------------------------------------------------

    async def reset(self, pass_id: str, *, by: str, why: str, recorder: Recorder) -> str:
        """Forget where a pass is recorded, in the name of a person; the zone it was recorded in.

        Raises:
            RuleRefused: nobody's name, no reason of the list, or nothing is recorded.
        """
        if not by or why not in set(ResetWhy):
            raise RuleRefused(
                f"a reset needs who (--by) and why (--why), one of: {', '.join(sorted(ResetWhy))}."
            )
        place = self._memory.places.get(PassId(pass_id))
        if place is None:
            raise RuleRefused(f"pass {pass_id} is not recorded in any zone of this node; nothing to reset.")
        await recorder.record([Fact(RESET, pass_id=PassId(pass_id), actor=by, reason=why)])
        return place.zone
