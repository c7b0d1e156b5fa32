"""What rows of the door's table do.  Each is a pure step on a step; its docstring is what the printed table says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from edge.core.door_events import Boot, Command, Denied, Event, FireReset, Granted, RexPressed
from edge.core.door_profile import HOLD_LEASE_MS, HOLD_RENEW_MS, WAIT_FOR_CLOSE, DoorProfile, LockProfile
from edge.core.door_types import (
    Alarm,
    AlarmFlag,
    Bolt,
    Contact,
    DoorState,
    Drive,
    Effect,
    Egress,
    Grant,
    Hold,
    Latch,
    LifeSafety,
    Light,
    Output,
    Pulse,
    Relock,
    Signal,
    Step,
    Timer,
    output,
)
from edge.core.events import CredentialKind, DoorResult, Fact
from edge.core.reasons import Reason

MS_NS = 1_000_000
FIRE = "fire"
EVACUATE = "evacuate"
FOUND_OPEN = "found latched open"
# A door on trial says what it would have said; the passage that follows is as real as any.
ON_TRIAL = frozenset({"access.would_allow", "access.would_deny"})
# The end of a grant that the door took back; the books treat it like one nobody used.
CANCELLED = "x:Cancelled"

_RESULT: Mapping[str, DoorResult] = MappingProxyType(
    {
        "access.taken": "opened",
        "access.not_taken": "not_opened",
        "door.held": "held",
        "door.forced": "forced",
    }
)


@dataclass(frozen=True, slots=True)
class Context:
    """The moment of one row: the door before the input, the input (None for a timer), and the time."""

    before: DoorState
    event: Event | None
    profile: DoorProfile
    now_ns: int


Action = Callable[[Step, Context], Step]
Guard = Callable[[Step, Context], bool]


def boot_of(ctx: Context) -> Boot:
    assert isinstance(ctx.event, Boot)
    return ctx.event


def command_of(ctx: Context) -> Command:
    assert isinstance(ctx.event, Command)
    return ctx.event


# --- small tools ---------------------------------------------------------------------------------------------


def change(step: Step, **fields: Any) -> Step:
    return replace(step, state=replace(step.state, **fields))


def ask(step: Step, *effects: Effect) -> Step:
    return replace(step, effects=step.effects + effects)


def start(step: Step, timer: Timer, at_ns: int) -> Step:
    return change(step, timers=MappingProxyType({**step.state.timers, timer: at_ns}))


def stop(step: Step, timer: Timer) -> Step:
    if timer not in step.state.timers:
        return step
    left = {name: at for name, at in step.state.timers.items() if name is not timer}
    return change(step, timers=MappingProxyType(left))


def _write(step: Step, ctx: Context, fact: Fact) -> Step:
    """Add a fact; one of access tells the mode it met, any other the mode it leaves behind."""
    state = step.state
    mode = ctx.before.mode if fact.type.startswith("access.") else state.mode
    whole = replace(
        fact,
        access_point=ctx.profile.access_point,
        mode=mode,
        contact=state.contact,
        bolt=state.bolt,
        door_result=_RESULT.get(fact.type),
    )
    return replace(step, facts=(*step.facts, whole))


def log(kind: str) -> Action:
    """An action that writes a plain fact of the door, with the actor where a person did it."""

    def write(step: Step, ctx: Context) -> Step:
        event = ctx.event
        actor = event.actor if isinstance(event, Command | FireReset) else None
        return _write(step, ctx, Fact(type=kind, actor=actor))

    return write


# --- grants --------------------------------------------------------------------------------------------------


def queue_grant(step: Step, ctx: Context) -> Step:
    """queue the grant, restart T_release and T_max_energise"""
    event, profile = ctx.event, ctx.profile
    assert isinstance(event, Granted | Command)
    grant = _grant_of(event, profile)
    extra_ms = profile.t_extension_ms if isinstance(event, Granted) and event.extended else 0
    until_ns = ctx.now_ns + (profile.t_release_ms + extra_ms) * MS_NS
    # An extended grant that is still waiting keeps its longer time.
    until_ns = max(until_ns, step.state.timers.get(Timer.T_RELEASE, 0))
    step = change(step, waiting=(*step.state.waiting, grant))
    step = start(step, Timer.T_RELEASE, until_ns)
    step = start(step, Timer.T_MAX_ENERGISE, ctx.now_ns + profile.t_max_energise_ms * MS_NS)
    return _write(step, ctx, grant.fact)


def green(step: Step, _ctx: Context) -> Step:
    """green"""
    return ask(step, Signal(Light.GREEN))


def _kind(fact: Fact, usual: str) -> str:
    return fact.type if fact.type in ON_TRIAL else usual


def _grant_of(event: Granted | Command, profile: DoorProfile) -> Grant:
    assert event.grant_id is not None
    if isinstance(event, Granted):
        fact = replace(event.fact, type=_kind(event.fact, "access.granted"), grant_id=event.grant_id)
    else:
        fact = Fact(
            type="access.granted",
            direction=profile.direction,
            cls=event.cls,
            grant_id=event.grant_id,
            credential_kind=CredentialKind.GUARD,
            decision="override",
            reason=Reason.GRANTED,
            actor=event.actor,
        )
    return Grant(event.grant_id, fact)


def _end(
    step: Step,
    ctx: Context,
    grant: Grant,
    kind: str,
    reason: str | None = None,
    x: dict[str, int | str] | None = None,
) -> Step:
    """The one end of a grant: who it was for stays, how it was decided was said before."""
    fact = replace(
        grant.fact,
        type=kind,
        decision=None,
        reason=reason,
        match=None,
        pad=None,
        quality=None,
        x=x or {},
    )
    return _write(step, ctx, fact)


def take_first(step: Step, ctx: Context) -> Step:
    """the oldest waiting grant → TAKEN"""
    first, *rest = step.state.waiting
    step = change(step, waiting=tuple(rest), passing=True)
    return _end(step, ctx, first, "access.taken")


def end_waiting(step: Step, ctx: Context) -> Step:
    """waiting grants → NOT_TAKEN (without a contact: TAKEN, assumed, where the bolt did open)"""
    if ctx.profile.contact_wired or step.state.bolt is not Bolt.UNLOCKED:
        return _end_all(step, ctx, None)
    for grant in step.state.waiting:
        step = _end(step, ctx, grant, "access.taken", x={"confidence": "assumed"})
    return change(step, waiting=())


def cancel_waiting(step: Step, ctx: Context) -> Step:
    """waiting grants → cancelled"""
    return _end_all(step, ctx, CANCELLED)


def _end_all(step: Step, ctx: Context, reason: str | None) -> Step:
    for grant in step.state.waiting:
        step = _end(step, ctx, grant, "access.not_taken", reason)
    return change(step, waiting=())


def refuse_entry(step: Step, ctx: Context) -> Step:
    """red, and one of the four texts"""
    event = ctx.event
    assert isinstance(event, Denied)
    step = _write(step, ctx, replace(event.fact, type=_kind(event.fact, "access.denied")))
    return ask(step, Signal(Light.RED, event.advice))


# --- lock ----------------------------------------------------------------------------------------------------


def release(step: Step, ctx: Context) -> Step:
    """release the lock until T_release"""
    ms = (step.state.timers[Timer.T_RELEASE] - ctx.now_ns) // MS_NS
    step = change(stop(step, Timer.T_RELOCK_DELAY), drive=Drive.RELEASED)
    return ask(step, Pulse(ms)) if ms else step


def relock(step: Step, ctx: Context) -> Step:
    """relock (a magnet or a bolt: only once closed; a barrier: never on a vehicle)"""
    return keep_free(step, ctx) if _must_wait(step.state, ctx.profile) else secure(step, ctx)


def _must_wait(state: DoorState, profile: DoorProfile) -> bool:
    if profile.lock is LockProfile.BARRIER:
        return state.beam
    return profile.lock in WAIT_FOR_CLOSE and state.contact is Contact.OPEN


def secure(step: Step, ctx: Context) -> Step:
    """relock now"""
    step = change(stop(step, Timer.T_RELOCK_DELAY), drive=Drive.SECURE)
    # While somebody is on the way out the lock stays as it is; the end of T_rex makes up for it.
    return ask(step, Relock()) if output(step.state, ctx.profile) is Output.SECURED else step


def keep_free(step: Step, ctx: Context) -> Step:
    """keep it released until it may lock (a barrier: by a lease that is renewed, however long that takes)"""
    if ctx.profile.lock is LockProfile.BARRIER:
        step = change(start(step, Timer.T_HOLD, ctx.now_ns + HOLD_RENEW_MS * MS_NS), drive=Drive.RELEASED)
        return ask(step, Hold(ctx.now_ns + HOLD_LEASE_MS * MS_NS))
    # Never longer than the watchdog.
    limit_ns = step.state.timers.get(Timer.T_MAX_ENERGISE)
    if limit_ns is None:
        limit_ns = ctx.now_ns + ctx.profile.t_max_energise_ms * MS_NS
    step = change(start(step, Timer.T_MAX_ENERGISE, limit_ns), drive=Drive.RELEASED)
    return ask(step, Hold(limit_ns))


def relock_opened(step: Step, ctx: Context) -> Step:
    """a strike relocks after T_relock_delay, a turnstile now, a magnet or a bolt once closed"""
    if ctx.profile.lock in WAIT_FOR_CLOSE:
        return keep_free(step, ctx)
    if ctx.profile.lock is LockProfile.TURNSTILE:
        return secure(step, ctx)
    return start(step, Timer.T_RELOCK_DELAY, ctx.now_ns + ctx.profile.t_relock_delay_ms * MS_NS)


def relock_closed(step: Step, ctx: Context) -> Step:
    """a strike or turnstile relocks now, any other after T_relock_closed"""
    if ctx.profile.lock in {LockProfile.STRIKE_FAIL_SECURE, LockProfile.TURNSTILE}:
        return secure(step, ctx)
    return start(step, Timer.T_RELOCK_DELAY, ctx.now_ns + ctx.profile.t_relock_closed_ms * MS_NS)


def hold(step: Step, ctx: Context) -> Step:
    """hold released by a lease, renewed every 20 s"""
    step = start(step, Timer.T_HOLD, ctx.now_ns + HOLD_RENEW_MS * MS_NS)
    step = change(step, drive=Drive.SECURE)  # the mode itself releases now
    return ask(step, Hold(ctx.now_ns + HOLD_LEASE_MS * MS_NS))


# --- alarm ---------------------------------------------------------------------------------------------------


def start_open(step: Step, ctx: Context) -> Step:
    """start T_open if the door is open"""
    if step.state.contact is not Contact.OPEN or Timer.T_OPEN in step.state.timers:
        return step
    profile = ctx.profile
    open_ns = ctx.now_ns + profile.t_open_ms * MS_NS
    if profile.t_prealarm_ms:
        step = start(step, Timer.T_PREALARM, open_ns - profile.t_prealarm_ms * MS_NS)
    return start(step, Timer.T_OPEN, open_ns)


def confirm_forced(step: Step, ctx: Context) -> Step:
    """start T_forced_confirm"""
    return start(step, Timer.T_FORCED_CONFIRM, ctx.now_ns + ctx.profile.t_forced_confirm_ms * MS_NS)


def raise_alarm(alarm: Alarm) -> Action:
    def raised(step: Step, _ctx: Context) -> Step:
        return change(step, alarm=alarm)

    raised.__doc__ = f"alarm {alarm}"
    return raised


def alarm_if_open(step: Step, ctx: Context) -> Step:
    """what still waits for its door, or stands over a vehicle: alarm HELD"""
    return change(step, alarm=Alarm.HELD) if _must_wait(step.state, ctx.profile) else step


# --- bolt ----------------------------------------------------------------------------------------------------


def jam(step: Step, _ctx: Context) -> Step:
    """bolt JAMMED, flag LOCK_FAULT"""
    return change(step, bolt=Bolt.JAMMED, flags=step.state.flags | {AlarmFlag.LOCK_FAULT})


def unjam(step: Step, _ctx: Context) -> Step:
    """no longer LOCK_FAULT"""
    return change(step, flags=step.state.flags - {AlarmFlag.LOCK_FAULT})


def watch_bolt(step: Step, profile: DoorProfile, now_ns: int) -> Step:
    """Give a bolt that is not where the output wants it T_bolt_confirm to follow; not a row, it follows every step."""
    state = step.state
    wanted = _wanted_bolt(state, profile)
    if wanted is None or state.bolt is wanted or state.bolt not in {Bolt.LOCKED, Bolt.UNLOCKED}:
        return stop(step, Timer.T_BOLT_CONFIRM)
    if Timer.T_BOLT_CONFIRM in state.timers:
        return step
    return start(step, Timer.T_BOLT_CONFIRM, now_ns + profile.t_bolt_confirm_ms * MS_NS)


def _wanted_bolt(state: DoorState, profile: DoorProfile) -> Bolt | None:
    """Where the bolt has to be, or None where nobody can say: an open door throws no bolt, a strike's latch moves only
    when somebody pushes."""
    if output(state, profile) is Output.SECURED:
        return None if state.contact is Contact.OPEN else Bolt.LOCKED
    return Bolt.UNLOCKED if profile.lock is LockProfile.MOTOR_BOLT else None


def read_levels(step: Step, ctx: Context) -> Step:
    """lock at rest; contact from the sensor; open: alarm PRE_ALARM, not FORCED"""
    step = start_open(secure(step, ctx), ctx)
    if step.state.contact is Contact.OPEN:
        step = change(stop(step, Timer.T_PREALARM), alarm=Alarm.PRE_ALARM)
    return step


def log_boot(step: Step, ctx: Context) -> Step:
    """write down the mode before the restart"""
    event = boot_of(ctx)
    before: dict[str, int | str] = {} if event.prev_mode is None else {"prev_mode": event.prev_mode}
    return _write(step, ctx, Fact(type="door.boot", x={"boot_id": event.boot_id, **before}))


# --- the way out ---------------------------------------------------------------------------------------------


def shunt(step: Step, ctx: Context) -> Step:
    """shunt forced for T_rex"""
    return start(step, Timer.T_REX, ctx.now_ns + ctx.profile.t_rex_ms * MS_NS)


def let_out(step: Step, ctx: Context) -> Step:
    """Egress PULSE (the I/O process has released the lock itself); anonymous passage"""
    event = ctx.event
    assert isinstance(event, RexPressed)
    fact = Fact(
        type="access.granted",
        direction="out",
        grant_id=event.grant_id,
        credential_kind=CredentialKind.REX,
        decision="allow",
        reason=Reason.GRANTED,
    )
    step = change(step, egress=Egress.PULSE, rex=Grant(event.grant_id, fact))
    return _write(step, ctx, fact)


def take_rex(step: Step, ctx: Context) -> Step:
    """the passage out → TAKEN"""
    assert step.state.rex is not None
    return _end(change(step, rex=None), ctx, step.state.rex, "access.taken")


def end_rex(step: Step, ctx: Context) -> Step:
    """Egress IDLE; an unused passage out → NOT_TAKEN; output back to what the mode says"""
    was_pulse, unused = step.state.egress is Egress.PULSE, step.state.rex
    step = change(step, egress=Egress.IDLE, rex=None)
    if unused is not None:
        step = _end(step, ctx, unused, "access.not_taken")
    back = was_pulse and output(step.state, ctx.profile) is Output.SECURED
    return ask(step, Relock()) if back else step


# --- a lockdown's second person, evacuation --------------------------------------------------------------------


def ask_second(step: Step, ctx: Context) -> Step:
    """wait T_second for somebody else to ask too"""
    step = change(step, first_releaser=command_of(ctx).actor)
    return start(step, Timer.T_SECOND, ctx.now_ns + ctx.profile.t_second_ms * MS_NS)


def evacuate(step: Step, ctx: Context) -> Step:
    """latch it open"""
    step = change(step, evacuated=True, drive=Drive.SECURE)  # the mode itself releases now
    actor = ctx.event.actor if isinstance(ctx.event, Command) else FOUND_OPEN
    return ask(step, Latch(EVACUATE, on=True, actor=actor))


def end_evacuation(step: Step, ctx: Context) -> Step:
    """clear the latch of the evacuation"""
    return ask(change(step, evacuated=False), Latch(EVACUATE, on=False, actor=command_of(ctx).actor))


# --- fire ----------------------------------------------------------------------------------------------------


def release_for_fire(step: Step, _ctx: Context) -> Step:
    """latch the release"""
    step = change(step, life_safety=LifeSafety.FIRE, drive=Drive.SECURE)
    return ask(step, Latch(FIRE, on=True, actor="fire input"))


def log_fire(step: Step, ctx: Context) -> Step:
    """write down the release"""
    return _write(step, ctx, Fact(type="fire.release", decision="release"))


def reset_fire(step: Step, ctx: Context) -> Step:
    """clear the latch"""
    assert isinstance(ctx.event, FireReset)
    step = change(step, life_safety=LifeSafety.CLEAR)
    return ask(step, Latch(FIRE, on=False, actor=ctx.event.actor))
