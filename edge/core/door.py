"""The door machine: ``step`` advances one door by one input, told the time (access.md §4).

Timers are deadlines in the state.  ``step`` first fires what fell due before the input, so that a late caller and
a punctual one see the same door; between inputs the caller sends a ``Tick`` at ``next_deadline``.  Facts come in
the order in which they happened; effects are to be carried out in order, after the facts are safely written.
"""

from dataclasses import replace
from types import MappingProxyType

from edge.core.door_actions import Context, ask, change, stop, watch_bolt
from edge.core.door_events import (
    BeamBroken,
    BeamClear,
    BoltChanged,
    Boot,
    CameraChanged,
    ClockChanged,
    Command,
    Denied,
    DpsClose,
    DpsFault,
    DpsOpen,
    Event,
    FireOff,
    FireOn,
    FireReset,
    FoundOpen,
    Granted,
    LinkDown,
    LinkUp,
    LockBack,
    LockLost,
    PowerBack,
    PowerLow,
    RexPressed,
    SchedClose,
    SchedOpen,
    TamperOff,
    TamperOn,
    Verb,
)
from edge.core.door_profile import DoorProfile
from edge.core.door_table import ASKED, MEANING, ROWS, TIMED, Input, Region, Row
from edge.core.door_types import (
    Alarm,
    AlarmFlag,
    Bolt,
    Contact,
    DoorState,
    LifeSafety,
    Link,
    Mode,
    Refusal,
    Sound,
    Step,
    Timer,
    Tone,
    next_deadline,
    output,
)

_TONE = {
    Alarm.NORMAL: Tone.OFF,
    Alarm.PRE_ALARM: Tone.PREALARM,
    Alarm.FORCED: Tone.ALARM,
    Alarm.HELD: Tone.ALARM,
}

_INPUT: dict[type[Event], Input] = {
    Boot: Input.BOOT,
    Granted: Input.CRED_GRANTED,
    Denied: Input.CRED_DENIED,
    RexPressed: Input.REX,
    DpsOpen: Input.DPS_OPEN,
    DpsClose: Input.DPS_CLOSE,
    SchedOpen: Input.SCHED_OPEN,
    SchedClose: Input.SCHED_CLOSE,
    FireOn: Input.FIRE_ON,
    FireReset: Input.FIRE_RESET,
    FoundOpen: Input.FOUND_OPEN,
    BeamBroken: Input.BEAM_BROKEN,
    BeamClear: Input.BEAM_CLEAR,
    DpsFault: Input.DPS_FAULT,
    TamperOn: Input.TAMPER_ON,
    TamperOff: Input.TAMPER_OFF,
    PowerLow: Input.POWER_LOW,
    PowerBack: Input.POWER_BACK,
    LockLost: Input.LOCK_LOST,
    LockBack: Input.LOCK_BACK,
}
_BOLT = {Bolt.LOCKED: Input.BOLT_LOCKED, Bolt.UNLOCKED: Input.BOLT_UNLOCKED, Bolt.JAMMED: Input.BOLT_JAMMED}
_COMMAND = {verb: Input(f"CMD {verb}") for verb in Verb}
_FLAG: dict[type[Event], tuple[AlarmFlag, bool]] = {
    TamperOn: (AlarmFlag.TAMPER, True),
    TamperOff: (AlarmFlag.TAMPER, False),
    PowerLow: (AlarmFlag.POWER_LOW, True),
    PowerBack: (AlarmFlag.POWER_LOW, False),
    LockLost: (AlarmFlag.LOCK_SILENT, True),
    LockBack: (AlarmFlag.LOCK_SILENT, False),
}


def step(state: DoorState, event: Event, profile: DoorProfile, now_ns: int) -> Step:
    """Advance the door by one input; time that goes back is taken as no time passed."""
    at_ns = max(now_ns, state.at_ns)
    so_far = _fire_due(Step(replace(state, at_ns=at_ns)), profile, at_ns)
    so_far = _take_in(so_far, event, profile, at_ns)
    so_far = _fire_due(so_far, profile, at_ns)
    if so_far.state.alarm is not state.alarm:
        so_far = ask(so_far, Sound(_TONE[so_far.state.alarm]))
    return so_far


def _fire_due(so_far: Step, profile: DoorProfile, now_ns: int) -> Step:
    """Fire the timers that fell due, each at its own deadline, the earliest first; each at most once a call."""
    deadline = next_deadline(so_far.state)
    if deadline is None or deadline > now_ns:
        return so_far
    for _ in Timer:
        due = [(at, timer) for timer, at in so_far.state.timers.items() if at <= now_ns]
        if not due:
            break
        at_ns, timer = min(due, key=lambda one: (one[0], list(Timer).index(one[1])))
        # A lease that was not renewed in time is renewed from now, not once for every time it was missed.
        at_ns = now_ns if timer is Timer.T_HOLD else at_ns
        ctx = Context(so_far.state, None, profile, at_ns)
        so_far = _answer(stop(so_far, timer), timer, ctx)
    return so_far


