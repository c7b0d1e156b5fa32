"""What a door says by a light and a sound: one small table for words to a person, one answer for what a door is in.

The same table serves the door's lights (``ports_io.Show`` through gate-io) and the sounds of its screen, so that who
cannot see, who cannot hear and who stands at a door without a screen are told the same.
"""

from collections.abc import Mapping
from types import MappingProxyType

from edge.core.door_types import Alarm, AlarmFlag, DoorState, Drive, LifeSafety, Mode
from edge.kiosk.state import Screen
from edge.ports_io import Show

# By word of the gate loop.  What is not here asks for something or says how far it is: no colour, no sound.
SAID: Mapping[str, Show] = MappingProxyType(
    {
        "welcome": Show.GRANTED,
        "look_after_code": Show.WAIT,
        "now_pin": Show.WAIT,
        "now_second": Show.WAIT,
        "second_person": Show.WAIT,
        "try_again": Show.DENIED,
        "use_code": Show.DENIED,
        "wait_until": Show.DENIED,
        "see_guard": Show.DENIED,
        "register": Show.DENIED,
        "pin_refused": Show.DENIED,
        "next_code": Show.DENIED,
        "other_door": Show.DENIED,
        "two_refused": Show.DENIED,
    }
)
# Repeated by itself every two seconds while somebody stands there with a face that stays unclear: heard once.
ONCE = frozenset({"use_code"})

_MODES: Mapping[Mode, Screen] = MappingProxyType(
    {
        Mode.LOCKED_OPEN: Screen.LEAVE,
        Mode.LOCKED_DOWN: Screen.LOCKED_DOWN,
        Mode.BLOCKED: Screen.BLOCKED,
        Mode.UNLOCKED: Screen.OPEN_DOOR,
    }
)
# Screens no word leads to: a door stands in them.
STANDING = frozenset({*_MODES.values(), Screen.OUT_OF_ORDER, Screen.NOT_IN_SERVICE})
_BROKEN = frozenset({AlarmFlag.LOCK_SILENT, AlarmFlag.LOCK_FAULT})
_ALARMS: Mapping[Alarm, Show] = MappingProxyType(
    {
        Alarm.NORMAL: Show.IDLE,
        Alarm.PRE_ALARM: Show.PREALARM,
        Alarm.FORCED: Show.ALARM,
        Alarm.HELD: Show.ALARM,
    }
)


def screen_of(state: DoorState, *, in_service: bool = True) -> Screen | None:
    """The screen of what the door is in; None at a door that does as usual."""
    if not in_service and _screen_of(state) is None:
        return Screen.NOT_IN_SERVICE
    return _screen_of(state)


def _screen_of(state: DoorState) -> Screen | None:
    if state.life_safety is LifeSafety.FIRE:
        return Screen.LEAVE
    if state.mode in {Mode.LOCKED, Mode.ACCESSED, Mode.UNLOCKED} and state.flags & _BROKEN:
        return Screen.OUT_OF_ORDER
    return _MODES.get(state.mode)


def alarm_of(state: DoorState) -> Show:
    """IDLE, PREALARM or ALARM; where people are to leave, nobody is asked to shut the door."""
    return Show.IDLE if _screen_of(state) is Screen.LEAVE else _ALARMS[state.alarm]


def lamp_of(state: DoorState) -> Show:
    """What the lights show while nobody is spoken to; green for as long as a person can walk in."""
    if screen_of(state) is Screen.LEAVE:
        return Show.FREE
    if state.alarm is not Alarm.NORMAL:
        return alarm_of(state)
    released = state.mode is Mode.ACCESSED and state.drive is Drive.RELEASED
    return Show.GRANTED if released or state.mode is Mode.UNLOCKED else Show.IDLE
