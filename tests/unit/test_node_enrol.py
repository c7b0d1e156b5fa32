"""Enrolment before a camera: three turns of the head, one person alone, and a person's word before a second time."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.enrol_guide import LEAST_APART_NS, POSE_PATIENCE_NS, POSES, Pose, fits, is_taken
from edge.core.events import PassId
from edge.core.passes import Pass, PassState, Prereq, SubjectClass
from edge.errors import EnrolRefused
from edge.kiosk.screens import WORDS
from edge.kiosk.texts import SENTENCES
from edge.runtime.enrol import AGAIN, TRIED_MAX, Approval, CameraEnrolment, check_again, template_end_ms
from models.vectors import mean_vector
from tests.fakes.faces_at_a_door import GOOD, INFO, mean_of, seeds_like, seen

FRAME_NS = 100_000_000
TURNS = {Pose.AHEAD: 0.02, Pose.LEFT: 0.2, Pose.RIGHT: -0.2}
HOLDER = Pass(
    pass_id=PassId("P-ada"), pass_version=1, subject_ref="r", cls=SubjectClass.GUEST, state=PassState.ARMED,
    scope=frozenset(), schedule="", not_before_ms=0, not_after_ms=1_000, prereq=Prereq(15), policy=1,
)  # fmt: skip


def frame(n: int, *, person: str | None = "ada", yaw: float = 0.0, faces: int = 1):
    measures = (*GOOD[:4], yaw, GOOD[5])
    gate = None if faces == 1 and person else "one_at_a_time" if faces > 1 else "too_dark"
    return seen(person, n, n * FRAME_NS, quality=measures, faces=faces, enrolment_gate=gate)


def enrolled(frames):
    """The words of the screen, and the template or why there is none."""

    async def run():
        done = asyncio.get_running_loop().create_future()
        enrolment = CameraEnrolment(INFO, HOLDER, 5, done)
        words = [enrolment.take(one) for one in frames]
        return (
            words,
            done.exception() if done.done() and done.exception() else done.result() if done.done() else None,
        )

    return asyncio.run(run())


def obeying(*, person: str = "ada", first: int = 0, count: int = 60):
    """Somebody who does as the screen says, half a second later."""

    async def run():
        done = asyncio.get_running_loop().create_future()
        enrolment = CameraEnrolment(INFO, HOLDER, 5, done)
        words: list[str] = []
        for n in range(count):
            asked = words[-6] if len(words) > 5 else Pose.AHEAD
            words.append(enrolment.take(frame(first + n, person=person, yaw=TURNS.get(asked, 0.0))))
            if done.done():
                break
        return words, done.result()

    return asyncio.run(run())


def test_whoever_does_as_asked_is_enrolled_in_three_turns():
    words, template = obeying()
    told = [word for n, word in enumerate(words) if n == 0 or word != words[n - 1]]
    assert told == ["enrol_left", "enrol_right", "enrolled"]
    assert (template.k, [round(q.yaw_proxy, 2) for q in template.qualities]) == (3, [0.02, 0.2, -0.2])
    assert len(words) * FRAME_NS < 3_000_000_000


def test_whoever_does_not_turn_is_taken_as_they_look():
    words, template = enrolled([frame(n) for n in range(60)])
    assert template.k == 3
    assert words.index("enrolled") * FRAME_NS == 2 * POSE_PATIENCE_NS


def test_every_word_of_an_enrolment_has_a_sentence_with_its_progress_in_both_languages():
    for n, pose in enumerate(POSES, start=1):
        sentence = SENTENCES[WORDS[pose]]
        assert f"{n}/3" in sentence.title.zh
        assert f"{n}/3" in sentence.title.en


def test_while_anybody_else_is_in_the_picture_nothing_is_taken():
    words, _ = enrolled([frame(n, faces=2) for n in range(30)])
    assert set(words) == {"one_at_a_time"}
    words, template = enrolled([*(frame(n, faces=2) for n in range(10)), *(frame(n) for n in range(10, 70))])
    assert (template.k, "enrolled" in words) == (3, True)


def test_one_odd_picture_is_asked_for_again_and_never_averaged_in():
    """Somebody else's face comes into the second picture."""
    turn = [0, 25, 50, 75, 100, 125]
    people = ["ada", "eve", "ada", "ada", "ada", "ada"]
    frames = [frame(n, person=who) for n, who in zip(turn, people, strict=True)]
    words, template = enrolled(frames)
    assert words[:4] == ["enrol_left", "enrol_right", "enrol_left", "enrolled"]
    ada = mean_of("ada")
    assert float(template.mean @ ada) > 0.85
    assert all(float(part @ ada) > 0.7 for part in template.parts)


