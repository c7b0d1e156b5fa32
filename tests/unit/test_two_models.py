"""Two face models at one door while one of them goes: who is named, how sure it has to be, and what it costs."""

import multiprocessing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.events import AccessPointId, PassId
from edge.core.evidence import Look, Verdict
from edge.core.passes import ENTRY_PREREQS, Pass, PassSet, PassState, Prereq, SubjectClass
from edge.core.two_models import Word, together
from edge.runtime.engine_info import Enrolled
from edge.runtime.eyes_line import EyesLine
from edge.runtime.face_desk import Concluded, FaceDesk
from edge.runtime.lookalikes import LookAlikes
from edge.runtime.sightings import unpack_asked
from edge.runtime.two_step import OneToOneDesk
from edge.store.gallery_store import GalleryStore
from models.calibration import FLOOR_FMR, DoorThreshold, door_threshold
from models.engines.synthetic import picture_vector
from tests.fakes.changing_node import NEW, OLD, template_of
from tests.fakes.faces_at_a_door import FRAME_NS, mean_of, seeds_like, seen

FPIR = 0.001


def word(look: Look, who: str = "P-1", *, reached: bool = False) -> Word:
    named = look is Look.NAMED
    said = Verdict(look, PassId(who), "clear", "wide") if named else Verdict(look)
    return Word(said, reached or look in {Look.NAMED, Look.AMBIGUOUS})


def words(who: str):
    return st.builds(
        lambda look, reached: word(look, who, reached=reached), st.sampled_from(Look), st.booleans()
    )


@settings(max_examples=300)
@given(new=words("P-new"), old=words("P-old"))
def test_a_name_stands_only_where_the_other_model_finds_nobody(new, old):
    verdict, place = together([new, old])
    if verdict.look is Look.NAMED:
        spoke, other = (new, old) if place == 0 else (old, new)
        assert verdict == spoke.verdict
        assert not other.reached
        assert other.verdict.look not in {Look.NAMED, Look.AMBIGUOUS}
    if new.verdict.look is old.verdict.look is Look.NAMED:
        assert verdict.look is Look.AMBIGUOUS
    if verdict.look is Look.UNKNOWN:
        assert Look.LOOKING not in {new.verdict.look, old.verdict.look}
    assert together([new]) == (new.verdict, 0)


def desk_of(new: list[str], old: list[str], kind: type[FaceDesk] = FaceDesk) -> FaceDesk:
    desk = kind(NEW, fpir_wanted=FPIR, before=OLD)
    before = Enrolled(tuple((f"P-{who}", mean_of(f"old {who}")) for who in old), 3)
    desk.put_gallery([(f"P-{who}", mean_of(who)) for who in new], version=1, k=3, before=before)
    return desk


def frames(new: str, old: str | None, count: int = 12):
    """Somebody who is ``new`` to the new model and ``old`` to the one that goes."""
    for n in range(count):
        told = (
            None
            if old is None
            else picture_vector(f"old {old}", seeds_like(f"old {old}", 40)[n % 40]).tobytes()
        )
        yield seen(new, n, n * FRAME_NS, before=told)


def verdict_of(desk: FaceDesk, new: str, old: str | None) -> Concluded:
    return next(one for one in map(desk.look, frames(new, old)) if isinstance(one, Concluded))


def test_each_guest_is_named_by_the_model_they_are_enrolled_with():
    desk = desk_of(["ada"], ["bo"])
    ada, bo = verdict_of(desk, "ada", "ada"), verdict_of(desk_of(["ada"], ["bo"]), "bo", "bo")
    assert (ada.evidence.verdict.pass_id, ada.evidence.by_before) == ("P-ada", False)
    assert (bo.evidence.verdict.pass_id, bo.evidence.by_before) == ("P-bo", True)
    assert ada.evidence.matcher.model.startswith(f"{NEW.engine_id}@")
    assert bo.evidence.matcher.model.startswith(f"{OLD.engine_id}@")
    assert ada.evidence.matcher.gallery_n == bo.evidence.matcher.gallery_n == 2


def test_whom_the_two_models_take_for_two_people_is_named_by_neither():
    assert verdict_of(desk_of(["ada"], ["bo"]), "ada", "bo").evidence.verdict.look is Look.AMBIGUOUS


def test_a_stranger_to_both_is_unknown_and_so_is_whoever_only_the_other_models_vectors_know():
    """``bo`` stands in the old gallery only: the new model's picture of them is compared with nobody's there."""
    assert verdict_of(desk_of(["ada"], ["bo"]), "eve", "eve").evidence.verdict.look is Look.UNKNOWN
    assert verdict_of(desk_of(["ada"], ["bo"]), "old bo", "eve").evidence.verdict.look is Look.UNKNOWN


def test_without_the_old_models_vectors_its_guests_are_nobody_and_the_others_are_as_before():
    assert verdict_of(desk_of(["ada"], ["bo"]), "bo", None).evidence.verdict.look is Look.UNKNOWN
    assert verdict_of(desk_of(["ada"], ["bo"]), "ada", None).evidence.verdict.pass_id == "P-ada"


