"""What people show at one door: which attempt it is, what it is judged to be, and what is remembered for the next.

A refused try uses up the patience of whom it counts against; a first factor is kept for the second one.
"""

import asyncio
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

import structlog

from edge.core.bundle import Bundle
from edge.core.credentials import CodeRefused, SignedCode
from edge.core.decision import decide
from edge.core.decision_fact import about, retried
from edge.core.decision_types import Allow, Attempt, Deny, DoorView, Moment, Retry
from edge.core.door_events import Denied, Event, Granted
from edge.core.door_types import Camera, DoorState
from edge.core.dry_run import on_trial, opens_on_trial, would_deny
from edge.core.events import AccessPointId, ClockState, CredentialKind, Fact, GrantId
from edge.core.passes import Pass, Prereq, SubjectClass
from edge.core.reasons import Advice, GuestText, Reason
from edge.core.requirement import Require, takes_pin_second
from edge.errors import StoreError
from edge.ports_io import Show
from edge.runtime.commissioned import Withheld
from edge.runtime.face_desk import Concluded, FaceDesk, Prompt
from edge.runtime.gate_rules import GateRules
from edge.runtime.hands import Did, Hands, Knowledge
from edge.runtime.patience import PINS, UNKNOWN, Patience, counts_against
from edge.runtime.presented import of_bundle, of_card, of_code, of_day_code, of_pin
from edge.runtime.screen_words import word_of
from edge.runtime.second import First, asks_for, beside, first_of
from edge.runtime.shown_code import ShownCode
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

EMERGENCY = "access.emergency"
SAME_CODE_NS = 3_000_000_000  # a phone still held into the picture is not shown anew
# While unknown cards have to wait, no card is looked at sooner after another: whoever tries cards out gets one a second,
# and whoever comes next with a good one waits a second.
CARD_EVERY_NS = 1_000_000_000

# Said of a code that another one follows; a sheet of paper has none.
NO_NEXT_CODE = frozenset({Reason.CODE_OUT_OF_TIME, Reason.SUPERSEDED})
# Not a wrong try: the same is right in a moment.
NOBODYS_FAULT = frozenset({Reason.INTERLOCK, Reason.OCCUPANCY})

log = structlog.get_logger()


class DoorSide(Protocol):
    """The door as its attempts need it."""

    desk: FaceDesk | None
    state: DoorState
    hands: Hands
    dry_run: bool
    require: Require
    rules: GateRules

    @property
    def withheld(self) -> Withheld: ...

    @property
    def access_point(self) -> AccessPointId: ...

    async def step(self, event: Event) -> Did:
        """One input: facts first, then the lock.  Called with the door's turn held."""
        ...

    def now_ns(self) -> int: ...

    def now(self) -> tuple[Knowledge, Moment]: ...

    def view(self, attempt: Attempt, moment: Moment) -> DoorView: ...

    def no_record(self, error: StoreError) -> None: ...


@dataclass(frozen=True, slots=True)
class _Refused:
    """Whose code was refused last, and how things stood then."""

    holder: Pass
    clock: ClockState
    aboard: bool


@dataclass(frozen=True, slots=True)
class _Shown:
    """What came with an attempt: whose patience, a code that can be used once, a bundle, a look at a face."""

    credential: str
    code: ShownCode | None = None
    bundle: Bundle | None = None
    asked: Asked | None = None


