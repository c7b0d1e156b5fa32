"""Speech of espeak-ng, played by ALSA's aplay: two programs of Debian, each started without a shell and ended in time.

A sentence is synthesised once and kept as a WAV file under a name that follows from its words and how they are said; from
then on it is only played, at once and without any network.
"""

import contextlib
import re
import subprocess
import time
import wave
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from edge.core.events import AccessPointId
from edge.errors import HardwareError
from edge.ports import Words

SAY_WITHIN_S = 25.0  # the longest sentence takes ten
LOOK_EVERY_S = 0.05  # how soon a newer sentence cuts an older one off
TEXT_MAX = 500
SAMPLES_MAX = 25 * 48_000
KEPT_MAX = 400  # three times the sentences there are; what is over it was said by an older release
_VOICE = re.compile(r"[A-Za-z0-9_+-]{1,40}")
_DEVICE = re.compile(r"[A-Za-z0-9_.:,=-]{1,80}")


@dataclass(frozen=True, slots=True)
class EspeakSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    device: str = "default"
    voice_zh: str = "cmn"
    voice_en: str = "en-gb"
    words_per_minute: int = 140
    synthesiser: Path = Path("/usr/bin/espeak-ng")
    player: Path = Path("/usr/bin/aplay")
    within_s: float = 10.0  # one synthesis

    def __post_init__(self) -> None:
        if not (_VOICE.fullmatch(self.voice_zh) and _VOICE.fullmatch(self.voice_en)):
            raise ValueError("a voice is a name as `espeak-ng --voices` lists it")
        if not _DEVICE.fullmatch(self.device):
            raise ValueError("device is a name as `aplay -L` lists it")
        if not 80 <= self.words_per_minute <= 260:
            raise ValueError("words_per_minute is between 80 and 260")
        if not 0.1 <= self.within_s <= 30:
            raise ValueError("within_s is between 0.1 and 30")


class EspeakVoice:
    """Used by one thread."""

    def __init__(self, settings: EspeakSettings, door: AccessPointId, cache: Path) -> None:
        self._settings = settings
        self._door = door
        self._cache = cache

    def prepare(self, words: Words, wanted: Callable[[], bool]) -> None:
        self._spoken(words, wanted)

    def say(self, words: Words, volume: float, wanted: Callable[[], bool]) -> None:
        spoken = self._spoken(words, wanted)
        if spoken is None or not wanted():
            return
        now = self._cache / f".now-{sha256(self._door.encode()).hexdigest()[:16]}.wav"
        with self._told("cannot be played"):
            _louder(spoken, now, volume)
        command = (str(self._settings.player), "-q", "-D", self._settings.device, "--", str(now))
        self._run(command, b"", SAY_WITHIN_S, wanted)

    def _spoken(self, words: Words, wanted: Callable[[], bool]) -> Path | None:
        """Its WAV file, made now where there is none; None where it was cut off."""
        kept = self._cache / self._name(words)
        if kept.exists():
            return kept
        voice = self._settings.voice_zh if words.language == "zh" else self._settings.voice_en
        beside = kept.with_suffix(".part")
        speed = str(self._settings.words_per_minute)
        program = str(self._settings.synthesiser)
        command = (program, "-b", "1", "-v", voice, "-s", speed, "-w", str(beside), "--stdin")
        with self._told("cannot be kept"):
            self._cache.mkdir(parents=True, exist_ok=True)
            _make_room(self._cache)
            if not self._run(command, words.text[:TEXT_MAX].encode(), self._settings.within_s, wanted):
                return None
            _check(beside)
            beside.replace(kept)
        return kept

    def _name(self, words: Words) -> str:
        held = self._settings
        how = (words.language, held.voice_zh, held.voice_en, str(held.words_per_minute), words.text)
        return f"{sha256(chr(0).join(how).encode()).hexdigest()[:32]}.wav"

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, wave.Error, ValueError) as error:
            raise HardwareError(f"{self._door}: what is to be said {what} ({error}).") from error

    def _run(self, command: Sequence[str], told: bytes, within_s: float, wanted: Callable[[], bool]) -> bool:
        """Whether it ran to its end; False where something newer is to be said.

        Raises:
            HardwareError: it is not there, took too long, or says that it failed.
        """
        name = Path(command[0]).name
        try:
            running = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise HardwareError(
                f"{self._door}: {name} cannot be started ({error.strerror}). Install it, or switch the voice off."
            ) from error
        try:
            done = _ends(running, told, time.monotonic() + within_s, wanted)
        finally:
            if running.poll() is None:
                running.kill()
            running.wait()
        if done is None:
            raise HardwareError(
                f"{self._door}: {name} did not end within {within_s:g} s. Look at its device."
            )
        if done and running.returncode:
            raise HardwareError(
                f"{self._door}: {name} failed with {running.returncode}. Try {' '.join(command[:5])} by hand."
            )
        return done


def _ends(
    running: "subprocess.Popen[bytes]", told: bytes, until: float, wanted: Callable[[], bool]
) -> bool | None:
    """True: it came to its end; False: it is not wanted any more; None: its time is over."""
    assert running.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        running.stdin.write(told)  # some hundred bytes: a pipe takes them without a reader
        running.stdin.close()
    while True:
        try:
            running.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if not wanted():
                return False
            if time.monotonic() > until:
                return None
        else:
            return True


def _check(file: Path) -> None:
    """Raises ValueError or wave.Error for what is no speech in sixteen bits."""
    with wave.open(str(file), "rb") as held:
        if held.getsampwidth() != 2 or not 0 < held.getnframes() <= SAMPLES_MAX:
            raise ValueError("espeak-ng wrote no speech")


def _louder(source: Path, target: Path, volume: float) -> None:
    """The same at this share of its volume."""
    with wave.open(str(source), "rb") as held:
        shape, frames = held.getparams(), array("h", held.readframes(SAMPLES_MAX))
    scaled = array("h", (round(sample * volume) for sample in frames))
    with wave.open(str(target), "wb") as new:
        new.setparams(shape)
        new.writeframes(scaled.tobytes())


def _make_room(folder: Path) -> None:
    """The oldest go; nothing grows without end."""
    kept = sorted(folder.glob("*.wav"), key=lambda file: file.stat().st_mtime)
    for file in kept[: max(0, len(kept) - KEPT_MAX + 1)]:
        file.unlink(missing_ok=True)


def open_voice(settings: EspeakSettings, door: AccessPointId, *, cache: Path) -> EspeakVoice:
    """Nothing is started; a program that is not there is said when it is first needed."""
    return EspeakVoice(settings, door, cache)
