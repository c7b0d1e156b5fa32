"""A lock behind a bus, in virtual time: what is written, and when, whatever the board does."""

import itertools
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.drivers.bus_plan import AGAIN_NS, MS, Contact, LockPlan, ReadBack, Step, Write
from edge.drivers.debounce import Debounce
from edge.ports import Outcome
from edge.ports_io import Ask, BusLink, BusTold

TIMEOUT_NS = 200 * MS
POLL_NS = 50 * MS
RETRY_NS = 500 * MS
SUPERVISE_NS = 1000 * MS
# One exchange under way, the plan's own write, and the poll that shows a relay which went astray.
SLACK_NS = 2 * TIMEOUT_NS + POLL_NS + AGAIN_NS


@dataclass
class Board:
    """A strike: energised is released.  Frozen, it keeps what it is sent and carries it out when it thaws."""

    answers: bool = True
    reachable: bool = True
    coil: bool = False
    kept: list[bool] = field(default_factory=list)
    moved: list[tuple[int, bool]] = field(default_factory=list)  # (when, level)

    def move(self, level: bool, now: int) -> None:
        if level != self.coil:
            self.coil = level
            self.moved.append((now, level))

    def thaw(self, now: int) -> None:
        self.answers = True
        for level in self.kept:
            self.move(level, now)
        self.kept = []


@dataclass(frozen=True)
class Event:
    kind: str
    after_ms: int
    pulse_ms: int | None = None
    deadline_ms: int = 500


class World:
    """The shell of the plan, as the bus thread is, over a board of the moment."""

    def __init__(self, events: list[Event]) -> None:
        self.now = 1_000_000 * MS
        self.board = Board()
        self.plan = LockPlan(False, self.now, supervise_ns=SUPERVISE_NS)
        self.events: list[tuple[int, Event]] = []
        at = self.now
        for event in events:
            at += event.after_ms * MS
            self.events.append((at, event))
        self.inbox: list[Ask] = []
        self.asked: dict[int, Ask] = {}
        self.sent: list[tuple[int, Write]] = []
        self.losses: list[int] = []  # how many writes had been sent at each loss of contact
        self.told: list[BusTold | BusLink] = []
        self.faults: list[int] = []
        self.back: list[int] = []
        self.retry_at = self.now
        self.poll_at = self.now

    def pass_time(self, until: int) -> None:
        """Let the world go on to ``until``; what is asked meanwhile waits in the inbox."""
        while self.events and self.events[0][0] <= until:
            at, event = self.events.pop(0)
            self.happen(event, max(at, self.now))
        self.now = max(until, self.now)

    def happen(self, event: Event, now: int) -> None:
        match event.kind:
            case "release" | "rest":
                ask = Ask(
                    len(self.asked) + 1,
                    event.kind == "release",
                    event.pulse_ms,
                    now + event.deadline_ms * MS,
                )
                self.asked[ask.seq] = ask
                self.inbox.append(ask)
            case "freeze":
                self.board.answers = False
                self.faults.append(now)
            case "cut":
                self.board.reachable = False
                self.faults.append(now)
            case "heal":
                self.board.reachable = True
                self.board.thaw(now)
                self.back.append(now)
            case "power_cycle":
                self.board.kept = []
                self.board.move(False, now)
                self.faults.append(now)

    def run(self, for_ms: int) -> None:
        end = self.now + for_ms * MS
        while self.now < end:
            self.turn(end)
        self.settle()

    def settle(self) -> None:
        while self.inbox:
            self.plan.ask(self.inbox.pop(0), self.now)
        self.plan.tick(self.now)
        self.told += self.plan.told()

    def turn(self, end: int) -> None:
        self.settle()
        if self.plan.contact is Contact.LOST:
            if self.now < self.retry_at:
                self.pass_time(min(self.retry_at, self.now + 10 * MS, end))
                return
            if not self.board.reachable:
                self.lose(mute=False)
                return
            self.plan.reach()
        step = self.plan.next(self.now)
        if step is None and self.now >= self.poll_at and self.plan.contact is Contact.UP:
            self.poll_at = self.now + POLL_NS
            step = ReadBack()
        if step is None:
            self.pass_time(min(self.now + 10 * MS, end))
        else:
            self.exchange(step)

    def exchange(self, step: Step) -> None:
        if isinstance(step, Write):
            self.sent.append((self.now, step))
        sent_at = self.now
        if not self.board.reachable:
            self.lose(mute=False)
            return
        if not self.board.answers:
            if isinstance(step, Write):
                self.board.kept.append(step.energised)
            self.pass_time(sent_at + TIMEOUT_NS)
            self.lose(mute=True)
            return
        if isinstance(step, Write):
            self.board.move(step.energised, self.now)
        level = self.board.coil
        self.pass_time(sent_at + 3 * MS)
        if any(sent_at <= at <= self.now for at in self.faults):  # the answer never came out
            self.pass_time(sent_at + TIMEOUT_NS)
            self.lose(mute=True)
        elif isinstance(step, Write):
            self.plan.done(self.now)
        else:
            self.plan.read(level, self.now)

    def lose(self, *, mute: bool) -> None:
        self.losses.append(len(self.sent))
        if mute:
            self.plan.silent(self.now)
        else:
            self.plan.lost(self.now)
        self.retry_at = self.now + RETRY_NS

    def outcomes(self) -> dict[int, list[Outcome]]:
        found: dict[int, list[Outcome]] = {seq: [] for seq in self.asked}
        for word in self.told:
            if isinstance(word, BusTold):
                found[word.seq].append(word.outcome)
        return found

    def links(self) -> list[BusLink]:
        return [word for word in self.told if isinstance(word, BusLink)]

    def released(self) -> list[tuple[int, int]]:
        """From when to when the lock stood released; an open end is now."""
        times = [*self.board.moved, (self.now, False)] if self.board.coil else self.board.moved
        return [(start, end) for (start, level), (end, _) in itertools.pairwise(times) if level]


