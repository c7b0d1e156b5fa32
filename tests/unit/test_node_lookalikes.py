"""A look-alike pair on a node: who is in it, where it holds, and what dissolves it."""

import dataclasses
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.events import AccessPointId, PassId
from edge.core.evidence import Look
from edge.core.lookalikes import agrees, locked_at, pair_of
from edge.core.passes import ENTRY_PREREQS, Pass, PassSet, PassState, Prereq, SubjectClass
from edge.runtime.face_desk import Concluded, FaceDesk
from edge.runtime.lookalikes import LookAlikes
from edge.store.gallery_store import GalleryStore
from models.engine import Quality
from models.template import Template
from tests.fakes.faces_at_a_door import INFO, mean_of, walk

GATE, ROOM = AccessPointId("AP-gate"), AccessPointId("AP-room")
GOOD = Quality(0.95, 60.0, 120.0, 150.0, 0.0, 0.0, 1)
BOTH = ENTRY_PREREQS | Prereq.FACE_CONSENT | Prereq.LOOKALIKE
FACE_ONLY = ENTRY_PREREQS | Prereq.FACE_CONSENT


def guest(who: str, prereq: Prereq = BOTH, scope=(GATE,)) -> Pass:
    return Pass(
        pass_id=PassId(who), pass_version=1, subject_ref=f"r-{who}", cls=SubjectClass.GUEST,
        state=PassState.ARMED, scope=frozenset(scope), schedule="", not_before_ms=0, not_after_ms=10,
        prereq=prereq, policy=1,
    )  # fmt: skip


def passes(*rows: Pass) -> PassSet:
    return PassSet.build(1, rows)


def template(face: str, **changes: object) -> Template:
    made = Template.of_parts(INFO, [mean_of(face)], [GOOD], made_ms=1, not_after_ms=2)
    return dataclasses.replace(made, **changes)


@pytest.fixture
def store(tmp_path):
    opened = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    yield opened
    opened.close()


ADA, TWIN, BO = guest("P-ada"), guest("P-twin"), guest("P-bo")
FACES = {"P-ada": template("ada"), "P-twin": template("ada"), "P-bo": template("bo")}


@pytest.mark.story("7a")
def test_two_who_look_alike_are_found_once_and_hold_each_other(store):
    found = LookAlikes(store)
    assert found.recheck(FACES, passes(ADA, TWIN, BO), INFO) == 1
    assert found.recheck(FACES, passes(ADA, TWIN, BO), INFO) == 0
    assert found.locked_at(GATE, passes(ADA, TWIN, BO)) == {"P-ada", "P-twin"}
    assert (found.twins_of("P-ada"), found.twins_of("P-bo")) == ({"P-twin"}, frozenset())
    assert store.pairs() == [("P-ada", "P-twin")]


def test_a_pair_holds_where_both_passes_open_and_nowhere_else(store):
    found, apart = LookAlikes(store), passes(guest("P-ada", scope=(GATE, ROOM)), TWIN, BO)
    found.recheck(FACES, apart, INFO)
    assert (found.locked_at(GATE, apart), found.locked_at(ROOM, apart)) == ({"P-ada", "P-twin"}, frozenset())


@pytest.mark.parametrize("who", ["P-ada", "P-twin"])
@pytest.mark.parametrize("prereq", [FACE_ONLY, ENTRY_PREREQS, ENTRY_PREREQS | Prereq.LOOKALIKE])
def test_whoever_has_not_agreed_is_compared_with_nobody(store, who, prereq):
    rows = [guest(one.pass_id, prereq) if one.pass_id == who else one for one in (ADA, TWIN, BO)]
    found = LookAlikes(store)
    assert found.recheck(FACES, passes(*rows), INFO) == 0
    assert found.locked_at(GATE, passes(*rows)) == frozenset()
    assert store.pairs() == []


def test_agreeing_later_is_compared_then_and_taking_it_back_dissolves_the_pair(store):
    found = LookAlikes(store)
    assert found.recheck(FACES, passes(ADA, guest("P-twin", FACE_ONLY), BO), INFO) == 0
    assert found.recheck(FACES, passes(ADA, TWIN, BO), INFO) == 1
    back = passes(ADA, guest("P-twin", FACE_ONLY), BO)
    assert found.locked_at(GATE, back) == frozenset()  # at once, before anything is compared again
    found.recheck(FACES, back, INFO)
    assert store.pairs() == []


