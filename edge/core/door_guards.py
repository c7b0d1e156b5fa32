"""When a row of the door's table fits.  Each guard's docstring is what the printed table says."""

from edge.core import door_actions as do
from edge.core.door_profile import LockProfile
from edge.core.door_types import Alarm, AlarmFlag, Bolt, Contact, Drive, LifeSafety, Mode, Step, shunted

# One person needs seconds; more than this at one closed door is a fault, and the next is refused aloud.
WAITING_MAX = 16


def room(step: Step, _ctx: do.Context) -> bool:
    """fewer than 16 waiting"""
    return len(step.state.waiting) < WAITING_MAX


def opened(_step: Step, ctx: do.Context) -> bool:
    """was not open"""
    return ctx.before.contact is not Contact.OPEN


def opened_for_grant(step: Step, ctx: do.Context) -> bool:
    """was not open; a grant waits (not at a barrier: its arm is not its passage)"""
    return opened(step, ctx) and bool(ctx.before.waiting) and not _barrier(ctx)


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


def _barrier(ctx: do.Context) -> bool:
    return ctx.profile.lock is LockProfile.BARRIER


def vehicle_for_grant(step: Step, ctx: do.Context) -> bool:
    """barrier; the beam was clear; a grant waits"""
    return _barrier(ctx) and not ctx.before.beam and bool(step.state.waiting)


def gone_with_grant(step: Step, ctx: do.Context) -> bool:
    """barrier; the beam was broken; a grant waits"""
    return gone(step, ctx) and bool(step.state.waiting)


def gone(_step: Step, ctx: do.Context) -> bool:
    """barrier; the beam was broken"""
    return _barrier(ctx) and ctx.before.beam


def gone_passing(step: Step, ctx: do.Context) -> bool:
    """barrier; the beam was broken by an earlier grant"""
    return gone(step, ctx) and step.state.passing


def gone_released(step: Step, ctx: do.Context) -> bool:
    """barrier; the beam was broken; still open"""
    return gone(step, ctx) and step.state.drive is Drive.RELEASED


def over_vehicle(step: Step, ctx: do.Context) -> bool:
    """barrier; something stands under it"""
    return _barrier(ctx) and step.state.beam and step.state.drive is Drive.RELEASED


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


def evacuated(step: Step, _ctx: do.Context) -> bool:
    """evacuated"""
    return step.state.evacuated


def not_evacuated(step: Step, _ctx: do.Context) -> bool:
    """not evacuated yet"""
    return not step.state.evacuated


def evacuated_without_fire(step: Step, _ctx: do.Context) -> bool:
    """evacuated; no fire"""
    return step.state.evacuated and step.state.life_safety is LifeSafety.CLEAR


def was_locked_down(_step: Step, ctx: do.Context) -> bool:
    """was locked down before the restart"""
    return do.boot_of(ctx).prev_mode is Mode.LOCKED_DOWN


def was_blocked(_step: Step, ctx: do.Context) -> bool:
    """was blocked before the restart"""
    return do.boot_of(ctx).prev_mode is Mode.BLOCKED


def enough_to_release(step: Step, ctx: do.Context) -> bool:
    """one person is enough, or somebody else asked within T_second"""
    first, command = step.state.first_releaser, do.command_of(ctx)
    two = bool(command.second) or first not in {None, command.actor}
    return two or not ctx.profile.lockdown_release_by_two


def jams(_step: Step, ctx: do.Context) -> bool:
    """was not jammed"""
    return ctx.before.bolt is not Bolt.JAMMED


def was_jammed(_step: Step, ctx: do.Context) -> bool:
    """was LOCK_FAULT"""
    return AlarmFlag.LOCK_FAULT in ctx.before.flags


def new_flag(flag: AlarmFlag) -> do.Guard:
    def new(_step: Step, ctx: do.Context) -> bool:
        return flag not in ctx.before.flags

    new.__doc__ = f"was not {flag}"
    return new


def had_flag(flag: AlarmFlag) -> do.Guard:
    def had(_step: Step, ctx: do.Context) -> bool:
        return flag in ctx.before.flags

    had.__doc__ = f"was {flag}"
    return had


def contact_breaks(_step: Step, ctx: do.Context) -> bool:
    """was not FAULT"""
    return ctx.before.contact is not Contact.FAULT


def fire_is_out_evacuated(step: Step, ctx: do.Context) -> bool:
    """released by fire; fire input normal; evacuated too"""
    return fire_is_out(step, ctx) and step.state.evacuated


def fire_is_out(step: Step, _ctx: do.Context) -> bool:
    """released by fire; fire input normal"""
    return step.state.life_safety is LifeSafety.FIRE and not step.state.fire_input