EVENTS = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(["release", "release", "rest", "freeze", "cut", "heal", "heal", "power_cycle"]),
        after_ms=st.integers(0, 1500),
        pulse_ms=st.integers(50, 3000),
        deadline_ms=st.integers(1, 500),
    ),
    max_size=14,
)


def played(events: list[Event], then_ms: int = 4000) -> World:
    world = World(events)
    world.run(sum(event.after_ms for event in events) + then_ms)
    return world


@given(EVENTS)
@settings(max_examples=400, deadline=None)
def test_no_unlock_is_sent_late_or_twice_or_after_a_newer_ask(events):
    world = played(events)
    releases = [(at, write) for at, write in world.sent if write.energised]
    assert len({write.seq for _, write in releases}) == len(releases)
    for at, write in releases:
        assert at < world.asked[write.seq].deadline_ns
        assert write.not_after_ns == world.asked[write.seq].deadline_ns


@given(EVENTS)
@settings(max_examples=400, deadline=None)
def test_the_first_write_after_every_loss_is_the_resting_level(events):
    world = played(events)
    firsts = [world.sent[count][1] for count in {0, *world.losses} if count < len(world.sent)]
    assert [write for write in firsts if write.energised] == []


@given(EVENTS)
@settings(max_examples=400, deadline=None)
def test_every_ask_is_answered_once_or_was_overtaken_unsent(events):
    world = played(events)
    sent = {write.seq for _, write in world.sent}
    assert {seq: said for seq, said in world.outcomes().items() if len(said) > 1} == {}
    unanswered = {seq for seq, said in world.outcomes().items() if not said}
    assert not unanswered & {*sent, len(world.asked)}


@given(EVENTS)
@settings(max_examples=400, deadline=None)
def test_no_release_outlasts_its_pulse_where_the_board_answers(events):
    world = played(events)
    longest = max((event.pulse_ms for event in events if event.kind == "release"), default=0)
    for start, end in world.released():
        troubled = any(start - TIMEOUT_NS <= at <= end for at in (*world.faults, *world.back))
        asked_again = any(start < at < end for at, write in world.sent if write.energised)
        if not troubled and not asked_again:
            assert end - start <= longest * MS + SLACK_NS


