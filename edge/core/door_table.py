"""The door's behaviour as data: for each region the rows that may answer an input, the first that fits wins.

docs/door.md prints these rows, so the page cannot differ from the program.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from edge.core import door_actions as do
from edge.core.door_types import (
    Alarm,
    Contact,
    DoorState,
    Drive,
    LifeSafety,
    Mode,
    Step,
    Timer,
    shunted,
)

# One person needs seconds; more than this at one closed door is a fault, and the next is refused aloud.
WAITING_MAX = 16


class Region(StrEnum):
    """In the order in which they hear of an input."""

    MODE = "mode"
    EGRESS = "egress"
    ALARM = "alarm"


class Input(StrEnum):
    BOOT = "BOOT"
    CRED_GRANTED = "CRED granted"
    CRED_DENIED = "CRED denied"
    REX = "REX"
    DPS_OPEN = "DPS_OPEN"
    DPS_CLOSE = "DPS_CLOSE"
    CMD_ACCESS = "CMD access"
    CMD_LOCK = "CMD lock"
    CMD_UNLOCK = "CMD unlock"
    CMD_BLOCK = "CMD block"
    CMD_LOCKDOWN = "CMD lockdown"
    CMD_LOCKDOWN_RELEASE = "CMD lockdown_release"
    CMD_LOCKOPEN = "CMD lockopen"
    CMD_LOCKOPEN_RELEASE = "CMD lockopen_release"
    SCHED_OPEN = "SCHED_OPEN"
    SCHED_CLOSE = "SCHED_CLOSE"
    FIRE_ON = "FIRE_ON"
    FIRE_RESET = "FIRE_RESET"


# Somebody asked for something: without a row they are told so.  Anything else without a row changes nothing.
ASKED = frozenset(
    {
        Input.BOOT,
        Input.CRED_GRANTED,
        Input.SCHED_OPEN,
        Input.SCHED_CLOSE,
        Input.FIRE_RESET,
        *(one for one in Input if one.value.startswith("CMD ")),
    }
)

Guard = Callable[[Step, do.Context], bool]

ANY = frozenset(Mode)
GUARDED = frozenset({Mode.LOCKED, Mode.BLOCKED, Mode.LOCKED_DOWN})
MASKED = frozenset({Mode.UNLOCKED, Mode.LOCKED_OPEN})  # standing open is what these modes are for
TIMED = ANY - MASKED - {Mode.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Row:
    """``after`` None keeps the mode; ``log`` are all the facts the actions may write."""

    region: Region
    modes: frozenset[Mode]
    inputs: frozenset[Input | Timer]
    guard: Guard | None
    after: Mode | None
    do: tuple[do.Action, ...]
    log: tuple[str, ...]


# --- guards: their docstrings are what the printed table says --------------------------------------------------


def room(step: Step, _ctx: do.Context) -> bool:
    """fewer than 16 waiting"""
    return len(step.state.waiting) < WAITING_MAX


def opened(_step: Step, ctx: do.Context) -> bool:
    """was not open"""
    return ctx.before.contact is not Contact.OPEN


def opened_for_grant(step: Step, ctx: do.Context) -> bool:
    """was not open; a grant waits"""
    return opened(step, ctx) and bool(ctx.before.waiting)


def opened_for_rex(step: Step, ctx: do.Context) -> bool:
    """was not open; no grant, but a passage out waits"""
    return opened(step, ctx) and not ctx.before.waiting and step.state.rex is not None


def opened_shunted(step: Step, ctx: do.Context) -> bool:
    """was not open; shunt"""
    return opened(step, ctx) and shunted(step.state)


def forced(step: Step, ctx: do.Context) -> bool:
    """was not open; no shunt; T_forced_confirm = 0"""
    return opened(step, ctx) and not shunted(step.state) and ctx.profile.t_forced_confirm_ms == 0


def maybe_forced(step: Step, ctx: do.Context) -> bool:
    """was not open; no shunt; T_forced_confirm > 0"""
    return opened(step, ctx) and not shunted(step.state) and ctx.profile.t_forced_confirm_ms > 0


def closed(_step: Step, ctx: do.Context) -> bool:
    """was not closed"""
    return ctx.before.contact is not Contact.CLOSED


def closed_with_grant(step: Step, ctx: do.Context) -> bool:
    """was not closed; a grant waits"""
    return closed(step, ctx) and bool(step.state.waiting)


def closed_released(step: Step, ctx: do.Context) -> bool:
    """was not closed; lock still released"""
    return closed(step, ctx) and step.state.drive is Drive.RELEASED


def passing(step: Step, _ctx: do.Context) -> bool:
    """opened for an earlier grant"""
    return step.state.passing


def released(step: Step, _ctx: do.Context) -> bool:
    """lock still released"""
    return step.state.drive is Drive.RELEASED


def calm(step: Step, _ctx: do.Context) -> bool:
    """alarm NORMAL"""
    return step.state.alarm is Alarm.NORMAL


def not_alarmed(step: Step, _ctx: do.Context) -> bool:
    """alarm NORMAL or PRE_ALARM"""
    return step.state.alarm in {Alarm.NORMAL, Alarm.PRE_ALARM}


def alarmed(step: Step, _ctx: do.Context) -> bool:
    """alarm FORCED or HELD"""
    return step.state.alarm in {Alarm.FORCED, Alarm.HELD}


def new_way_out(step: Step, ctx: do.Context) -> bool:
    """rex_unlocks; no unused passage out"""
    return ctx.profile.rex_unlocks and step.state.rex is None


def fire_at_boot(step: Step, _ctx: do.Context) -> bool:
    """fire input or latch is on"""
    return step.state.fire_input or step.state.life_safety is LifeSafety.FIRE


def not_yet_fire(step: Step, _ctx: do.Context) -> bool:
    """not yet released"""
    return step.state.life_safety is LifeSafety.CLEAR


def fire_is_out(step: Step, _ctx: do.Context) -> bool:
    """released by fire; fire input normal"""
    return step.state.life_safety is LifeSafety.FIRE and not step.state.fire_input


# --- the rows ------------------------------------------------------------------------------------------------


def _row(
    region: Region,
    modes: frozenset[Mode] | Mode,
    inputs: Input | Timer | tuple[Input | Timer, ...],
    guard: Guard | None,
    after: Mode | None,
    actions: tuple[do.Action, ...],
    *log: str,
) -> Row:
    return Row(
        region,
        frozenset({modes}) if isinstance(modes, Mode) else modes,
        frozenset(inputs) if isinstance(inputs, tuple) else frozenset({inputs}),
        guard,
        after,
        actions + tuple(do.log(kind) for kind in log if kind in PLAIN),
        log,
    )


# Facts that need nothing but the door itself; the others are written by the action that knows them.
PLAIN = frozenset(
    {
        "door.forced",
        "door.prealarm",
        "door.held",
        "door.secured",
        "door.closed",
        "door.mode",
        "door.rex",
        "door.watchdog",
        "fire.reset",
    }
)

# Where a lock is released for a while: ACCESSED, and LOCKED for a magnet that waits for its door to close.
_PULSED = frozenset({Mode.LOCKED, Mode.ACCESSED})
# Blocked while its magnet still waits for it to close, a door has the same two ends to its waiting.
_SHUTTING = frozenset({Mode.LOCKED, Mode.BLOCKED})
_GRANT = (Input.CRED_GRANTED, Input.CMD_ACCESS)
_TO_OPEN = (Input.CMD_UNLOCK, Input.SCHED_OPEN)
_TO_LOCK = (Input.CMD_LOCK, Input.SCHED_CLOSE)
_M, _E, _A = Region.MODE, Region.EGRESS, Region.ALARM
_TAKEN, _NOT_TAKEN = "access.taken", "access.not_taken"
_WOULD_ALLOW, _WOULD_DENY = "access.would_allow", "access.would_deny"  # a door on trial (core.dry_run)

TABLE: tuple[Row, ...] = (
    _row(
        _M, Mode.UNKNOWN, Input.BOOT, fire_at_boot, Mode.LOCKED_OPEN,
        (do.log_boot, do.release_for_fire, do.log_fire), "door.boot", "fire.release",
    ),
    _row(_M, Mode.UNKNOWN, Input.BOOT, None, Mode.LOCKED, (do.read_levels, do.log_boot), "door.boot"),
    _row(_M, ANY, Input.CRED_DENIED, None, None, (do.refuse_entry,), "access.denied", _WOULD_DENY),
    _row(
        _M, _PULSED, _GRANT, room, Mode.ACCESSED,
        (do.queue_grant, do.release, do.green), "access.granted", _WOULD_ALLOW, _WOULD_DENY,
    ),
    _row(
        _M, Mode.UNLOCKED, _GRANT, room, None,
        (do.queue_grant, do.green), "access.granted", _WOULD_ALLOW, _WOULD_DENY,
    ),
    _row(
        _M, Mode.ACCESSED, Input.DPS_OPEN, opened_for_grant, None,
        (do.take_first, do.relock_opened), _TAKEN,
    ),
    _row(_M, Mode.UNLOCKED, Input.DPS_OPEN, opened_for_grant, None, (do.take_first,), _TAKEN),
    _row(_M, _PULSED | _SHUTTING, Timer.T_RELOCK_DELAY, None, None, (do.relock,)),
    _row(
        _M, Mode.ACCESSED, Timer.T_RELEASE, passing, None, (do.end_waiting, do.relock), _NOT_TAKEN
    ),
    _row(
        _M, Mode.ACCESSED, Timer.T_RELEASE, None, Mode.LOCKED, (do.end_waiting, do.relock), _NOT_TAKEN
    ),
    _row(_M, Mode.UNLOCKED, Timer.T_RELEASE, None, None, (do.end_waiting,), _NOT_TAKEN),
    _row(
        _M, Mode.ACCESSED, Input.DPS_CLOSE, closed_with_grant, None, (do.release,), "door.closed"
    ),
    _row(
        _M, Mode.ACCESSED, Input.DPS_CLOSE, closed, Mode.LOCKED, (do.relock_closed,), "door.closed"
    ),
    _row(_M, _SHUTTING, Input.DPS_CLOSE, closed_released, None, (do.relock_closed,), "door.closed"),
    _row(_M, ANY, Input.DPS_CLOSE, closed, None, (), "door.closed"),
    _row(_M, Mode.LOCKED, _TO_OPEN, None, Mode.UNLOCKED, (do.hold,), "door.mode"),
    _row(
        _M, frozenset({Mode.ACCESSED, Mode.BLOCKED}), Input.CMD_UNLOCK, None, Mode.UNLOCKED,
        (do.hold,), "door.mode",
    ),
    _row(_M, Mode.UNLOCKED, Timer.T_HOLD, None, None, (do.hold,)),
    _row(
        _M, Mode.UNLOCKED, _TO_LOCK, None, Mode.LOCKED,
        (do.cancel_waiting, do.relock, do.start_open), _NOT_TAKEN, "door.mode",
    ),
    _row(
        _M, Mode.ACCESSED, Input.CMD_LOCK, None, Mode.LOCKED,
        (do.cancel_waiting, do.relock, do.start_open), _NOT_TAKEN, "door.mode",
    ),
    _row(
        _M, frozenset({Mode.LOCKED, Mode.ACCESSED, Mode.UNLOCKED}), Input.CMD_BLOCK, None, Mode.BLOCKED,
        (do.cancel_waiting, do.relock, do.start_open), _NOT_TAKEN, "door.mode",
    ),
    _row(_M, Mode.BLOCKED, Input.CMD_LOCK, None, Mode.LOCKED, (), "door.mode"),
    # What a door does already it does not do again; whoever asked is told that it is so.
    _row(_M, Mode.LOCKED, Input.CMD_LOCK, None, None, ()),
    _row(_M, Mode.UNLOCKED, Input.CMD_UNLOCK, None, None, ()),
    _row(_M, Mode.BLOCKED, Input.CMD_BLOCK, None, None, ()),
    _row(
        _M, Mode.BLOCKED, Timer.T_MAX_ENERGISE, released, None,
        (do.secure, do.alarm_if_open_magnet), "door.watchdog",
    ),
    _row(
        _M, _PULSED, Timer.T_MAX_ENERGISE, released, Mode.LOCKED,
        (do.end_waiting, do.secure, do.alarm_if_open_magnet), _NOT_TAKEN, "door.watchdog",
    ),
    _row(
        _M, Mode.ACCESSED, Timer.T_MAX_ENERGISE, None, Mode.LOCKED, (do.end_waiting,),
        _NOT_TAKEN, "door.mode",
    ),
    _row(
        _M, ANY, Input.FIRE_ON, not_yet_fire, Mode.LOCKED_OPEN,
        (do.cancel_waiting, do.release_for_fire, do.log_fire), _NOT_TAKEN, "fire.release",
    ),
    _row(
        _M, Mode.LOCKED_OPEN, Input.FIRE_RESET, fire_is_out, Mode.LOCKED,
        (do.reset_fire, do.relock, do.start_open), "fire.reset",
    ),
    _row(_E, ANY, Input.REX, new_way_out, None, (do.shunt, do.let_out), "access.granted"),
    _row(_E, ANY, Input.REX, None, None, (do.shunt,), "door.rex"),
    _row(_E, ANY, Input.DPS_OPEN, opened_for_rex, None, (do.take_rex,), _TAKEN),
    _row(_E, ANY, Timer.T_REX, None, None, (do.end_rex,), _NOT_TAKEN),
    _row(_A, GUARDED, Input.DPS_OPEN, forced, None, (do.raise_alarm(Alarm.FORCED),), "door.forced"),
    _row(_A, GUARDED, Input.DPS_OPEN, maybe_forced, None, (do.confirm_forced,)),
    _row(
        _A, TIMED, Timer.T_FORCED_CONFIRM, None, None, (do.raise_alarm(Alarm.FORCED),), "door.forced"
    ),
    _row(_A, GUARDED, Input.DPS_OPEN, opened_shunted, None, (do.start_open,)),
    _row(_A, Mode.ACCESSED, Input.DPS_OPEN, opened, None, (do.start_open,)),
    _row(
        _A, TIMED, Timer.T_PREALARM, calm, None, (do.raise_alarm(Alarm.PRE_ALARM),), "door.prealarm"
    ),
    _row(_A, TIMED, Timer.T_OPEN, not_alarmed, None, (do.raise_alarm(Alarm.HELD),), "door.held"),
    _row(
        _A, ANY, Input.DPS_CLOSE, alarmed, None, (do.raise_alarm(Alarm.NORMAL),), "door.secured"
    ),
)  # fmt: skip


# Timers run only where they mean something; a state in which one has lost its meaning drops it by itself.
def _open_timed(state: DoorState) -> bool:
    return state.contact is Contact.OPEN and state.mode in TIMED


MEANING: dict[Timer, Callable[[DoorState], bool]] = {
    Timer.T_FORCED_CONFIRM: _open_timed,
    Timer.T_RELOCK_DELAY: lambda state: state.drive is Drive.RELEASED,
    Timer.T_RELEASE: lambda state: bool(state.waiting),
    Timer.T_REX: lambda _state: True,  # ends by itself and by nothing else
    Timer.T_PREALARM: _open_timed,
    Timer.T_OPEN: _open_timed,
    Timer.T_MAX_ENERGISE: lambda state: state.mode is Mode.ACCESSED or state.drive is Drive.RELEASED,
    Timer.T_HOLD: lambda state: state.mode is Mode.UNLOCKED,
}
