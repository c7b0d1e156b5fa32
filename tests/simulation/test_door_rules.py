"""Random days at two lanes under anti-passback and interlock at once: real door machines, honest people, and cheats.

The model knows where everybody really is.  The rules know only what the facts say.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.anti_passback import Strictness, night_of
from edge.core.decision import decide
from edge.core.decision_fact import about
from edge.core.decision_types import Allow, Attempt, DoorView, Moment, Policy, Ruling
from edge.core.door import next_deadline, step
from edge.core.door_events import (
    Boot,
    DpsClose,
    DpsOpen,
    Event,
    FireOff,
    FireOn,
    FireReset,
    Granted,
    RexPressed,
    Tick,
)
from edge.core.door_profile import DoorProfile
from edge.core.door_rules import DoorRule, Doors, Memory, RuleSet, ruled
from edge.core.door_types import Contact, DoorState, LifeSafety, Mode
from edge.core.events import (
    AccessPointId,
    ClockState,
    CredentialKind,
    Fact,
    GrantId,
    PassId,
    Stamp,
    SubjectRef,
)
from edge.core.passes import LocationClass, Pass, PassState, Prereq, SubjectClass
from edge.core.reasons import Reason
from edge.core.rule_facts import after
from edge.core.rule_rows import changed_rows, memory_of
from edge.core.schedule import Calendar, Local
from edge.core.ways import Way

WAY_IN, WAY_OUT, INNER = AccessPointId("AP-in"), AccessPointId("AP-out"), AccessPointId("AP-inner")
START_MS = int(datetime(2026, 11, 27, 6, 0, tzinfo=UTC).timestamp() * 1000)
PEOPLE = ("ada", "bo", "cy")
MS_NS = 1_000_000


def utc(at_ms: int) -> Local:
    there = datetime.fromtimestamp(at_ms / 1000, UTC)
    return Local(there.date(), 60 * there.hour + there.minute)


def pass_of(name: str) -> Pass:
    return Pass(
        pass_id=PassId(name), pass_version=1, subject_ref=SubjectRef(f"SJ-{name}"), cls=SubjectClass.GUEST,
        state=PassState.ARMED, scope=frozenset({WAY_IN, WAY_OUT, INNER}), schedule="", not_before_ms=0,
        not_after_ms=START_MS * 2, prereq=Prereq(7), policy=1,
    )  # fmt: skip


@dataclass
class House:
    """A yard with a way in and a reader out, and behind the yard a hall; way in and inner door are one interlock."""

    strictness: Strictness
    at_ms: int = START_MS
    memory: Memory = field(default_factory=Memory)
    rows: dict[str, str] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=lambda: dict.fromkeys(PEOPLE, "street"))
    silent: dict[str, int] = field(default_factory=dict)  # who moved without any trace, and when
    facts: list[Fact] = field(default_factory=list)
    grants: int = 0

    def __post_init__(self) -> None:
        self.ways = {
            WAY_IN: Way("street", "yard"),
            WAY_OUT: Way("yard", "street", "out"),
            INNER: Way("yard", "hall"),
        }
        doors = {
            name: DoorRule(
                access_point=name,
                way=way,
                anti_passback=Strictness.OFF if way.leaves else self.strictness,
                interlock_group="" if way.leaves else "lane",
            )
            for name, way in self.ways.items()
        }
        self.rules = RuleSet(Calendar(utc), doors)
        self.profiles = {
            name: DoorProfile(access_point=name, direction=way.direction, rex_unlocks=True)
            for name, way in self.ways.items()
        }
        self.states = dict.fromkeys(self.ways, DoorState())
        for name in self.ways:
            self.tell(name, Boot("b", Contact.CLOSED))

    # --- the doors --------------------------------------------------------------------------------------------

    def tell(self, name: AccessPointId, event: Event) -> list[Fact]:
        done = step(self.states[name], event, self.profiles[name], self.at_ms * MS_NS)
        self.states[name] = done.state
        if done.facts:
            self.write(list(done.facts))
        return list(done.facts)

    def write(self, facts: list[Fact]) -> None:
        moment = Stamp("b", self.at_ms - START_MS, self.at_ms, ClockState.TRUSTED, 0)
        found = after(self.rules, self.memory, facts, moment)
        self.memory, self.facts = found.memory, [*self.facts, *facts, *found.more]
        for name, value in changed_rows(found).items():
            self.rows.pop(name, None) if value is None else self.rows.update({name: value})

    def wait(self, ms: int) -> None:
        end_ms = self.at_ms + ms
        for _ in range(64):
            due = [at for state in self.states.values() if (at := next_deadline(state)) is not None]
            if not due or min(due) > end_ms * MS_NS:
                break
            self.at_ms = max(self.at_ms, -(-min(due) // MS_NS))
            for name in self.ways:
                self.tell(name, Tick())
        self.at_ms = end_ms

    def view(self, name: AccessPointId, who: str) -> DoorView:
        bare = DoorView(
            access_point=name,
            location_class=LocationClass.GATE,
            mode=self.states[name].mode,
            direction=self.profiles[name].direction,
        )
        doors = Doors(dict(self.states), {}, self.at_ms * MS_NS)
        return ruled(self.rules, self.memory, bare, pass_of(who), self.at_ms, ClockState.TRUSTED, doors)

    def show(self, name: AccessPointId, who: str) -> Reason:
        """A pass is shown at a door; what the pipeline says, and the machine told of a yes."""
        view = self.view(name, who)
        attempt = Attempt(kind=CredentialKind.PIN, holder=pass_of(who))
        moment = Moment(
            now_ms=self.at_ms, clock=ClockState.TRUSTED, floor_ms=0, contact_age_ms=0, online=True
        )
        decision = decide(attempt, view, moment, Policy(1, 1))
        if isinstance(decision, Allow):
            self.check_lane(name)
            self.grants += 1
            fact = about(decision, attempt, view, moment, Policy(1, 1))
            self.tell(name, Granted(GrantId(f"g{self.grants}"), fact))
        return decision.reason

    def check_lane(self, name: AccessPointId) -> None:
        """Whoever is let in finds the other door of the lane shut and locked, but for fire."""
        lane = [self.states[WAY_IN], self.states[INNER]]
        if name == WAY_OUT or any(state.life_safety is LifeSafety.FIRE for state in lane):
            return
        peer = self.states[INNER if name == WAY_IN else WAY_IN]
        assert (peer.contact, peer.mode is Mode.ACCESSED) == (Contact.CLOSED, False)

    # --- what people do ---------------------------------------------------------------------------------------

    def swing(self, name: AccessPointId) -> None:
        self.tell(name, DpsOpen())
        self.wait(1_500)
        self.tell(name, DpsClose())
        self.wait(6_000)

    def go(self, who: str, name: AccessPointId, *, take: bool = True) -> Reason | None:
        """Somebody honest shows their own pass at a door they stand before, and walks."""
        way = self.ways[name]
        if self.where[who] != way.zone_from:
            return None
        said = self.show(name, who)
        if said is Reason.GRANTED:
            if take:
                self.swing(name)
                self.where[who] = way.zone_to
            else:
                self.wait(6_000)
        return said

    def leave_by_button(self, who: str) -> None:
        if self.where[who] == "yard":
            self.grants += 1
            self.tell(WAY_IN, RexPressed(GrantId(f"r{self.grants}")))
            self.swing(WAY_IN)
            self.where[who] = "street"

    def follow(self, who: str, name: AccessPointId, *, noticed: bool) -> None:
        """Through behind somebody else: the door counted a second body, or nobody ever knows."""
        way = self.ways[name]
        if self.where[who] == way.zone_from:
            self.where[who] = way.zone_to
            if noticed:
                self.write([Fact("access.tailgate", access_point=name)])
            else:
                self.silent[who] = self.at_ms
            self.wait(1_000)

    def burn(self) -> None:
        self.tell(WAY_IN, FireOn())
        self.wait(30_000)
        self.tell(WAY_IN, FireOff())
        self.tell(WAY_IN, FireReset("S-1"))

    def restart(self) -> None:
        self.memory = memory_of(self.rows)
        for name in self.ways:
            self.states[name] = DoorState()
            self.tell(name, Boot("b2", Contact.CLOSED))

    def excused(self, who: str) -> bool:
        """Somebody of whose last walk there is no trace, in this night: hard may hold them up until four."""
        at_ms = self.silent.get(who)
        return at_ms is not None and night_of(utc(at_ms)) == night_of(utc(self.at_ms))


people = st.sampled_from(PEOPLE)
doors = st.sampled_from([WAY_IN, WAY_OUT, INNER])
steps = st.one_of(
    st.tuples(st.just("go"), people, doors),
    st.tuples(st.just("go"), people, doors),
    st.tuples(st.just("turn back"), people, doors),
    st.tuples(st.just("button"), people),
    st.tuples(st.just("noticed"), people, doors),
    st.tuples(st.just("silent"), people, doors),
    st.tuples(st.just("wait"), st.sampled_from([1_000, 60_000, 700_000, 8 * 3_600_000])),
    st.tuples(st.just("open"), doors),
    st.tuples(st.just("shut"), doors),
    st.tuples(st.just("fire")),
    st.tuples(st.just("restart")),
)
days = st.lists(steps, max_size=30)


def live(house: House, what: tuple[object, ...]) -> tuple[str, Reason | None] | None:
    """One step; who was answered what, where somebody asked."""
    match what:
        case ("go", who, door):
            return who, house.go(who, door)
        case ("turn back", who, door):
            return who, house.go(who, door, take=False)
        case ("button", who):
            house.leave_by_button(who)
        case (("noticed" | "silent") as how, who, door):
            house.follow(who, door, noticed=how == "noticed")
        case ("wait", ms):
            house.wait(ms)
        case ("open", door):
            house.tell(door, DpsOpen())
        case ("shut", door):
            house.tell(door, DpsClose())
        case ("fire",):
            house.burn()
        case ("restart",):
            house.restart()
    return None


@settings(max_examples=150, deadline=None)
@given(days)
def test_soft_never_refuses_anybody(day):
    house = House(Strictness.SOFT)
    for what in day:
        answered = live(house, what)
        assert answered is None or answered[1] is not Reason.ANTI_PASSBACK


@pytest.mark.parametrize("strictness", [Strictness.TIMED, Strictness.HARD])
@settings(max_examples=150, deadline=None)
@given(day=days)
def test_no_honest_person_is_refused_for_what_the_doors_did_not_see(strictness, day):
    """But who walked without any trace at all: and they are forgiven at four, and by hand."""
    house = House(strictness)
    for what in day:
        answered = live(house, what)
        if answered is not None and answered[1] is Reason.ANTI_PASSBACK:
            assert house.excused(answered[0])
            house.write([Fact("apb.reset", pass_id=PassId(answered[0]), actor="S-1", reason="left_unseen")])
            assert house.view(WAY_IN, answered[0]).anti_passback is Ruling.MET


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(Strictness)), days, people)
@pytest.mark.invariant(2)
def test_the_way_out_is_never_refused_by_a_rule_between_doors(strictness, day, who):
    house = House(strictness)
    for what in day:
        live(house, what)
        view = house.view(WAY_OUT, who)
        assert (view.schedule, view.anti_passback, view.interlock, view.occupancy) == (
            Ruling.MET,
            *[Ruling.NOT_CONFIGURED] * 3,
        )
        done = step(
            house.states[WAY_IN], RexPressed(GrantId("x")), house.profiles[WAY_IN], house.at_ms * MS_NS
        )
        assert done.refusal is None


@settings(max_examples=100, deadline=None)
@given(days)
def test_a_restart_remembers_what_the_ledger_s_commits_kept(day):
    house = House(Strictness.HARD)
    for what in day:
        live(house, what)
    before = house.memory
    kept = memory_of(house.rows)
    assert (kept.places, kept.shaken, kept.counts) == (before.places, before.shaken, before.counts)


@pytest.mark.parametrize(
    ("strictness", "word"),
    [
        (Strictness.HARD, Reason.ANTI_PASSBACK),
        (Strictness.TIMED, Reason.ANTI_PASSBACK),
        (Strictness.SOFT, Reason.GRANTED),
    ],
)
def test_a_code_handed_back_over_the_fence_is_what_it_is_for(strictness, word):
    house = House(strictness)
    assert house.go("ada", WAY_IN) is Reason.GRANTED
    house.wait(60_000)
    assert house.show(WAY_IN, "ada") is word
    flags = [fact.x.get("flags", "") for fact in house.facts if fact.type == "access.granted"]
    assert ("passback" in flags[-1]) is (strictness is Strictness.SOFT)


def test_both_at_once_hold_and_neither_excludes_the_other():
    house = House(Strictness.HARD)
    assert house.go("ada", WAY_IN) is Reason.GRANTED
    house.tell(INNER, DpsOpen())
    assert house.show(WAY_IN, "bo") is Reason.INTERLOCK
    assert house.show(WAY_IN, "ada") is not Reason.GRANTED
    house.tell(INNER, DpsClose())
    house.wait(1_000)
    assert house.show(WAY_IN, "bo") is Reason.GRANTED
    assert house.show(INNER, "ada") is Reason.INTERLOCK
    house.wait(6_000)
    assert house.show(INNER, "ada") is Reason.GRANTED
