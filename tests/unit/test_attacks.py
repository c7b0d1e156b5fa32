"""The drawn attacks: what they draw, that they are counted honestly, and that no gate knows how to make them."""

import re
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from models.attacks import report
from models.attacks.instruments import HEAD, SPECIES, Head, _Obeying
from models.attacks.posed import PosedEngine, rotated
from models.attacks.run import GENUINE, Moved, Tried, attempt, empty_lane
from models.attacks.scene import HIGH, WIDE, Hand, bent, flat, homography, noisy
from models.attacks.subjects import looks_at, subject_of
from models.attacks.y4m import write_y4m
from models.cli import app
from models.engine import EngineError
from models.liveness.pose import pitch_proxy, yaw_proxy
from models.liveness.trial import LiveOutcome, open_live_door
from models.plugins import open_face_engine

ROOT = Path(__file__).parents[2]
CLIP = "face_noface.mov"
POINTS = np.array([[280, 150], [340, 150], [310, 185], [285, 215], [335, 215]], np.float32)


@pytest.fixture(scope="module")
def engine():
    opened = open_face_engine("yunet-sface")
    opened.warm_up()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def subject(engine, clips):
    found = subject_of(clips / CLIP, engine)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def lane(clips):
    return empty_lane([next(frame for _, frame in looks_at(clips / "no_face.mp4"))])


def door_for(engine, subject):
    posed = PosedEngine(engine)
    door = open_live_door(posed, policy="challenge_always", fpir=1e-3)
    door.hold([(subject.name, subject.template)], k=3)
    return posed, door


@pytest.mark.story("27a")
@pytest.mark.clips
@pytest.mark.parametrize("species", ["waved_photo", "print", "bent_print"])
@pytest.mark.parametrize("obeys", [False, True], ids=["looks away", "tries the task"])
def test_a_picture_of_the_guest_is_recognised_and_does_not_get_in(engine, subject, lane, species, obeys):
    posed, door = door_for(engine, subject)
    held = SPECIES[species](subject, subject, lane, np.random.default_rng(3), obeys)
    outcome = attempt(door, posed, held)
    assert outcome.recognised
    assert (outcome.answer, outcome.why is None) == ("REFUSED", False)


@pytest.mark.clips
def test_even_where_flatness_is_not_looked_at_a_photo_cannot_do_what_is_asked(
    engine, subject, lane, monkeypatch
):
    monkeypatch.setattr("edge.runtime.face_challenge.is_surely_flat", lambda *_: False)
    posed, door = door_for(engine, subject)
    held = SPECIES["waved_photo"](subject, subject, lane, np.random.default_rng(5), True)
    outcome = attempt(door, posed, held)
    assert (outcome.answer, outcome.asked) == ("REFUSED", True)
    assert outcome.why in {"no_response", "too_slow", "wrong_turn", "gap"}


@pytest.mark.clips
@pytest.mark.parametrize("seed", [1, 2])
def test_a_picture_of_somebody_who_answered_before_does_not_get_in_by_that(
    engine, subject, lane, seed, monkeypatch
):
    """A door that asks where there is a reason; a name takes two pictures, and movement more."""
    posed = PosedEngine(engine)
    door = open_live_door(posed, policy="challenge_on_risk", fpir=1e-3)
    door.hold([(subject.name, subject.template)], k=3)
    monkeypatch.setattr("edge.runtime.face_challenge.FaceChallenge.knows", lambda *_: True)
    held = SPECIES["waved_photo"](subject, subject, lane, np.random.default_rng(seed), False)
    outcome = attempt(door, posed, held)
    assert (outcome.recognised, outcome.answer) == (True, "REFUSED")


@pytest.mark.clips
def test_the_person_whose_points_are_turned_gets_in(engine, subject, lane):
    posed, door = door_for(engine, subject)
    answers = [attempt(door, posed, Head(subject, np.random.default_rng(seed))).answer for seed in range(4)]
    assert "ACCEPTED" in answers


