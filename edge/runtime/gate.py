"""The loop of one door: what comes in is decided, written down, and only then done.

Inputs of one door are taken one after the other.  The order is decide → ledger → lock (sync.md §2.1); a door whose
ledger cannot be written opens for nobody and sends people to the guard, and the way out stays gate-io's own.
"""

import asyncio
import hmac
from dataclasses import dataclass, field, replace
from typing import assert_never

import structlog

from edge.core import door
from edge.core.credentials import SignedCode, Tries, after_failure, is_locked
from edge.core.decision import decide
from edge.core.decision_fact import about
from edge.core.decision_types import Allow, Attempt, Deny, DoorView, Liveness, Moment, Retry
from edge.core.door_events import CameraChanged, Command, Denied, Event, Granted, SchedOpen, Tick, Verb
from edge.core.door_profile import DoorProfile
from edge.core.door_types import (
    AlarmFlag,
    Camera,
    DoorState,
    Effect,
    Hold,
    Latch,
    Light,
    Mode,
    Pulse,
    Relock,
    Signal,
    Sound,
    Tone,
    next_deadline,
)
from edge.core.dry_run import on_trial, opens_on_trial, would_deny
from edge.core.events import AccessPointId, ClockState, CredentialKind, Fact, GrantId
from edge.core.face_mode import FaceMode
from edge.core.passes import LocationClass, Pass, PassSet
from edge.core.reasons import Advice, GuestText, Reason
from edge.errors import StoreError
from edge.ports import Cmd, Outcome, Result
from edge.ports_io import Show
from edge.runtime.commissioned import Withheld, nothing_withheld
from edge.runtime.face_challenge import LiveRule
from edge.runtime.face_desk import Concluded, FaceDesk, Prompt
from edge.runtime.gate_rules import GateRules, Unruled
from edge.runtime.hands import Did, Hands, Knowledge
from edge.runtime.screen_words import word_of
from edge.runtime.shown_code import STEP_MS, ShownCode
from edge.runtime.sightings import FaceSeen
from edge.runtime.two_step import (
    Asked,
    OneToOneDesk,
    ask_or_none,
    earliest,
    is_alike,
    is_of,
    look_on,
    plainly,
    rest_word,
    with_face,
)

IO_DEADLINE_NS = 300_000_000  # hardware.md §2.4: the age of a command inside the node
SAME_CODE_NS = 3_000_000_000  # a phone still held into the picture is not shown anew
TRIES_KEPT = 256
NOBODYS_FAULT = frozenset(
    {Reason.INTERLOCK, Reason.OCCUPANCY}
)  # not a wrong try: the same is right in a moment
PIN_TRIES = "pin"  # digits name nobody, so all who type them at one door share one patience

