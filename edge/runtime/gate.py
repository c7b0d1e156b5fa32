"""The loop of one door: what comes in is decided, written down, and only then done.

Inputs of one door are taken one after the other.  The order is decide → ledger → lock (sync.md §2.1); a door whose
ledger cannot be written opens for nobody and sends people to the guard, and the way out stays gate-io's own.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

import structlog

from edge.core import door
from edge.core.decision_types import Attempt, DoorView, Liveness, Moment
from edge.core.door_events import CameraChanged, Command, Event, Granted, SchedClose, SchedOpen, Tick, Verb
from edge.core.door_profile import DoorProfile
from edge.core.door_types import (
    AlarmFlag,
    Camera,
    DoorState,
    Effect,
    Hold,
    Latch,
    LifeSafety,
    Light,
    Mode,
    Pulse,
    Relock,
    Signal,
    Sound,
    Tone,
    held_until,
    next_deadline,
)
from edge.core.events import AccessPointId, CredentialKind, Fact, GrantId
from edge.core.face_mode import FaceMode
from edge.core.passes import LocationClass
from edge.core.reasons import GuestText, Reason
from edge.core.requirement import Require
from edge.errors import StoreError
from edge.ports import Cmd, Outcome, Result, Shown
from edge.runtime.attempts import Attempts
from edge.runtime.commissioned import Withheld, nothing_withheld
from edge.runtime.face_challenge import LiveRule
from edge.runtime.face_desk import FaceDesk
from edge.runtime.gate_rules import GateRules, Unruled
from edge.runtime.hands import Did, Hands, Knowledge
from edge.runtime.sightings import FaceSeen

IO_DEADLINE_NS = 300_000_000  # hardware.md §2.4: the age of a command inside the node
READS_MAX = 16  # more than people show while one of them is decided
AGAIN = "gate-io is back"  # who asked for a latch once more
VISITOR = "visitor"  # somebody without a pass, let in once by staff: at a gate and at no other door
GATE_ONLY = "x:GateOnly"
NO_LATCH = "x:NoLatch"  # its lock is driven by the node: what has to stay open without the node, it cannot

log = structlog.get_logger()


@dataclass(slots=True)
class Gate:
    """One door.  All methods run on the node's event loop."""

    profile: DoorProfile
    location: LocationClass
    hands: Hands
    liveness: Liveness
    simulation: bool
    dry_run: bool = False
    fire_group: str | None = None
    withheld: Withheld = (
        nothing_withheld  # why this door gives no grants: nobody signed its commissioning list
    )
    rules: GateRules = field(default_factory=Unruled)
    face_mode: FaceMode = FaceMode.ONE_TO_N
    live: LiveRule | None = None  # what the desk asks of faces; None: nothing
    desk: FaceDesk | None = None
    state: DoorState = field(default_factory=DoorState)
    fault: str = ""
    require: Require = Require.ANY
    latches: bool = True  # whether its lock can be kept open while the node is dead
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _timers_changed: asyncio.Event = field(default_factory=asyncio.Event)
    _attempts: Attempts = field(init=False)
    _owed: dict[str, Latch] = field(default_factory=dict)  # by kind: asked for, and gate-io has not done it
    _reads: int = 0  # of the reader, waiting for the door's turn

    def __post_init__(self) -> None:
        self._attempts = Attempts(self, self._turn, self._timers_changed)

    @property
    def access_point(self) -> AccessPointId:
        return self.profile.access_point

    # --- what comes in ----------------------------------------------------------------------------------------

    async def on_code(self, text: str, t_ns: int) -> None:
        """A text was read from a QR code in front of this door."""
        await self._attempts.on_code(text, t_ns)

    async def on_face(self, seen: FaceSeen) -> None:
        """A face was seen in front of this door."""
        self.rules.saw_people(self.access_point, seen.faces, seen.t_ns)
        await self._attempts.on_face(seen)

    async def on_nobody(self, t_ns: int) -> None:
        """The picture is empty."""
        await self._attempts.on_nobody(t_ns)

    async def on_pin(self, digits: str) -> None:
        """Digits were typed at this door; what is no PIN is answered like one nobody has."""
        await self._attempts.on_pin(digits)

    async def on_shown(self, shown: Shown) -> None:
        """Something was shown to this door's reader: a card, digits at its keypad, or a code at its scanner."""
        if self._reads >= READS_MAX:
            log.warning("reader_too_fast", access_point=self.access_point)
            return
        self._reads += 1
        try:
            await self._on_shown(shown)
        finally:
            self._reads -= 1

    async def _on_shown(self, shown: Shown) -> None:
        match shown.kind:
            case "card":
                await self._attempts.on_card(shown.data, shown.t_ns)
            case "keys":
                await self._attempts.on_pin(shown.data)
            case "text":
                await self._attempts.on_code(shown.data, shown.t_ns)
            case _:
                log.warning("reader_said_something_new", access_point=self.access_point, kind=shown.kind)

    async def on_event(self, event: Event) -> None:
        """A sensor, a timer or the node itself."""
        self.rules.saw(self.access_point, event)
        async with self._turn:
            await self.step(event)
            if self.state.mode is Mode.UNLOCKED and self.withheld():
                await self.step(SchedClose())  # who walked the list since says that it is not safe
            lost = isinstance(event, CameraChanged) and self.state.camera is Camera.LOST
            await self._attempts.end_waits(at_once=lost)
            if isinstance(event, CameraChanged):
                self._attempts.rest()

    async def on_command(self, command: Command) -> Did:
        """A verified command, seen through: written down, carried out, and what the lock answered."""
        if command.cls == VISITOR and self.location is not LocationClass.GATE:
            log.warning("visitor_refused", access_point=self.access_point, actor=command.actor)
            return Did(self.state.mode, refused=True, why=GATE_ONLY)
        if command.verb is Verb.LOCKOPEN and not self.latches:
            log.warning("no_latch_here", access_point=self.access_point, actor=command.actor)
            return Did(self.state.mode, refused=True, why=NO_LATCH)
        async with self._turn:
            return await self.step(command)

    async def io_is_back(self) -> None:
        """gate-io may have forgotten, or never heard: what keeps the door open is asked for anew, at once."""
        async with self._turn:
            state = self.state
            stands = {"fire": state.life_safety is LifeSafety.FIRE, "evacuate": state.evacuated}
            kept = [Latch(kind, on=True, actor=AGAIN) for kind, on in stands.items() if on]
            until_ns = held_until(state, self.now_ns())
            again: list[Effect] = [*self._owed_beside(kept), *kept]
            again += [] if until_ns is None else [Hold(until_ns)]
            for effect in again:
                await self._perform(effect)

    def owes(self, kind: str) -> bool:
        """Whether gate-io has not yet done what was asked of this latch."""
        return kind in self._owed

    def is_well(self) -> None:
        """What drives the lock answers again; a latch that it has not taken stays a fault."""
        self.fault = self.fault if self._owed else ""

    async def try_lock(self, by: str) -> Did:
        """One release for the technician who walks the list, by the same path as any other, and on record like it."""
        fact = Fact(
            "access.granted",
            direction=self.profile.direction,
            credential_kind=CredentialKind.GUARD,
            decision="override",
            reason=Reason.GRANTED,
            actor=by,
        )
        async with self._turn:
            return await self.step(Granted(GrantId(self.hands.new_id()), fact), trying=True)

    async def run_timers(self) -> None:
        """Fire the door's timers, and end looks of which no more pictures come, for ever."""
        while True:
            deadline_ns = self._attempts.earlier(next_deadline(self.state))
            wait_s = None if deadline_ns is None else max(0.0, (deadline_ns - self.now_ns()) / 1e9)
            self._timers_changed.clear()
            try:
                async with asyncio.timeout(wait_s):  # wait_for can lose a cancellation before Python 3.12
                    await self._timers_changed.wait()
            except TimeoutError:
                await self.on_event(Tick())

    # --- the door machine -------------------------------------------------------------------------------------

    async def step(self, event: Event, *, trying: bool = False) -> Did:
        """One input: facts first, then the lock.  Called with the door's turn held."""
        if not trying and _opens(event) and (why := self.withheld()):
            log.warning("grant_withheld", access_point=self.access_point, why=why)
            self.hands.screens.show(self.access_point, GuestText.SEE_GUARD)
            return Did(self.state.mode, fault=why)
        step = door.step(self.state, event, self.profile, self.now_ns())
        if step.refusal is not None:
            log.warning(
                "door_refused",
                access_point=self.access_point,
                mode=step.refusal.mode,
                happened=step.refusal.happened,
            )
        if step.facts:
            try:
                await self.hands.record(step.facts)
            except StoreError as error:
                self.no_record(error)
                if _opens(event):
                    return Did(self.state.mode, fault=self.fault)
        self.state = step.state
        self._timers_changed.set()
        # Until gate-io has done it the door is not what is believed here: asked for at every input.
        owed = self._owed_beside(step.effects)
        faults = [await self._perform(effect) for effect in (*owed, *step.effects)]
        self.hands.front.stands(self.access_point, step.state, in_service=not self.withheld())
        return Did(step.state.mode, step.refusal is not None, next(filter(None, faults), ""))

    def _owed_beside(self, effects: Sequence[Effect]) -> list[Latch]:
        """The latches that are owed, but for those that ``effects`` ask for anyhow."""
        anew = {effect.kind for effect in effects if isinstance(effect, Latch)}
        return [latch for kind, latch in self._owed.items() if kind not in anew]

    async def _perform(self, effect: Effect) -> str:
        """What went wrong with it, or nothing."""
        io, door = self.hands.io, self.access_point
        match effect:
            case Pulse(ms):
                return self._check(await io.pulse(door, self._cmd("grant"), ms), "pulse")
            case Hold(until_ns):
                return self._check(await io.hold(door, self._cmd("unlocked"), until_ns), "hold")
            case Relock():
                return self._check(await io.lock(door, self._cmd("relock")), "lock")
            case Latch(kind, on, actor):
                latched = await io.latch(door, self._cmd(f"latch {kind}"), kind, on, actor)
                self._owed.pop(kind, None)
                if fault := self._check(latched, "latch"):
                    self._owed[kind] = effect
                return fault
            case Signal(light, advice):
                if light is Light.GREEN:
                    stuck = self.fault.startswith("pulse")  # nobody is sent to a door that did not open
                    self.hands.screens.show(door, GuestText.SEE_GUARD if stuck else "welcome")
                elif advice is not None:
                    self.hands.screens.show(self.access_point, advice.text, advice.until_ms)
            case Sound(tone):
                if tone is not Tone.OFF:
                    log.warning("door_sounds", access_point=self.access_point, tone=tone)
            case _:
                assert_never(effect)
        return ""

    def _check(self, result: Result, verb: str) -> str:
        """A lock that did not do as asked is a fault everybody can see; the door is never believed open or shut."""
        if result.outcome is Outcome.DONE:
            self.is_well()
            return ""
        self.fault = f"{verb}: {result.outcome.lower()} {result.detail}".strip()
        log.error(
            "lock_did_not_answer",
            access_point=self.access_point,
            verb=verb,
            outcome=result.outcome,
            why=result.detail,
        )
        return self.fault

    def _cmd(self, reason: str) -> Cmd:
        return Cmd(self.hands.new_id(), self.now_ns() + IO_DEADLINE_NS, reason)

    # --- small things -----------------------------------------------------------------------------------------

    def now_ns(self) -> int:
        return self.hands.clock.read().mono_ns

    def now(self) -> tuple[Knowledge, Moment]:
        knowledge, reading = self.hands.knowledge(), self.hands.clock.read()
        moment = Moment(
            now_ms=reading.wall_ms,
            clock=reading.state,
            floor_ms=knowledge.floor_ms,
            contact_age_ms=knowledge.contact_age_ms,
            online=knowledge.online,
            lease_over=knowledge.lease_left_ms == 0,
        )
        return knowledge, moment

    def view(self, attempt: Attempt, moment: Moment) -> DoorView:
        view = DoorView(
            access_point=self.access_point,
            location_class=self.location,
            lock_silent=AlarmFlag.LOCK_SILENT in self.state.flags,
            mode=Mode.BLOCKED if self.withheld() else self.state.mode,
            direction=self.profile.direction,
            camera=self.state.camera if self.desk is not None else Camera.OK,
            liveness=self.liveness,
            simulation=self.simulation,
            require=self.require,
            else_code=self.face_mode is FaceMode.ONE_TO_N_ELSE_CODE,
        )
        return self.rules.ruled(view, attempt.holder, moment)

    def no_record(self, error: StoreError) -> None:
        self.fault = str(error)
        log.error("not_recorded", access_point=self.access_point, why=str(error))
        self.hands.screens.show(self.access_point, GuestText.SEE_GUARD)


def _opens(event: Event) -> bool:
    """Whether this would open the door to somebody, and so waits for its record; sensors and relocking never wait."""
    commanded = isinstance(event, Command) and event.verb in {Verb.ACCESS, Verb.UNLOCK}
    return commanded or isinstance(event, Granted | SchedOpen)
