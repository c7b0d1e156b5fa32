"""The guest who answers: her pictures do what a challenge asks, and she does what the screen says and no more."""

import json
from dataclasses import dataclass, field
from itertools import permutations
from types import SimpleNamespace

import pytest

from bench.answered import Answered, answered_rows
from demo.acts import Evening
from demo.answering import CLIP, STANCES, STRAIGHT, Answering, held, pictures_of, wait_s, words_of
from demo.stage import Cue, Stage
from demo.world import GATE
from edge.core.challenge import NOD_BACK, NOD_MIN, STEPS, TURN_BACK, TURN_MIN, Pose, Step, neutral_of
from edge.runtime.face_challenge import FAILS_MAX, WORDS
from models.enrol import enrol_from_photos
from models.liveness.pose import pitch_proxy, yaw_proxy
from models.liveness.trial import open_live_door
from models.plugins import open_face_engine

EVERY_NS = 125_000_000  # as a node looks at a camera with 24 pictures a second
REACTS = 4  # looks
LOOKS_MAX = 80
ENROLLED = (180, 216, 252)
STEPS_OF = {word: step for step, word in WORDS.items()}
COULD = [
    (stance, steps)
    for stance in STANCES
    for steps in permutations([STEPS_OF[word] for word in stance.poses if word != STRAIGHT], STEPS)
]


@pytest.fixture(scope="module")
def engine():
    opened = open_face_engine("yunet-sface")
    opened.warm_up()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def pictures(clips):
    wanted = {number for stance in STANCES for numbers in stance.poses.values() for number in numbers}
    return pictures_of(clips / CLIP, wanted | set(ENROLLED))


@pytest.fixture(scope="module")
def door(engine, pictures):
    template = enrol_from_photos(engine, [pictures[i] for i in ENROLLED], made_ms=0, not_after_ms=1)
    opened = open_live_door(engine, policy="challenge_always", fpir=1e-3)
    opened.hold([("guest", template.mean)], k=len(ENROLLED))
    return opened


def film(pictures, stance, word, dice):
    return held([pictures[number] for number in stance.poses[word]], dice)


def poses(engine, pictures):
    for picture in pictures:
        points = engine.detect(picture)[0].landmarks
        yield Pose(yaw_proxy(points), pitch_proxy(points))


@pytest.fixture
def dice():
    import numpy as np

    return np.random.default_rng(0)


@pytest.mark.clips
@pytest.mark.parametrize("stance", STANCES, ids=lambda stance: stance.name)
def test_every_picture_of_a_pose_is_as_far_from_rest_as_a_challenge_asks(engine, pictures, stance, dice):
    shown = {word: [*film(pictures, stance, word, dice)][:6] for word in stance.poses}
    neutral = neutral_of([*poses(engine, shown[STRAIGHT])])
    for word, seen in shown.items():
        for pose in poses(engine, seen):
            yaw, pitch = pose.yaw - neutral.yaw, pose.pitch - neutral.pitch
            if word == STRAIGHT:
                assert abs(yaw) <= TURN_BACK
                assert abs(pitch) <= NOD_BACK
            elif word == "nod":
                assert abs(pitch) >= NOD_MIN
                assert abs(yaw) < TURN_MIN
            else:
                assert yaw * (1 if word == "turn_left" else -1) >= TURN_MIN


def walk(door, pictures, stance, dice, does):
    """One walk in simulated time; ``does`` maps what the screen says to the pose that is taken."""
    door.begin()
    shown, said, due = film(pictures, stance, STRAIGHT, dice), None, None
    for look in range(LOOKS_MAX):
        if due == look:
            shown = film(pictures, stance, does(said), dice)
        word = door.show(next(shown), EVERY_NS)
        if door.outcome.answer != "UNDECIDED":
            break
        if word != said:
            said, due = word, look + REACTS
    return door.outcome


def asks(monkeypatch, steps):
    to_ask = iter(steps)
    monkeypatch.setattr(
        "edge.runtime.live_trial.secrets.SystemRandom", lambda: SimpleNamespace(choice=lambda _: next(to_ask))
    )


def test_from_either_stance_two_of_the_six_orders_are_in_his_power():
    for stance in STANCES:
        assert len([steps for had, steps in COULD if had is stance]) == 2
    assert len([*permutations(Step, STEPS)]) == 6


@pytest.mark.clips
@pytest.mark.parametrize(
    ("stance", "steps"), COULD, ids=lambda part: getattr(part, "name", None) or " ".join(part)
)
def test_whoever_does_what_is_asked_is_let_in(door, pictures, stance, steps, dice, monkeypatch):
    asks(monkeypatch, steps)
    assert walk(door, pictures, stance, dice, lambda word: word).answer == "ACCEPTED"


