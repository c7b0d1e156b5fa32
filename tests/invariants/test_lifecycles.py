"""Every life-cycle of domain.md §5, the case machine (§11.3) and the door, over every (state, event) pair.

What is expected was read off the pages by hand (``tests/golden/lifecycles.csv``, ``door_modes.csv``), so that a table
that is changed alone fails here.
"""

from dataclasses import replace
from itertools import chain, combinations, product
from types import MappingProxyType

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.case_types import (
    AWAY,
    FORCED,
    Case,
    CaseEvent,
    CaseState,
    Colour,
    Deed,
    Family,
    Finding,
    Severity,
    Whistle,
)
from cloud_sync.core.cases import open_case, take
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Lifecycle, Refusal, Row, Transition, advance
from cloud_sync.core.roles import Role
from cloud_sync.errors import Refused
from cloud_sync.store import tables
from cloud_sync.store.house import acting
from edge.core import door
from edge.core.door import output, step
from edge.core.door_events import (
    BeamBroken,
    BeamClear,
    BoltChanged,
    Boot,
    Command,
    Denied,
    DpsClose,
    DpsFault,
    DpsOpen,
    Event,
    FireOn,
    FireReset,
    FoundOpen,
    Granted,
    LockBack,
    LockLost,
    PowerBack,
    PowerLow,
    RexPressed,
    SchedClose,
    SchedOpen,
    TamperOff,
    TamperOn,
    Tick,
    Verb,
)
from edge.core.door_profile import DoorProfile, LockProfile
from edge.core.door_table import ASKED, Input
from edge.core.door_types import Bolt, Contact, DoorState, Drive, Grant, LifeSafety, Mode, Output, Step, Timer
from edge.core.events import AccessPointId, Fact, GrantId
from edge.core.reasons import Advice, GuestText
from tests.fakes import page_tables
from tests.fakes.community_house import new_house
from tests.fakes.page_tables import PROGRAM

# A disk that waits for each commit; a busy machine makes it longer.
pytestmark = pytest.mark.timeout(600)

NAMES = page_tables.names()
EVERY_GUARD = frozenset(Guard)


def subsets(guards: frozenset[Guard]) -> list[frozenset[Guard]]:
    inside = sorted(guards)
    return [frozenset(some) for size in range(len(inside) + 1) for some in combinations(inside, size)]


def against_the_page(table: Lifecycle) -> list[str]:
    """Every pair, with every set of the guards that its event knows: where the program and the page differ."""
    name, found = table.name, []
    for state, event in page_tables.pairs(name):
        known = frozenset(
            chain.from_iterable(line.guards for line in page_tables.of(name) if line.event == event)
        )
        for holds in subsets(known):
            after = page_tables.expected(name, state, event, holds)
            done = advance(table, state, event, holds)
            if isinstance(done, Refusal) != (after is None):
                found.append(f"{state} {event} {sorted(holds)}: {done}, the page says {after}")
            elif isinstance(done, Transition) and (done.before, done.after) != (state, after):
                found.append(f"{state} {event}: to {done.after}, the page says {after}")
            elif isinstance(done, Refusal) and not (event in done.sentence and name in done.sentence):
                found.append(f"{state} {event}: {done.sentence}")
    return found


def test_every_table_of_the_program_was_read_off_a_page():
    assert set(NAMES) == set(PROGRAM)


@pytest.mark.parametrize("name", NAMES)
def test_invariant_10_every_pair_goes_where_the_page_says_or_is_refused(name):
    table = PROGRAM[name]
    assert page_tables.states(name) == set(table.states)
    assert page_tables.events(name) == {row.event for row in table.rows}
    assert against_the_page(table) == []


