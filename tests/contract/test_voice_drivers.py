"""Every voice driver passes this; a new driver adds one line to ``VOICES``.  Speech is made by the real espeak-ng."""

import json
import os
import threading
import wave
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.core.events import AccessPointId
from edge.drivers.voices import espeak
from edge.drivers.voices import simulated as sim
from edge.drivers.voices.espeak import EspeakSettings
from edge.errors import HardwareError
from edge.kiosk.spoken import SPOKEN, words_of
from edge.ports import VoiceDriver, Words
from tests.fakes.loudspeaker import played, player, script
from tests.fakes.waiting import eventually

GATE = AccessPointId("gate")
CODE = Words("请出示通行码", "zh")
CODE_EN = Words("Show your code. Hold the QR code on your phone up to the camera, or ask the staff", "en")


def always() -> bool:
    return True


@dataclass
class Rig:
    voice: VoiceDriver
    said: Callable[[], int]  # how many sentences reached the loudspeaker
    spoil: Callable[[], None]


def simulated(folder: Path) -> Rig:
    record = folder / "said.jsonl"
    voice = sim.open_voice(sim.SimulatedVoiceSettings(record), GATE, cache=folder / "cache")

    def spoil() -> None:
        record.unlink(missing_ok=True)
        record.mkdir()

    return Rig(voice, lambda: len(record.read_text().splitlines()) if record.is_file() else 0, spoil)


def speaking(folder: Path, **more: object) -> Rig:
    settings = EspeakSettings(player=player(folder), **more)  # type: ignore[arg-type]
    voice = espeak.open_voice(settings, GATE, cache=folder / "cache")
    return Rig(voice, lambda: len(played(folder)), lambda: script(folder / "player", "exit 3"))


VOICES = [simulated, pytest.param(speaking, marks=pytest.mark.espeak)]


@pytest.mark.parametrize("make", VOICES)
def test_it_says_what_it_is_told_and_nothing_that_is_not_wanted_any_more(make, tmp_path):
    rig = make(tmp_path)
    rig.voice.prepare(CODE, always)
    assert rig.said() == 0
    rig.voice.say(CODE, 1.0, lambda: False)
    assert rig.said() == 0
    for n, words in enumerate((CODE, CODE_EN, CODE), start=1):
        rig.voice.say(words, 0.5, always)
        assert rig.said() == n


@pytest.mark.parametrize("make", VOICES)
def test_a_device_that_fails_is_one_sentence(make, tmp_path):
    rig = make(tmp_path)
    rig.spoil()
    with pytest.raises(HardwareError, match=r"^gate: "):
        rig.voice.say(CODE, 1.0, always)


def test_the_record_says_the_words_and_their_language(tmp_path):
    rig = simulated(tmp_path)
    rig.voice.say(CODE, 0.5, always)
    line = json.loads((tmp_path / "said.jsonl").read_text())
    assert (line["door"], line["text"], line["language"], line["volume"]) == ("gate", CODE.text, "zh", 0.5)


# --- espeak-ng ----------------------------------------------------------------------------------------------------------


def samples(file: Path) -> tuple[float, array]:
    with wave.open(str(file), "rb") as held:
        frames = array("h", held.readframes(held.getnframes()))
        return held.getnframes() / held.getframerate(), frames


