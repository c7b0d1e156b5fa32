"""Light and sound of a door: one table for what is said to a person, and what a door is in before and after."""

import asyncio
from dataclasses import replace
from datetime import UTC

import pytest

from edge.core.door_types import Alarm, AlarmFlag, DoorState, Drive, LifeSafety, Mode
from edge.core.events import AccessPointId, CredentialKind
from edge.core.reasons import GUEST_TEXT, advise
from edge.kiosk import screens
from edge.kiosk.screens import WORDS, DoorScreens
from edge.kiosk.signs import ONCE, SAID, alarm_of, lamp_of, screen_of
from edge.kiosk.state import Door, KioskState, Screen
from edge.kiosk.texts import CALM, SENTENCES
from edge.ports_io import Show
from edge.runtime.screen_words import word_of

GATE = AccessPointId("AP-1")
LOCKED = DoorState(mode=Mode.LOCKED)


class Lights:
    """What the lights of the doors were told."""

    def __init__(self):
        self.told: list[str] = []

    def __call__(self, _door, what):
        self.told.append(str(what))


def door(monkeypatch, shown_s=0.05):
    monkeypatch.setattr(screens, "SHOWN_S", shown_s)
    state, lights = KioskState([Door(GATE, "东门", "East gate")]), Lights()
    return state, lights, DoorScreens(state, UTC, lambda: 0, lights)