@pytest.mark.clips
def test_a_picture_is_never_one_the_template_was_made_from(subject):
    assert len(subject.enrolled_from()) == 3
    assert max(subject.enrolled_from()) < len(subject.shots)
    assert np.linalg.norm(subject.template) == pytest.approx(1, abs=1e-4)


def test_points_of_a_turned_head_move_as_far_as_a_challenge_asks():
    left, right, down = (rotated(POINTS, *HEAD[way]) for way in ("turn_left", "turn_right", "nod"))
    assert yaw_proxy(left) - yaw_proxy(POINTS) > 0.35
    assert yaw_proxy(right) - yaw_proxy(POINTS) < -0.35
    assert pitch_proxy(down) - pitch_proxy(POINTS) > 0.15
    assert rotated(POINTS, 0, 0) == pytest.approx(POINTS)


def test_a_card_held_straight_stands_in_the_middle_and_a_turned_one_is_narrower():
    straight, turned = homography(200, 100, Hand()), homography(200, 100, Hand(turn=45))

    def wide(matrix):
        edges = cv2.perspectiveTransform(np.array([[[0, 50.0]], [[200, 50.0]]]), matrix)
        return edges[1, 0, 0] - edges[0, 0, 0]

    assert cv2.perspectiveTransform(np.array([[[100, 50.0]]]), straight).ravel() == pytest.approx(
        [WIDE / 2, HIGH / 2]
    )
    assert wide(straight) == pytest.approx(200)
    assert wide(turned) < 160


