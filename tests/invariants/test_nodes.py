"""Invariants at the nodes: what stands in a gallery, who may be enrolled, what is written, what ends by itself."""

import asyncio
import itertools
from dataclasses import replace
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.errors import Refused
from edge.core.clock import TimeSpan
from edge.core.decision import decide
from edge.core.decision_types import Allow, Attempt, DoorView, Moment, Policy
from edge.core.door import step
from edge.core.door_events import Boot, Command, DpsClose, DpsOpen, FireOff, FireOn, FireReset, Tick, Verb
from edge.core.door_profile import DoorProfile
from edge.core.door_types import Contact, DoorState, Mode
from edge.core.events import AccessPointId, ClockState, CredentialKind, GrantId, PassId
from edge.core.passes import EARLY_MS, Denial, LocationClass, Pass, PassSet, PassState, Prereq, SubjectClass
from edge.errors import EnrolRefused
from edge.runtime.enrol import permitted, template_end_ms
from edge.runtime.node import Node
from edge.store.gallery_store import GalleryStore
from tests.fakes.community_house import GATE as SERVICE_GATE
from tests.fakes.community_house import Gate, new_house
from tests.fakes.eyes_only import EyesOnly
from tests.fakes.sealed_nodes import HOUR_MS, NOW_MS, a_pass, template

DOORS = [AccessPointId("AP-1"), AccessPointId("AP-2")]
DAY_MS = 24 * HOUR_MS
FOLDERS = itertools.count()
own_folder = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def passes() -> st.SearchStrategy[Pass]:
    return st.builds(
        lambda n, state, prereq, scope, begins, ends, cls: replace(
            a_pass(f"P-{n}"), state=state, prereq=Prereq(prereq), scope=frozenset(scope), cls=cls,
            not_before_ms=NOW_MS + begins * HOUR_MS, not_after_ms=NOW_MS + ends * HOUR_MS,
        ),
        st.integers(0, 5),
        st.sampled_from(list(PassState)),
        st.integers(0, 127),
        st.sets(st.sampled_from(DOORS)),
        st.integers(-30, 3),
        st.integers(-3, 30),
        st.sampled_from([SubjectClass.GUEST, SubjectClass.RESIDENT]),
    )  # fmt: skip


def rows() -> st.SearchStrategy[list[Pass]]:
    return st.lists(passes(), max_size=6, unique_by=lambda row: row.pass_id)


# --- 3 ----------------------------------------------------------------------------------------------------------------


def may_be_looked_for(row: Pass, door: AccessPointId, now_ms: int, early_ms: int) -> bool:
    """By the words of §5.5 and §5.7: unexpired, in scope, all that entry asks, and a consent that stands."""
    consents = int(row.prereq) & 8 == 8
    grounds = row.cls is not SubjectClass.GUEST or int(row.prereq) & 7 == 7
    in_time = row.not_before_ms - early_ms <= now_ms <= row.not_after_ms
    return consents and grounds and in_time and str(row.state) == "ARMED" and door in row.scope


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    held=rows(),
    hours=st.integers(-40, 40),
    door=st.sampled_from(DOORS),
    place=st.sampled_from(list(LocationClass)),
)
def test_invariant_03_a_gallery_holds_who_may_be_looked_for_here_and_now(held, hours, door, place):
    now_ms, early_ms = NOW_MS + hours * HOUR_MS, EARLY_MS[place]
    found = PassSet.build(1, held).gallery_passes(door, TimeSpan.at(now_ms), early_ms)
    assert {row.pass_id for row in found} == {
        row.pass_id for row in held if may_be_looked_for(row, door, now_ms, early_ms)
    }


HAPPENS = st.lists(
    st.one_of(
        st.tuples(st.just("enrol"), st.integers(0, 5)),
        st.tuples(st.just("rows"), rows()),
        st.tuples(st.just("hours"), st.integers(1, 40)),
        st.tuples(st.just("told to erase"), st.integers(0, 5)),
        st.tuples(st.just("start"), st.just(0)),
    ),
    max_size=12,
)


@own_folder
@given(happens=HAPPENS)
def test_invariant_03_no_template_is_made_without_ground_or_outlives_its_pass_by_more_than_a_day(
    tmp_path, happens
):
    """The node's real gallery under its real rule of enrolment, beside a plain dict of who may have one until when."""
    folder = tmp_path / str(next(FOLDERS))
    folder.mkdir()
    store = GalleryStore(folder / "gallery.db", folder / "gallery.key")
    held, now_ms = PassSet.build(1, []), NOW_MS
    ends: dict[str, int] = {}
    for what, how in happens:
        if what == "rows":
            held = PassSet.build(held.version + 1, how)
        elif what == "hours":
            now_ms += how * HOUR_MS
            gone = store.expired(now_ms)
            assert gone == {pass_id for pass_id, until in ends.items() if until < now_ms}
            store.erase(gone)
        elif what == "enrol":
            _enrol(store, held, f"P-{how}", ends)
        elif what == "told to erase":
            store.erase({f"P-{how}"})
            ends.pop(f"P-{how}", None)
        else:
            store.close()
            store = GalleryStore(folder / "gallery.db", folder / "gallery.key")
        ends = {pass_id: until for pass_id, until in ends.items() if until >= now_ms}
        assert {kept.pass_id: kept.not_after_ms for kept in store.all()} == ends
    store.close()