@given(st.data())
def test_invariant_10_catches_any_row_that_is_changed_dropped_or_added(data):
    """A table in which one row leads elsewhere, is missing, lost a guard, or is too many, does not agree any more."""
    table = PROGRAM[data.draw(st.sampled_from(NAMES))]
    rows = list(table.rows)
    at = data.draw(st.integers(0, len(rows) - 1))
    row = rows[at]
    elsewhere = data.draw(st.sampled_from(sorted(table.states - {row.after})))
    what = data.draw(st.sampled_from(["drop", "lead elsewhere", "unguard", "add"]))
    if what == "drop":
        rows.pop(at)
    elif what == "lead elsewhere":
        rows[at] = replace(row, after=elsewhere)
    elif what == "unguard":
        rows[at] = replace(row, guards=row.guards[1:]) if row.guards else replace(row, guards=(Guard.REASON,))
    else:
        state, event = data.draw(st.sampled_from(page_tables.pairs(table.name)))
        if page_tables.expected(table.name, state, event, EVERY_GUARD) is None:
            rows.append(Row(state, event, elsewhere))
        else:
            rows.pop(at)
    changed = replace(table, rows=tuple(rows))
    if what == "unguard" and not row.guards:
        return  # a guard too many is seen only where the page knows it for this event
    assert against_the_page(changed) != []


def test_invariant_10_in_the_books_a_refusal_is_a_sentence_and_writes_nothing(tmp_path, database):
    """Every pair as an act on the books: one audit row for what happens, none and one clear sentence for the rest."""
    books = new_house(tmp_path, database=database)
    try:
        with acting(books.house, "chen", "officer") as act:
            for name in NAMES:
                outcome = {
                    pair: page_tables.expected(name, *pair, EVERY_GUARD) for pair in page_tables.pairs(name)
                }
                before = _audited(act.connection)
                for pair in (pair for pair, after in outcome.items() if after is None):
                    _refused(act, name, *pair)
                assert _audited(act.connection) == before
                for pair, after in outcome.items():
                    if after is not None:
                        _moved(act, name, *pair, after)
                assert _audited(act.connection) == before + sum(
                    after is not None for after in outcome.values()
                )
    finally:
        books.close()


def _refused(act, name: str, state: str | None, event: str) -> None:
    with pytest.raises(Refused) as refused:
        act.move(PROGRAM[name], "X-1", state, event, EVERY_GUARD)
    assert refused.value.rule == f"{name}.{event}"
    assert str(refused.value).endswith(".")


def _moved(act, name: str, state: str | None, event: str, after: str) -> None:
    assert act.move(PROGRAM[name], "X-1", state, event, EVERY_GUARD) == after
    row = act.connection.execute(sa.select(tables.audit).order_by(tables.audit.c.n.desc()).limit(1)).one()
    assert (row.actor, row.role, row.before, row.after) == ("chen", "officer", state, after)


def _audited(db) -> int:
    return int(db.execute(sa.select(sa.func.count()).select_from(tables.audit)).scalar_one())


def test_lines_of_the_page_that_no_table_has_are_not_there_in_disguise():
    """What ``lifecycles_absent.csv`` says is not built has no state and no event in the program."""
    words = {*(state for table in PROGRAM.values() for state in table.states)}
    assert "LOCKED_OUT" not in words
    assert len(page_tables.absent()) == 8


# --- the case machine, as it is used ----------------------------------------------------------------------------------

NOW = 1_000_000_000


def asked_of_fire(state: CaseState) -> dict[str, object]:
    """Whistled to the fire brigade, where the state says so."""
    return {"whistle": Whistle.WORK, "colour": Colour.BLUE, "department": "fire"} if state in AWAY else {}