@pytest.mark.espeak
def test_it_is_speech_of_a_plausible_length_each_sentence_its_own_and_made_once(tmp_path):
    rig = speaking(tmp_path)
    keys = ("welcome", "show_code", "leave", "help_told")
    words = [one for key in keys for one in words_of(key, ("zh", "en"))]
    for one in words:
        rig.voice.say(one, 1.0, always)
    heard = [samples(file) for file in played(tmp_path)]
    for (seconds, frames), one in zip(heard, words, strict=True):
        per_sign = seconds / len(one.text)
        assert (0.1 if one.language == "zh" else 0.03) < per_sign < (0.9 if one.language == "zh" else 0.2), one  # fmt: skip
        assert max(frames) > 3_000, one
    assert len({frames.tobytes() for _, frames in heard}) == len(words)
    made = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cache").glob("[!.]*.wav")}
    assert len(made) == len(words)
    rig.voice.say(words[0], 0.25, always)
    assert {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cache").glob("[!.]*.wav")} == made
    soft, loud = samples(played(tmp_path)[-1])[1], heard[0][1]
    assert abs(max(soft) - max(loud) / 4) <= 1


@pytest.mark.espeak
def test_aplay_takes_what_is_made(tmp_path):
    voice = espeak.open_voice(EspeakSettings(device="null"), GATE, cache=tmp_path)
    voice.say(CODE, 0.5, always)
    with pytest.raises(HardwareError, match="aplay failed"):
        espeak.open_voice(EspeakSettings(device="no-such"), GATE, cache=tmp_path).say(CODE, 0.5, always)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_synthesiser_that_hangs_is_ended(tmp_path, wanted):
    pid = tmp_path / "pid"
    hanging = script(tmp_path / "espeak", f"echo $$ > {pid}", "exec sleep 600")
    voice = espeak.open_voice(EspeakSettings(synthesiser=hanging, within_s=1.0), GATE, cache=tmp_path / "c")
    if wanted:
        with pytest.raises(HardwareError, match="did not end within 1 s"):
            voice.prepare(CODE, always)
    else:
        voice.prepare(CODE, lambda: not (pid.exists() and pid.read_text()))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert list((tmp_path / "c").glob("*.wav")) == []


def test_a_newer_sentence_cuts_off_the_player(tmp_path):
    pid, newer = tmp_path / "pid", threading.Event()
    hanging = script(tmp_path / "player", f"echo $$ > {pid}", "exec sleep 600")
    speech = script(
        tmp_path / "espeak", 'while [ "$1" != -w ]; do shift; done', f'cp {tmp_path}/one.wav "$2"'
    )
    with wave.open(str(tmp_path / "one.wav"), "wb") as made:
        made.setparams((1, 2, 22_050, 0, "NONE", ""))
        made.writeframes(b"\1\2" * 500)
    voice = espeak.open_voice(EspeakSettings(synthesiser=speech, player=hanging), GATE, cache=tmp_path / "c")
    saying = threading.Thread(target=voice.say, args=(CODE, 1.0, lambda: not newer.is_set()))
    saying.start()
    eventually(lambda: pid.exists() and pid.read_text(), what="the player")
    newer.set()
    saying.join(30)
    assert not saying.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("exit 1",), "espeak failed with 1"),
        (("exit 0",), "cannot be kept"),
        (('while [ "$1" != -w ]; do shift; done', 'echo no > "$2"'), "cannot be kept"),
    ],
)
def test_what_is_no_speech_is_not_kept(tmp_path, lines, why):
    wrong = script(tmp_path / "espeak", *lines)
    voice = espeak.open_voice(EspeakSettings(synthesiser=wrong), GATE, cache=tmp_path / "c")
    with pytest.raises(HardwareError, match=why):
        voice.prepare(CODE, always)
    assert list((tmp_path / "c").glob("*.wav")) == []


def test_a_program_that_is_not_there_is_named(tmp_path):
    voice = espeak.open_voice(EspeakSettings(synthesiser=tmp_path / "none"), GATE, cache=tmp_path)
    with pytest.raises(HardwareError, match="none cannot be started"):
        voice.prepare(CODE, always)


@pytest.mark.parametrize(
    "wrong",
    [{"device": "a b"}, {"device": "$(x)"}, {"voice_zh": "../x"}, {"words_per_minute": 0}, {"within_s": 0}],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="is"):
        EspeakSettings(**wrong)


def test_every_sentence_fits():
    longest = max(len(text) for both in SPOKEN.values() for text in (both.zh, both.en))
    assert longest < espeak.TEXT_MAX
    assert 2 * len(SPOKEN) * 3 < espeak.KEPT_MAX