def _enrol(store: GalleryStore, held: PassSet, pass_id: str, ends: dict[str, int]) -> None:
    row = next((one for one in held.passes.values() if one.pass_id == pass_id), None)
    bits = 8 | (7 if row is not None and row.cls is SubjectClass.GUEST else 0)
    may = row is not None and str(row.state) == "ARMED" and int(row.prereq) & bits == bits
    try:
        holder = permitted(held, pass_id)
    except EnrolRefused:
        assert not may
        return
    assert may
    store.put(pass_id, b"numbers", not_after_ms=template_end_ms(holder))
    ends[pass_id] = holder.not_after_ms + DAY_MS


# What a node may be told of its passes: rows, and what is said to be taken away or to have left it.
TOLD = st.lists(
    st.tuples(
        rows(),
        st.dictionaries(st.integers(0, 5), st.sampled_from([None, PassState.REVOKED, PassState.SUSPENDED]), max_size=3),
    ),
    min_size=1,
    max_size=5,
)  # fmt: skip


def spoken_against(row: Pass | None, said: PassState | None, *, is_said: bool) -> bool:
    """By the words of §5.7: revoked, its consent withdrawn, or no pass of this node any more."""
    if row is not None:
        return str(row.state) == "REVOKED" or int(row.prereq) & 8 == 0
    return is_said and (said is None or str(said) == "REVOKED")


def kept_by(
    store: GalleryStore, happens: list[tuple[list[Pass], dict[int, PassState | None]]]
) -> list[set[str]]:
    """The real node's gallery on the disk after each word; before the first it has a face for every pass."""

    async def hears() -> list[set[str]]:
        parts = replace(
            EyesOnly().node._parts,
            templates=store,
            ledger=SimpleNamespace(append=lambda _facts, _stamp: None, disk_alarm=False),
            own_locks=SimpleNamespace(note_passes=lambda _rows: None, doors=()),
        )
        node, found = Node(parts, {}, {}), []
        for n in range(6):
            store.put(f"P-{n}", template(n).to_bytes(), not_after_ms=NOW_MS + DAY_MS)
        node._load_templates()
        for version, (held, denied) in enumerate(happens, start=1):
            said = {PassId(f"P-{n}"): Denial(0, state) for n, state in denied.items()}
            parts.book.held = PassSet.build(version, held, said)
            node._take_passes()
            await asyncio.gather(*node._tasks)
            found.append({one.pass_id for one in store.all()})
        node.close()
        return found

    return asyncio.run(hears())


@own_folder
@given(happens=TOLD)
def test_invariant_03_what_the_passes_speak_against_is_off_the_disk_at_once(tmp_path, happens):
    """Whatever else is told, and before any erasure is; a face that went does not come back."""
    folder = tmp_path / str(next(FOLDERS))
    folder.mkdir()
    store = GalleryStore(folder / "gallery.db", folder / "gallery.key")
    left = {f"P-{n}" for n in range(6)}
    for (held, denied), kept in zip(happens, kept_by(store, happens), strict=True):
        aboard = {row.pass_id: row for row in held}
        left -= {
            f"P-{n}" for n in range(6)
            if spoken_against(aboard.get(PassId(f"P-{n}")), denied.get(n), is_said=n in denied)
        }  # fmt: skip
        assert kept == left
    store.close()


def test_invariant_03_catches_a_node_that_waits_for_the_erasure(tmp_path, monkeypatch):
    monkeypatch.setattr(PassSet, "forbids_template", lambda *_words: False)
    store = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    (kept,) = kept_by(store, [([a_pass("P-1", consent=False)], {})])
    assert "P-1" in kept
    store.close()


def test_invariant_03_catches_a_gallery_that_asks_for_no_consent(monkeypatch):
    row = a_pass(consent=False)
    held = PassSet.build(1, [row])
    monkeypatch.setattr(PassSet, "gallery_passes", PassSet.active)
    found = held.gallery_passes(DOORS[0], TimeSpan.at(NOW_MS), 0)
    assert [may_be_looked_for(one, DOORS[0], NOW_MS, 0) for one in found] == [False]


# --- 7 ----------------------------------------------------------------------------------------------------------------