def a_case(state: CaseState, family: Family, severity: Severity) -> Case:
    kind = {Family.ALERT: FORCED.name, Family.DISCREPANCY: "D02", Family.MATTER: "noise"}[family]
    finding = Finding(family, kind, severity, "AP-1", f"{family}/AP-1/{kind}", NOW, "gate-1", "AP-1")
    case = open_case(finding, "CS-1", NOW)
    owner = "li" if state in {"ACKED", "IN_PROGRESS", "ON_HOLD", "RESOLVED"} else None
    return replace(
        case, state=state, owner=owner, offered_to="wang", active=False,
        resolved_by="li" if state is CaseState.RESOLVED else None,
        closed_ms=NOW if state is CaseState.CLOSED else None,
        **asked_of_fire(state),
    )  # fmt: skip


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("severity", list(Severity))
def test_invariant_10_a_case_takes_what_the_page_has_and_refuses_the_rest(family, severity):
    """Each state and event, by every person who might: what comes of it is a line of the page, or a sentence."""
    led: set[tuple[str, str, str]] = set()
    people = [("li", Role.GUARD), ("wang", Role.GUARD), ("chen", Role.OFFICER), ("ma", Role.DEPARTMENT)]
    said = {CaseEvent.TRIAGE: "small", CaseEvent.WHISTLE: "hard"}
    for state, event, (actor, role) in product(CaseState, CaseEvent, people):
        case = a_case(state, family, severity)
        deed = Deed(
            event, actor, role, reason="looked", to="fire", until_ms=NOW + 9, code=said.get(event, ""),
            colour="red", cause="CS-2",
        )  # fmt: skip
        moved = take(case, deed, NOW + 1)
        allowed = {
            line.outcome for line in page_tables.of("case") if (line.state, line.event) == (state, event)
        }
        if isinstance(moved, Refusal):
            assert moved.sentence
            assert (moved.before, moved.event) == (state, event)
        else:
            assert moved.state in allowed
            led.add((state, event, moved.state))
    assert led


# --- the door ---------------------------------------------------------------------------------------------------------

GATE = AccessPointId("AP-gate")
DOORS = [
    DoorProfile(access_point=GATE),
    DoorProfile(access_point=GATE, lock=LockProfile.BARRIER, t_open_ms=30_000),
    DoorProfile(access_point=GATE, lockdown_release_by_two=True),
]
SOME = Fact(type="access.granted")
BOOTS = [
    Boot("b", Contact.CLOSED),
    Boot("b", Contact.OPEN, prev_mode=Mode.LOCKED_DOWN),
    Boot("b", Contact.CLOSED, prev_mode=Mode.BLOCKED),
    Boot("b", Contact.CLOSED, evacuated=True),
    Boot("b", Contact.CLOSED, fire_input=True),
]
SAID: dict[str, Event] = {
    Input.CRED_GRANTED: Granted(GrantId("new"), SOME),
    Input.CRED_DENIED: Denied(Fact(type="access.denied", reason="Unauthorized"), Advice(GuestText.SEE_GUARD)),
    Input.REX: RexPressed(GrantId("rex")),
    Input.DPS_OPEN: DpsOpen(),
    Input.DPS_CLOSE: DpsClose(),
    Input.SCHED_OPEN: SchedOpen(),
    Input.SCHED_CLOSE: SchedClose(),
    Input.FIRE_ON: FireOn(),
    Input.FIRE_RESET: FireReset("chen"),
    Input.FOUND_OPEN: FoundOpen(),
    Input.BEAM_BROKEN: BeamBroken(),
    Input.BEAM_CLEAR: BeamClear(),
    Input.BOLT_LOCKED: BoltChanged(Bolt.LOCKED),
    Input.BOLT_UNLOCKED: BoltChanged(Bolt.UNLOCKED),
    Input.BOLT_JAMMED: BoltChanged(Bolt.JAMMED),
    Input.DPS_FAULT: DpsFault(),
    Input.TAMPER_ON: TamperOn(),
    Input.TAMPER_OFF: TamperOff(),
    Input.POWER_LOW: PowerLow(),
    Input.POWER_BACK: PowerBack(),
    Input.LOCK_LOST: LockLost(),
    Input.LOCK_BACK: LockBack(),
    **{
        f"CMD {verb}": Command(verb, "chen", 9, GrantId("c") if verb is Verb.ACCESS else None)
        for verb in Verb
    },
}
INPUTS: list[Input | Timer] = [*Input, *Timer]


