"""The door's invariants (access.md §4.7) under storms of events, and against a model of the I/O process.

The model does what ``gate-io`` promises: pulses and leases end by themselves and extend, never stack; a relock
ends both at once; a press of the button releases for T_rex by itself; a latch stays until it is cleared.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.door import next_deadline, output, step
from edge.core.door_events import (
    BeamBroken,
    BeamClear,
    BoltChanged,
    Boot,
    CameraChanged,
    ClockChanged,
    Command,
    Denied,
    DpsClose,
    DpsFault,
    DpsOpen,
    Event,
    FireOff,
    FireOn,
    FireReset,
    Granted,
    LinkDown,
    LinkUp,
    LockBack,
    LockLost,
    PowerBack,
    PowerLow,
    RexPressed,
    RexReleased,
    SchedClose,
    SchedOpen,
    TamperOff,
    TamperOn,
    Tick,
    Verb,
)
from edge.core.door_profile import DoorProfile, LockProfile
from edge.core.door_types import (
    Bolt,
    Camera,
    Contact,
    DoorState,
    Drive,
    Egress,
    Hold,
    Latch,
    LifeSafety,
    Mode,
    Output,
    Pulse,
    Relock,
    Step,
    Timer,
    shunted,
)
from edge.core.events import AccessPointId, ClockState, Fact, GrantId
from edge.core.reasons import Advice, GuestText

S_NS = 1_000_000_000
GATE = AccessPointId("AP-gate")
PROFILES = [
    DoorProfile(access_point=GATE),
    DoorProfile(access_point=GATE, rex_unlocks=True),
    DoorProfile(access_point=GATE, rex_unlocks=True, t_open_ms=600_000, t_relock_delay_ms=0),
    DoorProfile(access_point=GATE, lock=LockProfile.MAGLOCK_FAIL_SAFE, rex_unlocks=True),
    DoorProfile(access_point=GATE, lock=LockProfile.MOTOR_BOLT, rex_unlocks=True),
    DoorProfile(access_point=GATE, lock=LockProfile.TURNSTILE),
    DoorProfile(access_point=GATE, lock=LockProfile.BARRIER, t_open_ms=30_000, lockdown_release_by_two=True),
    DoorProfile(
        access_point=GATE, lock=LockProfile.MAGLOCK_FAIL_SAFE, t_open_ms=600_000,
        t_forced_confirm_ms=700, t_prealarm_ms=0, t_max_energise_ms=20_000,
    ),
]  # fmt: skip
BOOT = Boot("b", Contact.CLOSED)
SIDE = [
    LinkUp(),
    LinkDown(),
    ClockChanged(ClockState.UNTRUSTED),
    ClockChanged(ClockState.TRUSTED),
    CameraChanged(Camera.LOST),
    CameraChanged(Camera.OK),
    RexReleased(),
]
WATCHED = [
    BoltChanged(Bolt.LOCKED), BoltChanged(Bolt.UNLOCKED), BoltChanged(Bolt.JAMMED), TamperOn(), TamperOff(),
    PowerLow(), PowerBack(), LockLost(), LockBack(), BeamBroken(), BeamClear(),
]  # fmt: skip
DENIED = Denied(Fact(type="access.denied", reason="Unauthorized"), Advice(GuestText.SEE_GUARD))

Story = list[tuple[int, Event]]


def _number(story: list[tuple[int, str | Event]]) -> Story:
    """Give every grant, press and command its own name or counter, as their makers do."""
    made: Story = []
    for i, (gap, what) in enumerate(story):
        grant, count = GrantId(f"g{i}"), i + 1
        named: dict[str, Event] = {
            "grant": Granted(grant, Fact(type="access.granted")),
            "slow": Granted(grant, Fact(type="access.granted"), extended=True),
            "rex": RexPressed(grant),
            "access": Command(Verb.ACCESS, "s", count, grant),
            "unlock": Command(Verb.UNLOCK, "s", count),
            "lock": Command(Verb.LOCK, "s", count),
            "lockdown": Command(Verb.LOCKDOWN, "s", count),
            "block": Command(Verb.BLOCK, "s", count),
            "release": Command(Verb.LOCKDOWN_RELEASE, "s", count),
            "evacuate": Command(Verb.LOCKOPEN, "s", count),
            "return": Command(Verb.LOCKOPEN_RELEASE, "s", count),
            "again": Command(Verb.UNLOCK, "s", max(1, count - 3)),
        }
        made.append((gap, named[what] if isinstance(what, str) else what))
    return made


words = st.sampled_from(
    [
        "grant",
        "grant",
        "slow",
        "rex",
        "access",
        "unlock",
        "lock",
        "lockdown",
        "block",
        "again",
        "release",
        "evacuate",
        "return",
    ]
)
plain = st.sampled_from(
    [DENIED, DpsOpen(), DpsOpen(), DpsClose(), DpsClose(), DpsFault(), SchedOpen(), SchedClose(),
     FireOn(), FireOff(), FireReset("s"), Tick(), *SIDE, *WATCHED]
)  # fmt: skip
gaps = st.one_of(st.integers(0, 3 * S_NS), st.integers(0, 80 * S_NS)).map(lambda ns: ns // 10**8 * 10**8)
stories = st.lists(st.tuples(gaps, words | plain), max_size=40).map(_number)
profiles = st.sampled_from(PROFILES)
modes = st.sampled_from(list(Mode))


@dataclass
class LockModel:
    """What hangs on the wire, as the I/O process would drive it."""

    profile: DoorProfile
    until_ns: int = 0
    rex_until_ns: int = 0
    latched: set[str] = field(default_factory=set)

    def hear(self, event: Event, now_ns: int) -> None:
        if isinstance(event, RexPressed) and self.profile.rex_unlocks:
            self.rex_until_ns = now_ns + self.profile.t_rex_ms * 1_000_000
        if isinstance(event, FireOn):
            self.latched.add("fire")

    def obey(self, done: Step, now_ns: int) -> None:
        for effect in done.effects:
            match effect:
                case Pulse(ms):
                    self.until_ns = max(self.until_ns, now_ns + ms * 1_000_000)
                case Hold(until_ns):
                    self.until_ns = max(self.until_ns, until_ns)
                case Relock():
                    self.until_ns = now_ns
                case Latch(kind=kind, on=True):
                    self.latched.add(kind)
                case Latch(kind=kind):
                    self.latched.discard(kind)
                case _:
                    pass

    def output(self, now_ns: int) -> Output:
        released = bool(self.latched) or now_ns < max(self.until_ns, self.rex_until_ns)
        return Output.RELEASED if released else Output.SECURED


@dataclass
class Run:
    """A story played punctually: a Tick at every deadline, then the event."""

    profile: DoorProfile
    state: DoorState = field(default_factory=DoorState)
    facts: list[Fact] = field(default_factory=list)
    moments: list[tuple[DoorState, Event, Step]] = field(default_factory=list)
    lock: LockModel = field(init=False)

    def __post_init__(self) -> None:
        self.lock = LockModel(self.profile)

    def tell(self, event: Event, now_ns: int) -> None:
        before = self.state
        self.lock.hear(event, now_ns)
        done = step(before, event, self.profile, now_ns)
        self.lock.obey(done, now_ns)
        self.state = done.state
        self.facts += done.facts
        self.moments.append((before, event, done))

    def until(self, now_ns: int) -> None:
        for _ in range(1_000):
            deadline = next_deadline(self.state)
            if deadline is None or deadline > now_ns:
                return
            self.tell(Tick(), deadline)
        raise AssertionError("the timers never come to rest")


def play(profile: DoorProfile, story: Story, state: DoorState | None = None) -> Run:
    run = Run(profile)
    if state is None:
        run.tell(BOOT, 0)
    else:
        run.state = state
    now_ns = run.state.at_ns
    for gap, event in story:
        now_ns += gap
        run.until(now_ns)
        run.tell(event, now_ns)
    return run


def standing(mode: Mode) -> DoorState:
    """A booted door in a mode whose way in comes later, or that stands there already."""
    state = step(DoorState(), BOOT, PROFILES[0], 0).state
    safety = LifeSafety.FIRE if mode is Mode.LOCKED_OPEN else LifeSafety.CLEAR
    return replace(state, mode=mode, life_safety=safety)


@given(profile=profiles, story=stories)
@settings(max_examples=400)
def test_1_each_grant_ends_in_exactly_one_of_taken_not_taken_cancelled(
    profile: DoorProfile, story: Story
) -> None:
    run = play(profile, [*story, (0, SchedClose()), (200 * S_NS, Tick())])
    granted = Counter(fact.grant_id for fact in run.facts if fact.type == "access.granted")
    ended = Counter(fact.grant_id for fact in run.facts if fact.type in {"access.taken", "access.not_taken"})
    assert granted == ended
    assert all(count == 1 for count in granted.values())


@given(profile=profiles, story=stories)
@settings(max_examples=400)
def test_2_a_strike_is_energised_only_where_its_mode_or_the_way_out_says_so(
    profile: DoorProfile, story: Story
) -> None:
    for _, _, done in play(profile, story).moments:
        state = done.state
        allowed = (
            state.mode in {Mode.ACCESSED, Mode.UNLOCKED, Mode.LOCKED_OPEN} or state.egress is Egress.PULSE
        )
        waits = {LockProfile.MAGLOCK_FAIL_SAFE, LockProfile.MOTOR_BOLT, LockProfile.BARRIER}
        waits_for_its_door = profile.lock in waits and state.drive is Drive.RELEASED
        if output(state, profile) is Output.RELEASED:
            assert allowed or waits_for_its_door


@given(profile=profiles, story=stories)
def test_3_no_credential_and_no_command_opens_a_door_in_lockdown(profile: DoorProfile, story: Story) -> None:
    without_fire = [
        (gap, event)
        for gap, event in story
        if not isinstance(event, FireOn | FireReset | RexPressed)
        and not (isinstance(event, Command) and event.verb is Verb.LOCKDOWN_RELEASE)
    ]
    run = play(profile, without_fire, standing(Mode.LOCKED_DOWN))
    for _, _, done in run.moments:
        assert done.state.mode is Mode.LOCKED_DOWN
        assert output(done.state, profile) is Output.SECURED
    assert not [fact for fact in run.facts if fact.type == "access.granted"]


@given(profile=profiles, story=stories, mode=modes)
@settings(max_examples=300)
@pytest.mark.invariant(2)
def test_4_the_way_out_is_never_refused_and_works_in_every_mode(
    profile: DoorProfile, story: Story, mode: Mode
) -> None:
    for _, event, done in play(profile, story, standing(mode)).moments:
        if isinstance(event, RexPressed):
            assert done.refusal is None
            assert shunted(done.state)
            if profile.rex_unlocks:
                assert output(done.state, profile) is Output.RELEASED


@given(profile=profiles, story=stories)
def test_5_no_command_executes_twice(profile: DoorProfile, story: Story) -> None:
    heard: list[int] = []
    for before, event, done in play(profile, story).moments:
        if isinstance(event, Command) and done.refusal is None:
            assert event.counter > before.counter
            heard.append(event.counter)
    assert heard == sorted(set(heard))


@given(profile=profiles, story=stories, mode=modes)
def test_6_the_same_log_replayed_gives_the_same_door(profile: DoorProfile, story: Story, mode: Mode) -> None:
    first, second = (play(profile, story, standing(mode)) for _ in range(2))
    assert (first.state, first.facts) == (second.state, second.facts)


@given(profile=profiles, story=stories)
@settings(max_examples=300)
def test_6_a_caller_who_only_brings_the_events_sees_the_same_door(profile: DoorProfile, story: Story) -> None:
    punctual = play(profile, story)
    state, facts, now_ns = DoorState(), list[Fact](), 0
    for gap, event in [(0, BOOT), *story]:
        now_ns += gap
        done = step(state, event, profile, now_ns)
        state, facts = done.state, facts + list(done.facts)
    assert facts == punctual.facts
    # A lease is renewed from when somebody comes by; all else is the same to the nanosecond.
    assert _without_lease(state) == _without_lease(punctual.state)


def _without_lease(state: DoorState) -> DoorState:
    timers = {timer: at for timer, at in state.timers.items() if timer is not Timer.T_HOLD}
    return replace(state, timers=MappingProxyType(timers))


@given(profile=profiles, story=stories, mode=modes, side=st.sampled_from(SIDE))
@settings(max_examples=300)
def test_7_link_clock_and_camera_never_move_the_lock(
    profile: DoorProfile, story: Story, mode: Mode, side: Event
) -> None:
    before = play(profile, story, standing(mode)).state
    done = step(before, side, profile, before.at_ns)
    assert (done.effects, done.facts, done.refusal) == ((), (), None)
    assert output(done.state, profile) is output(before, profile)
    assert (done.state.mode, done.state.timers) == (before.mode, before.timers)


@given(profile=profiles, story=stories, mode=modes)
@settings(max_examples=400)
def test_8_forced_is_raised_exactly_by_an_opening_without_shunt_in_a_guarded_mode(
    profile: DoorProfile, story: Story, mode: Mode
) -> None:
    profile = replace(profile, t_forced_confirm_ms=0)
    for before, event, done in play(profile, story, standing(mode)).moments:
        opening = isinstance(event, DpsOpen) and before.contact is not Contact.OPEN
        guarded = before.mode in {Mode.LOCKED, Mode.BLOCKED, Mode.LOCKED_DOWN}
        told = [fact.type for fact in done.facts]
        assert ("door.forced" in told) == (opening and guarded and not shunted(before))


@given(profile=profiles, story=stories, mode=modes)
@settings(max_examples=300)
def test_9_fire_opens_every_mode_at_once_and_ends_by_a_person_only(
    profile: DoorProfile, story: Story, mode: Mode
) -> None:
    state = standing(mode)
    run = play(profile, [(0, FireOn()), *story], state)
    _, _, first = run.moments[0]
    assert (first.state.mode, output(first.state, profile)) == (Mode.LOCKED_OPEN, Output.RELEASED)
    for before, event, done in run.moments[1:]:
        if before.life_safety is LifeSafety.FIRE and done.state.life_safety is LifeSafety.CLEAR:
            assert isinstance(event, FireReset)
            assert not before.fire_input
        elif before.life_safety is LifeSafety.FIRE:
            assert done.state.mode is Mode.LOCKED_OPEN


@given(profile=profiles, story=stories)
@settings(max_examples=400)
def test_10_no_access_lasts_longer_than_the_watchdog_after_its_last_grant(
    profile: DoorProfile, story: Story
) -> None:
    last_grant_ns = 0
    for _, event, done in play(profile, [*story, (200 * S_NS, Tick())]).moments:
        asked = isinstance(event, Granted) or (isinstance(event, Command) and event.verb is Verb.ACCESS)
        if asked and done.refusal is None:
            last_grant_ns = done.state.at_ns
        if done.state.mode is Mode.ACCESSED:
            assert done.state.at_ns - last_grant_ns < profile.t_max_energise_ms * 1_000_000


@given(profile=profiles, story=stories)
@settings(max_examples=500)
def test_the_effects_drive_a_lock_to_exactly_what_the_regions_say(profile: DoorProfile, story: Story) -> None:
    run = Run(profile)
    run.tell(BOOT, 0)
    now_ns = 0
    for gap, event in [*story, (100 * S_NS, Tick())]:
        for _ in range(1_000):
            deadline = next_deadline(run.state)
            if deadline is None or deadline > now_ns + gap:
                break
            run.tell(Tick(), deadline)
            assert run.lock.output(deadline) is output(run.state, profile)
        now_ns += gap
        run.tell(event, now_ns)
        assert run.lock.output(now_ns) is output(run.state, profile)


@given(profile=profiles, story=stories, mode=modes)
def test_no_timer_is_ever_left_behind_in_the_past(profile: DoorProfile, story: Story, mode: Mode) -> None:
    for _, _, done in play(profile, story, standing(mode)).moments:
        deadline = next_deadline(done.state)
        assert deadline is None or deadline > done.state.at_ns


@pytest.mark.parametrize("profile", PROFILES)
def test_a_busy_evening_of_a_thousand_guests_leaves_a_locked_quiet_door(profile: DoorProfile) -> None:
    story: Story = []
    lane = profile.lock is LockProfile.BARRIER
    for i in range(1_000):
        grant = Granted(GrantId(f"g{i}"), Fact(type="access.granted"))
        through = [(S_NS // 2, BeamBroken()), (S_NS, BeamClear())] if lane else []
        story += [(4 * S_NS, grant), (S_NS, DpsOpen()), *through, (2 * S_NS, DpsClose())]
    run = play(profile, [*story, (S_NS, Tick())])
    assert (run.state.mode, output(run.state, profile)) == (Mode.LOCKED, Output.SECURED)
    assert Counter(fact.type for fact in run.facts) == {
        "door.boot": 1, "access.granted": 1_000, "access.taken": 1_000, "door.closed": 1_000,
    }  # fmt: skip