BY_PEOPLE = {
    "door.mode",
    "door.lockdown",
    "door.release_asked",
    "door.evacuate",
    "fire.reset",
    "access.granted",
}
SAYS = st.sampled_from([*Verb, "reset", DpsOpen(), DpsClose(), FireOn(), FireOff(), Tick()])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(said=st.lists(st.tuples(SAYS, st.sampled_from(["li", "chen"]), st.integers(0, 9)), max_size=25))
def test_invariant_07_whatever_a_person_does_at_a_door_is_written_with_their_name(said):
    """Of every command and reset that a door carries out, each fact it writes names who gave it."""
    profile = DoorProfile(access_point=DOORS[0])
    state = step(DoorState(), Boot("b", Contact.CLOSED), profile, 0).state
    now_ns = 0
    for n, (what, actor, seconds) in enumerate(said, start=1):
        now_ns += seconds * 1_000_000_000
        event = what
        if isinstance(what, Verb):
            event = Command(what, actor, n, GrantId(f"g{n}") if what is Verb.ACCESS else None)
        elif what == "reset":
            event = FireReset(actor)
        state = step(state, Tick(), profile, now_ns).state
        done = step(state, event, profile, now_ns)
        state = done.state
        if isinstance(event, Command | FireReset):
            assert [fact.type for fact in done.facts if fact.type in BY_PEOPLE and fact.actor != actor] == []


@pytest.mark.parametrize("nobody", ["", None])
def test_invariant_07_no_override_is_made_without_a_person(nobody):
    with pytest.raises(AssertionError):
        Command(Verb.UNLOCK, nobody, 1)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    books = new_house(tmp_path_factory.mktemp("overrides"))
    gate = Gate(books)
    gate.says_hello()
    yield books
    gate.close()
    books.close()


WORDS = st.sampled_from(["", " ", "\t\n", "chen", "a taxi with luggage", "x" * 500]) | st.text(max_size=6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(op=st.sampled_from(["release", "unlock", "lock", "lockdown", "block"]), actor=WORDS, reason=WORDS)
def test_invariant_07_an_override_in_the_books_has_a_person_and_a_reason(house, op, actor, reason):
    before = _overrides(house)
    try:
        house.commands.issue(SERVICE_GATE, op, actor=actor, reason=reason)
    except Refused:
        assert _overrides(house) == before
    rows = _overrides(house)
    assert [row for row in rows if not row[0].strip() or not row[1].strip()] == []


def _overrides(house) -> list[tuple[str, str]]:
    with house.engine.connect() as db:
        text = sa.text("select actor, reason from audit where action like 'command.%' order by n")
        return [(row.actor, row.reason.rpartition("(policy ")[0]) for row in db.execute(text)]


def test_invariant_07_catches_an_override_without_a_word(house, monkeypatch):
    monkeypatch.setattr("cloud_sync.store.commands.check_words", lambda *_words: None)
    house.commands.issue(SERVICE_GATE, "release", actor="chen", reason=" ")
    assert [row for row in _overrides(house) if not row[1].strip()] != []


# --- 15 ---------------------------------------------------------------------------------------------------------------

# domain.md §4: how long each class works at a node that hears nothing.
LIMIT_DAYS = {
    SubjectClass.RESIDENT: 30,
    SubjectClass.LONG_TENANT: 30,
    SubjectClass.DAY_VISITOR: 0,
    SubjectClass.COURIER: 0,
}


def opens(row: Pass, now_ms: int, age_ms: int | None, factors: int = 1) -> bool:
    attempt = Attempt(kind=CredentialKind.PIN, holder=row, factors=factors)
    door = DoorView(access_point=DOORS[0], location_class=LocationClass.GATE, mode=Mode.LOCKED)
    moment = Moment(now_ms=now_ms, clock=ClockState.TRUSTED, floor_ms=0, contact_age_ms=age_ms, online=False)
    return isinstance(decide(attempt, door, moment, Policy(1, 1)), Allow)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    cls=st.sampled_from(list(SubjectClass)),
    ends=st.integers(-48, 2_000),
    age=st.none() | st.integers(0, 60 * 24),
    factors=st.integers(1, 2),
)
def test_invariant_15_a_node_that_hears_nothing_stops_at_the_pass_s_end_or_its_class_s_limit(
    cls, ends, age, factors
):
    """Whatever was revoked behind its back: nobody is let in longer than this."""
    row = replace(
        a_pass(), cls=cls, not_after_ms=NOW_MS + ends * HOUR_MS, not_before_ms=NOW_MS - 5_000 * HOUR_MS
    )
    age_ms = None if age is None else age * HOUR_MS
    if opens(row, NOW_MS, age_ms, factors):
        assert ends >= 0
        limit = LIMIT_DAYS.get(cls)
        assert limit is None or (age is not None and age <= limit * 24)


def test_invariant_15_catches_a_node_that_never_lets_go(monkeypatch):
    row = replace(a_pass(), cls=SubjectClass.RESIDENT, not_after_ms=NOW_MS + 5_000 * HOUR_MS)
    assert not opens(row, NOW_MS, 31 * DAY_MS, 2)
    monkeypatch.setattr("edge.core.freshness.STALE_MAX_MS", 90 * DAY_MS)
    assert opens(row, NOW_MS, 31 * DAY_MS, 2)
