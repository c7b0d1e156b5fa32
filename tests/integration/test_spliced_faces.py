"""Two real people cut together in the middle of a look, through the real engine and a door's real face half."""

import numpy as np
import pytest

from edge.core.evidence import Look
from edge.runtime.face_desk import Concluded, FaceDesk
from models.engine import Quality
from models.enrol import enrol_from_photos
from models.plugins import open_face_engine
from models.track import OVERLAP_MIN, Tracker, _overlap
from tests.fakes.spliced_film import frames_of, stepped_into, told_of

pytestmark = pytest.mark.clips


@pytest.fixture(scope="module")
def scene(request):
    clips = request.getfixturevalue("clips")
    engine = open_face_engine("yunet-sface")
    engine.warm_up()
    guests = frames_of(clips / "WolfgangLanger_Pexels.mp4")
    photos = [guests[i].copy() for i in (180, 216, 252)]
    template = enrol_from_photos(engine, photos, made_ms=0, not_after_ms=1)
    guest = guests[380:460:8]
    stranger = stepped_into(engine, frames_of(clips / "single_face.mp4")[::6][:10], guest[2])
    yield engine, template, guest, stranger
    engine.close()


def desk_of(engine, template):
    desk = FaceDesk(engine.info, fpir_wanted=0.001)
    desk.put_gallery([("guest", template.mean)], version=1, k=template.k)
    return desk


def verdicts(desk, told):
    return [
        (one.track, one.evidence.verdict.look) for one in map(desk.look, told) if isinstance(one, Concluded)
    ]


def test_alone_the_guest_is_named_and_the_stranger_is_not(scene):
    engine, template, guest, stranger = scene
    assert verdicts(desk_of(engine, template), told_of(engine, guest))[0][1] is Look.NAMED
    assert {look for _, look in verdicts(desk_of(engine, template), told_of(engine, stranger))} == {
        Look.UNKNOWN
    }


def test_the_stranger_really_stands_where_the_guest_stood(scene):
    engine, _, guest, stranger = scene
    boxes = [one.box for one in told_of(engine, [guest[2], *stranger])]
    assert all(_overlap(boxes[0], box) >= OVERLAP_MIN for box in boxes[1:])


@pytest.mark.parametrize("frames_of_the_guest", [1, 2, 3])
def test_nobody_is_let_in_by_the_evidence_of_whoever_stood_there_before(scene, frames_of_the_guest):
    """Whatever the guest had gathered, the stranger's own frames decide about the stranger."""
    engine, template, guest, stranger = scene
    desk = desk_of(engine, template)
    told = list(told_of(engine, [*guest[:frames_of_the_guest], *stranger]))
    before = verdicts(desk, told[:frames_of_the_guest])
    after = verdicts(desk, told[frames_of_the_guest:])
    assert {look for _, look in after} == {Look.UNKNOWN}
    assert not {track for track, _ in after} & {track for track, _ in before}


def test_the_guest_who_steps_in_front_of_a_stranger_is_named_by_their_own_frames(scene):
    engine, template, guest, stranger = scene
    desk = desk_of(engine, template)
    answers = [
        desk.look(one) for one in told_of(engine, [*stranger[:3], *stepped_into(engine, guest, stranger[0])])
    ]
    named = [n for n, one in enumerate(answers) if isinstance(one, Concluded)]
    assert answers[named[0]].evidence.verdict.look is Look.NAMED
    assert named[0] >= 4, "one frame of the guest names nobody"


def test_cut_back_and_forth_no_track_ever_holds_two_people(scene):
    engine, _, guest, stranger = scene
    tracker = Tracker.for_engine(engine.info)
    there = stepped_into(engine, guest, stranger[0])
    film = [frame for pair in zip(there, stranger, strict=False) for frame in pair]
    owners: dict[int, set[int]] = {}
    for n, one in enumerate(told_of(engine, film)):
        assert one.gate is None, f"frame {n} is too bad to be compared: {one.gate}"
        if one.vector is None:
            continue  # not embedded, and so no evidence for anybody
        vector = np.frombuffer(one.vector, np.float32)
        track = tracker.observe(one.t_ns, one.box, vector, Quality(*one.quality, faces_in_frame=1))
        owners.setdefault(track, set()).add(n % 2)
    assert all(len(people) == 1 for people in owners.values()), owners
    assert set().union(*owners.values()) == {0, 1}, "both were seen"