class Attempts:
    """All methods run on the node's event loop; ``turn`` is the door's own."""

    def __init__(self, door: DoorSide, turn: asyncio.Lock, timers_changed: asyncio.Event) -> None:
        self._door = door
        self._turn = turn
        self._timers_changed = timers_changed
        self._patience = Patience()
        self._code: tuple[str, int] = ("", 0)
        self._card_ns: int | None = None
        self._asked: Asked | None = None  # a code was shown, and its face is waited for
        self._first: First | None = None  # the first of two
        self._refused: _Refused | None = None
        self._unseen_ns: int | None = None  # when a face could last not be seen well enough

    # --- what comes in ----------------------------------------------------------------------------------------

    async def on_code(self, text: str, t_ns: int) -> None:
        """A text from a QR code, by camera or scanner; anybody else's is nothing."""
        if self._waits_its_turn(text):
            return  # and is not noted as shown: held up until the look has ended, it is judged then
        seen, last_ns = self._code
        self._code = (text, t_ns)
        if text != seen:
            self._refused = None
        elif t_ns - last_ns < SAME_CODE_NS and not self._changed_since_refused():
            return
        if await self._hands.carried(text):
            return
        try:
            code = self._hands.parse_code(text)
        except ValueError as error:
            log.info("code_not_understood", access_point=self._door.access_point, why=str(error))
            self._say("next_code")  # coming closer makes no code whole
            return
        if code is None:
            return
        async with self._turn:
            if not self._is_looking():
                await self._end_asked()
                await self._try_code(code)

    async def on_face(self, seen: FaceSeen) -> None:
        """A face was seen in front of this door."""
        desk, asked = self._door.desk, self._asked
        if desk is None or (isinstance(desk, OneToOneDesk) and asked is None):
            return  # where a code comes first, nobody is looked at before it
        match look_on(desk, asked, seen) if asked is not None else desk.look(seen):
            case Prompt(word):
                self._say(word)
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
        if self._door.desk is not None:
            self._door.desk.nobody(t_ns)
        self.rest()
        if self._asked is not None and t_ns > self._asked.until_ns:
            async with self._turn:
                await self._end_asked()

    def rest(self) -> None:
        """Say what stands there while nobody does."""
        self._say(rest_word(self._door.desk, self._door.state.camera))

    async def on_pin(self, digits: str) -> None:
        """Digits from a screen or a keypad; what is no PIN is answered like one nobody has."""
        async with self._turn:
            await self._end_asked()
            knowledge, moment = self._door.now()
            attempt = of_day_code(self._first, digits, self._hands, knowledge.passes, self._door.now_ns())
            if attempt is None:
                attempt = self._with_first(of_pin(digits, self._hands, knowledge.passes), knowledge)
            await self._judge_or_ask(attempt, _Shown(PINS), knowledge, moment)

    async def on_card(self, data: str, t_ns: int) -> None:
        """A card was held to the reader; its number goes no further than this."""
        async with self._turn:
            await self._end_asked()
            last_ns, self._card_ns = self._card_ns, t_ns
            too_soon = last_ns is not None and t_ns - last_ns < CARD_EVERY_NS
            knowledge, moment = self._door.now()
            wait_ms = self._patience.waits_ms(UNKNOWN[CredentialKind.CARD], self._door.now_ns())
            if too_soon and wait_ms is not None:
                self._advise(
                    Retry(Reason.RETRY_LATER, CredentialKind.CARD, moment.now_ms + wait_ms),
                    CredentialKind.CARD,
                )
                return
            card, cred_id = of_card(data, self._hands, knowledge.passes)
            attempt = self._with_first(card, knowledge)
            await self._judge_or_ask(attempt, _Shown(cred_id), knowledge, moment)

    async def end_waits(self, *, at_once: bool) -> None:
        """End looks and first factors whose time is over; ``at_once`` the look too, for nobody can be seen any more.

        Called with the turn held.
        """
        now_ns = self._door.now_ns()
        if self._asked is not None and (at_once or now_ns >= self._asked.until_ns):
            await self._end_asked()
        if self._first is not None and now_ns >= self._first.until_ns:
            self._forget_first()
            self.rest()

    def earlier(self, deadline_ns: int | None) -> int | None:
        """The door's next deadline, or the end of a wait here, whichever comes first."""
        deadline_ns = earliest(deadline_ns, self._asked)
        if self._first is None:
            return deadline_ns
        return self._first.until_ns if deadline_ns is None else min(deadline_ns, self._first.until_ns)

    # --- which attempt it is ----------------------------------------------------------------------------------

    async def _try_code(self, code: SignedCode | Bundle) -> None:
        knowledge, moment = self._door.now()
        if isinstance(code, Bundle):
            read = of_bundle(code, self._door.access_point, self._hands, knowledge, moment)
        else:
            read = of_code(code, self._door.access_point, self._hands, knowledge, moment)
        attempt = self._with_first(read.attempt, knowledge)
        shown = _Shown(code.credential.hex(), read.code, read.bundle)
        await self._judge_or_ask(attempt, shown, knowledge, moment)

    async def _try_face(self, concluded: Concluded) -> None:
        knowledge, moment = self._door.now()
        named = concluded.evidence.verdict.pass_id
        holder = None if named is None else knowledge.passes.get(named)
        if named is not None and holder is None:
            return  # the pass went away between the look and now; the next gallery does not have it
        attempt = Attempt(kind=CredentialKind.FACE, holder=holder, face=concluded.evidence)
        attempt = self._with_first(attempt, knowledge)
        await self._judge(attempt, _Shown(f"track-{concluded.track}"), knowledge, moment)

    def _with_first(self, attempt: Attempt, knowledge: Knowledge) -> Attempt:
        return beside(self._first, attempt, knowledge.passes, self._door.now_ns())

    # --- code, then face --------------------------------------------------------------------------------------

    async def _judge_or_ask(
        self, attempt: Attempt, shown: _Shown, knowledge: Knowledge, moment: Moment
    ) -> None:
        """At a door of code and face, the code has only said who; everywhere else it opens."""
        attempt = self._locked(attempt, shown, moment)
        desk = self._door.desk
        if isinstance(desk, OneToOneDesk) and self._sees_faces():
            alone = decide(attempt, self._door.view(attempt, moment), moment, knowledge.policy)
            self._asked = ask_or_none(desk, alone, attempt, shown.credential, shown.code, self._door.now_ns())
        if self._asked is None:
            await self._judge(attempt, shown, knowledge, moment)
        else:
            self._timers_changed.set()
            self._say("look_after_code")

    def _sees_faces(self) -> bool:
        """Nobody is asked for a face that would not be looked at: the right code would wait for nothing."""
        return self._door.state.camera is Camera.OK and self._hands.sees_faces(self._door.access_point)

    def _is_looking(self) -> bool:
        """Whether a face is being looked for; until then no code begins anew, whosever it is."""
        return self._asked is not None and self._door.now_ns() <= self._asked.until_ns

    def _waits_its_turn(self, text: str) -> bool:
        """During a look only the phone that began it goes on being shown; an old code stuck in the picture or a
        companion's phone takes the look away from nobody.
        """
        asked = self._asked
        return asked is not None and self._is_looking() and not is_of(asked, text, self._hands.parse_code)

    async def _end_asked(self, concluded: Concluded | None = None) -> None:
        """Judge code and face together; without a look it is a look at nobody.  Called with the turn held."""
        asked, self._asked = self._asked, None
        desk = self._door.desk
        if asked is None or not isinstance(desk, OneToOneDesk):
            return
        evidence = (concluded or desk.unseen()).evidence
        desk.ask(None)
        knowledge, moment = self._door.now()
        attempt = with_face(asked, evidence, knowledge.passes)
        await self._judge(attempt, _Shown(asked.tries, asked.shown, asked=asked), knowledge, moment)

    # --- judged -----------------------------------------------------------------------------------------------

    async def _judge(self, attempt: Attempt, shown: _Shown, knowledge: Knowledge, moment: Moment) -> None:
        door, asked = self._door, shown.asked
        attempt = self._locked(attempt, shown, moment) if asked is None else attempt
        view, started_ns = door.view(attempt, moment), door.now_ns()
        decision = decide(attempt, view, moment, knowledge.policy)
        decision = would_deny(decision) if door.dry_run else decision
        decision = decision if asked is None else plainly(decision, asked)
        if isinstance(decision, Retry):
            self._unseen_ns = started_ns if decision.reason is Reason.LOW_QUALITY else self._unseen_ns
            await self._ask_again(decision, attempt, shown)
            return
        self._note_refused(decision, attempt, moment)
        fact = retried(about(decision, attempt, view, moment, knowledge.policy), self._unseen_ns, started_ns)
        self._unseen_ns = None
        fact = on_trial(fact) if door.dry_run else fact
        match decision:
            case Allow():
                door.rules.claim(door.access_point)
                fact = replace(fact, x=fact.x | {"latency_ms": (door.now_ns() - started_ns) // 1_000_000})
                await self._grant(fact, attempt, shown, knowledge, moment)
            case Deny() if door.dry_run and opens_on_trial(decision, attempt):
                await self._open(fact, attempt.holder)
            case Deny():
                if decision.reason not in NOBODYS_FAULT:
                    self._patience.failed(counts_against(attempt, shown.credential), door.now_ns())
                await self._refuse(decision, fact, attempt, shown)
            case _:
                assert_never(decision)

    async def _grant(
        self, fact: Fact, attempt: Attempt, shown: _Shown, knowledge: Knowledge, moment: Moment
    ) -> None:
        """Every code that was part of it is used up before the door opens."""
        for code in self._codes_of(attempt, shown):
            try:
                overtaken = await self._use(code, moment.clock)
            except StoreError as error:
                self._door.no_record(error)
                return
            if overtaken is not None:
                self._forget_first()
                late = replace(attempt, code=overtaken)
                await self._judge(late, shown, knowledge, moment)
                return
        self._forget_first()
        did = await self._open(fact, attempt.holder)
        if attempt.face is not None and attempt.face.by_before and not did.refused and not did.fault:
            self._say("enrol_anew")  # the door is open; what it asks for waits until they have a minute

    async def _use(self, code: ShownCode, clock: ClockState) -> CodeRefused | None:
        """As ``ShownCode.use``; out of a time that nobody believes is no reason, as in the decision (step 5)."""
        overtaken = await code.use(self._hands)
        if overtaken is None or clock is not ClockState.UNTRUSTED:
            return overtaken
        return None if overtaken.reason is Reason.CODE_OUT_OF_TIME else overtaken

    def _codes_of(self, attempt: Attempt, shown: _Shown) -> list[ShownCode]:
        """Those shown now and, where this attempt rests on it, with the first factor."""
        first = self._first
        rests = first is not None and bool(attempt.also) and not first.is_person
        codes = (first.shown if first is not None and rests else None, shown.code)
        return [code for code in codes if code is not None]

    async def _open(self, fact: Fact, holder: Pass | None) -> Did:
        grant = GrantId(self._hands.new_id())
        slow = holder is not None and Prereq.MORE_TIME in holder.prereq
        did = await self._door.step(Granted(grant, fact, extended=slow))
        if fact.cls == SubjectClass.EMERGENCY:
            await self._tell_people(replace(fact, type=EMERGENCY, grant_id=grant, x={}))
        return did

    async def _tell_people(self, fact: Fact) -> None:
        """Beside the grant, which is in the ledger already: a case is made of it, and somebody looks."""
        try:
            await self._hands.record([fact])
        except StoreError as error:
            log.error("emergency_not_told", access_point=self._door.access_point, why=str(error))

    async def _refuse(self, decision: Deny, fact: Fact, attempt: Attempt, shown: _Shown) -> None:
        asked = shown.asked
        if asked is not None and is_alike(decision):
            await self._door.step(Denied(fact, Advice(GuestText.TRY_AGAIN)))
            self._say("two_refused")
            return
        if attempt.kind is CredentialKind.PIN and not attempt.also and takes_pin_second(self._door.require):
            await self._refuse_half(fact)
            return
        paper = shown.bundle is not None and shown.bundle.use is None
        no_next = paper and decision.reason in NO_NEXT_CODE
        advice = Advice(GuestText.SEE_GUARD) if no_next else decision.advice
        await self._door.step(Denied(fact, advice))
        if no_next:
            self._say(advice.text)
        else:
            self._advise(decision, attempt.kind)

    async def _refuse_half(self, fact: Fact) -> None:
        """Where a PIN is only half, no light, sound or word tells a wrong one from a right one; the ledger does."""
        try:
            await self._hands.record([fact])
        except StoreError as error:
            self._door.no_record(error)
            return
        self._wait_for("now_second")

    async def _ask_again(self, asked: Retry, attempt: Attempt, shown: _Shown) -> None:
        now_ns, held = self._door.now_ns(), self._first
        held = held if held is not None and now_ns <= held.until_ns else None
        word = asks_for(asked, attempt, self._door.require)
        half_face = attempt.kind is CredentialKind.FACE and word is None
        first = None if half_face else first_of(asked, attempt, shown.code, shown.bundle, now_ns, held)
        if first is None:
            self._advise(asked, attempt.kind)
            return
        if first is not held:
            if first.is_person and not await self._used_up(attempt, shown):
                return
            self._first = first
            self._timers_changed.set()
            kind = attempt.kind
            log.info("second_asked", access_point=self._door.access_point, kind=kind, person=first.is_person)
        if word is None:
            self._advise(asked, attempt.kind)
        else:
            self._wait_for(word)

    async def _used_up(self, attempt: Attempt, shown: _Shown) -> bool:
        """The first person's codes count as used from now on, or the same one could be shown once more meanwhile."""
        try:
            clock = self._door.now()[1].clock
            overtaken = [await self._use(code, clock) for code in self._codes_of(attempt, shown)]
        except StoreError as error:
            self._door.no_record(error)
            return False
        if any(overtaken):
            self._say("next_code")
        return not any(overtaken)

    # --- small things -----------------------------------------------------------------------------------------

    @property
    def _hands(self) -> Hands:
        return self._door.hands

    def _locked(self, attempt: Attempt, shown: _Shown, moment: Moment) -> Attempt:
        whose = counts_against(attempt, shown.credential)
        wait_ms = self._patience.waits_ms(whose, self._door.now_ns())
        return replace(attempt, locked_until_ms=None if wait_ms is None else moment.now_ms + wait_ms)

    def _forget_first(self) -> None:
        if self._first is not None:
            self._first = None
            self._hands.front.light(self._door.access_point, Show.IDLE)

    def _note_refused(self, decision: Allow | Deny, attempt: Attempt, moment: Moment) -> None:
        if attempt.kind is CredentialKind.QR:
            holder = attempt.holder if isinstance(decision, Deny) else None
            self._refused = None if holder is None else _Refused(holder, moment.clock, attempt.aboard)

    def _changed_since_refused(self) -> bool:
        """Who registers while holding up the refused code, or whose node learns the time meanwhile, need not take it
        away and show it anew.
        """
        was = self._refused
        if was is None:
            return False
        knowledge, moment = self._door.now()
        now = knowledge.passes.get(was.holder.pass_id)
        return (now != was.holder if was.aboard else now is not None) or moment.clock is not was.clock

    def _wait_for(self, word: str) -> None:
        self._say(word)
        self._hands.front.light(self._door.access_point, Show.WAIT)

    def _advise(self, decision: Deny | Retry, kind: CredentialKind) -> None:
        advice = decision.advice
        if self._door.withheld():
            self._say(GuestText.SEE_GUARD)
            return
        self._say(word_of(advice, kind, decision.reason), advice.until_ms)

    def _say(self, word: str, until_ms: int | None = None) -> None:
        self._hands.screens.show(self._door.access_point, word, until_ms)
