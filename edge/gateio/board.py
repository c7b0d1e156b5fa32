"""All doors of one gate-io: commands and inputs in, wanted output levels and notes out.

Pure: told the time, drives nothing, so that a thousand nights of commands can be played in a second.  Laws: fire
beats everything; REX is served in every state; a command never ends a latch; silence of the node ends what the
node asked for and nothing else; a barrier never comes down on what stands in its beam, whatever ended above.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.core.events import AccessPointId
from edge.gateio.barrier import Boom
from edge.gateio.outputs import HOLD_MAX_NS, LATCHES, MS, Output, Why, Wish
from edge.ports import Cmd, Level, Outcome, Point

# hardware.md §2.4: without a beat for this long the node counts as gone.
LEASE_NS = 2_000 * MS


@dataclass(frozen=True, slots=True)
class DoorRules:
    release_energises: bool  # strike: True; maglock: False, current is what locks it
    min_pulse_ms: int
    max_pulse_ms: int
    rex_unlocks: bool
    t_rex_ms: int
    fire_group: str | None
    barrier: bool = False  # it waits for its beam


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """One line for the journal."""

    kind: str
    door: AccessPointId | None
    t_ns: int


DONE = Verdict(Outcome.DONE)


def refused(detail: str) -> Verdict:
    return Verdict(Outcome.REFUSED, detail)


class Board:
    def __init__(
        self, rules: Mapping[AccessPointId, DoorRules], latched: frozenset[tuple[AccessPointId, Why]]
    ) -> None:
        self._rules = dict(rules)
        self._outputs = {
            door: Output(latches=frozenset(kind for at, kind in latched if at == door)) for door in rules
        }
        self._booms = {door: Boom() for door, rule in rules.items() if rule.barrier}
        self._told = {door: output.latches for door, output in self._outputs.items()}
        self._levels: dict[tuple[AccessPointId, Point], Level] = {}
        self._lease_until = 0
        self._notes: list[Note] = []

    # --- the node asks ---------------------------------------------------------------------------------------

    def beat(self, now: int) -> None:
        self._lease_until = now + LEASE_NS

    def pulse(self, door: AccessPointId, cmd: Cmd, ms: int, now: int) -> Verdict:
        if no := self._refusal(door, cmd, now):
            return no
        rules = self._rules[door]
        if not rules.min_pulse_ms <= ms <= rules.max_pulse_ms:
            return refused(
                f"a pulse of {ms} ms; {door} takes {rules.min_pulse_ms} to {rules.max_pulse_ms} ms"
            )
        self._outputs[door] = self._outputs[door].pulse(ms, now)
        return DONE

    def hold(self, door: AccessPointId, cmd: Cmd, until_ns: int, now: int) -> Verdict:
        if no := self._refusal(door, cmd, now):
            return no
        if not now < until_ns <= now + HOLD_MAX_NS:
            return refused("a hold ends in the future and within 24 hours")
        self._outputs[door] = self._outputs[door].hold(until_ns)
        return DONE

    def lock(self, door: AccessPointId, cmd: Cmd, now: int) -> Verdict:
        """Always allowed; the detail names what keeps the door released all the same."""
        if no := self._refusal(door, cmd, now):
            return no
        self._outputs[door] = self._outputs[door].lock()
        left = sorted(self._reasons(door, now))
        return Verdict(Outcome.DONE, f"still released: {', '.join(left)}" if left else "")

    def latch(self, door: AccessPointId, cmd: Cmd, kind: Why, actor: str, now: int) -> Verdict:
        if no := self._refusal(door, cmd, now):
            return no
        if not actor:
            return refused("a latch needs the actor who ordered it")
        self._outputs[door] = self._outputs[door].latch(kind)
        return DONE

    def reset(self, door: AccessPointId, cmd: Cmd, kind: Why, actor: str, now: int) -> Verdict:
        """The only way out of a latch: a person, and no fire at any input of the group.

        An input that cannot say (a cut wire) is a fault and no fire: the person decides, and is told.
        """
        if no := self._refusal(door, cmd, now):
            return no
        if not actor:
            return refused("a latch is reset by a person; no actor was named")
        group = self._fire_levels(self._rules[door].fire_group)
        if kind is Why.FIRE and True in group:
            return refused("the fire input is still active")
        self._outputs[door] = self._outputs[door].unlatch(kind)
        blind = kind is Why.FIRE and None in group
        return Verdict(Outcome.DONE, "a fire input does not say; look for yourself" if blind else "")

    def _refusal(self, door: AccessPointId, cmd: Cmd, now: int) -> Verdict | None:
        if door not in self._rules:
            return refused(f"no door {door!r} in this profile")
        if now >= cmd.deadline_ns:
            return refused("the command came after its deadline")
        return None

    # --- the world reports -----------------------------------------------------------------------------------

    def sense(self, door: AccessPointId, point: Point, level: Level, now: int, at: int) -> bool:
        """Take one level, changed or read ``at``; True when it is an edge: known before, and different."""
        known, before = (door, point) in self._levels, self._levels.get((door, point))
        self._levels[door, point] = level
        if point is Point.BEAM and door in self._booms:
            self._booms[door] = self._booms[door].beam(level, now)
        if point is Point.FIRE and level:
            self._fire(self._rules[door].fire_group)  # on every reading: a level is the truth, an edge is not
        if point is Point.REX and level and not before:
            self._press(door, now, at)
        return known and before != level

    def _fire(self, group: str | None) -> None:
        for door, rules in self._rules.items():
            if group is not None and rules.fire_group == group:
                self._outputs[door] = self._outputs[door].latch(Why.FIRE)

    def _press(self, door: AccessPointId, now: int, at: int) -> None:
        rules = self._rules[door]
        self._notes.append(Note("rex_press" if rules.rex_unlocks else "rex_handle", door, at))
        if rules.rex_unlocks:
            self._outputs[door] = self._outputs[door].press_rex(rules.t_rex_ms, now)

    def _fire_levels(self, group: str | None) -> list[Level]:
        return [
            level
            for (door, point), level in self._levels.items()
            if point is Point.FIRE and self._rules[door].fire_group == group
        ]

    def withdraw(self, door: AccessPointId, now: int) -> None:
        """The lock did not do it, or is at rest after a silence: what the node was granted there is over."""
        if self._outputs[door].reasons(now) & {Why.PULSE, Why.HOLD}:
            self._notes.append(Note("withdrawn", door, now))
        self._outputs[door] = self._outputs[door].lock()

    # --- what follows ----------------------------------------------------------------------------------------

    def settle(self, now: int) -> list[Note]:
        """Let time pass; the notes since the last call, oldest first."""
        if now >= self._lease_until:
            self._end_lease(now)
        for door, boom in self._booms.items():
            self._booms[door] = boom.settle(bool(self._outputs[door].reasons(now)), now)
        for door in self._outputs:
            self._tell(door, self._reasons(door, now), now)
        notes, self._notes = self._notes, []
        return notes

    def _end_lease(self, now: int) -> None:
        for door, output in self._outputs.items():
            if output.leased and output.reasons(now) & {Why.PULSE, Why.HOLD}:
                self._notes.append(Note("lease_end", door, now))
            self._outputs[door] = output.lock()

    def _tell(self, door: AccessPointId, reasons: frozenset[Why], now: int) -> None:
        begun, ended = reasons - self._told[door], self._told[door] - reasons
        self._notes += [Note(f"{why}_start", door, now) for why in sorted(begun)]
        self._notes += [Note(f"{why}_end", door, now) for why in sorted(ended)]
        self._told[door] = reasons

    def _reasons(self, door: AccessPointId, now: int) -> frozenset[Why]:
        reasons, boom = self._outputs[door].reasons(now), self._booms.get(door)
        # T_max_energise and the lease end what was granted; what stands in the beam was granted nothing.
        return frozenset({Why.BEAM}) if boom and not reasons and boom.held_up(now) else reasons

    def released(self, door: AccessPointId, now: int) -> bool:
        return bool(self._reasons(door, now))

    def wish(self, door: AccessPointId, now: int) -> Wish:
        """The same for one output, with its end as far as it is known."""
        rest = not self._rules[door].release_energises
        reasons = self._reasons(door, now)
        if not reasons:
            return Wish(rest, rest)
        # A device that timed a barrier's pulse by itself would let it down on a car.
        end = None if door in self._booms else self._outputs[door].ends_at(now)
        return Wish(not rest, rest, end, reflex=not reasons <= {Why.PULSE, Why.HOLD})

    def wanted(self, now: int) -> dict[AccessPointId, bool]:
        """The level of every output; True = energised."""
        return {
            door: self.released(door, now) == rules.release_energises for door, rules in self._rules.items()
        }

    def next_deadline(self, now: int) -> int | None:
        """When to call ``settle`` at the latest."""
        timed: list[Output | Boom] = [*self._outputs.values(), *self._booms.values()]
        ends = [end for one in timed if (end := one.next_deadline(now)) is not None]
        if any(output.leased for output in self._outputs.values()) and self._lease_until > now:
            ends.append(self._lease_until)
        return min(ends, default=None)

    def levels(self) -> dict[tuple[AccessPointId, Point], Level]:
        return dict(self._levels)

    def latched(self) -> frozenset[tuple[AccessPointId, Why]]:
        return frozenset(
            (door, kind) for door, out in self._outputs.items() for kind in out.latches & LATCHES
        )
