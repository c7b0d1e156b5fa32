"""A battery lock on a room door, behind zigbee2mqtt: it counts as unlocked or locked when ``lock_state`` says so.

What zigbee2mqtt says on its own account (``state`` alone, kept messages) is believed about nothing.  It answers a
command at once with the wish as ``state`` beside the ``lock_state`` it remembers: two that contradict each other are
such an answer.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from edge.core.events import AccessPointId
from edge.drivers.mqtt_bench import MqttBench
from edge.drivers.radio_lock import Heard, RadioLock
from edge.ports import BoltNews, FailMode, Feedback, LockCaps, LockLink, LockState

# A motor that turns back sooner than this would meet its own unlocking.
MIN_PULSE_MS = 1_000

GATEWAY = "the gateway is"

_SAYS = {
    "locked": LockState.LOCKED,
    "unlocked": LockState.UNLOCKED,
    "not_fully_locked": LockState.JAMMED,
}

# What ``state`` is beside each of them when the lock itself has reported.
_BESIDE = {LockState.LOCKED: "LOCK", LockState.UNLOCKED: "UNLOCK", LockState.JAMMED: "UNLOCK"}

# The device's own words are some 300 bytes; a longer one is not from a lock.
WORD_MAX = 16_384

Topic = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^+#/\s][^+#\x00-\x1f]*$")]


@dataclass(frozen=True, slots=True)
class Zigbee2MqttSettings:
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: Topic  # the friendly name in zigbee2mqtt
    base: Topic = "zigbee2mqtt"  # its base topic: one stick, one radio
    deadline_ms: Annotated[int, Field(ge=1_000, le=10_000)] = 3_000
    silence_s: Annotated[int, Field(ge=3, le=3_600)] = 90
    per_s: Annotated[float, Field(gt=0, le=50)] = (
        8.0  # commands a second on this radio (edge.drivers.airtime)
    )
    burst: Annotated[int, Field(ge=1, le=16)] = 4


class Zigbee:
    """The dialect of one lock."""

    def __init__(self, settings: Zigbee2MqttSettings) -> None:
        self._own = f"{settings.base}/{settings.name}"
        self._bridge = f"{settings.base}/bridge/state"
        self.herald = GATEWAY
        self.topics = (self._own, f"{self._own}/availability", self._bridge)

    def hear(self, topic: str, payload: bytes, retained: bool) -> Heard:
        if topic == self._bridge:
            return Heard(away=(GATEWAY, _says_offline(payload)))
        if topic != self._own:
            return Heard(away=("the lock is", _says_offline(payload)))
        word = _table(payload)
        return Heard(
            state=None if retained else _reported(word),
            alive=not retained and bool(word),
            battery=_number(word.get("battery"), 100),
            linkquality=_number(word.get("linkquality"), 255),
        )

    def release(self, ms: int) -> tuple[str, bytes]:  # noqa: ARG002  # it cannot end a pulse by itself
        return f"{self._own}/set", b'{"state":"UNLOCK"}'

    def secure(self) -> tuple[str, bytes]:
        return f"{self._own}/set", b'{"state":"LOCK"}'

    def look(self) -> tuple[str, bytes]:
        return f"{self._own}/get", b'{"state":""}'


def _reported(word: dict[str, Any]) -> LockState | None:
    state = _SAYS.get(str(word.get("lock_state")))
    return None if state is None or word.get("state", _BESIDE[state]) != _BESIDE[state] else state


def _table(payload: bytes) -> dict[str, Any]:
    """The message as a table; empty where it is none."""
    if len(payload) > WORD_MAX:
        return {}
    try:
        word = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return word if isinstance(word, dict) else {}


def _says_offline(payload: bytes) -> bool:
    """Old releases send the bare word, newer ones ``{"state": ...}``."""
    return payload.strip() == b"offline" or _table(payload).get("state") == "offline"


def _number(value: object, most: int) -> int | None:
    sound = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most
    return int(value) if sound and isinstance(value, int | float) else None


def open_lock(
    settings: Zigbee2MqttSettings,
    door: AccessPointId,
    *,
    bus: MqttBench,
    tell: Callable[[BoltNews | LockLink], None],
) -> RadioLock:
    """Its pulses are timed by the node; the lock's own auto-relock is the second guard (docs/drivers/zigbee2mqtt.md)."""
    caps = LockCaps(
        fail_mode=FailMode.SECURE,
        self_timed_pulse=False,
        feedback=Feedback.BOLT,
        min_pulse_ms=MIN_PULSE_MS,
        max_pulse_ms=65_000,
        ack_ms=settings.deadline_ms,
        supervise_ms=settings.silence_s * 1000,
    )
    air = bus.air(f"zigbee {settings.base}", per_s=settings.per_s, burst=settings.burst)
    return RadioLock(door, caps, Zigbee(settings), bus=bus, air=air, tell=tell, hand=True)
