"""Commands of named people from far away: judged, written down, carried out once, and answered until it is heard.

One after the other in the order of arrival, whatever the door; the link's thread only hands over.  A zone's command
goes to all of this node's doors in the zone at once: a slow bolt keeps no other door open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import structlog

from edge.core.commands import (
    UNSIGNED,
    Accept,
    Answer,
    Here,
    Op,
    Order,
    Past,
    Received,
    Reject,
    State,
    Verify,
    Why,
    by_door,
    is_over,
    is_superseded,
    judge,
    refused_in,
)
from edge.core.door_events import Command, Verb
from edge.core.events import AccessPointId, Fact, GrantId, Stamp
from edge.errors import StoreError
from edge.ports import Clock, CommandBook
from edge.runtime.hands import Did

# A person gives one command at a time; what is more than this at once is a flood, and the service sends again.
WAITING_MAX = 64
# A refusal is written down once for each command, and remembered so long; older ones are judged anew.
REFUSED_KEPT = 256
# What nobody signed may come in any number: it is written down once in this time for each reason.
UNSIGNED_EVERY_NS = 60_000_000_000
# Whoever plants one of these learns nothing from an answer, and the true issuer must not be told it was his.
UNANSWERED = frozenset({Why.RETAINED, Why.BAD_FORMAT, Why.BAD_SIG})

INTERRUPTED = "x:Interrupted"  # the node ended in between: done or not, it is never done again
NOT_CARRIED_OUT = "x:NotCarriedOut"  # the lock, or the process that drives it, did not do as it was asked
NOT_RECORDED = "x:NotRecorded"  # what cannot be written down first is not done

_VERBS = {Op.RELEASE: Verb.ACCESS} | {op: Verb(op.value) for op in Op if op is not Op.RELEASE}
_EVENTS = {State.DONE: "command.done", State.FAILED: "command.failed", State.REFUSED: "command.refused"}

T = TypeVar("T")
log = structlog.get_logger()


class CommandedDoor(Protocol):
    async def on_command(self, command: Command) -> Did: ...


class Believed(Protocol):
    """Whom this node believes, as its join file says."""

    @property
    def command_keys(self) -> Mapping[str, bytes]: ...

    @property
    def confirm_keys(self) -> Mapping[str, bytes]: ...

    @property
    def zones(self) -> Mapping[str, frozenset[AccessPointId]]: ...


class Recorder(Protocol):
    """The node, as far as it writes; both raise StoreError when nothing was kept."""

    async def record(self, facts: Sequence[Fact]) -> None: ...

    def write(self, work: Callable[[Stamp], T]) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """What this node answers to."""

    tenant: str
    node: str
    keys: frozenset[str]
    age_max_ms: int
    zones: Mapping[str, frozenset[AccessPointId]] = field(default_factory=dict)
    seconds: frozenset[str] = frozenset()

    @classmethod
    def of(cls, tenant: str, node: str, join: Believed, age_max_ms: int) -> "Place":
        keys, seconds = frozenset(join.command_keys), frozenset(join.confirm_keys)
        return cls(tenant, node, keys - seconds, age_max_ms, join.zones, seconds)


@dataclass(frozen=True, slots=True)
class DeskParts:
    place: Place
    clock: Clock
    book: CommandBook
    recorder: Recorder
    doors: Mapping[AccessPointId, CommandedDoor]
    verify: Verify
    answer: Callable[[Answer], None]
    nonce_used: Callable[[], None]
    tell_state: Callable[[], None]
    new_id: Callable[[], str]
    followed: Callable[[], frozenset[str]] = frozenset  # keys that came after those of the place


class CommandDesk:
    """``run`` it on the node's loop; ``take`` from any thread."""

    def __init__(self, parts: DeskParts) -> None:
        self._parts = parts
        self._waiting: asyncio.Queue[Received] = asyncio.Queue(WAITING_MAX)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refused: dict[str, list[Answer]] = {}
        self._unsigned_ns: dict[Why, int] = {}

    def take(self, got: Received) -> None:
        """Something came down; it waits its turn."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put, got)

    def _put(self, got: Received) -> None:
        if self._waiting.full():
            log.warning("command_dropped", why="too many at once")
        else:
            self._waiting.put_nowait(got)

    async def run(self) -> None:
        """Settle what an earlier life left open, then serve until cancelled."""
        self._loop = asyncio.get_running_loop()
        await self._settle_interrupted()
        while True:
            got = await self._waiting.get()
            try:
                await self._one(got)
            except StoreError as error:  # nothing was done; the service sends it again while it lives
                log.error("command_not_kept", why=str(error))

    async def _settle_interrupted(self) -> None:
        try:
            interrupted = await self._kept(self._parts.book.unfinished)
        except StoreError as error:
            log.error("interrupted_not_told", why=str(error))
            return
        for order in interrupted:
            await self._finish(order, _answer(order, State.FAILED, INTERRUPTED))

    async def _one(self, got: Received) -> None:
        past = Past() if got.order is None else await self._past(got.order)
        match judge(got, self._here(), past, self._parts.verify):
            case Accept(order, quoted):
                await self._carry_out(order, quoted=quoted)
            case Reject(why, order):
                await self._refuse(order, why)

    async def _past(self, order: Order) -> Past:
        return await self._kept(lambda: self._parts.book.past(order))

    def _here(self) -> Here:
        place, now = self._parts.place, self._parts.clock.read()
        return Here(
            tenant=place.tenant,
            node=place.node,
            doors=frozenset(self._parts.doors),
            keys=place.keys | self._parts.followed(),
            age_max_ms=place.age_max_ms,
            now_ms=now.wall_ms,
            clock=now.state,
            bound_ms=now.bound_ms,
            zones=place.zones,
            seconds=place.seconds,
        )

    # --- yes ----------------------------------------------------------------------------------------------------

    async def _carry_out(self, order: Order, *, quoted: bool) -> None:
        """On the disk, then at the door: what is interrupted in between is reported and never repeated."""
        parts, orders = self._parts, by_door(order, self._here())
        try:
            # A zone may hold a door that its key has told something later: that one stays as it is.
            stale = [bool(one.zone) and is_superseded(one, await self._past(one)) for one in orders]
            numbers = await self._kept(lambda: parts.book.accept(orders, parts.clock.read().wall_ms))
        except StoreError as error:
            log.error("command_not_kept", cmd=order.id, why=str(error))
            for one in orders:
                parts.answer(_answer(one, State.FAILED, NOT_RECORDED))
            return
        if quoted:
            parts.nonce_used()
        for one in orders:
            parts.answer(_answer(one, State.ACCEPTED))
        if len(orders) == 1:
            await self._at_door(orders[0], numbers[0], superseded=stale[0])
            return
        async with asyncio.TaskGroup() as doors:
            for one, n, old in zip(orders, numbers, stale, strict=True):
                doors.create_task(self._at_door(one, n, superseded=old))

    async def _at_door(self, order: Order, n: int, *, superseded: bool) -> None:
        parts, verb = self._parts, _VERBS[order.op]
        over = is_over(order, self._here())  # a slow disk may have outlived it since it was judged
        if superseded or over:
            await self._finish(order, _answer(order, State.REFUSED, Why.EXPIRED if over else Why.SUPERSEDED))
            return
        grant = GrantId(parts.new_id()) if verb is Verb.ACCESS else None
        command = Command(verb, order.issuer, n, grant, order.cls, order.second)
        try:
            answer = _result(order, await parts.doors[order.door].on_command(command))
        except Exception as error:  # whatever it is, it is reported, and the other doors go on
            log.exception("command_not_carried_out", cmd=order.id, why=repr(error))
            answer = _answer(order, State.FAILED, NOT_CARRIED_OUT)
        await self._finish(order, answer)

    async def _finish(self, order: Order, answer: Answer) -> None:
        """The result and its event in one commit, then the answer; a full disk keeps neither from being said."""
        fact = self._fact(order, answer)
        try:
            seq = await self._parts.recorder.write(lambda at: self._parts.book.finish(answer, fact, at))
        except StoreError as error:
            log.error("result_not_recorded", cmd=order.id, state=answer.state, why=str(error))
            seq = 0
        log.info("command", cmd=order.id, op=order.op, state=answer.state, why=answer.why)
        self._parts.answer(replace(answer, seq=seq))
        self._parts.tell_state()

    def _fact(self, order: Order, answer: Answer) -> Fact:
        return Fact(
            _EVENTS[answer.state],
            access_point=order.door if order.door in self._parts.doors else None,
            mode=answer.mode or None,
            reason=answer.why or None,
            actor=order.issuer,
            x={"cmd": order.id, "op": order.op.value, **_of_zone(order)},
        )

    # --- no -----------------------------------------------------------------------------------------------------

    async def _refuse(self, order: Order | None, why: Why) -> None:
        """Say no, once aloud; one that was accepted before is told what became of it, whatever the reason today."""
        if order is None or why in UNSIGNED:
            await self._note_unsigned(why)
            if order is not None and why not in UNANSWERED:
                self._parts.answer(Answer(order.id, State.REFUSED, why))
            return
        stored = await self._kept(lambda: self._parts.book.stored(order.id)) or self._refused.get(order.id)
        if not stored:
            orders = by_door(order, self._here()) or (order,)
            stored = [_answer(one, State.REFUSED, why) for one in orders]
            facts = [self._fact(one, said) for one, said in zip(orders, stored, strict=True)]
            await self._parts.recorder.record(facts)
            self._remember_refused(order.id, stored)
        for answer in stored:
            self._parts.answer(answer)

    def _remember_refused(self, command_id: str, answers: list[Answer]) -> None:
        log.info("command", cmd=command_id, state=answers[0].state, why=answers[0].why)
        self._refused[command_id] = answers
        while len(self._refused) > REFUSED_KEPT:
            del self._refused[next(iter(self._refused))]

    async def _note_unsigned(self, why: Why) -> None:
        now_ns = self._parts.clock.read().mono_ns
        last_ns = self._unsigned_ns.get(why)
        log.warning("command_refused", why=why)
        if last_ns is None or now_ns - last_ns >= UNSIGNED_EVERY_NS:
            self._unsigned_ns[why] = now_ns
            await self._parts.recorder.record([Fact("command.refused", reason=why)])

    def _kept(self, ask: Callable[[], T]) -> Awaitable[T]:
        return self._parts.recorder.write(lambda _at: ask())


def _result(order: Order, did: Did) -> Answer:
    if did.refused:
        return _answer(order, State.REFUSED, did.why or refused_in(did.mode), did.mode)
    if did.fault:
        return _answer(order, State.FAILED, NOT_CARRIED_OUT, did.mode)
    return _answer(order, State.DONE, mode=did.mode)


def _answer(order: Order, state: State, why: str = "", mode: str = "") -> Answer:
    return Answer(order.id, state, why, mode, door=order.door if order.zone else "")


def _of_zone(order: Order) -> dict[str, int | str]:
    return {"zone": order.zone, "second": order.second} if order.zone else {}
