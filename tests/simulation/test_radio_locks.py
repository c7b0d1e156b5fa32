"""A lock behind a radio under random faults, in virtual time: nobody is let in late, and it always ends shut and known.

The far side obeys in order, as a gateway does: it sleeps, freezes, loses words, jams, and its broker dies; whatever it
was told while it was frozen it does when it thaws.
"""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from edge.core.events import AccessPointId
from edge.drivers.airtime import PLACES, Airtime, Urgency
from edge.drivers.locks.zigbee2mqtt import Zigbee2MqttSettings, open_lock
from edge.drivers.radio_lock import RadioLock
from edge.ports import BoltNews, Cmd, LockLink, LockState, Outcome
from tests.fakes.virtual_time import VirtualLoop, in_virtual_time

SCHEDULES = 400
# A bolt that jammed after it had been read back at rest was once left jammed: one in two thousand evenings.
FOUND = (1488,)
ROOM = AccessPointId("r-1")
OWN, BRIDGE = "zigbee2mqtt/r-1", "zigbee2mqtt/bridge/state"
SETTINGS = Zigbee2MqttSettings(name="r-1")
# Trouble is as likely as its end, or nobody would come in at all.
TROUBLE = ("freeze", "jam", "loss", "broker")
WHAT = ("guest",) * 5 + ("relock", "thaw") + TROUBLE + ("heal",) * len(TROUBLE)
HEALED_S = 300.0  # four silences: whatever was owed has been asked for again


