"""A lock that answers over MQTT, whatever it speaks: asked, believed only when it says so, and put to rest whenever
nobody knows how it stands.

One rule for every device: an unlocking that was not confirmed in time may still come, so it is followed by ``lock``
on the same ordered connection, read back, and told; one that comes later all the same is locked again at once.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from edge.core.events import AccessPointId
from edge.drivers.airtime import Airtime, Urgency
from edge.drivers.mqtt_bench import MqttBench
from edge.ports import (
    BoltNews,
    Cmd,
    Feedback,
    LockCaps,
    LockLink,
    LockReading,
    LockState,
    Outcome,
    RadioReading,
    Result,
)

log = logging.getLogger(__name__)

MS = 1_000_000

# An unlocking that was given up can still come out of a queue of the gateway or of a lock that sleeps; after this long
# an unlocked bolt is somebody's hand or key.  zigbee2mqtt itself gives a sleeping device up after some minutes.
LATE_NS = 600_000_000_000

# What a lock that answers nothing is asked in those ten minutes by guests who keep trying.
OWED_MAX = 16

# Three looks fit into the silence after which a lock counts as gone: one lost answer, or two, make no alarm.
LOOKS_PER_SILENCE = 3

# A bolt that did not reach its place is asked again this soon, then twice as late each time, up to a look's interval.
RETRY_FIRST_S = 2.0

# hardware.md §2.2: a lock is left at rest in bounded time.
CLOSE_S = 1.0

Tell = Callable[[BoltNews | LockLink], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """What one message says; None: nothing about that.  ``away``: who says so, and whether it is."""

    state: LockState | None = None
    alive: bool = False  # the device itself spoke just now
    away: tuple[str, bool] | None = None
    battery: int | None = None
    linkquality: int | None = None


class Dialect(Protocol):
    """How one device is spoken to; each message is (topic, payload)."""

    @property
    def topics(self) -> Sequence[str]: ...

    @property
    def herald(self) -> str:
        """Who says a kept word that it is there (``Heard.away``); before that nothing is sent, nobody would hear it."""
        ...

    def hear(self, topic: str, payload: bytes, retained: bool) -> Heard: ...

    def release(self, ms: int) -> tuple[str, bytes]: ...

    def secure(self) -> tuple[str, bytes]: ...

    def look(self) -> tuple[str, bytes]: ...


class RadioLock:
    """``edge.ports.NodeLock``.  All methods on the node's event loop; ``open`` once, ``close`` at the end.

    ``hand``: the device can be unlocked by a hand, a key or a keypad of its own; then an unlocking nobody asked for is
    told and left alone, because it may be somebody on the way out.
    """

    def __init__(
        self,
        door: AccessPointId,
        caps: LockCaps,
        dialect: Dialect,
        *,
        bus: MqttBench,
        air: Airtime,
        tell: Tell,
        hand: bool,
        mono_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.door = door
        self.caps = caps
        self._dialect = dialect
        self._bus, self._air, self._tell = bus, air, tell
        self._hand = hand
        self._now = mono_ns
        self._state, self._state_ns = LockState.UNKNOWN, 0
        self._heard_ns: int | None = None
        self._battery: int | None = None
        self._linkquality: int | None = None
        self._away = {dialect.herald}
        self._told_online: bool | None = None
        self._rested = False  # it confirmed its rest since it was last out of reach
        self._urgent = False  # its bolt may be withdrawn
        self._until_ns = 0  # released until then; 0: at rest
        self._owed: deque[int] = deque(maxlen=OWED_MAX)  # unlockings not confirmed may come until then
        self._serial = 0
        self._losses = 0
        self._commands = 0  # under way; until they are over nothing else is sent
        self._ears: list[tuple[frozenset[LockState], asyncio.Future[LockState]]] = []
        self._end: asyncio.TimerHandle | None = None
        self._retry_s = RETRY_FIRST_S
        self._nudge = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        for topic in dialect.topics:
            bus.listen(topic, self._take)
        bus.watch(self._broker)

    # --- Lock -------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Puts it to rest and reads it back when its turn on the radio comes, and whenever it is back from now on."""
        assert not self._tasks, "a lock is opened once"
        self._spawn(self._tend())

    async def pulse(self, cmd: Cmd, ms: int) -> Result:
        if not self.caps.min_pulse_ms <= ms <= self.caps.max_pulse_ms:
            most = f"{self.caps.min_pulse_ms} to {self.caps.max_pulse_ms} ms"
            return self._result(Outcome.REFUSED, f"a pulse of {ms} ms; this lock takes {most}")
        return await self._release(cmd, self._now() + ms * MS)

    async def hold(self, cmd: Cmd, until_ns: int) -> Result:
        most_ns = self._now() + self.caps.max_pulse_ms * MS
        if until_ns <= self._now():
            return self._result(Outcome.REFUSED, "the hold had ended before it began")
        return await self._release(cmd, min(until_ns, most_ns))

    async def lock(self, cmd: Cmd) -> Result:  # noqa: ARG002  # always allowed, however old
        self._at_rest()
        if not self._reachable or self._told_online is not True:  # away, a start, or back from silence
            self._owe_rest()
            why = "it is being put to rest first" if self._reachable else self._why_away()
            return self._result(Outcome.OFFLINE, why)
        with self._commanded():
            done = await self._secure(self._overtake(), Urgency.LOCK)
        if done.outcome is Outcome.DONE:
            self._rested = True
            self._tell_link()
        else:
            self._owe_rest()
        return done

    async def state(self) -> LockReading:
        return LockReading(self._state, "lock", self._now() - self._state_ns)

    @property
    def radio(self) -> RadioReading:
        return RadioReading(self._told_online is True, self._heard_ns, self._battery, self._linkquality)

    async def selftest(self) -> str:
        """Asks it how it stands; one sentence."""
        done = await self._look()
        if done.outcome is not Outcome.DONE:
            return f"{self.door}: {done.outcome.lower()}, {done.detail}."
        battery = "" if self._battery is None else f", battery {self._battery} %"
        link = "" if self._linkquality is None else f", link {self._linkquality} of 255"
        return f"{self.door}: it answers and is {self._state.lower()}{battery}{link}."

    async def close(self) -> None:
        """Locks it if it may be unlocked, and waits a second for its word; repeatable."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        maybe_open = bool(self._until_ns) or self._urgent
        self._at_rest()
        if tasks and maybe_open:
            ear = self._listen(frozenset({LockState.LOCKED, LockState.JAMMED}))
            if self._send(self._dialect.secure()):
                await asyncio.wait([ear], timeout=CLOSE_S)
            self._forget(ear)

    # --- commands ---------------------------------------------------------------------------------------------

    async def _release(self, cmd: Cmd, until_ns: int) -> Result:
        started_ns = self._now()
        if started_ns >= cmd.deadline_ns:
            return self._result(Outcome.REFUSED, "the command was late")
        if not self.radio.online:
            return self._result(Outcome.OFFLINE, self._why_away())
        confirmed = bool(self._until_ns) and self._state is LockState.UNLOCKED
        if confirmed and not self.caps.self_timed_pulse:
            self._release_until(max(until_ns, self._until_ns))
            return self._result(Outcome.DONE, "extended")
        with self._commanded():
            return await self._unlock(cmd, until_ns, started_ns + self.caps.ack_ms * MS)

    async def _unlock(self, cmd: Cmd, until_ns: int, answer_by_ns: int) -> Result:
        serial = self._overtake()
        async with self._air.turn(Urgency.UNLOCK, min(cmd.deadline_ns, answer_by_ns)) as mine:
            if not mine or self._now() >= cmd.deadline_ns:
                return self._result(Outcome.REFUSED, "the radio was busy until the command was late")
            if serial != self._serial:
                return self._result(Outcome.REFUSED, OVERTAKEN)
            jammed = self._state is LockState.JAMMED
            ear = self._listen(frozenset({LockState.UNLOCKED} if jammed else _UNLOCKING))
            self._release_until(max(until_ns, self._until_ns))
            ms = max(1, (self._until_ns - self._now()) // MS)
            if not self._send(self._dialect.release(ms)):
                self._forget(ear)
                self._at_rest()
                return self._result(Outcome.OFFLINE, self._why_away())
            owed_ns, losses = self._now() + LATE_NS, self._losses
            self._owed.append(owed_ns)
            answer = await self._answer(ear, answer_by_ns)
        if answer is LockState.UNLOCKED and self._until_ns and owed_ns in self._owed:
            self._owed.remove(owed_ns)
            return self._result(Outcome.DONE)
        if serial != self._serial and losses == self._losses:
            return self._result(Outcome.REFUSED, OVERTAKEN)
        return self._not_unlocked(answer)

    def _not_unlocked(self, answer: LockState | None) -> Result:
        """It did not say in time that it unlocked: lock first, read back, and say that nobody knows."""
        self._at_rest()
        self._owe_rest()
        if answer is LockState.JAMMED:
            return self._result(Outcome.REFUSED, "the bolt is jammed")
        self._note(LockState.UNKNOWN, "unlocking was not confirmed; it is locked and read back")
        return self._result(Outcome.TIMEOUT_UNKNOWN, f"no word from the lock within {self.caps.ack_ms} ms")

    async def _secure(self, serial: int, urgency: Urgency) -> Result:
        done = await self._ask(self._dialect.secure(), _LOCKING, serial, urgency)
        if done.outcome is Outcome.DONE and self._state is LockState.JAMMED:
            return self._result(Outcome.REFUSED, "the bolt is jammed: it did not reach its place")
        # A newer command may have withdrawn the bolt again; its end is as urgent.
        if done.outcome is Outcome.DONE and serial == self._serial:
            self._urgent = False
        return done

    async def _look(self) -> Result:
        return await self._ask(self._dialect.look(), frozenset(LockState), None, Urgency.LOOK)

    async def _ask(
        self,
        message: tuple[str, bytes],
        wanted: frozenset[LockState],
        serial: int | None,
        urgency: Urgency,
    ) -> Result:
        """Send one message that unlocks nothing, and wait for one of the states."""
        # A turn may be a while off when a whole building starts; the lock's own patience begins when it is asked.
        turn_by_ns = self._now() + self.caps.supervise_ms * MS
        if urgency is Urgency.LOCK:
            turn_by_ns = self._now() + self.caps.ack_ms * MS
        async with self._air.turn(urgency, turn_by_ns) as mine:
            if not mine:
                return self._result(Outcome.TIMEOUT_UNKNOWN, "the radio was busy")
            if serial is not None and serial != self._serial:
                return self._result(Outcome.REFUSED, OVERTAKEN)
            ear = self._listen(wanted)
            if not self._send(message):
                self._forget(ear)
                return self._result(Outcome.OFFLINE, self._why_away())
            answer = await self._answer(ear, self._now() + self.caps.ack_ms * MS)
        if answer is None:
            return self._result(
                Outcome.TIMEOUT_UNKNOWN, f"no word from the lock within {self.caps.ack_ms} ms"
            )
        return self._result(Outcome.DONE)

    @contextmanager
    def _commanded(self) -> Iterator[None]:
        self._commands += 1
        try:
            yield
        finally:
            self._commands -= 1
            if not self._rested:
                self._nudge.set()

    def _overtake(self) -> int:
        """A newer command takes the place of every older one."""
        self._serial += 1
        return self._serial

    def _release_until(self, until_ns: int) -> None:
        self._until_ns = until_ns
        self._urgent = True
        if self._end is not None:
            self._end.cancel()
        wait_s = max(0.0, (until_ns - self._now()) / 1e9)
        self._end = asyncio.get_running_loop().call_later(wait_s, self._pulse_over)

    def _pulse_over(self) -> None:
        self._at_rest()
        self._owe_rest()

    def _at_rest(self) -> None:
        """From now on it shall be locked."""
        self._until_ns = 0
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _owe_rest(self) -> None:
        """Lock it as soon as it can be, and again until it says that it is."""
        self._rested = False
        self._retry_s = RETRY_FIRST_S
        self._nudge.set()

    # --- what it says -----------------------------------------------------------------------------------------

    def _take(self, topic: str, payload: bytes, retained: bool) -> None:
        heard = self._dialect.hear(topic, payload, retained)
        self._battery = self._battery if heard.battery is None else heard.battery
        self._linkquality = self._linkquality if heard.linkquality is None else heard.linkquality
        if heard.away is not None:
            who, away = heard.away
            was = self._reachable
            self._away = self._away | {who} if away else self._away - {who}
            if was != self._reachable:
                self._lose()
        if not heard.alive:
            return
        self._heard_ns = self._now()
        if heard.state is not None:
            self._say(heard.state)

    def _say(self, state: LockState) -> None:
        """Its own word about itself."""
        came = state is LockState.UNLOCKED and self._state is not LockState.UNLOCKED
        if not came or self._until_ns:
            self._note(state)
        elif self._owes():
            self._owed.popleft()
            self._relock("unlocked after its command had been given up; it is locked again")
        elif self._rested and not self._hand:
            self._relock("released, and nobody asked for it; it is locked again")
        else:
            self._note(state, BY_HAND if self._rested else "")
        if state is LockState.JAMMED and self._rested:
            self._owe_rest()  # it moved without us, or late: it is asked until it reaches its place
        for wanted, ear in list(self._ears):
            if state in wanted and not ear.done():
                ear.set_result(state)

    def _owes(self) -> bool:
        while self._owed and self._owed[0] <= self._now():
            self._owed.popleft()
        return bool(self._owed)

    def _relock(self, why: str) -> None:
        """Once for each command: whoever turns the bolt by hand after that is not fought."""
        log.error("%s: %s", self.door, why)
        self._note(LockState.UNLOCKED, why, late=True)
        self._urgent = True
        self._owe_rest()

    def _note(self, state: LockState, detail: str = "", *, late: bool = False) -> None:
        self._state_ns = self._now()
        if state is self._state and not late:
            return
        self._state = state
        told = state if self.caps.feedback is Feedback.BOLT else LockState.UNKNOWN
        if late or self.caps.feedback is Feedback.BOLT:
            self._tell(BoltNews(self.door, told, self._state_ns, late, detail))

    def _listen(self, wanted: frozenset[LockState]) -> "asyncio.Future[LockState]":
        ear: asyncio.Future[LockState] = asyncio.get_running_loop().create_future()
        self._ears.append((wanted, ear))
        return ear

    def _forget(self, ear: "asyncio.Future[LockState]") -> None:
        ear.cancel()
        self._ears = [one for one in self._ears if one[1] is not ear]

    async def _answer(self, ear: "asyncio.Future[LockState]", until_ns: int) -> LockState | None:
        try:
            await asyncio.wait([ear], timeout=max(0.0, (until_ns - self._now()) / 1e9))
            return ear.result() if ear.done() and not ear.cancelled() else None
        finally:
            self._forget(ear)

    # --- whether it is there ----------------------------------------------------------------------------------

    @property
    def _reachable(self) -> bool:
        return self._bus.up and not self._away

    def _broker(self, up: bool) -> None:
        self._away = {self._dialect.herald}
        if not up:
            self._lose()

    def _lose(self) -> None:
        """The way to it broke or is back: whatever was asked is over, and rest comes first."""
        self._losses += 1
        self._overtake()
        self._at_rest()
        for _, ear in self._ears:
            ear.cancel()
        if not self._reachable:
            self._note(LockState.UNKNOWN, self._why_away())
        self._owe_rest()
        self._tell_link()

    def _why_away(self) -> str:
        if not self._bus.up:
            return "the broker of the locks is away"
        return f"{' and '.join(sorted(self._away))} away" if self._away else "the lock does not answer"

    def _tell_link(self) -> None:
        """Silent for too long, out of reach, or back and at rest: told when it changes."""
        heard = self._heard_ns is not None and self._now() - self._heard_ns < self.caps.supervise_ms * MS
        known = self._rested or self._state is LockState.JAMMED or self._told_online is True
        online = self._reachable and heard and known
        if online is self._told_online:
            return
        self._told_online = online
        why = "" if online else self._why_away()
        if not online:
            self._rested = False
            self._note(LockState.UNKNOWN, why)
        self._tell(LockLink(self.door, online, self._now(), why))

    async def _tend(self) -> None:
        """Rest when it is owed, a look when it was quiet, for ever."""
        if not self._reachable:  # a start is no alarm: the broker is asked for at the same time
            await self._unless_nudged(asyncio.sleep(self.caps.ack_ms / 1000))
        look_s = self.caps.supervise_ms / 1000 / LOOKS_PER_SILENCE
        while True:
            self._nudge.clear()
            if self._reachable and not self._commands:
                await self._unless_nudged(self._look() if self._until_ns else self._once())
            self._tell_link()
            if not self._nudge.is_set():
                calm = self._rested or self._until_ns
                await self._unless_nudged(asyncio.sleep(look_s if calm else self._retry_s))
                self._retry_s = min(self._retry_s * 2, look_s)

    async def _unless_nudged(self, work: Coroutine[Any, Any, object]) -> None:
        """Given up when something is owed: its turn on the radio may be as far off as a silence is long."""
        doing = asyncio.ensure_future(work)
        nudged = asyncio.ensure_future(self._nudge.wait())
        try:
            await asyncio.wait({doing, nudged}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            doing.cancel()
            nudged.cancel()
            await asyncio.wait({doing, nudged})
        if not doing.cancelled():
            doing.result()

    async def _once(self) -> None:
        if self._rested:
            await self._look()
            return
        done = await self._secure(self._serial, Urgency.LOCK if self._urgent else Urgency.LOOK)
        if done.outcome is Outcome.DONE and not self._until_ns:
            read = await self._look()
            at_rest = read.outcome is Outcome.DONE and self._state is LockState.LOCKED
            self._rested = at_rest and not self._nudge.is_set() and not self._until_ns

    # --- small things -----------------------------------------------------------------------------------------

    def _send(self, message: tuple[str, bytes]) -> bool:
        topic, payload = message
        return self._bus.send(topic, payload, lives_s=max(1, self.caps.ack_ms // 1000))

    def _result(self, outcome: Outcome, detail: str = "") -> Result:
        return Result(outcome, self._now(), detail)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"lock {self.door}")
        self._tasks.add(task)


BY_HAND = "by hand, by key, or at the lock itself"
OVERTAKEN = "a newer command took its place"
_UNLOCKING = frozenset({LockState.UNLOCKED, LockState.JAMMED})
_LOCKING = frozenset({LockState.LOCKED, LockState.JAMMED})
