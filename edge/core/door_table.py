"""The door's behaviour as data: for each region the rows that may answer an input, the first that fits wins.

docs/door.md prints these rows, so the page cannot differ from the program.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from edge.core import door_actions as do
from edge.core import door_guards as when
from edge.core.door_types import Alarm, AlarmFlag, Contact, DoorState, Drive, Mode, Timer


class Region(StrEnum):
    """In the order in which they hear of an input."""

    MODE = "mode"
    EGRESS = "egress"
    ALARM = "alarm"
    BOLT = "bolt"
    WATCH = "watch"


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
    FOUND_OPEN = "FOUND_OPEN"
    BEAM_BROKEN = "BEAM_BROKEN"
    BEAM_CLEAR = "BEAM_CLEAR"
    BOLT_LOCKED = "BOLT_LOCKED"
    BOLT_UNLOCKED = "BOLT_UNLOCKED"
    BOLT_JAMMED = "BOLT_JAMMED"
    DPS_FAULT = "DPS_FAULT"
    TAMPER_ON = "TAMPER_ON"
    TAMPER_OFF = "TAMPER_OFF"
    POWER_LOW = "POWER_LOW"
    POWER_BACK = "POWER_BACK"
    LOCK_LOST = "LOCK_LOST"
    LOCK_BACK = "LOCK_BACK"


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
    guard: do.Guard | None
    after: Mode | None
    do: tuple[do.Action, ...]
    log: tuple[str, ...]


# --- the rows ------------------------------------------------------------------------------------------------


def _row(
    region: Region,
    modes: frozenset[Mode] | Mode,
    inputs: Input | Timer | tuple[Input | Timer, ...],
    guard: do.Guard | None,
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
        "door.lockdown",
        "door.release_asked",
        "door.evacuate",
        "door.jammed",
        "door.bolt_free",
        "door.contact_fault",
        "door.tamper",
        "door.tamper_off",
        "door.power_low",
        "door.power_back",
        "door.lock_silent",
        "door.lock_back",
        "fire.reset",
    }
)

# Where a lock is released for a while: ACCESSED, and LOCKED for a lock that waits for its door to close.
_PULSED = frozenset({Mode.LOCKED, Mode.ACCESSED})
# Told to stay shut while its lock still waits for it to close, a door has the same ends to its waiting.
_SHUTTING = frozenset({Mode.LOCKED, Mode.BLOCKED, Mode.LOCKED_DOWN})
_REFUSING = frozenset({Mode.BLOCKED, Mode.LOCKED_DOWN})
_COMMANDED = frozenset({Mode.LOCKED, Mode.ACCESSED, Mode.UNLOCKED, Mode.BLOCKED})
_GRANT = (Input.CRED_GRANTED, Input.CMD_ACCESS)
_TO_OPEN = (Input.CMD_UNLOCK, Input.SCHED_OPEN)
_TO_LOCK = (Input.CMD_LOCK, Input.SCHED_CLOSE)
_MOVES = (Input.BOLT_LOCKED, Input.BOLT_UNLOCKED)
_M, _E, _A, _B, _W = Region.MODE, Region.EGRESS, Region.ALARM, Region.BOLT, Region.WATCH
_TAKEN, _NOT_TAKEN = "access.taken", "access.not_taken"
_WOULD_ALLOW, _WOULD_DENY = "access.would_allow", "access.would_deny"  # a door on trial (core.dry_run)

TABLE: tuple[Row, ...] = (
    _row(
        _M, Mode.UNKNOWN, Input.BOOT, when.fire_at_boot, Mode.LOCKED_OPEN,
        (do.log_boot, do.release_for_fire, do.log_fire), "door.boot", "fire.release",
    ),
    _row(
        _M, Mode.UNKNOWN, Input.BOOT, when.evacuated, Mode.LOCKED_OPEN,
        (do.log_boot, do.evacuate), "door.boot", "door.evacuate",
    ),
    _row(
        _M, Mode.UNKNOWN, Input.BOOT, when.was_locked_down, Mode.LOCKED_DOWN,
        (do.read_levels, do.log_boot), "door.boot",
    ),
    _row(
        _M, Mode.UNKNOWN, Input.BOOT, when.was_blocked, Mode.BLOCKED,
        (do.read_levels, do.log_boot), "door.boot",
    ),
    _row(_M, Mode.UNKNOWN, Input.BOOT, None, Mode.LOCKED, (do.read_levels, do.log_boot), "door.boot"),
    _row(_M, ANY, Input.CRED_DENIED, None, None, (do.refuse_entry,), "access.denied", _WOULD_DENY),
    _row(
        _M, _PULSED, _GRANT, when.room, Mode.ACCESSED,
        (do.queue_grant, do.release, do.green), "access.granted", _WOULD_ALLOW, _WOULD_DENY,
    ),
    _row(
        _M, Mode.UNLOCKED, _GRANT, when.room, None,
        (do.queue_grant, do.green), "access.granted", _WOULD_ALLOW, _WOULD_DENY,
    ),
    _row(
        _M, Mode.ACCESSED, Input.DPS_OPEN, when.opened_for_grant, None,
        (do.take_first, do.relock_opened), _TAKEN,
    ),
    _row(_M, Mode.UNLOCKED, Input.DPS_OPEN, when.opened_for_grant, None, (do.take_first,), _TAKEN),
    _row(
        _M, Mode.ACCESSED, Input.BEAM_BROKEN, when.vehicle_for_grant, None,
        (do.take_first, do.keep_free), _TAKEN,
    ),
    _row(_M, Mode.UNLOCKED, Input.BEAM_BROKEN, when.vehicle_for_grant, None, (do.take_first,), _TAKEN),
    _row(_M, Mode.ACCESSED, Input.BEAM_CLEAR, when.gone_with_grant, None, (do.release,)),
    _row(_M, Mode.ACCESSED, Input.BEAM_CLEAR, when.gone_passing, Mode.LOCKED, (do.relock_closed,)),
    _row(_M, _SHUTTING, Input.BEAM_CLEAR, when.gone_released, None, (do.relock_closed,)),
    _row(_M, _PULSED | _SHUTTING, Timer.T_RELOCK_DELAY, None, None, (do.relock,)),
    _row(
        _M, Mode.ACCESSED, Timer.T_RELEASE, when.passing, None, (do.end_waiting, do.relock), _TAKEN, _NOT_TAKEN
    ),
    _row(
        _M, Mode.ACCESSED, Timer.T_RELEASE, None, Mode.LOCKED, (do.end_waiting, do.relock), _TAKEN, _NOT_TAKEN
    ),
    _row(_M, Mode.UNLOCKED, Timer.T_RELEASE, None, None, (do.end_waiting,), _TAKEN, _NOT_TAKEN),
    _row(
        _M, Mode.ACCESSED, Input.DPS_CLOSE, when.closed_with_grant, None, (do.release,), "door.closed"
    ),
    _row(
        _M, Mode.ACCESSED, Input.DPS_CLOSE, when.closed, Mode.LOCKED, (do.relock_closed,), "door.closed"
    ),
    _row(_M, _SHUTTING, Input.DPS_CLOSE, when.closed_released, None, (do.relock_closed,), "door.closed"),
    _row(_M, ANY, Input.DPS_CLOSE, when.closed, None, (), "door.closed"),
    _row(_M, Mode.LOCKED, _TO_OPEN, None, Mode.UNLOCKED, (do.hold,), "door.mode"),
    _row(_M, Mode.ACCESSED, _TO_OPEN, None, Mode.UNLOCKED, (do.hold,), "door.mode"),
    _row(_M, Mode.BLOCKED, Input.CMD_UNLOCK, None, Mode.UNLOCKED, (do.hold,), "door.mode"),
    _row(_M, Mode.UNLOCKED, Timer.T_HOLD, None, None, (do.hold,)),
    _row(_M, _PULSED | _SHUTTING, Timer.T_HOLD, when.over_vehicle, None, (do.keep_free,)),
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
    _row(
        _M, _COMMANDED, Input.CMD_LOCKDOWN, None, Mode.LOCKED_DOWN,
        (do.cancel_waiting, do.relock, do.start_open), _NOT_TAKEN, "door.lockdown",
    ),
    _row(
        _M, Mode.LOCKED_DOWN, Input.CMD_LOCKDOWN_RELEASE, when.enough_to_release, Mode.LOCKED, (),
        "door.mode",
    ),
    _row(
        _M, Mode.LOCKED_DOWN, Input.CMD_LOCKDOWN_RELEASE, None, None, (do.ask_second,),
        "door.release_asked",
    ),
    _row(
        _M, _COMMANDED, Input.CMD_LOCKOPEN, None, Mode.LOCKED_OPEN,
        (do.cancel_waiting, do.evacuate), _NOT_TAKEN, "door.evacuate",
    ),
    _row(
        _M, ANY - {Mode.UNKNOWN, Mode.LOCKED_OPEN}, Input.FOUND_OPEN, None, Mode.LOCKED_OPEN,
        (do.cancel_waiting, do.evacuate), _NOT_TAKEN, "door.evacuate",
    ),
    _row(
        _M, Mode.LOCKED_OPEN, (Input.CMD_LOCKOPEN, Input.FOUND_OPEN), when.not_evacuated, None,
        (do.evacuate,), "door.evacuate",
    ),
    _row(
        _M, Mode.LOCKED_OPEN, Input.CMD_LOCKOPEN_RELEASE, when.evacuated_without_fire, Mode.LOCKED,
        (do.end_evacuation, do.relock, do.start_open), "door.mode",
    ),
    _row(
        _M, Mode.LOCKED_OPEN, Input.CMD_LOCKOPEN_RELEASE, when.evacuated, None, (do.end_evacuation,),
        "door.mode",
    ),
    # What a door does already it does not do again; whoever asked is told that it is so.
    _row(_M, Mode.LOCKED, _TO_LOCK, None, None, ()),
    _row(_M, Mode.UNLOCKED, _TO_OPEN, None, None, ()),
    _row(_M, Mode.BLOCKED, Input.CMD_BLOCK, None, None, ()),
    _row(_M, Mode.LOCKED_DOWN, Input.CMD_LOCKDOWN, None, None, ()),
    _row(_M, Mode.LOCKED_OPEN, Input.CMD_LOCKOPEN, None, None, ()),
    # A schedule is the lowest rung: it waits, and nobody is told of a refusal.
    _row(_M, _REFUSING | {Mode.LOCKED_OPEN}, Input.SCHED_OPEN, None, None, ()),
    _row(_M, _REFUSING | {Mode.LOCKED_OPEN, Mode.ACCESSED}, Input.SCHED_CLOSE, None, None, ()),
    _row(
        _M, _REFUSING, Timer.T_MAX_ENERGISE, when.over_vehicle, None,
        (do.keep_free, do.alarm_if_open), "door.watchdog",
    ),
    _row(
        _M, _REFUSING, Timer.T_MAX_ENERGISE, when.released, None,
        (do.secure, do.alarm_if_open), "door.watchdog",
    ),
    _row(
        _M, _PULSED, Timer.T_MAX_ENERGISE, when.over_vehicle, Mode.LOCKED,
        (do.end_waiting, do.keep_free, do.alarm_if_open), _TAKEN, _NOT_TAKEN, "door.watchdog",
    ),
    _row(
        _M, _PULSED, Timer.T_MAX_ENERGISE, when.released, Mode.LOCKED,
        (do.end_waiting, do.secure, do.alarm_if_open), _TAKEN, _NOT_TAKEN, "door.watchdog",
    ),
    _row(
        _M, Mode.ACCESSED, Timer.T_MAX_ENERGISE, None, Mode.LOCKED, (do.end_waiting,),
        _TAKEN, _NOT_TAKEN, "door.mode",
    ),
    _row(
        _M, ANY, Input.FIRE_ON, when.not_yet_fire, Mode.LOCKED_OPEN,
        (do.cancel_waiting, do.release_for_fire, do.log_fire), _NOT_TAKEN, "fire.release",
    ),
    _row(
        _M, Mode.LOCKED_OPEN, Input.FIRE_RESET, when.fire_is_out_evacuated, None, (do.reset_fire,),
        "fire.reset",
    ),
    _row(
        _M, Mode.LOCKED_OPEN, Input.FIRE_RESET, when.fire_is_out, Mode.LOCKED,
        (do.reset_fire, do.relock, do.start_open), "fire.reset",
    ),
    _row(_E, ANY, Input.REX, when.new_way_out, None, (do.shunt, do.let_out), "access.granted"),
    _row(_E, ANY, Input.REX, None, None, (do.shunt,), "door.rex"),
    _row(_E, ANY, Input.DPS_OPEN, when.opened_for_rex, None, (do.take_rex,), _TAKEN),
    _row(_E, ANY, Timer.T_REX, None, None, (do.end_rex,), _NOT_TAKEN),
    _row(_A, GUARDED, Input.DPS_OPEN, when.forced, None, (do.raise_alarm(Alarm.FORCED),), "door.forced"),
    _row(_A, GUARDED, Input.DPS_OPEN, when.maybe_forced, None, (do.confirm_forced,)),
    _row(
        _A, TIMED, Timer.T_FORCED_CONFIRM, None, None, (do.raise_alarm(Alarm.FORCED),), "door.forced"
    ),
    _row(_A, GUARDED, Input.DPS_OPEN, when.opened_shunted, None, (do.start_open,)),
    _row(_A, Mode.ACCESSED, Input.DPS_OPEN, when.opened, None, (do.start_open,)),
    _row(
        _A, TIMED, Timer.T_PREALARM, when.calm, None, (do.raise_alarm(Alarm.PRE_ALARM),), "door.prealarm"
    ),
    _row(_A, TIMED, Timer.T_OPEN, when.not_alarmed, None, (do.raise_alarm(Alarm.HELD),), "door.held"),
    _row(
        _A, ANY, Input.DPS_CLOSE, when.alarmed, None, (do.raise_alarm(Alarm.NORMAL),), "door.secured"
    ),
    _row(_A, ANY, Input.DPS_FAULT, when.contact_breaks, None, (), "door.contact_fault"),
    _row(_B, ANY, Timer.T_BOLT_CONFIRM, when.jams, None, (do.jam,), "door.jammed"),
    _row(_B, ANY, Input.BOLT_JAMMED, when.jams, None, (do.jam,), "door.jammed"),
    _row(_B, ANY, _MOVES, when.was_jammed, None, (do.unjam,), "door.bolt_free"),
    _row(_W, ANY, Input.TAMPER_ON, when.new_flag(AlarmFlag.TAMPER), None, (), "door.tamper"),
    _row(_W, ANY, Input.TAMPER_OFF, when.had_flag(AlarmFlag.TAMPER), None, (), "door.tamper_off"),
    _row(_W, ANY, Input.POWER_LOW, when.new_flag(AlarmFlag.POWER_LOW), None, (), "door.power_low"),
    _row(_W, ANY, Input.POWER_BACK, when.had_flag(AlarmFlag.POWER_LOW), None, (), "door.power_back"),
    _row(_W, ANY, Input.LOCK_LOST, when.new_flag(AlarmFlag.LOCK_SILENT), None, (), "door.lock_silent"),
    _row(_W, ANY, Input.LOCK_BACK, when.had_flag(AlarmFlag.LOCK_SILENT), None, (), "door.lock_back"),
)  # fmt: skip


def _index() -> Mapping[tuple[Mode, Input | Timer], Mapping[Region, tuple[Row, ...]]]:
    """The rows that may answer one input in one mode, in the order of the table."""
    found: dict[tuple[Mode, Input | Timer], dict[Region, tuple[Row, ...]]] = {}
    for row in TABLE:
        for mode in row.modes:
            for happened in row.inputs:
                rows = found.setdefault((mode, happened), {})
                rows[row.region] = (*rows.get(row.region, ()), row)
    return MappingProxyType(found)


ROWS = _index()


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
    Timer.T_BOLT_CONFIRM: lambda _state: True,  # door.watch_bolt starts and stops it
    Timer.T_SECOND: lambda state: state.mode is Mode.LOCKED_DOWN,
    Timer.T_HOLD: lambda state: state.mode is Mode.UNLOCKED or (state.beam and state.drive is Drive.RELEASED),
}