@dataclass
class World:
    """The broker, the gateway and the lock; ``did`` is what the bolt did and when."""

    loop: VirtualLoop
    chance: random.Random
    up: bool = True
    frozen: bool = False
    jammed: bool = False
    loss: float = 0.0
    bolt: str = "unlocked"
    sent: list[tuple[float, str]] = field(default_factory=list)
    did: list[tuple[float, str]] = field(default_factory=list)
    backs: list[int] = field(default_factory=list)  # how much had been sent when the broker came back
    held: list[str] = field(default_factory=list)
    busy_until_s: float = 0.0
    delays_s: tuple[float, ...] = (0.05, 0.5, 2.0, 4.0)
    # A radio so busy with the other locks that a turn is a matter of seconds.
    per_s: float = 0.5
    burst: int = 2

    def __post_init__(self) -> None:
        self._listeners: dict[str, Callable[[str, bytes, bool], None]] = {}
        self._watchers: list[Callable[[bool], None]] = []
        self._air = Airtime(per_s=self.per_s, burst=self.burst, mono_ns=self.loop.mono_ns)

    # what the driver sees of the bench

    def listen(self, topic, listener) -> None:
        self._listeners[topic] = listener

    def watch(self, watcher) -> None:
        self._watchers.append(watcher)

    def air(self, _radio, *, per_s, burst) -> Airtime:
        return self._air

    def send(self, topic, payload, *, lives_s) -> bool:
        if not self.up:
            return False
        what = "GET" if topic.endswith("/get") else json.loads(payload)["state"]
        self.sent.append((self.loop.now_s, what))
        self._reach(what)
        return True

    # what happens there

    def _reach(self, what: str) -> None:
        if self.frozen:
            self.held.append(what)
        elif self.chance.random() >= self.loss:
            # One after the other: a sleeping lock fetches what waits for it in order.
            self.busy_until_s = max(self.busy_until_s, self.loop.now_s) + self.chance.choice(self.delays_s)
            self.loop.call_at(self.busy_until_s, self._obey, what)

    def _obey(self, what: str) -> None:
        if self.frozen:
            self.held.append(what)
            return
        if what != "GET":
            wanted = "locked" if what == "LOCK" else "unlocked"
            self.bolt = "not_fully_locked" if self.jammed else wanted
            self.did.append((self.loop.now_s, self.bolt))
        state = "LOCK" if self.bolt == "locked" else "UNLOCK"
        self.tell(OWN, json.dumps({"state": state, "lock_state": self.bolt}).encode())

    def tell(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        if self.up and self.chance.random() >= self.loss:
            self._listeners[topic](topic, payload, retained)

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False
        held, self.held = self.held, []
        for what in held:
            self._reach(what)

    def switch(self, *, up: bool) -> None:
        if up == self.up:
            return
        self.up = up
        for watcher in self._watchers:
            watcher(up)
        if up:
            self.backs.append(len(self.sent))
            self._listeners[BRIDGE](BRIDGE, b'{"state":"online"}', True)

    def heal(self) -> None:
        self.loss, self.jammed = 0.0, False
        self.thaw()
        self.switch(up=True)


@dataclass
class Guest:
    at_s: float
    deadline_s: float
    outcome: Outcome | None = None
    answered_s: float = 0.0


class Evening:
    def __init__(self, seed: int, **world: Any) -> None:
        self.loop = VirtualLoop()
        self.chance = random.Random(seed)
        self.world = World(self.loop, self.chance, **world)
        self.told: list[BoltNews | LockLink] = []
        self.guests: list[Guest] = []
        self.lock: RadioLock = open_lock(SETTINGS, ROOM, bus=self.world, tell=self.told.append)  # type: ignore[arg-type]
        self.lock._now = self.loop.mono_ns

    def play(self) -> "Evening":
        in_virtual_time(self._play(), self.loop)
        return self

    async def _play(self) -> None:
        await self.lock.open()
        self.world.tell(BRIDGE, b'{"state":"online"}', retained=True)
        for _ in range(self.chance.randint(10, 40)):
            await self._something()
        self.world.heal()
        await self._wait(HEALED_S)
        await self.lock.close()

    async def _something(self) -> None:
        world, chance = self.world, self.chance
        what = chance.choice(WHAT)
        match what:
            case "guest":
                await self._guest()
            case "relock":
                await self.lock.lock(self._cmd(0.3))
            case "freeze":
                world.freeze()
            case "thaw":
                world.thaw()
            case "jam":
                world.jammed = not world.jammed
            case "loss":
                world.loss = chance.choice([0.0, 0.0, 0.3])
            case "heal":
                world.heal()
            case "broker":
                world.switch(up=not world.up)
        await self._wait(chance.choice([0.0, 0.01, 0.5, 3.0, 20.0, 100.0]))

    async def _guest(self) -> None:
        cmd = self._cmd(self.chance.choice([-0.1, 0.3, 1.5]))
        guest = Guest(self.loop.now_s, cmd.deadline_ns / 1e9)
        self.guests.append(guest)
        guest.outcome = (await self.lock.pulse(cmd, self.chance.choice([1_000, 5_000, 10_000]))).outcome
        guest.answered_s = self.loop.now_s

    def _cmd(self, within_s: float) -> Cmd:
        return Cmd("c", self.loop.mono_ns() + round(within_s * 1e9), "t")

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def evenings() -> list[Evening]:
    return [Evening(seed).play() for seed in (*range(SCHEDULES), *FOUND)]


@pytest.fixture(scope="module")
def played() -> list[Evening]:
    return evenings()


def test_no_unlocking_is_ever_sent_late(played):
    """Each one belongs to a guest who was there, before the deadline of the command."""
    for evening in played:
        for at_s, what in evening.world.sent:
            if what == "UNLOCK":
                assert any(guest.at_s <= at_s <= guest.deadline_s for guest in evening.guests)


def test_a_command_is_done_only_when_the_bolt_has_moved(played):
    done = 0
    for evening in played:
        for guest in evening.guests:
            if guest.outcome is Outcome.DONE:
                done += 1
                moved = [bolt for at_s, bolt in evening.world.did if at_s <= guest.answered_s]
                assert moved[-1] == "unlocked"
    assert done > SCHEDULES


def test_every_answer_comes_within_the_locks_own_deadline(played):
    for evening in played:
        for guest in evening.guests:
            assert guest.answered_s - guest.at_s <= SETTINGS.deadline_ms / 1000 + 0.001


def test_whatever_happened_it_ends_shut_known_and_online(played):
    for evening in played:
        assert evening.world.bolt == "locked"
        assert evening.lock._state is LockState.LOCKED
        assert evening.lock.radio.online


def test_back_from_an_outage_rest_comes_before_anything_else(played):
    for evening in played:
        for back in evening.world.backs:
            assert [what for _, what in evening.world.sent[back:] if what != "GET"][:1] == ["LOCK"]


def test_each_unlocking_is_followed_by_a_lock_on_the_same_way(played):
    for evening in played:
        words = [what for _, what in evening.world.sent if what != "GET"]
        assert words[-1] == "LOCK"


def test_a_bolt_that_moves_after_its_command_was_given_up_is_told(played):
    """Late, or as a bolt nobody can believe: never as nothing."""
    late = 0
    for evening in played:
        for guest in evening.guests:
            if guest.outcome is Outcome.TIMEOUT_UNKNOWN:
                late += 1
                near = [news.t_ns / 1e9 for news in evening.told if isinstance(news, BoltNews)]
                assert any(guest.at_s <= at_s for at_s in near)
    assert late > SCHEDULES / 10
    assert any(isinstance(news, BoltNews) and news.late for evening in played for news in evening.told)


def test_in_the_end_nothing_is_sent_but_a_look_now_and_then(played):
    for evening in played:
        ended_s = evening.loop.now_s
        last = [what for at_s, what in evening.world.sent if at_s > ended_s - 100]
        assert set(last) == {"GET"}
        assert len(last) <= 4


def test_the_same_seed_is_the_same_evening():
    first, second = Evening(7).play(), Evening(7).play()
    assert first.world.sent == second.world.sent
    assert first.world.did == second.world.did


# --- one thing at a time ---------------------------------------------------------------------------------------

LOOK_S = SETTINGS.silence_s / 3


class Quiet(Evening):
    """A good radio and a lock at rest; what happens is the test's."""

    def __init__(self, play: Callable[["Quiet"], Coroutine[Any, Any, None]]) -> None:
        super().__init__(1, delays_s=(0.05,), per_s=8.0, burst=4)
        self._what = play

    async def _play(self) -> None:
        await self.lock.open()
        self.world.tell(BRIDGE, b'{"state":"online"}', retained=True)
        async with AsyncExitStack() as self.crowd:
            self.crowd.push_async_callback(self.lock.close)
            await asyncio.sleep(1.0)
            assert self.lock.radio.online
            await self._what(self)

    async def crowded(self) -> None:
        """Silent locks have taken every place there is for looks, for the rest of the evening."""
        for _ in range(PLACES[Urgency.LOOK]):
            turn = self.world._air.turn(Urgency.LOOK, self.loop.mono_ns() + 10**12)
            assert await self.crowd.enter_async_context(turn)

    async def stuck_in_a_look(self) -> None:
        await self.crowded()
        await asyncio.sleep(LOOK_S)

    async def pulse(self, ms: int = 1_000) -> None:
        assert (await self.lock.pulse(self._cmd(1.5), ms)).outcome is Outcome.DONE

    async def next_word(self) -> None:
        """Until something more is sent."""
        count = len(self.world.sent)
        async with asyncio.timeout(1_000):
            while len(self.world.sent) == count:  # noqa: ASYNC110  # the world has no bell, and its time costs nothing
                await asyncio.sleep(0.001)

    def since(self, at_s: float) -> list[tuple[float, str]]:
        return [(at, what) for at, what in self.world.sent if at >= at_s and what != "GET"]


def quiet(play: Callable[[Quiet], Coroutine[Any, Any, None]]) -> Quiet:
    evening = Quiet(play)
    evening.play()
    return evening


def test_a_pulse_ends_on_time_whatever_a_look_waits_for():
    async def play(evening: Quiet) -> None:
        await evening.stuck_in_a_look()
        began_s = evening.loop.now_s
        await evening.pulse()
        await asyncio.sleep(5.0)
        (unlocked_s, _), (locked_s, what) = evening.since(began_s)
        assert what == "LOCK"
        assert locked_s - unlocked_s == pytest.approx(1.0, abs=0.01)

    quiet(play)


def test_a_lock_that_opened_unasked_is_locked_at_once_whatever_a_look_waits_for():
    async def play(evening: Quiet) -> None:
        evening.lock._hand = False
        await evening.stuck_in_a_look()
        pressed_s = evening.loop.now_s
        evening.world.bolt = "unlocked"
        evening.world.tell(OWN, b'{"state":"UNLOCK","lock_state":"unlocked"}')
        await asyncio.sleep(1.0)
        ((locked_s, what),) = evening.since(pressed_s)
        assert (locked_s, what) == (pytest.approx(pressed_s, abs=0.01), "LOCK")

    quiet(play)


def test_a_second_guest_during_the_relock_is_locked_out_again_on_time():
    """The word that it is shut after the first one must not make the end of the second one less urgent."""

    async def play(evening: Quiet) -> None:
        await evening.pulse()
        await evening.next_word()
        assert evening.world.sent[-1][1] == "LOCK"
        began_s = evening.loop.now_s
        await evening.pulse()
        await evening.crowded()
        await asyncio.sleep(5.0)
        (unlocked_s, _), (locked_s, what) = evening.since(began_s)[-2:]
        assert what == "LOCK"
        assert locked_s - unlocked_s == pytest.approx(1.0, abs=0.01)

    quiet(play)


def test_a_door_that_is_held_open_stays_online_and_open():
    async def play(evening: Quiet) -> None:
        began_s = evening.loop.now_s
        for _ in range(20):
            held = await evening.lock.hold(evening._cmd(1.5), evening.loop.mono_ns() + 60 * 10**9)
            assert held.outcome is Outcome.DONE
            await asyncio.sleep(20.0)
        assert [what for _, what in evening.since(began_s)] == ["UNLOCK"]
        assert [news.online for news in evening.told if isinstance(news, LockLink)][-1:] == [True]
        assert not any(news.t_ns > began_s * 1e9 for news in evening.told if isinstance(news, LockLink))
        await asyncio.sleep(60.0)
        assert [what for _, what in evening.since(began_s)] == ["UNLOCK", "LOCK"]

    quiet(play)


def test_a_silent_lock_that_is_asked_to_lock_is_told_so_at_once():
    async def play(evening: Quiet) -> None:
        evening.world.freeze()
        await asyncio.sleep(300.0)
        assert not evening.lock.radio.online
        await evening.next_word()
        await asyncio.sleep(5.0)  # its own next try is most of a look's interval away
        asked_s = evening.loop.now_s
        assert (await evening.lock.lock(evening._cmd(0.3))).outcome is Outcome.OFFLINE
        await asyncio.sleep(0.1)
        assert [what for _, what in evening.since(asked_s)] == ["LOCK"]

    quiet(play)
