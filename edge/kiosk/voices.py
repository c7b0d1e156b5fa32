"""The voice of each door: the newest sentence counts, an older one is cut off, and nobody ever waits for it (ADR 0069)."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from threading import Condition, Thread

import structlog

from edge.core.events import AccessPointId
from edge.errors import HardwareError
from edge.kiosk.spoken import SPOKEN, words_of
from edge.ports import VoiceDriver

# A sentence that is asked for again while it stands on the screen is not begun anew: it would never be finished.
AGAIN_S = 8.0
END_WITHIN_S = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a voice speaks: in which languages one after the other, and how loud by day and by night."""

    languages: tuple[str, ...]
    volume: float
    night_volume: float
    night: tuple[int, int]  # minutes of the day, from and to; the same twice: there is no night

    def volume_at(self, minute: int) -> float:
        begins, ends = self.night
        inside = begins <= minute < ends if begins < ends else minute >= begins or minute < ends
        return self.night_volume if inside and begins != ends else self.volume


class Voice:
    """One door's, with a thread of its own; ``say`` puts a key down and returns."""

    def __init__(self, driver: VoiceDriver, door: AccessPointId, manner: Manner) -> None:
        self._driver = driver
        self._door = door
        self._manner = manner
        self._changed = Condition()
        self._next: tuple[str, float] | None = None
        self._last: tuple[str, float] = ("", 0.0)  # the newest that was put down, and when
        self._over = False
        self.fault = ""
        self._thread = Thread(target=self._work, name=f"voice-{door}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def say(self, key: str, minute: int, at_s: float) -> None:
        with self._changed:
            before, since_s = self._last
            if key == before and at_s - since_s < AGAIN_S:
                return
            self._last = (key, at_s)
            self._next = (key, self._manner.volume_at(minute))
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(END_WITHIN_S)

    def _work(self) -> None:
        """Says what is newest; while there is nothing to say, makes the other sentences ready."""
        unready: Iterator[str] | None = iter(SPOKEN)
        while True:
            with self._changed:
                if self._next is None and not self._over and unready is None:
                    self._changed.wait()
                told, self._next = self._next, None
                if self._over:
                    return
            if told is not None:
                self._speak(*told)
            elif unready is not None:
                unready = self._make_ready(unready)

    def _make_ready(self, keys: Iterator[str]) -> Iterator[str] | None:
        """One more sentence; None when all are ready, or the device says no (it is tried again when something is said)."""
        key = next(keys, None)
        if key is None:
            return None
        try:
            for words in words_of(key, self._manner.languages):
                self._driver.prepare(words, self._wanted)
        except HardwareError as error:
            self._failed(error)
            return None
        return keys

    def _speak(self, key: str, volume: float) -> None:
        try:
            for words in words_of(key, self._manner.languages if volume else ()):
                if self._wanted():
                    self._driver.say(words, volume, self._wanted)
        except HardwareError as error:
            self._failed(error)
        else:
            self.fault = ""

    def _wanted(self) -> bool:
        """Whether what is being said is still the newest; read without the lock, by this thread alone it goes back."""
        return self._next is None and not self._over

    def _failed(self, error: HardwareError) -> None:
        if self.fault != str(error):
            log.warning("voice_failed", door=self._door, why=str(error))
        self.fault = str(error)


class Voices:
    """All voices of this node, by door; a door without one stays silent."""

    def __init__(
        self, voices: Mapping[AccessPointId, Voice], now_ms: Callable[[], int], zone: tzinfo
    ) -> None:
        self._voices = dict(voices)
        self._now_ms = now_ms
        self._zone = zone

    def say(self, door: AccessPointId, key: str) -> None:
        """Never waits and never raises: what cannot be said stands on the screen."""
        voice = self._voices.get(door)
        if voice is not None:
            now = datetime.fromtimestamp(self._now_ms() / 1000, self._zone)
            voice.say(key, now.hour * 60 + now.minute, time.monotonic())

    def start(self) -> None:
        for voice in self._voices.values():
            voice.start()

    def faults(self) -> tuple[str, ...]:
        return tuple(voice.fault for voice in self._voices.values() if voice.fault)

    def close(self) -> None:
        for voice in self._voices.values():
            voice.close()