@pytest.mark.parametrize("draw", [flat, lambda card, hand, lane: bent(card, 90.0, hand, lane)])
def test_a_card_covers_the_lane_where_it_is_and_nothing_else(draw):
    card, lane = np.full((100, 160, 3), 200, np.uint8), np.full((HIGH, WIDE, 3), 20, np.uint8)
    seen = draw(card, Hand(), lane)
    assert seen[HIGH // 2, WIDE // 2].min() > 150
    assert (seen[:40] == 20).all()
    assert (lane == 20).all()


def test_a_sensors_noise_makes_every_picture_another():
    dice = np.random.default_rng(0)
    frame = np.full((HIGH, WIDE, 3), 100, np.uint8)
    first, second = noisy(frame, dice), noisy(frame, dice)
    assert (first != second).any()
    assert 1 < float(np.std(first)) < 3


def test_an_obedient_attacker_goes_out_and_back_by_itself_and_starts_anew_when_asked_again():
    moves = _Obeying(0.5)
    assert moves.at(1.0, "turn_left") == ("turn_left", 0.0)
    assert moves.at(2.2, "turn_left") == ("turn_left", 1.0)
    assert moves.at(3.0, "look_straight") == ("turn_left", 0.0)
    assert moves.at(3.1, "turn_left") == ("turn_left", 0.0)
    assert moves.at(4.3, "turn_left") == ("turn_left", 1.0)


def test_a_file_of_raw_pictures_plays_as_what_was_written(tmp_path):
    frames = [np.full((48, 64, 3), grey, np.uint8) for grey in (40, 120, 200)]
    assert write_y4m(tmp_path / "a.y4m", frames, fps=10) == 3
    source = cv2.VideoCapture(str(tmp_path / "a.y4m"))
    greys = [float(source.read()[1].mean()) for _ in frames]
    assert source.get(cv2.CAP_PROP_FPS) == 10
    source.release()
    assert greys == pytest.approx([40, 120, 200], abs=3)


def test_odd_and_changing_pictures_are_refused(tmp_path):
    with pytest.raises(EngineError, match="cannot stand"):
        write_y4m(tmp_path / "a.y4m", [np.zeros((47, 64, 3), np.uint8)], fps=10)
    mixed = [np.zeros((48, 64, 3), np.uint8), np.zeros((48, 32, 3), np.uint8)]
    with pytest.raises(EngineError, match="cannot stand"):
        write_y4m(tmp_path / "b.y4m", mixed, fps=10)


# --- the page ---------------------------------------------------------------------------------------------------


def tried(species, count, answer="REFUSED", why="planar", obeys=False):
    outcome = LiveOutcome(
        answer, True, None if answer == "ACCEPTED" else why, True, "somebody", 3_000_000_000
    )
    return [Tried(species, f"person {number % 3}", obeys, outcome) for number in range(count)]


def page_of(*attempts, moved=(), stills=()):
    info = open_face_engine("yunet-sface").info
    made = report.Report("2026-01-01T00:00:00Z", "test", "challenge_always", 0, attempts, moved, stills)
    return "\n".join(report.page(info, made, []))


def test_none_of_three_hundred_is_said_as_at_most_one_percent():
    page = page_of(*tried("print", 300))
    assert "| print | simulated | all | 3 | 300 | 300 | 0 | 0 (at most 1 %) | 0 | planar 300 |" in page


def test_every_row_says_what_it_was_made_of_and_species_are_never_added_up():
    page = page_of(
        *tried("print", 4), *tried("screen_replay", 4, "ACCEPTED"), *tried(GENUINE, 4, "ACCEPTED"),
        moved=[Moved("a.mp4", 9.0, (1.0, 2.0), (1.5,), 0, 0, 1.0)],
        stills=[report.Still("real.jpg", None), report.Still("judged.jpg", 0.25)],
    )  # fmt: skip
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    bodies = [row for row in rows if not re.match(r"\| (species|made of|clip|still) ", row)]
    assert bodies
    assert all(re.search(r"\b(simulated|synthesised|real)\b", row) for row in bodies)
    assert not re.search(r"\| (total|sum|all species) ", page)
    assert "judge not configured" in page
    assert "0.25" in page


@pytest.mark.story("27d")
def test_the_page_says_the_operators_sentence_what_it_does_not_prove_and_no_name_for_its_rate():
    page = page_of(*tried("print", 4))
    assert "A video replay on a phone beats blink, a *pre-recorded* turn, and planarity." in page
    assert "must not be quoted as one" in page
    assert page.count("APCER") == 1
    assert "BPCER: not measured" in page


# --- the commands -----------------------------------------------------------------------------------------------


@pytest.mark.clips
def test_an_attack_clip_is_written_and_holds_the_persons_face(engine, clips, tmp_path):
    out = tmp_path / "waved.y4m"
    words = ["attack-clip", "--species", "waved_photo", "--clip", str(clips / CLIP), "--out", str(out)]
    run = CliRunner().invoke(app, [*words, "--seconds", "1"])
    assert run.exit_code == 0, run.output
    frames = [frame for _, frame in looks_at(out)]
    assert len(frames) == 10
    assert sum(bool(engine.detect(frame)) for frame in frames) >= 8


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--species", "mask", "--clip", "a", "--out", "b.y4m"], "not known"),
        (["--species", "print", "--clip", "a", "--out", "b.mp4"], "uncompressed"),
        (["--species", "swap", "--clip", "a", "--out", "b.y4m"], "--other"),
    ],
)
def test_a_clip_that_cannot_be_made_is_refused_in_one_sentence(words, sentence):
    run = CliRunner().invoke(app, ["attack-clip", *words])
    assert run.exit_code == 1
    assert sentence in run.output


def test_a_judge_without_its_hash_is_refused_by_the_report_too(tmp_path):
    words = ["attacks", "--data", str(tmp_path), "--out", str(tmp_path), "--judge", "judge.onnx"]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 1
    assert "--judge-sha256" in run.output


def test_no_gate_may_load_what_makes_attacks():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = next(one for one in contracts if one["name"] == "no gate can draw an attack")
    assert (held["source_modules"], held["forbidden_modules"]) == (["edge"], ["models.attacks"])
