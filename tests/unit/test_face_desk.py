"""The face half of a door: who is compared with whom, how often, and what is forgotten."""

import asyncio
import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.credentials import LOCK_NS, TRIES_MAX
from edge.core.door_events import CameraChanged
from edge.core.door_types import Camera
from edge.core.evidence import Look
from edge.core.face_mode import FaceMode
from edge.core.passes import Pass, PassState, Prereq, SubjectClass
from edge.runtime.engine_info import gallery_rows
from edge.runtime.face_desk import Concluded, FaceDesk
from models.engine import Quality
from models.gallery import Gallery
from models.template import Template
from models.vectors import cosine_score
from tests.fakes.faces_at_a_door import FRAME_NS, INFO, mean_of, seen, walk
from tests.fakes.lone_gate import LoneGate, pass_row

GOOD = Quality(0.95, 60.0, 120.0, 150.0, 0.0, 0.0, 1)
LONG_NS = 45_000_000_000  # five tries are over after 25 s, and their lock after 55
GUESTS = ["ada", "bo", "cy", "di"]


def desk_of(*people: str) -> FaceDesk:
    desk = FaceDesk(INFO, fpir_wanted=0.001)
    desk.put_gallery([(f"P-{who}", mean_of(who)) for who in people], version=1, k=3)
    return desk


def concluded(desk: FaceDesk, frames) -> list[Concluded]:
    return [one for one in map(desk.look, frames) if isinstance(one, Concluded)]


@settings(deadline=None, max_examples=25)
@given(order=st.permutations(GUESTS), who=st.sampled_from([*GUESTS, "eve"]))
def test_in_whatever_order_guests_stand_in_the_gallery_the_door_says_the_same(order, who):
    first, second = concluded(desk_of(*GUESTS), walk(who, 0)), concluded(desk_of(*order), walk(who, 0))
    assert [one.evidence.verdict for one in first] == [one.evidence.verdict for one in second]


@pytest.mark.story("36a")
@settings(deadline=None, max_examples=40)
@given(
    ours=st.sets(st.sampled_from(GUESTS)),
    change=st.sampled_from([{"embedder_sha256": "f" * 64}, {"engine_id": "other"}]),
    probe=st.sampled_from(GUESTS),
)
def test_a_template_of_another_engine_never_scores_at_any_door(ours, change, probe):
    templates = {}
    for who in GUESTS:
        made = Template.of_parts(INFO, [mean_of(who)], [GOOD], made_ms=1, not_after_ms=2)
        templates[f"P-{who}"] = made if who in ours else dataclasses.replace(made, **change)
    holders = [holder(f"P-{who}") for who in GUESTS]
    rows, _ = gallery_rows(holders, templates, INFO)
    assert {pass_id for pass_id, _ in rows} == {f"P-{who}" for who in ours}
    found = Gallery.build(rows, version=1, similarity=cosine_score).match(mean_of(probe)) if rows else None
    assert found is None or found.best in {f"P-{who}" for who in ours}
    assert found is None or found.other in {f"P-{who}" for who in ours} | {None}


def holder(pass_id: str) -> Pass:
    return Pass(
        pass_id=pass_id, pass_version=1, subject_ref="r", cls=SubjectClass.GUEST, state=PassState.ARMED,
        scope=frozenset(), schedule="", not_before_ms=0, not_after_ms=1, prereq=Prereq(15), policy=1,
    )  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(people=st.lists(st.sampled_from(["ada", "eve", "bo"]), min_size=1, max_size=14))
def test_whoever_is_named_was_seen_at_least_twice_since_they_stepped_up(people):
    """Frame by frame somebody else may stand there; nobody is named by frames of anybody else."""
    desk = desk_of("ada", "bo")
    streak: list[str] = []
    for n, who in enumerate(people):
        streak = [*streak, who] if streak and streak[-1] == who else [who]
        answer = desk.look(seen(who, n, n * FRAME_NS))
        if isinstance(answer, Concluded) and answer.evidence.verdict.look is Look.NAMED:
            assert answer.evidence.verdict.pass_id == f"P-{who}"
            assert people[: n + 1].count(who) >= 2


def test_another_person_in_the_same_place_is_another_try_with_another_track():
    desk = desk_of("ada")
    eve = concluded(desk, walk("eve", 0, 12))
    ada = concluded(desk, walk("ada", 12 * FRAME_NS, 12))
    assert [one.evidence.verdict.look for one in (eve[0], ada[0])] == [Look.UNKNOWN, Look.NAMED]
    assert eve[0].track != ada[0].track


def test_a_try_is_forgotten_with_its_track():
    desk = desk_of("ada")
    for n, who in enumerate(["eve", "mo", "ada", "kit", "lu"] * 8):
        desk.look(seen(who, n, n * FRAME_NS))
    assert len(desk._tries) <= 8
    desk.nobody(60 * 1_000_000_000)
    assert desk._tries == {}


def stands(who: str, for_ns: int) -> LoneGate:
    """Somebody stays before a door of one guest, and is looked at again and again."""
    lone = LoneGate([pass_row("P-ada", prereq=15)])
    lone.gate.desk, lone.gate.face_mode = desk_of("ada"), FaceMode.ONE_TO_N

    async def scene() -> LoneGate:
        await lone.boot()
        await lone.gate.on_event(CameraChanged(Camera.OK))
        lone.facts.clear()
        for one in walk(who, 0, for_ns // FRAME_NS):
            lone.at_ns = one.t_ns
            await lone.gate.on_face(one)
        return lone

    return asyncio.run(scene())


def test_a_stranger_who_stays_has_five_tries_and_then_waits_as_long_as_the_lock_says():
    """A locked try is refused unseen: no denial, no look that counts, until the lock ends."""
    assert len(stands("eve", sum(LOCK_NS)).kinds) <= 3 * TRIES_MAX
    lone = stands("eve", LONG_NS)
    assert lone.kinds == ["access.denied"] * TRIES_MAX
    assert {fact.reason for fact in lone.facts} == {"CredentialNotFound"}
    assert "wait_until" in lone.shown
    assert lone.pulses == []


def test_a_strangers_tries_are_not_the_guests_who_comes_after():
    lone = stands("eve", LONG_NS)

    async def after() -> None:
        for one in walk("ada", lone.at_ns + FRAME_NS):
            lone.at_ns = one.t_ns
            await lone.gate.on_face(one)

    asyncio.run(after())
    assert lone.kinds[-1] == "access.granted"


@pytest.mark.parametrize("who", ["eve", "ada"])
def test_nothing_of_an_unknown_face_is_written_and_of_a_known_one_only_buckets(who):
    lone = stands(who, 2_000_000_000)
    (fact, *_) = lone.facts
    if who == "eve":
        assert (fact.match, fact.pass_id, fact.subject_ref, fact.x) == (None, None, None, {})
    else:
        assert fact.match.score_bucket in ("near", "clear", "high")
