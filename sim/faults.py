"""Deliberate faults, each a mistake that somebody could make: put in by monkeypatching, in a process of its own."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from edge.core import commands, credentials, decision, door_actions, passes
from edge.core.commands import Why
from edge.core.door_actions import Context, change
from edge.core.door_table import TABLE, Input, Row
from edge.core.door_types import Alarm, Contact, Mode, Step, Timer
from edge.core.passes import PassState
from edge.gateio import board, buses, latches, outputs
from edge.runtime import commands as desk
from edge.runtime import gate, io_events, shown_code


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    where: str
    put_in: Callable[[], None]


# --- tools -------------------------------------------------------------------------------------------------------


def _never(rows: Callable[[Row], bool]) -> Callable[[], None]:
    """These rows never fit."""

    def put_in() -> None:
        found = [row for row in TABLE if rows(row)]
        assert found, "the table has no such row any more"
        for row in found:
            object.__setattr__(row, "guard", lambda _step, _ctx: False)

    return put_in


def _instead(old: Any, new: Any) -> Callable[[], None]:
    """Every row does the other thing."""

    def put_in() -> None:
        found = [row for row in TABLE if old in row.do]
        assert found, f"no row does {old.__name__} any more"
        for row in found:
            object.__setattr__(row, "do", tuple(new if action is old else action for action in row.do))

    return put_in


def _set(owner: Any, name: str, value: Any) -> Callable[[], None]:
    def put_in() -> None:
        assert hasattr(owner, name), f"{owner.__name__} has no {name} any more"
        setattr(owner, name, value)

    return put_in


def _nothing(step: Step, _ctx: Context) -> Step:
    return step


# --- the machine -------------------------------------------------------------------------------------------------


def _only_the_newest(step: Step, ctx: Context) -> Step:
    queued = door_actions.queue_grant(step, ctx)
    return change(queued, waiting=queued.state.waiting[-1:])


def _no_egress_in_lockdown() -> None:
    for row in TABLE:
        if Input.REX in row.inputs:
            guard = row.guard
            object.__setattr__(
                row, "guard",
                lambda step, ctx, guard=guard: ctx.before.mode is not Mode.LOCKED_DOWN
                and (guard is None or guard(step, ctx)),
            )  # fmt: skip


def _raises(alarm: Alarm) -> Callable[[Row], bool]:
    return lambda row: any(action.__doc__ == f"alarm {alarm}" for action in row.do)


# --- decision, gate, commands --------------------------------------------------------------------------------------


def _standing_but_revoked(holder: Any, _before: Any = decision._standing) -> Any:
    return None if holder.state is PassState.REVOKED else _before(holder)


def _pipeline_without(step: Any) -> Callable[[], None]:
    """This question is not asked."""

    def put_in() -> None:
        kept = tuple(one for one in decision.PIPELINE if one[1] is not step)
        assert len(kept) < len(decision.PIPELINE)
        decision.PIPELINE = kept

    return put_in


def _replay_accepted(step: int, memory: Any, door: Any, now_step: int) -> Any:
    if abs(step - now_step - memory.offset_steps) > credentials.LATER_STEPS:
        return credentials.CodeRefused(decision.Reason.CODE_OUT_OF_TIME)
    return credentials.CodeAccepted(replace(memory, last_step=step, used_at=frozenset({door})))


def _judge_ignoring(*whys: Why) -> Callable[[], None]:
    def put_in() -> None:
        before = commands._CHECKS
        commands._CHECKS = tuple(check for check in before if check[0] not in whys)
        assert len(commands._CHECKS) < len(before)

    return put_in


def _judge_retained() -> None:
    before = desk.judge

    def judge(got: Any, here: Any, past: Any, verify: Any) -> Any:
        return before(replace(got, retained=False), here, past, verify)

    desk.judge = judge


async def _acts_before_it_writes(self: Any, event: Any, *, trying: bool = False) -> Any:
    step = gate.door.step(self.state, event, self.profile, self.now_ns())
    self.state = step.state
    self._timers_changed.set()
    faults = [await self._perform(effect) for effect in step.effects]
    if step.facts:
        await self.hands.record(step.facts)
    return gate.Did(step.state.mode, step.refusal is not None, next(filter(None, faults), ""))


async def _never_remembers_codes(_self: Any, hands: Any) -> Any:
    assert hands
    return None


# --- gate-io -------------------------------------------------------------------------------------------------------


def _stacked(self: Any, ms: int, now: int) -> Any:
    return replace(self, pulse_until=max(self._pulse_end, now) + ms * outputs.MS, granted_at=now)


def _lock_cuts_rex(self: Any) -> Any:
    return replace(self, pulse_until=0, hold_until=0, rex_until=0)


def _rex_ends_latch(self: Any, ms: int, now: int) -> Any:
    return replace(self, rex_until=now + ms * outputs.MS, latches=frozenset())


def _holds_too_long(self: Any, until_ns: int) -> Any:
    return replace(self, hold_until=until_ns + 30_000 * outputs.MS)


def _late_is_fine(self: Any, door: Any, cmd: Any, now: int) -> Any:
    assert cmd.deadline_ns < now or door in self._rules
    return None


def _resets_while_burning(self: Any, door: Any, cmd: Any, kind: Any, actor: str, now: int) -> Any:
    assert cmd
    assert now
    assert actor
    self._outputs[door] = self._outputs[door].unlatch(kind)
    return board.DONE


FAULTS: tuple[Fault, ...] = (
    Fault("dropped relock", "machine", _instead(door_actions.relock_closed, _nothing)),
    Fault("relock forgotten after the delay", "machine", _never(lambda row: Timer.T_RELOCK_DELAY in row.inputs)),
    Fault("missed shunt", "machine", _instead(door_actions.shunt, _nothing)),
    Fault("egress refused in lockdown", "machine", _no_egress_in_lockdown),
    Fault("forced not raised", "machine", _never(_raises(Alarm.FORCED))),
    Fault("held never raised", "machine", _never(_raises(Alarm.HELD))),
    Fault("T_max ignored", "machine", _never(lambda row: Timer.T_MAX_ENERGISE in row.inputs)),
    Fault("queued second grant drops the first", "machine", _instead(door_actions.queue_grant, _only_the_newest)),
    Fault("lockdown leaves the waiting grants", "machine", _instead(door_actions.cancel_waiting, _nothing)),
    Fault("a lease that is not renewed", "machine", _never(lambda row: Timer.T_HOLD in row.inputs)),
    Fault("a latch set while nobody heard stays unknown", "node", _set(io_events, "_missed_latches", lambda *_: iter(()))),
    Fault("a latch that was not taken is not asked again", "gate", _set(gate.Gate, "_owed_beside", lambda *_: [])),
    Fault("boot believes memory", "node", _set(io_events, "_contact", lambda _shot, _door: Contact.CLOSED)),
    Fault("an evacuation forgotten by a restart", "node", _never(
        lambda row: Input.BOOT in row.inputs and row.after is Mode.LOCKED_OPEN)),
    Fault("acts before it writes", "gate", _set(gate.Gate, "step", _acts_before_it_writes)),
    Fault("revoked pass honoured while aboard", "decision", _set(decision, "_standing", _standing_but_revoked)),
    Fault("stale pass honoured", "decision", _pipeline_without(decision.fresh_enough)),
    Fault("deny list forgotten by a rollback", "decision", _set(passes, "_as_denied", lambda row, _denial: row)),
    Fault("window ignored", "decision", _set(decision, "_window", lambda _case: None)),
    Fault("unregistered guest let in", "decision", _pipeline_without(decision.prerequisites)),
    Fault("another door's pass honoured", "decision", _pipeline_without(decision.scope)),
    Fault("code alone under an untrusted clock", "decision", _pipeline_without(decision.clock)),
    Fault("code replay accepted", "decision", _set(credentials, "_later_use", _replay_accepted)),
    Fault("used code forgotten", "gate", _set(shown_code.ShownCode, "use", _never_remembers_codes)),
    Fault("retained command obeyed", "commands", _judge_retained),
    Fault("command executed twice", "commands", _judge_ignoring(Why.DUPLICATE)),
    Fault("expired command obeyed", "commands", _judge_ignoring(Why.EXPIRED)),
    Fault("forged command obeyed", "commands", _judge_ignoring(Why.BAD_SIG)),
    Fault("overtaken command obeyed", "commands", _judge_ignoring(Why.SUPERSEDED)),
    Fault("late unlock sent", "gate-io", _set(board.Board, "_refusal", _late_is_fine)),
    Fault("fire not latched", "gate-io", _set(board.Board, "_fire", lambda _self, _group: None)),
    Fault("fire reset while it burns", "gate-io", _set(board.Board, "reset", _resets_while_burning)),
    Fault("latch lost at restart", "gate-io", _set(latches.LatchFile, "_decode", lambda *_: frozenset())),
    Fault("lease not ended", "gate-io", _set(board.Board, "_end_lease", lambda _self, _now: None)),
    Fault("pulse stacked", "gate-io", _set(outputs.Output, "pulse", _stacked)),
    Fault("hold longer than asked", "gate-io", _set(outputs.Output, "hold", _holds_too_long)),
    Fault("lock cuts REX", "gate-io", _set(outputs.Output, "lock", _lock_cuts_rex)),
    Fault("REX ends a fire latch", "gate-io", _set(outputs.Output, "press_rex", _rex_ends_latch)),
    Fault("late release sent to a bus", "bus", _set(buses.Bus, "_deadline", lambda *_: buses.NEVER_NS)),
    Fault("grant kept over a silence", "bus", _set(board.Board, "withdraw", lambda *_: None)),
    Fault("relock not asked again", "bus", _set(buses, "_retried", lambda wish: wish.reflex)),
    Fault("REX not asked again", "bus", _set(buses, "_retried", lambda wish: wish.energised == wish.rest)),
    Fault("REX not served", "gate-io", _set(board.Board, "_press", lambda *_: None)),
)  # fmt: skip


def fault_of(name: str) -> Fault:
    return next(fault for fault in FAULTS if fault.name == name)
