"""The screen at the door as the program has it: what is said by light and sound, and what a door can stand in."""

from docs.printed import table
from edge.core.door_types import Alarm, AlarmFlag, DoorState, LifeSafety, Mode
from edge.core.events import AccessPointId
from edge.kiosk.screens import WORDS
from edge.kiosk.signs import SAID, STANDING, alarm_of, lamp_of, screen_of
from edge.kiosk.state import Door, DoorView
from edge.kiosk.texts import SENTENCES, alarm_text
from edge.ports_io import Show

_LOCKED = DoorState(mode=Mode.LOCKED)
_IN = {
    "fire, or opened for evacuation": DoorState(mode=Mode.LOCKED_OPEN, life_safety=LifeSafety.FIRE),
    "locked down": DoorState(mode=Mode.LOCKED_DOWN),
    "blocked": DoorState(mode=Mode.BLOCKED),
    "lock silent or jammed": DoorState(mode=Mode.LOCKED, flags=frozenset({AlarmFlag.LOCK_SILENT})),
    "unlocked by hours or by staff": DoorState(mode=Mode.UNLOCKED),
    "commissioning list not signed": None,
}


def said() -> str:
    """What is said to a person: the same by light, by sound and on the screen."""
    rows = []
    for show in Show:
        words = [word for word, what in SAID.items() if what is show]
        if words:
            screens = dict.fromkeys(WORDS[word].value for word in words)
            rows.append((f"`{show}`", ", ".join(f"`{screen}`" for screen in screens)))
    return table(("light and sound", "screens"), rows)


def standing() -> str:
    """What a door stands in: its screen in both languages, and its light."""
    rows = []
    for name, state in _IN.items():
        screen = screen_of(state or _LOCKED, in_service=state is not None)
        assert screen in STANDING
        sentence = SENTENCES[screen]
        light = lamp_of(state or _LOCKED)
        rows.append((name, sentence.title.zh, sentence.title.en, sentence.hint.en, f"`{light}`"))
    return table(("the door is", "大字", "large", "below it", "light"), rows)


def alarms() -> str:
    """What beeps, and what stands there to be read meanwhile."""
    rows = []
    for alarm in (Alarm.PRE_ALARM, Alarm.HELD, Alarm.FORCED):
        view = DoorView(Door(AccessPointId("door"), "", ""), alarm=alarm_of(DoorState(alarm=alarm)))
        text = alarm_text(view)
        assert text is not None
        rows.append((f"`{alarm}`", f"`{view.alarm}`", text.zh, text.en))
    return table(("alarm", "light and sound", "屏幕显示", "on the screen"), rows)