@given(EVENTS)
@settings(max_examples=400, deadline=None)
def test_a_release_that_trouble_left_behind_is_ended_soon_after_the_board_is_back(events):
    world = played([event for event in events if event.kind != "release" or event.pulse_ms < 1500])
    if not (world.board.answers and world.board.reachable):
        world.events.append((world.now, Event("heal", 0)))
    world.run(RETRY_NS // MS + SLACK_NS // MS + 2000)
    assert world.board.coil is False
    assert world.plan.contact is Contact.UP


@given(EVENTS)
@settings(max_examples=400, deadline=None)
def test_lock_ends_in_rest_or_offline_and_told(events):
    world = played([*events, Event("rest", 10)])
    outcome = world.outcomes()[max(world.asked)][0]
    offline = [link.online for link in world.links()][-1:] == [False]
    if world.board.answers and world.board.reachable:
        assert world.board.coil is False
        assert not offline
    else:
        assert offline
        assert outcome in {Outcome.OFFLINE, Outcome.TIMEOUT_UNKNOWN, Outcome.DONE}


# --- single scenes --------------------------------------------------------------------------------------------


def test_the_unlock_in_flight_is_unknown_and_ended_when_the_board_thaws():
    world = World([])
    world.run(300)
    world.board.answers = False
    world.plan.ask(Ask(1, True, 5000, world.now + 500 * MS), world.now)
    world.asked[1] = Ask(1, True, 5000, 0)
    world.exchange(world.plan.next(world.now))
    world.run(300)
    assert world.outcomes()[1] == [Outcome.TIMEOUT_UNKNOWN]
    world.board.thaw(world.now)
    thawed = world.now
    world.run(2000)
    ((start, end),) = [span for span in world.released() if span[1] >= thawed]
    assert end - start <= RETRY_NS + TIMEOUT_NS
    assert "may have been carried out" in world.links()[-1].detail
    assert world.links()[-1].energised is False


def test_a_silent_board_refuses_at_once_what_is_asked_then():
    world = World([Event("freeze", 300), Event("release", 700)])
    world.run(1000)
    world.run(210)
    (told,) = [word for word in world.told if isinstance(word, BusTold)]
    asked_at = world.asked[1].deadline_ns - 500 * MS
    assert told.outcome is Outcome.OFFLINE
    assert told.t_ns - asked_at <= TIMEOUT_NS


def test_a_relay_found_released_is_put_to_rest_and_told():
    world = World([])
    world.run(300)
    world.board.move(True, world.now)
    world.run(500)
    assert world.board.coil is False
    ((start, end),) = world.released()
    assert end - start <= POLL_NS + 20 * MS
    assert ["found released" in link.detail for link in world.links()] == [False, True, False]


def test_a_board_that_refuses_its_resting_level_is_offline_and_says_why():
    plan = LockPlan(False, 0, supervise_ns=SUPERVISE_NS)
    plan.reach()
    assert plan.next(0) == Write(False, sent_ns=0)
    plan.refused("illegal address", 5 * MS)
    assert plan.told() == [BusLink(False, 5 * MS, None, "illegal address")]
    assert plan.next(6 * MS) is None
    assert plan.next(5 * MS + AGAIN_NS) == Write(False, sent_ns=5 * MS + AGAIN_NS)


def test_a_maglocks_release_is_the_level_without_current():
    plan = LockPlan(True, 0, supervise_ns=SUPERVISE_NS)
    plan.reach()
    assert plan.next(0) == Write(True, sent_ns=0)
    plan.done(0)
    assert plan.next(0) == ReadBack()
    plan.read(True, 0)
    plan.ask(Ask(1, False, 700, 500 * MS, rest=True), 10 * MS)
    assert plan.next(20 * MS) == Write(False, 1, 700, 500 * MS, 20 * MS)
    plan.done(21 * MS)
    assert plan.due() == 720 * MS
    assert plan.next(719 * MS) is None
    assert plan.next(720 * MS) == Write(True, sent_ns=720 * MS)


# --- debouncing -----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from([True, False, None])), max_size=60))
def test_a_level_counts_only_after_it_has_stood(samples):
    debounce, now, since, last = Debounce(50 * MS), 0, 0, None
    for after_ms, level in samples:
        now += after_ms * MS
        if level != last:
            last, since = level, now
        before = debounce.level
        seen = debounce.sample(level, now)
        assert (seen is not None) == (debounce.level != before)
        if seen is not None:
            assert (seen, debounce.level) == (since, level)
            assert now - since >= 50 * MS


def test_a_bounce_is_not_a_change():
    debounce = Debounce(50 * MS)
    debounce.sample(False, 0)
    assert debounce.sample(False, 50 * MS) == 0
    for at, level in ((60, True), (80, False), (100, True), (120, False)):
        assert debounce.sample(level, at * MS) is None
    assert debounce.level is False