def _take_in(so_far: Step, event: Event, profile: DoorProfile, now_ns: int) -> Step:
    ctx = Context(so_far.state, event, profile, now_ns)
    if isinstance(event, Command) and event.counter <= so_far.state.counter:
        return _refuse(so_far, f"CMD {event.verb} a second time")
    if isinstance(event, Boot) and so_far.state.mode is not Mode.UNKNOWN:
        return _refuse(so_far, Input.BOOT)  # its levels are as old as the first one's
    happened = _input_of(event)
    so_far = replace(so_far, state=_observe(so_far.state, event))
    return _answer(so_far, happened, ctx) if happened else _tidy(so_far, ctx)


def _input_of(event: Event) -> Input | None:
    match event:
        case Command(verb=verb):
            return _COMMAND[verb]
        case BoltChanged(bolt):
            return _BOLT.get(bolt)
        case _:
            return _INPUT.get(type(event))


def _observe(state: DoorState, event: Event) -> DoorState:
    """What an event says by itself, whatever the mode: the sensor regions and the side regions."""
    match event:
        case Boot():
            return _observe_boot(state, event)
        case DpsOpen():
            return replace(state, contact=Contact.OPEN)
        case DpsClose():
            return replace(state, contact=Contact.CLOSED)
        case DpsFault():
            return replace(state, contact=Contact.FAULT)
        case BeamBroken() | BeamClear():
            return replace(state, beam=isinstance(event, BeamBroken))
        case FireOn() | FireOff():
            return replace(state, fire_input=isinstance(event, FireOn))
        case Command(counter=counter):
            return replace(state, counter=counter)
        case _:
            return _observe_side(state, event)


def _observe_boot(state: DoorState, boot: Boot) -> DoorState:
    return replace(
        state,
        contact=boot.contact,
        bolt=boot.bolt,
        beam=boot.beam,
        fire_input=boot.fire_input,
        evacuated=boot.evacuated,
        life_safety=LifeSafety.FIRE if boot.fire_latched else state.life_safety,
    )


def _observe_side(state: DoorState, event: Event) -> DoorState:
    if (flag := _FLAG.get(type(event))) is not None:
        name, on = flag
        return replace(state, flags=state.flags | {name} if on else state.flags - {name})
    match event:
        case BoltChanged(bolt):
            return replace(state, bolt=bolt)
        case LinkUp():
            return replace(state, link=Link.ONLINE)
        case LinkDown():
            return replace(state, link=Link.OFFLINE)
        case ClockChanged(clock):
            return replace(state, clock=clock)
        case CameraChanged(camera):
            return replace(state, camera=camera)
        case _:
            return state


def _answer(so_far: Step, happened: Input | Timer, ctx: Context) -> Step:
    """Let each region answer with its first row that fits; an unanswered wish is refused."""
    answered = False
    rows = ROWS.get((ctx.before.mode, happened), {})
    for region in Region:
        for row in rows.get(region, ()):
            if row.guard is None or row.guard(so_far, ctx):
                answered = True
                so_far = _carry_out(so_far, row, ctx)
                break
    if not answered and happened in ASKED:
        return _refuse(so_far, happened)
    return _tidy(so_far, ctx)


def _carry_out(so_far: Step, row: Row, ctx: Context) -> Step:
    written = len(so_far.facts)
    if row.after is not None:
        so_far = change(so_far, mode=row.after)
    for action in row.do:
        so_far = action(so_far, ctx)
    told = {fact.type for fact in so_far.facts[written:]}
    assert told <= set(row.log), f"{told - set(row.log)} is missing in the table"
    return so_far


def _refuse(so_far: Step, happened: str) -> Step:
    return replace(so_far, refusal=Refusal(so_far.state.mode, happened))


def _tidy(so_far: Step, ctx: Context) -> Step:
    """Drop what has lost its meaning: timers, a passage that is over, a warning about a door no longer open."""
    state = so_far.state
    stale: dict[str, object] = {}
    timers = {timer: at for timer, at in state.timers.items() if MEANING[timer](state)}
    if len(timers) != len(state.timers):
        stale["timers"] = MappingProxyType(timers)
    under_way = state.contact is not Contact.CLOSED or state.beam
    if state.passing and not (state.mode is Mode.ACCESSED and under_way):
        stale["passing"] = False
    open_timed = state.contact is Contact.OPEN and state.mode in TIMED
    if state.alarm is Alarm.PRE_ALARM and not open_timed:
        stale["alarm"] = Alarm.NORMAL
    if state.first_releaser is not None and Timer.T_SECOND not in timers:
        stale["first_releaser"] = None
    tidied = change(so_far, **stale) if stale else so_far
    return watch_bolt(tidied, ctx.profile, ctx.now_ns)


__all__ = ["next_deadline", "output", "step"]
