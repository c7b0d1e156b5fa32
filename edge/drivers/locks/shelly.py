"""A Shelly relay of the second generation over MQTT: current releases, and the relay ends a pulse by itself.

It says that its relay moved, never that a door is shut.  On the protected side of the door only.
"""

import itertools
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from edge.core.events import AccessPointId
from edge.drivers.mqtt_bench import MqttBench
from edge.drivers.radio_lock import Heard, RadioLock
from edge.ports import BoltNews, FailMode, Feedback, LockCaps, LockLink, LockState

MIN_PULSE_MS = 100  # toggle_after is counted in tenths of a second

RELAY = "the relay is"

# A relay on the mains has the air of a house's Wi-Fi; this only keeps a start from being a flood.
PER_S, BURST = 50.0, 8

# Answers to older questions than these are not waited for by anybody.
QUESTIONS_KEPT = 16
WORD_MAX = 16_384


@dataclass(frozen=True, slots=True)
class ShellySettings:
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    # Its topic prefix, for example shellyplus1-a8032abe54dc.
    device: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^+#/\s][^+#\s]*$")]
    switch: Annotated[int, Field(ge=0, le=7)] = 0
    deadline_ms: Annotated[int, Field(ge=200, le=3_000)] = 500
    silence_s: Annotated[int, Field(ge=3, le=600)] = 15


class ShellyRpc:
    """The dialect of one relay."""

    def __init__(self, settings: ShellySettings, door: AccessPointId) -> None:
        self._device, self._switch = settings.device, settings.switch
        self._source = f"gatehouse/{settings.device}/{door}"  # two switches of one device are two doors
        self._numbers = itertools.count(1)
        self._asked: OrderedDict[int, LockState | None] = OrderedDict()
        self.herald = RELAY
        self.topics = (f"{self._source}/rpc", f"{self._device}/events/rpc", f"{self._device}/online")

    def hear(self, topic: str, payload: bytes, retained: bool) -> Heard:
        if topic == self.topics[2]:
            return Heard(away=(RELAY, payload.strip() == b"false"))
        word = _table(payload)
        if retained or not word:
            return Heard()
        if topic == self.topics[1]:
            said = _inside(_inside(word, "params"), f"switch:{self._switch}")
            return Heard(state=_state(said.get("output")), alive=True)
        return self._answer(word)

    def _answer(self, word: dict[str, Any]) -> Heard:
        number = word.get("id")
        if type(number) is not int or number not in self._asked or "result" not in word:
            return Heard(alive="id" in word)  # an error, or an answer nobody waits for: it lives
        wanted = self._asked.pop(number)
        return Heard(state=wanted or _state(_inside(word, "result").get("output")), alive=True)

    def release(self, ms: int) -> tuple[str, bytes]:
        return self._ask("Switch.Set", LockState.UNLOCKED, on=True, toggle_after=round(ms / 1000, 1))

    def secure(self) -> tuple[str, bytes]:
        return self._ask("Switch.Set", LockState.LOCKED, on=False)

    def look(self) -> tuple[str, bytes]:
        return self._ask("Switch.GetStatus", None)

    def _ask(self, method: str, wanted: LockState | None, **params: float | bool) -> tuple[str, bytes]:
        number = next(self._numbers)
        self._asked[number] = wanted
        while len(self._asked) > QUESTIONS_KEPT:
            self._asked.popitem(last=False)
        words = {
            "id": number,
            "src": self._source,
            "method": method,
            "params": {"id": self._switch, **params},
        }
        return f"{self._device}/rpc", json.dumps(words).encode()


def _table(payload: bytes) -> dict[str, Any]:
    if len(payload) > WORD_MAX:
        return {}
    try:
        word = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return word if isinstance(word, dict) else {}


def _inside(word: dict[str, Any], name: str) -> dict[str, Any]:
    inner = word.get(name)
    return inner if isinstance(inner, dict) else {}


def _state(output: object) -> LockState | None:
    if not isinstance(output, bool):
        return None
    return LockState.UNLOCKED if output else LockState.LOCKED


def open_lock(
    settings: ShellySettings,
    door: AccessPointId,
    *,
    bus: MqttBench,
    tell: Callable[[BoltNews | LockLink], None],
) -> RadioLock:
    caps = LockCaps(
        fail_mode=FailMode.SECURE,
        self_timed_pulse=True,
        feedback=Feedback.COIL,
        min_pulse_ms=MIN_PULSE_MS,
        max_pulse_ms=65_000,
        ack_ms=settings.deadline_ms,
        supervise_ms=settings.silence_s * 1000,
    )
    air = bus.air("shelly", per_s=PER_S, burst=BURST)
    return RadioLock(door, caps, ShellyRpc(settings, door), bus=bus, air=air, tell=tell, hand=False)
