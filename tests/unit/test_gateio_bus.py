"""A lock behind a bus in virtual time: what it is asked, how often, by when; random silences, and what must hold after them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.events import AccessPointId
from edge.errors import HardwareError
from edge.gateio.board import Board, DoorRules
from edge.gateio.buses import DEVICE_LEASE_NS, NEVER_NS, RETRY_NS, UNTOLD_MAX, Bus
from edge.gateio.outputs import MS, Why, Wish
from edge.ports import Cmd, Feedback, Outcome, Point
from edge.ports_io import BusLink, BusTold

GATE = AccessPointId("gate")
SECOND = 1000 * MS
START = 5_000 * SECOND
REST = Wish(energised=False, rest=False)


class Device:
    """The driver and its lock; it does what it is asked while ``well``."""

    feedback, ack_ms, supervise_ms, self_timed_pulse = Feedback.COIL, 400, 1000, True

    def __init__(self):
        self.asks, self.words, self.level, self.well, self.broken = [], [], False, True, False

    def ask(self, ask):
        if self.broken:
            raise HardwareError("broken")
        self.asks.append(ask)

    def told(self):
        words, self.words = self.words, []
        return words

    def work(self, now, outcome=Outcome.DONE):
        """Carry out the newest ask, unless it came to nothing or too late."""
        if not self.well or not self.asks:
            return
        ask = self.asks[-1]
        late = ask.energised != ask.rest and now > ask.deadline_ns
        outcome = Outcome.REFUSED if late else outcome
        if outcome is Outcome.DONE:
            self.level = ask.energised
        self.words.append(BusTold(ask.seq, outcome, now))

    def link(self, online, now):
        self.well = online
        if online:
            self.level = self.asks[-1].rest if self.asks else False
        self.words.append(BusLink(online, now, self.level if online else None))


def release(until=None, *, reflex=False):
    return Wish(energised=True, rest=False, until_ns=until, reflex=reflex)


def heard(bus):
    return [bus.note(said) for said in bus.said()]


def done(bus, device, wish, now, by=None):
    bus.follow(wish, now, by)
    device.work(now)
    heard(bus)


def test_the_first_thing_asked_is_what_is_wanted_and_rest_is_never_late():
    device = Device()
    bus = Bus(device, energised=False)
    bus.follow(REST, START)
    (ask,) = device.asks
    assert (ask.energised, ask.pulse_ms, ask.deadline_ns, ask.rest) == (False, None, NEVER_NS, False)
    assert not bus.online
    device.work(START)
    assert [(h.link, h.stands) for h in heard(bus)] == [(True, True)]


def test_what_stands_is_not_asked_for_again():
    device = Device()
    bus = Bus(device, energised=False)
    done(bus, device, REST, START)
    for second in range(100):
        bus.follow(REST, START + second * SECOND)
    assert len(device.asks) == 1
    assert bus.next_ask(REST) is None


def test_a_command_is_asked_for_with_its_deadline_even_when_nothing_changes():
    device = Device()
    bus = Bus(device, energised=False)
    done(bus, device, REST, START)
    wish = release(START + 3 * SECOND)
    done(bus, device, wish, START, START + 300 * MS)
    done(bus, device, wish, START, START + 400 * MS)
    assert [ask.deadline_ns for ask in device.asks[1:]] == [START + 300 * MS, START + 400 * MS]
    assert [ask.pulse_ms for ask in device.asks[1:]] == [3000, 3000]


def test_a_grant_that_was_not_done_is_not_asked_for_again_by_itself():
    device = Device()
    bus = Bus(device, energised=False)
    done(bus, device, REST, START)
    wish = release(START + 60 * SECOND)
    bus.follow(wish, START, START + 300 * MS)
    for ms in range(0, 20_000, 100):
        bus.follow(wish, START + ms * MS)
    assert len(device.asks) == 2
    assert bus.next_ask(wish) is None


def test_the_way_out_and_rest_are_asked_for_every_second_until_done():
    for wish in (REST, release(None, reflex=True)):
        device = Device()
        bus = Bus(device, energised=False)
        for ms in range(0, 5000, 100):
            bus.follow(wish, START + ms * MS)
        assert len(device.asks) == 5
        assert bus.next_ask(wish) == START + 4 * SECOND + RETRY_NS


def test_the_way_out_does_not_wait_for_a_grant_under_way():
    device = Device()
    bus = Bus(device, energised=False)
    done(bus, device, REST, START)
    bus.follow(release(START + 5 * SECOND), START, START + 300 * MS)
    bus.follow(release(START + 5 * SECOND, reflex=True), START + MS)
    assert [ask.deadline_ns for ask in device.asks[1:]] == [START + 300 * MS, START + 5 * SECOND]


def test_a_device_never_gets_more_than_a_minute_and_a_long_hold_is_renewed():
    device = Device()
    bus = Bus(device, energised=False)
    end = START + 3600 * SECOND
    done(bus, device, release(end), START, START + 300 * MS)
    now = START
    while now < end:
        due = bus.next_ask(release(end))
        now = end if due is None else due
        if due is not None:
            done(bus, device, release(end), now)
    gaps = [ask.pulse_ms for ask in device.asks]
    assert max(gaps) <= DEVICE_LEASE_NS // MS
    assert 118 <= len(gaps) <= 121


def test_a_lock_that_is_back_is_at_rest_and_asked_again_for_what_is_wanted():
    device = Device()
    bus = Bus(device, energised=False)
    done(bus, device, release(None, reflex=True), START)
    device.link(False, START + SECOND)
    assert [(h.link, h.failed) for h in heard(bus)] == [(False, False)]
    device.link(True, START + 2 * SECOND)
    assert [(h.link, h.failed, h.moved) for h in heard(bus)] == [(True, True, False)]
    bus.follow(release(None, reflex=True), START + 2 * SECOND)
    assert device.asks[-1].energised


def test_a_driver_that_raises_has_its_ask_told_offline():
    device = Device()
    bus = Bus(device, energised=False)
    device.broken = True
    bus.follow(REST, START)
    (said,) = bus.said()
    assert (said.seq, said.outcome, said.detail) == (1, Outcome.OFFLINE, "broken")
    assert bus.note(said).failed


def test_asks_that_are_never_told_of_do_not_pile_up():
    device = Device()
    bus = Bus(device, energised=False)
    for number in range(UNTOLD_MAX * 2):
        bus.follow(REST, START + number, START + SECOND)
    known = [seq for seq in range(1, bus.seq + 1) if bus.level_of(seq) is not None]
    assert len(known) == UNTOLD_MAX


def test_a_driver_that_says_nothing_any_more_is_found_out_and_any_word_clears_it():
    device = Device()
    bus = Bus(device, energised=False)
    done(bus, device, REST, START)
    assert not bus.overdue(START + 3600 * SECOND)  # nothing was asked
    bus.follow(release(None, reflex=True), START)
    bus.follow(release(None, reflex=True), START + RETRY_NS)
    longest = (device.ack_ms + device.supervise_ms) * MS
    assert not bus.overdue(START + longest - 1)
    assert bus.overdue(START + longest)
    device.work(START + longest)
    heard(bus)
    assert not bus.overdue(START + 3600 * SECOND)


def test_words_about_older_asks_and_about_none_change_nothing():
    device = Device()
    bus = Bus(device, energised=False)
    done(bus, device, REST, START)
    bus.follow(release(START + SECOND), START, START + 300 * MS)
    for seq in (0, 1, 99):
        said = BusTold(seq, Outcome.DONE, START)
        assert not bus.note(said).stands
    assert not bus.energised


# --- random nights ---------------------------------------------------------------------------------------------

RULES = DoorRules(
    release_energises=True,
    min_pulse_ms=50,
    max_pulse_ms=20_000,
    rex_unlocks=True,
    t_rex_ms=3000,
    fire_group=None,
)
STEPS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 5000)),
    st.tuples(st.just("work"), st.sampled_from([Outcome.DONE, Outcome.DONE, *Outcome])),
    st.tuples(st.just("link"), st.booleans()),
    st.tuples(st.just("pulse"), st.integers(50, 20_000)),
    st.tuples(st.sampled_from(["lock", "rex", "evacuate", "reset"]), st.just(0)),
)


class Night:
    """The board and the bus turned as the process turns them."""

    def __init__(self):
        self.now, self.by = START, {}
        self.device = Device()
        self.bus = Bus(self.device, energised=False)
        self.board = Board({GATE: RULES}, frozenset())
        self.turn()

    def turn(self, by=None):
        self.board.beat(self.now)
        for said in self.bus.said():
            if self.bus.note(said).failed:
                self.board.withdraw(GATE, self.now)
        self.board.settle(self.now)
        before = len(self.device.asks)
        self.bus.follow(self.board.wish(GATE, self.now), self.now, by)
        for ask in self.device.asks[before:]:
            self.check(ask, by)

    def check(self, ask, by):
        wish = self.board.wish(GATE, self.now)
        assert ask.energised == wish.energised
        if ask.energised and not wish.reflex:
            assert ask.deadline_ns <= max(by or 0, self.now + self.device.ack_ms * MS)
        if not ask.energised:
            assert ask.deadline_ns == NEVER_NS

    def play(self, what, value):
        cmd = Cmd("c", self.now + 300 * MS, "night")
        match what:
            case "wait":
                self.wait(value * MS)
            case "work":
                self.device.work(self.now, value)
            case "link":
                self.device.link(value, self.now)
            case "pulse" if self.bus.online:
                self.board.pulse(GATE, cmd, value, self.now)
                self.turn(cmd.deadline_ns)
            case "lock":
                self.board.lock(GATE, cmd, self.now)
                self.turn(cmd.deadline_ns)
            case "rex":
                for level in (True, False):
                    self.board.sense(GATE, Point.REX, level, self.now, self.now)
            case "evacuate":
                self.board.latch(GATE, cmd, Why.EVACUATE, "staff-1", self.now)
            case "reset":
                self.board.reset(GATE, cmd, Why.EVACUATE, "staff-1", self.now)
        self.turn()

    def wait(self, ns):
        end = self.now + ns
        for _ in range(10_000):
            ends = (
                end,
                self.now + SECOND,  # the beat, and the process's own tick
                self.board.next_deadline(self.now),
                self.bus.next_ask(self.board.wish(GATE, self.now)),
            )
            self.now = max(self.now, min(at for at in ends if at is not None))
            self.turn()
            if self.now >= end:
                return
        raise AssertionError("deadlines without end")

    def heal(self):
        self.device.link(True, self.now)
        for _ in range(40):
            self.turn()
            self.device.work(self.now)
            self.wait(RETRY_NS)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(STEPS, max_size=50))
def test_after_any_night_a_lock_that_is_well_again_stands_where_it_shall(steps):
    night = Night()
    for what, value in steps:
        night.play(what, value)
    latched = bool(night.board.latched())
    night.heal()
    assert night.bus.online
    assert night.device.level == night.board.released(GATE, night.now) == latched
    assert night.bus.energised == latched
