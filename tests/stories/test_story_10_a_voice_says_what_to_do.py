"""Story 10: what stands on the screen is said aloud, in both languages, and the door never waits for it."""

import asyncio
import json
import threading
from zoneinfo import ZoneInfo

import pytest

from edge.compose_devices import open_devices
from edge.config import NodeConfig
from edge.core.door_types import Alarm, DoorState, LifeSafety
from edge.core.events import AccessPointId, ClockState
from edge.kiosk.screens import REST, WORDS, DoorScreens
from edge.kiosk.spoken import SPOKEN
from edge.kiosk.state import Door, KioskState
from edge.kiosk.texts import SENTENCES
from edge.kiosk.voices import AGAIN_S, Manner, Voice, Voices
from edge.ports import ClockReading
from tests.fakes.loudspeaker import played, player
from tests.fakes.waiting import eventually

GATE = AccessPointId("gate")
ZONE = ZoneInfo("Asia/Shanghai")
NOON_MS = 1_777_608_000_000  # 2026-05-01, 12:00 there
HOUR_MS = 3_600_000


class At:
    def __init__(self, wall_ms=NOON_MS):
        self.wall_ms = wall_ms

    def read(self):
        return ClockReading(self.wall_ms, 0, ClockState.TRUSTED, 0)


def node(folder, driver, **settings):
    """A node's configuration with a voice at its gate."""
    voice = {"access_point": "gate", "driver": driver, "settings": settings}
    return NodeConfig.model_validate(
        {
            "node": "gate-1",
            "data_dir": folder,
            "join_file": folder / "join.json",
            "io_profile": folder / "io.toml",
            "doors": [{"access_point": "gate", "kind": "gate"}],
            "voices": [voice],
        }
    )


def screens_of(say):
    return DoorScreens(
        KioskState([Door(GATE, "南门", "South gate", "https://gate.test/arrive/gate")]),
        ZONE,
        lambda: NOON_MS,
        say=say,
    )


def speak(devices, *words):
    """The node's screens say these words of the gate loop to somebody at the door."""
    devices.voices.start()

    async def at_the_door():
        screens = screens_of(devices.say)
        for word in words:
            screens.show(GATE, word, NOON_MS if word == "wait_until" else None)

    asyncio.run(at_the_door())


@pytest.mark.espeak
@pytest.mark.story("10e")
def test_the_screens_sentence_is_made_into_speech_and_played_at_the_door(tmp_path):
    config = node(tmp_path, "espeak", player=player(tmp_path))
    devices = open_devices(config, At(), ZONE, lambda: None)
    speak(devices, "show_code")
    eventually(lambda: len(played(tmp_path)) == 2, what="zh and en")
    eventually(lambda: len(list((tmp_path / "voice").glob("[!.]*.wav"))) > 4, what="more to be ready")
    devices.voices.close()
    assert devices.faults() == ()


@pytest.mark.story("10e")
def test_every_sentence_the_screen_says_to_somebody_is_said_as_it_stands_there_and_no_name(tmp_path):
    """Each in both languages in turn; what the door rests in is said to nobody."""
    said = tmp_path / "said.jsonl"
    for word, screen in WORDS.items():
        devices = open_devices(node(tmp_path, "simulated", record=said), At(), ZONE, lambda: None)
        speak(devices, word)
        if screen not in REST:
            eventually(lambda: said.exists() and len(said.read_text().splitlines()) == 2, what=word)
        devices.voices.close()
        heard = [json.loads(line) for line in said.read_text().splitlines()] if said.exists() else []
        assert [line["language"] for line in heard] == ([] if screen in REST else ["zh", "en"])
        for line in heard:
            title = SENTENCES[screen].title if screen != "wait_until" else SENTENCES[screen].hint
            assert (title.zh if line["language"] == "zh" else title.en)[:5] in line["text"]
            assert "{" not in line["text"]
            assert "South" not in line["text"]
        said.unlink(missing_ok=True)