_SHOWN = {Tone.PREALARM: Show.PREALARM, Tone.ALARM: Show.ALARM, Tone.OFF: Show.IDLE}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Refused:
    """Whose code was refused last, and how things stood then."""

    holder: Pass
    clock: ClockState


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
    face_mode: FaceMode = FaceMode.ONE_TO_N
    withheld: Withheld = (
        nothing_withheld  # why this door gives no grants: nobody signed its commissioning list
    )
    live: LiveRule | None = None  # what the desk asks of faces; None: nothing
    desk: FaceDesk | None = None
    rules: GateRules = field(default_factory=Unruled)
    state: DoorState = field(default_factory=DoorState)
    fault: str = ""
    _tries: dict[str, Tries] = field(default_factory=dict)
    _code: tuple[str, int] = ("", 0)
    _asked: Asked | None = None  # a code was shown, and its face is waited for
    _refused: _Refused | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _timers_changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def access_point(self) -> AccessPointId:
        return self.profile.access_point

    # --- what comes in ----------------------------------------------------------------------------------------

    async def on_code(self, text: str, t_ns: int) -> None:
        """A text was read from a QR code in front of this door."""
        if self._waits_its_turn(text):
            return  # and is not noted as shown: held up until the look has ended, it is judged then
        seen, last_ns = self._code
        self._code = (text, t_ns)
        if text != seen:
            self._refused = None
        elif t_ns - last_ns < SAME_CODE_NS and not self._changed_since_refused():
            return
        try:
            code = self.hands.parse_code(text)
        except ValueError as error:
            log.info("code_not_understood", access_point=self.access_point, why=str(error))
            self.hands.screens.show(self.access_point, "next_code")  # coming closer makes no code whole
            return
        if code is None:
            return
        async with self._turn:
            if not self._is_looking():
                await self._end_asked()
                await self._try_code(code)

    async def on_face(self, seen: FaceSeen) -> None:
        """A face was seen in front of this door."""
        desk, asked = self.desk, self._asked
        self.rules.saw_people(self.access_point, seen.faces, seen.t_ns)
        if desk is None or (isinstance(desk, OneToOneDesk) and asked is None):
            return  # where a code comes first, nobody is looked at before it
        match look_on(desk, asked, seen) if asked is not None else desk.look(seen):
            case Prompt(word):
                self.hands.screens.show(self.access_point, word)
            case Concluded() as concluded:
                async with self._turn:
                    if asked is None:
                        await self._try_face(concluded)
                    elif asked is self._asked:
                        await self._end_asked(concluded)
            case None:
                pass

    async def on_nobody(self, t_ns: int) -> None:
        """The picture is empty."""
        if self.desk is not None:
            self.desk.nobody(t_ns)
        self.hands.screens.show(self.access_point, rest_word(self.desk))
        if self._asked is not None and t_ns > self._asked.until_ns:
            async with self._turn:
                await self._end_asked()

    async def on_pin(self, digits: str) -> None:
        """Digits were typed at this door; what is no PIN is answered like one nobody has."""
        shown = self.hands.read_pin(digits)
        async with self._turn:
            await self._end_asked()
            knowledge, moment = self._now()
            attempt = Attempt(
                kind=CredentialKind.PIN,
                holder=None if shown is None else _holder(knowledge.passes, *shown),
                locked_until_ms=self._locked_until_ms(PIN_TRIES, moment),
            )
            await self._judge_or_ask(attempt, PIN_TRIES, knowledge, moment)

    async def on_event(self, event: Event) -> None:
        """A sensor, a timer or the node itself."""
        self.rules.saw(self.access_point, event)
        async with self._turn:
            await self._step(event)
            lost = isinstance(event, CameraChanged) and self.state.camera is Camera.LOST
            over = self._asked is not None and self._now_ns() >= self._asked.until_ns
            if lost or over:
                await self._end_asked()

    async def on_command(self, command: Command) -> Did:
        """A verified command, seen through: written down, carried out, and what the lock answered."""
        async with self._turn:
            return await self._step(command)

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
            return await self._step(Granted(GrantId(self.hands.new_id()), fact), trying=True)

    async def run_timers(self) -> None:
        """Fire the door's timers, and end looks of which no more pictures come, for ever."""
        while True:
            deadline_ns = earliest(next_deadline(self.state), self._asked)
            wait_s = None if deadline_ns is None else max(0.0, (deadline_ns - self._now_ns()) / 1e9)
            self._timers_changed.clear()
            try:
                await asyncio.wait_for(self._timers_changed.wait(), wait_s)
            except TimeoutError:
                await self.on_event(Tick())

    # --- one attempt ------------------------------------------------------------------------------------------

    async def _try_code(self, code: SignedCode) -> None:
        cred_id = code.credential.hex()
        knowledge, moment = self._now()
        found = knowledge.passes.find_credential(cred_id)
        if found is None:
            unknown = Attempt(kind=CredentialKind.QR, holder=None)
            await self._judge_or_ask(unknown, cred_id, knowledge, moment)
            return
        holder, credential = found
        shown = ShownCode(code, credential, moment.now_ms // STEP_MS, self.access_point)
        attempt = Attempt(
            kind=CredentialKind.QR,
            holder=holder,
            code=shown.judged(self.hands),
            locked_until_ms=self._locked_until_ms(cred_id, moment),
        )
        await self._judge_or_ask(attempt, cred_id, knowledge, moment, shown=shown)

    async def _try_face(self, concluded: Concluded) -> None:
        knowledge, moment = self._now()
        named = concluded.evidence.verdict.pass_id
        holder = None if named is None else knowledge.passes.get(named)
        if named is not None and holder is None:
            return  # the pass went away between the look and now; the next gallery does not have it
        tries = f"track-{concluded.track}"
        attempt = Attempt(
            kind=CredentialKind.FACE,
            holder=holder,
            face=concluded.evidence,
            locked_until_ms=self._locked_until_ms(tries, moment),
        )
        await self._judge(attempt, tries, knowledge, moment)

    async def _judge_or_ask(
        self,
        attempt: Attempt,
        tries: str,
        knowledge: Knowledge,
        moment: Moment,
        *,
        shown: ShownCode | None = None,
    ) -> None:
        """At a door of code and face, the code has only said who; everywhere else it opens."""
        desk = self.desk
        if isinstance(desk, OneToOneDesk) and self._sees_faces():
            alone = decide(attempt, self._view(attempt, moment), moment, knowledge.policy)
            self._asked = ask_or_none(desk, alone, attempt, tries, shown, self._now_ns())
        if self._asked is None:
            await self._judge(attempt, tries, knowledge, moment, shown=shown)
        else:
            self._timers_changed.set()
            self.hands.screens.show(self.access_point, "look_after_code")

    def _sees_faces(self) -> bool:
        """Nobody is asked for a face that would not be looked at: the right code would wait for nothing."""
        return self.state.camera is Camera.OK and self.hands.sees_faces(self.access_point)

    def _is_looking(self) -> bool:
        """Whether a face is being looked for; until then no code begins anew, whosever it is."""
        return self._asked is not None and self._now_ns() <= self._asked.until_ns

    def _waits_its_turn(self, text: str) -> bool:
        """During a look only the phone that began it goes on being shown; an old code stuck in the picture or a
        companion's phone takes the look away from nobody.
        """
        asked = self._asked
        return asked is not None and self._is_looking() and not is_of(asked, text, self.hands.parse_code)

    async def _end_asked(self, concluded: Concluded | None = None) -> None:
        """Judge code and face together; without a look it is a look at nobody.  Called with the turn held."""
        asked, self._asked = self._asked, None
        if asked is None or not isinstance(self.desk, OneToOneDesk):
            return
        evidence = (concluded or self.desk.unseen()).evidence
        self.desk.ask(None)
        knowledge, moment = self._now()
        attempt = with_face(asked, evidence, knowledge.passes)
        await self._judge(attempt, asked.tries, knowledge, moment, shown=asked.shown, asked=asked)

    async def _judge(
        self,
        attempt: Attempt,
        tries: str,
        knowledge: Knowledge,
        moment: Moment,
        *,
        shown: ShownCode | None = None,
        asked: Asked | None = None,
    ) -> None:
        view, started_ns = self._view(attempt, moment), self._now_ns()
        decision = decide(attempt, view, moment, knowledge.policy)
        decision = would_deny(decision) if self.dry_run else decision
        decision = decision if asked is None else plainly(decision, asked)
        if isinstance(decision, Retry):
            self._advise(decision.advice, attempt, decision.reason)
            return
        if attempt.kind is CredentialKind.QR:
            holder = attempt.holder if isinstance(decision, Deny) else None
            self._refused = None if holder is None else _Refused(holder, moment.clock)
        fact = about(decision, attempt, view, moment, knowledge.policy)
        fact = on_trial(fact) if self.dry_run else fact
        match decision:
            case Allow():
                self.rules.claim(self.access_point)
                fact = replace(fact, x=fact.x | {"latency_ms": (self._now_ns() - started_ns) // 1_000_000})
                try:
                    overtaken = None if shown is None else await shown.use(self.hands)
                except StoreError as error:
                    self._no_record(error)
                    return
                if overtaken is not None:
                    late = replace(attempt, code=overtaken)
                    await self._judge(late, tries, knowledge, moment, asked=asked)
                    return
                await self._step(Granted(GrantId(self.hands.new_id()), fact))
            case Deny() if self.dry_run and opens_on_trial(decision, attempt):
                await self._step(Granted(GrantId(self.hands.new_id()), fact))
            case Deny():
                if decision.reason not in NOBODYS_FAULT:
                    self._failed(tries)
                if asked is not None and is_alike(decision):
                    await self._step(Denied(fact, Advice(GuestText.TRY_AGAIN)))
                    self.hands.screens.show(self.access_point, "two_refused")
                    return
                await self._step(Denied(fact, decision.advice))
                self._advise(decision.advice, attempt, decision.reason)
            case _:
                assert_never(decision)

    # --- the door machine -------------------------------------------------------------------------------------

    async def _step(self, event: Event, *, trying: bool = False) -> Did:
        """One input: facts first, then the lock.  Called with the door's turn held."""
        if not trying and (_opens(event) or isinstance(event, SchedOpen)) and (why := self.withheld()):
            log.warning("grant_withheld", access_point=self.access_point, why=why)
            self.hands.screens.show(self.access_point, GuestText.SEE_GUARD)
            return Did(self.state.mode, fault=why)
        step = door.step(self.state, event, self.profile, self._now_ns())
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
                self._no_record(error)
                if _opens(event):
                    return Did(self.state.mode, fault=self.fault)
        self.state = step.state
        self._timers_changed.set()
        faults = [await self._perform(effect) for effect in step.effects]
        return Did(step.state.mode, step.refusal is not None, next(filter(None, faults), ""))

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
                io.show(door, Show.FREE if on else Show.IDLE)
                latched = await io.latch(door, self._cmd(f"latch {kind}"), kind, on, actor)
                return self._check(latched, "latch")
            case Signal(light, advice):
                io.show(door, Show.GRANTED if light is Light.GREEN else Show.DENIED)
                if light is Light.GREEN:
                    self.hands.screens.show(self.access_point, "welcome")
                elif advice is not None:
                    self.hands.screens.show(self.access_point, advice.text, advice.until_ms)
            case Sound(tone):
                io.show(door, _SHOWN[tone])
                if tone is not Tone.OFF:
                    log.warning("door_sounds", access_point=self.access_point, tone=tone)
            case _:
                assert_never(effect)
        return ""

    def _check(self, result: Result, verb: str) -> str:
        """A lock that did not do as asked is a fault everybody can see; the door is never believed open or shut."""
        if result.outcome is Outcome.DONE:
            self.fault = ""
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
        return Cmd(self.hands.new_id(), self._now_ns() + IO_DEADLINE_NS, reason)

    def _changed_since_refused(self) -> bool:
        """Who registers while holding up the refused code, or whose node learns the time meanwhile, need not take it
        away and show it anew.
        """
        was = self._refused
        if was is None:
            return False
        knowledge, moment = self._now()
        return knowledge.passes.get(was.holder.pass_id) != was.holder or moment.clock is not was.clock

    # --- small things -----------------------------------------------------------------------------------------

    def _now_ns(self) -> int:
        return self.hands.clock.read().mono_ns

    def _now(self) -> tuple[Knowledge, Moment]:
        knowledge, reading = self.hands.knowledge(), self.hands.clock.read()
        moment = Moment(
            now_ms=reading.wall_ms,
            clock=reading.state,
            floor_ms=knowledge.floor_ms,
            contact_age_ms=knowledge.contact_age_ms,
            online=knowledge.online,
        )
        return knowledge, moment

    def _view(self, attempt: Attempt, moment: Moment) -> DoorView:
        view = DoorView(
            access_point=self.access_point,
            location_class=self.location,
            lock_silent=AlarmFlag.LOCK_SILENT in self.state.flags,
            mode=Mode.BLOCKED if self.withheld() else self.state.mode,
            direction=self.profile.direction,
            camera=self.state.camera if self.desk is not None else Camera.OK,
            liveness=self.liveness,
            simulation=self.simulation,
            else_code=self.face_mode is FaceMode.ONE_TO_N_ELSE_CODE,
        )
        return self.rules.ruled(view, attempt.holder, moment)

    def _failed(self, tries: str) -> None:
        now_ns = self._now_ns()
        self._tries[tries] = after_failure(self._tries.get(tries, Tries()), now_ns)
        while len(self._tries) > TRIES_KEPT:
            del self._tries[next(iter(self._tries))]

    def _locked_until_ms(self, tries: str, moment: Moment) -> int | None:
        held, now_ns = self._tries.get(tries), self._now_ns()
        if held is None or not is_locked(held, now_ns):
            return None
        return moment.now_ms + (held.locked_until_ns - now_ns) // 1_000_000

    def _advise(self, advice: Advice, attempt: Attempt, reason: Reason) -> None:
        word = GuestText.SEE_GUARD if self.withheld() else word_of(advice, attempt.kind, reason)
        self.hands.screens.show(self.access_point, word, advice.until_ms)

    def _no_record(self, error: StoreError) -> None:
        self.fault = str(error)
        log.error("not_recorded", access_point=self.access_point, why=str(error))
        self.hands.screens.show(self.access_point, GuestText.SEE_GUARD)


def _opens(event: Event) -> bool:
    """Whether this would open the door to somebody, and so waits for its record; sensors and relocking never wait."""
    commanded = isinstance(event, Command) and event.verb in {Verb.ACCESS, Verb.UNLOCK}
    return commanded or isinstance(event, Granted | SchedOpen)


def _holder(passes: PassSet, cred_id: str, verifier: bytes) -> Pass | None:
    """Whose PIN this is; both halves have to agree."""
    found = passes.find_credential(cred_id)
    if found is None or found[1].kind is not CredentialKind.PIN:
        return None
    return found[0] if hmac.compare_digest(found[1].verifier, verifier) else None