async def until(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that within five seconds")


# --- the table ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", list(GUEST_TEXT))
@pytest.mark.parametrize("kind", list(CredentialKind))
@pytest.mark.parametrize("until_ms", [None, 1])
def test_every_refusal_is_red_and_heard_whatever_it_was_shown_to(reason, kind, until_ms):
    assert SAID[word_of(advise(reason, kind, until_ms), kind, reason)] is Show.DENIED


def test_every_word_with_a_light_has_a_screen_that_means_the_same():
    assert set(SAID) <= set(WORDS)
    assert set(SAID) >= ONCE
    for word, what in SAID.items():
        assert (WORDS[word] in CALM) is (what is not Show.DENIED), word
    assert [word for word, what in SAID.items() if what is Show.GRANTED] == ["welcome"]


def test_every_show_of_a_door_is_said_by_something():
    by_state = {
        lamp_of(replace(LOCKED, mode=mode, alarm=alarm, drive=drive, life_safety=safety))
        for mode in Mode
        for alarm in Alarm
        for drive in Drive
        for safety in LifeSafety
    }
    assert set(SAID.values()) | by_state == set(Show)


@pytest.mark.parametrize(
    ("change", "screen", "lamp"),
    [
        ({}, None, Show.IDLE),
        ({"mode": Mode.UNKNOWN}, None, Show.IDLE),
        ({"mode": Mode.ACCESSED, "drive": Drive.RELEASED}, None, Show.GRANTED),
        ({"mode": Mode.ACCESSED}, None, Show.IDLE),
        ({"mode": Mode.UNLOCKED}, Screen.OPEN_DOOR, Show.GRANTED),
        ({"mode": Mode.BLOCKED}, Screen.BLOCKED, Show.IDLE),
        ({"mode": Mode.LOCKED_DOWN}, Screen.LOCKED_DOWN, Show.IDLE),
        ({"mode": Mode.LOCKED_OPEN}, Screen.LEAVE, Show.FREE),
        ({"mode": Mode.LOCKED_DOWN, "life_safety": LifeSafety.FIRE}, Screen.LEAVE, Show.FREE),
        ({"mode": Mode.LOCKED_OPEN, "alarm": Alarm.FORCED}, Screen.LEAVE, Show.FREE),
        ({"flags": frozenset({AlarmFlag.LOCK_SILENT})}, Screen.OUT_OF_ORDER, Show.IDLE),
        ({"flags": frozenset({AlarmFlag.LOCK_FAULT})}, Screen.OUT_OF_ORDER, Show.IDLE),
        ({"flags": frozenset({AlarmFlag.TAMPER, AlarmFlag.POWER_LOW})}, None, Show.IDLE),
        ({"alarm": Alarm.PRE_ALARM, "mode": Mode.ACCESSED}, None, Show.PREALARM),
        ({"alarm": Alarm.HELD}, None, Show.ALARM),
        ({"alarm": Alarm.FORCED, "mode": Mode.LOCKED_DOWN}, Screen.LOCKED_DOWN, Show.ALARM),
    ],
)
def test_what_a_door_is_in_has_its_screen_and_its_light(change, screen, lamp):
    state = replace(LOCKED, **change)
    assert (screen_of(state), lamp_of(state)) == (screen, lamp)


@pytest.mark.parametrize("alarm", list(Alarm))
def test_where_people_are_to_leave_nobody_is_asked_to_shut_the_door(alarm):
    burning = replace(LOCKED, mode=Mode.LOCKED_OPEN, life_safety=LifeSafety.FIRE, alarm=alarm)
    assert (alarm_of(burning), lamp_of(burning)) == (Show.IDLE, Show.FREE)


def test_a_door_standing_in_a_mode_tells_that_the_way_out_is_free_where_nobody_gets_in():
    for screen in (Screen.LOCKED_DOWN, Screen.BLOCKED, Screen.OUT_OF_ORDER):
        assert "the way out is free" in SENTENCES[screen].hint.en.lower()
        assert "可以随时出门" in SENTENCES[screen].hint.zh


# --- one door ------------------------------------------------------------------------------------------------------


def test_lights_go_back_to_idle_by_themselves_after_a_yes_and_after_a_no(monkeypatch):
    state, lights, desk = door(monkeypatch)

    async def scene():
        desk.stands(GATE, LOCKED)
        desk.show(GATE, "welcome")
        await until(lambda: lights.told[-1] == "idle")
        desk.show(GATE, "see_guard")
        await until(lambda: lights.told[-1] == "idle")
        desk.show(GATE, "look_after_code")
        await until(lambda: lights.told[-1] == "idle")

    asyncio.run(scene())
    assert lights.told == [
        "idle",
        "granted",
        "idle",
        "denied",
        "idle",
        "wait",
        "idle",
    ]  # the first: whatever an
    # earlier life of the node had left there is over
    assert state.view(GATE).screen is Screen.FACE_OFF


def test_green_stays_for_as_long_as_the_door_can_be_opened(monkeypatch):
    state, lights, desk = door(monkeypatch)

    async def scene():
        desk.show(GATE, "welcome")
        desk.stands(GATE, replace(LOCKED, mode=Mode.ACCESSED, drive=Drive.RELEASED))
        await until(lambda: state.view(GATE).screen is Screen.FACE_OFF)
        assert lights.told == ["granted"]
        desk.stands(GATE, LOCKED)

    asyncio.run(scene())
    assert lights.told == ["granted", "idle"]


def test_an_alarm_is_over_whatever_is_said_and_ends_with_the_door(monkeypatch):
    state, lights, desk = door(monkeypatch)

    async def scene():
        desk.stands(GATE, replace(LOCKED, alarm=Alarm.PRE_ALARM))
        assert state.view(GATE).alarm is Show.PREALARM
        desk.show(GATE, "see_guard")
        desk.stands(GATE, replace(LOCKED, alarm=Alarm.HELD))
        desk.show(GATE, "see_guard")
        await until(lambda: state.view(GATE).screen is Screen.FACE_OFF)
        assert state.view(GATE).alarm is Show.ALARM
        desk.stands(GATE, LOCKED)

    asyncio.run(scene())
    assert lights.told == ["prealarm", "denied", "alarm", "idle"]
    assert state.view(GATE).alarm is Show.IDLE


def test_fire_takes_the_screen_at_once_and_nothing_is_said_over_it(monkeypatch):
    state, lights, desk = door(monkeypatch, shown_s=5)

    async def scene():
        desk.show(GATE, "see_guard")
        desk.stands(GATE, replace(LOCKED, mode=Mode.LOCKED_OPEN, life_safety=LifeSafety.FIRE))
        assert state.view(GATE).screen is Screen.LEAVE
        for word in WORDS:
            desk.show(GATE, word)
            assert state.view(GATE).screen is Screen.LEAVE, word
        desk.stands(GATE, LOCKED)

    asyncio.run(scene())
    assert state.view(GATE).screen in {
        WORDS["look_here"],
        WORDS["code_only"],
        WORDS["code_first"],
        Screen.FACE_OFF,
    }
    assert lights.told == ["denied", "free", "idle"]


@pytest.mark.parametrize("mode", [Mode.LOCKED_DOWN, Mode.BLOCKED, Mode.UNLOCKED])
def test_a_door_that_opens_for_nobody_or_for_all_asks_nobody_to_turn_their_head(monkeypatch, mode):
    state, _, desk = door(monkeypatch)

    async def scene():
        desk.stands(GATE, replace(LOCKED, mode=mode))
        standing = state.view(GATE).screen
        for word in ("look_here", "turn_left", "face_too_small", "look_after_code"):
            desk.show(GATE, word)
            assert state.view(GATE).screen is standing, word
        desk.show(GATE, "see_guard")
        assert state.view(GATE).screen is Screen.ASK_STAFF
        await until(lambda: state.view(GATE).screen is standing)

    asyncio.run(scene())


def test_what_is_said_is_counted_so_that_each_person_hears_it_and_a_face_that_stays_unclear_once(monkeypatch):
    state, _, desk = door(monkeypatch, shown_s=5)

    async def scene():
        for word in ("see_guard", "see_guard", "welcome", "look_here", "turn_left"):
            desk.show(GATE, word)
        assert (state.view(GATE).said, state.view(GATE).times) == (Show.GRANTED, 3)
        for _ in range(5):
            desk.show(GATE, "use_code")
        assert (state.view(GATE).said, state.view(GATE).times) == (Show.DENIED, 4)

    asyncio.run(scene())


def test_lights_that_were_away_are_told_anew(monkeypatch):
    _, lights, desk = door(monkeypatch)

    async def scene():
        desk.stands(GATE, replace(LOCKED, alarm=Alarm.FORCED))
        desk.relight()

    asyncio.run(scene())
    assert lights.told == ["alarm", "alarm"]


def test_an_alarm_has_the_same_name_for_ear_and_eye():
    assert {alarm_of(replace(LOCKED, alarm=alarm)) for alarm in Alarm} == {
        Show.IDLE,
        Show.PREALARM,
        Show.ALARM,
    }