def doors(mode: Mode, profile: DoorProfile) -> list[DoorState]:
    """As different as doors of one kind in one mode can be: leaf, beam, people waiting, fire, evacuation, a releaser."""
    fires = [(LifeSafety.CLEAR, False), (LifeSafety.FIRE, False), (LifeSafety.FIRE, True)]
    either = (False, True)
    beams = either if profile.lock is LockProfile.BARRIER else (False,)
    firsts = either if profile.lockdown_release_by_two else (False,)
    return [
        DoorState(
            mode=mode, contact=contact, beam=beam, life_safety=fire, fire_input=lit, evacuated=evacuated,
            waiting=(Grant(GrantId("old"), SOME),) if waits else (),
            passing=contact is Contact.OPEN or beam,
            drive=Drive.RELEASED if mode is Mode.ACCESSED or waits else Drive.SECURE,
            first_releaser="wang" if first else None,
            timers=MappingProxyType(
                ({Timer.T_SECOND: 10**12} if first else {}) | ({Timer.T_RELEASE: 10**12} if waits else {})
            ),
        )
        for contact, waits, (fire, lit), evacuated, beam, first in product(
            (Contact.CLOSED, Contact.OPEN), either, fires, either, beams, firsts
        )
    ]  # fmt: skip


def told(state: DoorState, what: Input | Timer) -> list[tuple[DoorState, Event]]:
    if isinstance(what, Timer):
        return [(replace(state, timers=MappingProxyType({**state.timers, what: 5})), Tick())]
    return [(state, event) for event in (BOOTS if what is Input.BOOT else [SAID[what]])]


@pytest.mark.parametrize("mode", list(Mode))
def test_invariant_10_a_door_in_every_mode_answers_every_input_as_the_page_says(mode):
    """A pair the page has leads to each of its modes and no other; any other leaves the mode, and a wish is refused."""
    page = page_tables.door_modes()
    for what in INPUTS:
        allowed = page.get((mode, what.value))
        reached: set[str] = set()
        for profile in DOORS:
            for before, event in (one for state in doors(mode, profile) for one in told(state, what)):
                done = step(before, event, profile, 5)
                reached |= {done.state.mode.value} if done.refusal is None else set()
                assert done.refusal is None or done.state.mode is mode
                if allowed is None:
                    assert done.state.mode is mode, (mode, what)
                    wish = what in ASKED and what is not Input.CRED_DENIED
                    assert (done.refusal is not None) == wish, (mode, what)
        if allowed is not None:
            assert reached - {mode.value} == allowed - {mode.value}, (mode, what)
            assert reached & allowed, (mode, what)


def test_the_door_s_golden_file_names_modes_and_inputs_that_there_are():
    modes, inputs = {mode.value for mode in Mode}, {what.value for what in INPUTS}
    for (mode, what), after in page_tables.door_modes().items():
        assert ({mode} | after) <= modes
        assert what in inputs


# --- 2: the way out -----------------------------------------------------------------------------------------------------


def shut_in() -> list[str]:
    """Modes in which pressing the button does not let somebody out, at whatever door in whatever state."""
    return [
        f"{profile.lock} {mode}: {before}"
        for profile in (*DOORS, *(replace(profile, rex_unlocks=True) for profile in DOORS))
        for mode in Mode
        for before in doors(mode, profile)
        if not _lets_out(step(before, RexPressed(GrantId("rex")), profile, 5), profile)
    ]


def _lets_out(done: Step, profile: DoorProfile) -> bool:
    """Not refused; a door that has to be opened for it is open, and at any other its opening is no alarm."""
    opened = output(done.state, profile) is Output.RELEASED or not profile.rex_unlocks
    after = step(done.state, DpsOpen(), profile, 6)
    return done.refusal is None and opened and "door.forced" not in [fact.type for fact in after.facts]


def test_invariant_02_the_button_lets_out_in_every_mode_and_state():
    assert shut_in() == []


def test_invariant_02_catches_a_mode_without_a_row_for_the_button(monkeypatch):
    rows = {key: value for key, value in door.ROWS.items() if key != (Mode.LOCKED_DOWN, Input.REX)}
    monkeypatch.setattr(door, "ROWS", rows)
    assert any("LOCKED_DOWN" in found for found in shut_in())