@pytest.mark.clips
@pytest.mark.parametrize("stance", STANCES, ids=lambda stance: stance.name)
def test_whoever_does_something_else_is_not(door, pictures, stance, dice, monkeypatch):
    turn = next(word for word in stance.poses if word.startswith("turn"))
    swapped = {turn: "nod", "nod": turn, STRAIGHT: STRAIGHT}
    asks(monkeypatch, (STEPS_OF[turn], Step.NOD))
    outcome = walk(door, pictures, stance, dice, swapped.__getitem__)
    assert (outcome.answer, outcome.why) == ("REFUSED", "no_response")


@pytest.mark.clips
def test_whoever_stands_still_is_not(door, pictures, dice, monkeypatch):
    asks(monkeypatch, (Step.LEFT, Step.NOD))
    outcome = walk(door, pictures, STANCES[0], dice, lambda _: STRAIGHT)
    assert (outcome.answer, outcome.why) == ("REFUSED", "no_response")


# --- before a screen ---------------------------------------------------------------------------------------------


@dataclass
class AtOnce:
    """Reacts without waiting, and says how often it was asked."""

    asked: list = field(default_factory=list)

    def uniform(self, *within):
        self.asked.append(within)
        return 0.0


@pytest.fixture
def guest(tmp_path):
    stage = Stage(tmp_path / "lane", Cue(tmp_path / "idle.avi", 0, 1))
    world = SimpleNamespace(stages={GATE.access_point: stage})
    return Answering(Evening(world, lambda _: None), tmp_path / "films", AtOnce())


def in_the_lane(guest):
    folder = guest.evening.world.stages[GATE.access_point].folder
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("idle"))


def comes(guest, words):
    first = guest._show(GATE, STANCES[0], STRAIGHT, 0)
    return guest.answer(GATE, STANCES[0], first, iter(words))


def test_each_word_is_answered_once_until_the_door_says_something_else(guest):
    words = ["turn_left", "turn_left", STRAIGHT, "turn_left", STRAIGHT, "welcome", "nod"]
    answer = comes(guest, words)
    assert answer.could
    assert answer.ended == "welcome"
    assert [asked.word for asked in answer.asked] == ["turn_left", STRAIGHT, "turn_left", STRAIGHT]
    assert len(guest.dice.asked) == 4
    assert in_the_lane(guest) == [answer.last]


def test_no_film_is_shown_twice_in_one_walk(guest):
    comes(guest, ["nod", STRAIGHT, "nod"])
    lane = guest.evening.world.stages[GATE.access_point].folder
    assert "nod-1.y4m" in (lane / in_the_lane(guest)[0]).read_text()


def test_what_the_clip_does_not_hold_is_not_answered_and_said_so(guest):
    answer = comes(guest, ["turn_left", STRAIGHT, "turn_right", "welcome"])
    assert not answer.could
    assert answer.asked[-1].word == "turn_right"
    assert in_the_lane(guest) == [answer.last] == [answer.asked[1].clip]


def test_a_refusal_in_the_middle_is_no_fault_of_the_guest(guest):
    answer = comes(guest, ["nod", "show_code"])
    assert answer.could
    assert answer.ended == "show_code"


def test_the_screen_is_read_as_its_page_reads_it():
    lines = ["retry: 1000", "event: screen", "data: " + json.dumps({"screen": "nod", "title": {}}), ""]
    assert [*words_of(iter(lines))] == ["nod"]


def test_he_comes_back_only_when_the_door_will_ask_again():
    early = [float(second) for second in range(FAILS_MAX - 2)]
    assert wait_s(early, 10.0) == 0.0
    assert wait_s([*early, 9.0], 10.0) == pytest.approx(51.0)
    assert wait_s([*early, 9.0], 500.0) == 0.0


# --- how it is told ----------------------------------------------------------------------------------------------


def test_who_was_refused_after_answering_is_counted_and_who_could_not_answer_is_not():
    found = Answered(
        total_ms=[3000.0], node_ms=[900.0], asked_ms=[300.0], refused=["planar"], not_answerable=3
    )
    told = found.told()
    assert (told["answered"], told["accepted"], told["refused"]) == (2, 1, {"planar": 1})
    note = answered_rows(told, "challenge_always")[0].note
    assert note.startswith("2 answered, 1 let in, 1 refused, 3 more asked for what the clip does not hold")