@settings(deadline=None, max_examples=30)
@given(new=st.integers(1, 400), old=st.integers(0, 400), m=st.sampled_from([2, 3]))
def test_the_rate_of_strangers_is_shared_by_both_galleries(new, old, m):
    """Each model has its own table's threshold for all N, so that both together name a stranger at the door's rate."""
    desk = FaceDesk(NEW, fpir_wanted=FPIR, before=OLD)
    some = mean_of("ada")
    desk.put_gallery(
        [(f"N-{n}", some) for n in range(new)],
        version=1, k=3, before=Enrolled(tuple((f"O-{n}", some) for n in range(old)), 3),
    )  # fmt: skip
    shares = []
    for side, n in zip(desk._sides(), (new, old), strict=True):
        mine = desk.threshold_of(side, m)
        alone = door_threshold(side.info.calibration, fpir=FPIR, n=max(1, n), k=3, m=m)
        assert isinstance(mine, DoorThreshold)
        assert isinstance(alone, DoorThreshold)
        assert (mine.n, mine.t >= alone.t) == (new + old, True)
        # What it bears for one comparison, by its own table; a table's end is said to be a bound only.
        if mine.tail != "bounded":
            shares.append(n * min(FPIR / (new + old), FLOOR_FMR))
    assert sum(shares) <= FPIR * (1 + 1e-9)
    told = desk.threshold(m)
    assert isinstance(told, DoorThreshold)
    each = [
        n * side.info.calibration.policy_for(3, m).rows[-1].fmr_hi95
        for side, n in zip(desk._sides(), (new, old), strict=True)
    ]
    assert told.expected_fpir <= max(FPIR, sum(each)) * (1 + 1e-9)
    assert desk.people == new + old


def test_at_a_door_of_code_and_face_a_guest_of_the_old_model_is_compared_with_themselves_by_it():
    desk = desk_of(["ada"], ["bo"], OneToOneDesk)
    assert (desk.knows(PassId("P-ada")), desk.knows(PassId("P-bo")), desk.knows(PassId("P-eve"))) == (
        True,
        True,
        False,
    )
    desk.ask(PassId("P-bo"))
    bo = verdict_of(desk, "bo", "bo")
    assert (bo.evidence.verdict.pass_id, bo.evidence.by_before, bo.evidence.matcher.gallery_n) == (
        "P-bo",
        True,
        1,
    )
    desk.ask(PassId("P-ada"))
    assert verdict_of(desk, "bo", "bo").evidence.verdict.look is Look.UNKNOWN  # another one's code
    desk.ask(None)
    assert verdict_of(desk, "bo", "bo").evidence.verdict.look is Look.UNKNOWN  # a wrong code


def test_whoever_enrols_anew_leaves_the_old_gallery_and_a_look_begun_before_finds_nobody():
    desk = desk_of([], ["bo"], OneToOneDesk)
    desk.ask(PassId("P-bo"))
    desk.put_gallery([("P-bo", mean_of("bo"))], version=2, k=3)
    assert verdict_of(desk, "bo", "bo").evidence.verdict.look is Look.UNKNOWN


BOTH = ENTRY_PREREQS | Prereq.FACE_CONSENT | Prereq.LOOKALIKE
GATE = AccessPointId("AP-gate")


def guest(who: str) -> Pass:
    return Pass(
        pass_id=PassId(who), pass_version=1, subject_ref=f"r-{who}", cls=SubjectClass.GUEST,
        state=PassState.ARMED, scope=frozenset({GATE}), schedule="", not_before_ms=0, not_after_ms=10,
        prereq=BOTH, policy=1,
    )  # fmt: skip


@pytest.fixture
def store(tmp_path):
    opened = GalleryStore(tmp_path / "gallery.db", tmp_path / "gallery.key")
    yield opened
    opened.close()


def test_a_pair_of_look_alikes_stays_locked_until_both_can_be_compared_by_one_model(store):
    found, aboard = LookAlikes(store), PassSet.build(1, [guest("P-one"), guest("P-two")])
    faces = {who: template_of("ada", OLD, "old ") for who in ("P-one", "P-two")}
    assert found.recheck(faces, aboard, NEW, OLD) == 1
    faces = faces | {"P-one": template_of("ada", NEW)}
    assert found.recheck(faces, aboard, NEW, OLD) == 0
    assert found.locked_at(GATE, aboard) == {"P-one", "P-two"}
    still_alike = faces | {"P-two": template_of("ada", NEW)}
    assert (found.recheck(still_alike, aboard, NEW, OLD), len(store.pairs())) == (
        1,
        1,
    )  # found by the new one
    apart = faces | {"P-two": template_of("cy", NEW)}
    found.recheck(apart, aboard, NEW, OLD)
    assert found.locked_at(GATE, aboard) == frozenset()


def test_what_was_replaced_opens_under_no_key_that_is_left(store, tmp_path):
    store.put("P-1", b"of the old model", not_after_ms=10)
    before = (tmp_path / "gallery.key").read_bytes()
    version = store.version
    store.put("P-1", b"of the new model", not_after_ms=10)
    store.put("P-2", b"somebody else's", not_after_ms=10)
    store.rekey()
    assert (tmp_path / "gallery.key").read_bytes() != before
    assert sorted(kept.data for kept in store.all()) == [b"of the new model", b"somebody else's"]
    assert store.version > version


def test_the_worker_is_told_what_changed_and_at_its_start_what_stands():
    ours, theirs = multiprocessing.Pipe()
    line = EyesLine()
    line.want_before(frozenset({"lane"}))
    with line.to(ours):
        line.want_before(frozenset({"lane"}))
        line.want_before(None)
        told = []
        while theirs.poll(0):
            told.append(unpack_asked(theirs.recv_bytes()).cameras)
        assert told == [{"lane"}, None]
        theirs.close()
        line.want_before(frozenset())  # the worker is gone: its end is heard elsewhere
    ours.close()