@pytest.mark.story("10e")
def test_the_door_waits_for_no_voice_and_the_newest_sentence_is_the_one_that_is_said():
    """The driver is held up in the middle of the first; the screens go on, and what came in between is left out."""
    driver = Held()
    voice = Voice(driver, GATE, Manner(("zh",), 1.0, 1.0, (0, 0)))
    voices = Voices({GATE: voice}, lambda: NOON_MS, ZONE)
    voices.start()

    async def at_the_door():
        screens = screens_of(voices.say)
        screens.show(GATE, "try_again")
        driver.begun.wait(30)
        for word in ("show_code", "see_guard", "welcome"):
            screens.show(GATE, word)
        assert driver.said == [("请再试一次。请站近一些，正对摄像头", True)]

    asyncio.run(at_the_door())
    driver.go_on.set()
    eventually(lambda: len(driver.said) == 2, what="the newest")
    assert driver.said[0][0].startswith("请再试一次")
    assert driver.cut_off
    assert driver.said[1][0].startswith("请进")
    voices.close()
    assert not voice._thread.is_alive()


class Held:
    """Stands still in the middle of its first sentence, until it is let go on."""

    def __init__(self):
        self.said, self.begun, self.go_on, self.cut_off = [], threading.Event(), threading.Event(), False

    def prepare(self, words, wanted):
        pass

    def say(self, words, volume, wanted):
        self.said.append((words.text, wanted()))
        if len(self.said) == 1:
            self.begun.set()
            self.go_on.wait(30)
            self.cut_off = not wanted()


class Heard(list):
    def __call__(self, door, key):
        self.append(key)


def test_fire_an_alarm_and_what_became_of_a_call_are_said_once():
    heard = Heard()

    async def at_the_door():
        screens = screens_of(heard)
        calm = DoorState()
        for state in (
            calm,
            DoorState(alarm=Alarm.PRE_ALARM),
            DoorState(alarm=Alarm.PRE_ALARM),
            DoorState(alarm=Alarm.HELD),
            calm,
            DoorState(life_safety=LifeSafety.FIRE),
            DoorState(life_safety=LifeSafety.FIRE),
        ):
            screens.stands(GATE, state)
        for word in ("calling", "told", ""):
            screens.answer_help(GATE, word)

    asyncio.run(at_the_door())
    assert heard == ["alarm_prealarm", "alarm_alarm", "leave", "help_calling", "help_told"]
    assert set(heard) <= set(SPOKEN)


def test_it_is_softer_by_night_and_a_sentence_that_stands_is_not_begun_anew():
    manner = Manner(("zh", "en"), 0.8, 0.3, (22 * 60, 7 * 60))
    assert [manner.volume_at(h * 60) for h in (12, 22, 0, 6, 7)] == [0.8, 0.3, 0.3, 0.3, 0.8]
    assert Manner(("zh",), 0.8, 0.3, (60, 60)).volume_at(60) == 0.8
    driver = Held()
    driver.go_on.set()
    voice = Voice(driver, GATE, Manner(("en",), 1.0, 0.0, (22 * 60, 7 * 60)))
    voice.start()
    for at_s in (0.0, AGAIN_S - 1, AGAIN_S - 0.5):
        voice.say("try_again", 720, at_s)
    eventually(lambda: len(driver.said) == 1, what="once")
    voice.say("try_again", 720, AGAIN_S + 1)
    eventually(lambda: len(driver.said) == 2, what="again")
    voice.say("welcome", 0, 100.0)  # night, and no volume
    voice.say("show_code", 720, 101.0)
    eventually(lambda: len(driver.said) == 3, what="by day")
    assert "Show your code" in driver.said[2][0]
    voice.close()


def test_a_voice_that_cannot_speak_is_a_fault_of_the_node_until_it_can(tmp_path):
    config = node(tmp_path, "simulated", record=tmp_path)  # a folder is no record
    devices = open_devices(config, At(), ZONE, lambda: None)
    speak(devices, "show_code")
    eventually(devices.faults, what="the fault")
    assert "cannot be written" in devices.faults()[0]
    devices.voices.close()


@pytest.mark.parametrize(
    ("voices", "why"),
    [
        ([{"access_point": "unit", "driver": "simulated"}], "no door of this node"),
        ([{"access_point": "gate", "driver": "simulated"}] * 2, "two voices"),
        ([{"access_point": "gate", "driver": "simulated", "languages": ["zh", "zh"]}], "twice"),
        ([{"access_point": "gate", "driver": "simulated", "night": "25:00-07:00"}], "pattern"),
    ],
)
def test_what_cannot_be_written_of_voices(tmp_path, voices, why):
    raw = node(tmp_path, "simulated").model_dump()
    with pytest.raises(ValueError, match=why):
        NodeConfig.model_validate({**raw, "voices": voices})