def test_after_twelve_tries_the_code_is_shown():
    words, why = enrolled([frame(n, person=None) for n in range(200)])
    assert isinstance(why, EnrolRefused)
    assert f"after {TRIED_MAX} pictures (too_dark)" in str(why)
    assert words[-1] == "show_code"
    assert words.index("show_code") * FRAME_NS == (TRIED_MAX - 1) * 1_200_000_000


def test_a_frame_after_the_enrolment_was_called_off_is_answered_with_the_code():
    async def run() -> str:
        done = asyncio.get_running_loop().create_future()
        enrolment = CameraEnrolment(INFO, HOLDER, 5, done)
        done.cancel()
        return enrolment.take(frame(0))

    assert asyncio.run(run()) == "show_code"


def test_pictures_that_never_fit_together_end_with_the_code_too():
    people = ["ada", "eve", "bo", "cy", "di", "kit", "lu", "mo", "ned", "oz", "pip", "quin", "rex"]
    words, why = enrolled([frame(25 * n, person=who) for n, who in enumerate(people)])
    assert isinstance(why, EnrolRefused)
    assert len(words[: words.index("show_code") + 1]) == TRIED_MAX


@settings(deadline=None, max_examples=30)
@given(steps=st.lists(st.integers(1, 30), min_size=3, max_size=60), yaw=st.floats(-0.6, 0.6))
def test_pictures_are_at_least_half_a_second_apart(steps, yaw):
    at, taken, last = 0, [], None
    asked = 0
    for step in steps:
        at += step * FRAME_NS
        if is_taken(Pose.AHEAD, yaw, asked_ns=asked, last_ns=last, now_ns=at):
            taken.append(at)
            last = asked = at
    assert all(b - a >= LEAST_APART_NS for a, b in pairwise(taken))


@given(st.floats(-1, 1))
def test_no_face_is_turned_to_both_sides(yaw):
    assert not (fits(Pose.LEFT, yaw) and fits(Pose.RIGHT, yaw))
    assert not (fits(Pose.LEFT, yaw) and yaw < 0)


def test_a_template_ends_a_day_after_its_pass():
    _, template = obeying()
    assert template.not_after_ms == template_end_ms(HOLDER) == HOLDER.not_after_ms + 86_400_000
    assert float(template.mean @ mean_vector(template.parts)) == pytest.approx(1.0)


def test_a_first_enrolment_needs_nobodys_word():
    check_again(Approval(), enrolled=False)


@pytest.mark.parametrize("approval", [Approval(), Approval(by="chen"), Approval(why="other")])
def test_a_face_is_never_replaced_without_a_person_and_a_reason(approval):
    with pytest.raises(EnrolRefused, match="approved by a person"):
        check_again(approval, enrolled=True)


@pytest.mark.parametrize("why", AGAIN)
def test_a_named_account_with_one_of_the_reasons_may(why):
    check_again(Approval("chen", why), enrolled=True)


@pytest.mark.parametrize(
    "approval",
    [Approval("陈 小明", "other"), Approval("chen", "he is called Ada"), Approval("a" * 65, "other")],
)
def test_neither_a_name_nor_free_text_reaches_the_ledger(approval):
    for known in (True, False):
        with pytest.raises(EnrolRefused):
            check_again(approval, enrolled=known)


def test_frames_of_the_door_have_no_way_into_a_template():
    """``seeds_like`` are the frames; a desk is given vectors to compare and has nothing to write with."""
    from edge.runtime.face_desk import FaceDesk

    desk = FaceDesk(INFO, fpir_wanted=0.001)
    row = mean_of("ada")
    desk.put_gallery([("P-ada", row)], version=1, k=3)
    before = desk.gallery.match(row)
    for n in range(len(seeds_like("ada", 12))):
        desk.look(seen("ada", n, n * 200_000_000))
    assert desk.gallery.match(row) == before