@pytest.mark.parametrize("gone", ["P-ada", "P-twin"])
def test_a_pair_dissolves_when_one_of_it_is_erased_or_expires(store, gone):
    for who in FACES:
        store.put(who, b"sealed", not_after_ms=10)
    found = LookAlikes(store)
    found.recheck(FACES, passes(ADA, TWIN, BO), INFO)
    store.erase({gone})
    assert store.pairs() == []
    left = {who: face for who, face in FACES.items() if who != gone}
    found.recheck(left, passes(ADA, TWIN, BO), INFO)
    assert found.locked_at(GATE, passes(ADA, TWIN, BO)) == frozenset()


def test_a_pair_outlives_a_restart_and_is_not_reported_anew(store):
    everybody = passes(ADA, TWIN, BO)
    LookAlikes(store).recheck(FACES, everybody, INFO)
    again = LookAlikes(store)
    assert again.locked_at(GATE, everybody) == {"P-ada", "P-twin"}
    assert again.recheck(FACES, everybody, INFO) == 0


def test_whoever_enrols_again_as_themselves_leaves_the_pair(store):
    found, everybody = LookAlikes(store), passes(ADA, TWIN, BO)
    found.recheck(FACES, everybody, INFO)
    found.recheck(FACES | {"P-twin": template("cy")}, everybody, INFO)
    assert (found.locked_at(GATE, everybody), store.pairs()) == (frozenset(), [])


@pytest.mark.story("36a")
def test_a_template_of_another_engine_is_never_compared(store):
    foreign = {**FACES, "P-twin": template("ada", embedder_sha256="f" * 64)}
    assert LookAlikes(store).recheck(foreign, passes(ADA, TWIN, BO), INFO) == 0


def test_what_stands_on_the_disk_are_pass_ids_and_nothing_else(store):
    LookAlikes(store).recheck(FACES, passes(ADA, TWIN, BO), INFO)
    columns = [row[1] for row in store._db.execute("pragma table_info(lookalike)")]
    assert columns == ["one", "other"]


@settings(deadline=None, max_examples=40)
@given(order=st.permutations(["ada", "ada", "ada", "bo", "bo", "cy"]))
def test_in_whatever_order_templates_come_the_pairs_are_the_same(order):
    kept: list[tuple[str, str]] = []

    class Pairs:
        def pairs(self):
            return list(kept)

        def keep_pairs(self, pairs):
            kept[:] = pairs

    everybody = passes(*(guest(f"P-{n}") for n in range(len(order))))
    found, templates = LookAlikes(Pairs()), {}
    for n, face in enumerate(order):
        templates[f"P-{n}"] = template(face)
        found.recheck(templates, everybody, INFO)
    expected = {
        pair_of(f"P-{a}", f"P-{b}")
        for a, b in permutations(range(len(order)), 2)
        if a < b and order[a] == order[b]
    }
    assert set(kept) == expected


@given(
    pairs=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("efgh")), max_size=6),
    scopes=st.fixed_dictionaries({who: st.sets(st.sampled_from([GATE, ROOM])) for who in "abcdefgh"}),
    agreed=st.sets(st.sampled_from("abcdefgh")),
)
def test_nobody_is_locked_who_has_not_agreed_or_alone(pairs, scopes, agreed):
    everybody = passes(*(guest(who, BOTH if who in agreed else FACE_ONLY, scopes[who]) for who in "abcdefgh"))
    for door in (GATE, ROOM):
        for who in locked_at(door, {pair_of(*pair) for pair in pairs}, everybody):
            assert agrees(everybody, who)
            twins = [pair for pair in pairs if who in pair and all(door in scopes[one] for one in pair)]
            assert twins


@pytest.mark.story("7b")
def test_at_the_door_a_locked_guest_is_asked_for_the_code_and_the_others_are_not():
    for locked, look in (
        (frozenset({PassId("P-ada")}), Look.AMBIGUOUS),
        (frozenset({PassId("P-bo")}), Look.NAMED),
    ):
        desk = FaceDesk(INFO, fpir_wanted=0.001)
        desk.put_gallery([("P-ada", mean_of("ada")), ("P-bo", mean_of("bo"))], version=1, k=3)
        desk.lock_pairs(locked)
        answers = [desk.look(one) for one in walk("ada", 0)]
        (first,) = [one for one in answers if isinstance(one, Concluded)][:1]
        assert first.evidence.verdict.look is look
        assert (first.evidence.verdict.pass_id is None) == (look is Look.AMBIGUOUS)
