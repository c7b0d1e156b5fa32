"""The protocols of an evaluation, on synthetic people whose answers can be counted by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.calibration import from_record
from models.calibration_file import parse_calibration
from models.engine import Face
from models.evaluation import conditions, openset
from models.evaluation.conditions import CONDITIONS, choose, clear_probes, compare
from models.evaluation.counting import collect, count
from models.evaluation.dataset import Dataset, DataWrong, Pair
from models.evaluation.distractors import distractors, least_cosine, likeness
from models.evaluation.tables import Made, count_policies, table_of, table_text
from models.evaluation.transfer import transfer
from models.evaluation.verification import best_threshold, verify
from models.vectors import one_minus_chord
from tests.fakes.measured_people import people_of

PHOTOS = [6] * 40 + [3] * 40 + [2] * 40 + [1] * 120
PEOPLE = people_of(PHOTOS)


def data_of(photos, pairs=()) -> Dataset:
    owner = tuple(person for person, held in enumerate(photos) for _ in range(held))
    return Dataset(
        name="people",
        people=tuple(f"p{person}" for person in range(len(photos))),
        photos=tuple(Path(f"{spot}.png") for spot in range(len(owner))),
        owner=owner,
        digest="0" * 64,
        pairs=tuple(pairs),
        noise=((0, 1),),
        noise_sha256="a" * 64,
        population="nobody",
        limits="everything",
    )


# --- verification ------------------------------------------------------------------------------------------------


def test_the_threshold_with_the_fewest_errors_is_found():
    scores = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.8, 0.25])
    same = np.array([False, False, False, True, True, True, True])
    t = best_threshold(scores, same)
    assert int(((scores >= t) != same).sum()) == 1
    assert 0.3 < t < 0.6


def test_a_fold_is_judged_with_the_threshold_of_the_others():
    pairs = []
    for person in range(40):
        first = PEOPLE.photos[person][0]
        pairs.append(Pair(person % 4, first, first + 1, same=True))
        pairs.append(Pair(person % 4, first, PEOPLE.photos[(person + 1) % 40][0], same=False))
    found = verify(PEOPLE.info, data_of(PHOTOS, pairs), PEOPLE.embedded)
    assert (found.pairs, found.same, found.folds, found.per_fold) == (80, 40, 4, (20, 20, 20, 20))
    assert found.accuracy.value == pytest.approx(1 - found.errors / 80)
    assert found.accuracy.lo95 < found.accuracy.value
    assert [one.resolvable for one in found.accepts] == [False, False]


def test_a_pair_without_a_face_is_answered_different():
    pairs = [Pair(fold, 0, 1, same=True) for fold in (0, 1)] + [
        Pair(fold, 0, 6, same=False) for fold in (0, 1)
    ]
    blind = replace(PEOPLE.embedded, found=np.zeros(len(PEOPLE.embedded.found), dtype=np.bool_))
    found = verify(PEOPLE.info, data_of(PHOTOS, pairs), blind)
    assert (found.errors >= 2, found.no_face) == (True, 3)


# --- open set ----------------------------------------------------------------------------------------------------


def test_a_draw_enrols_who_can_be_tried_and_the_rest_are_strangers():
    one = openset.draw(PEOPLE, 3, 2, 100, seed=1)
    assert (one.n, one.simulated_rows) == (100, 0)
    assert one.full_rows == 40, "those with three photos are wanted as strangers"
    mated, strangers = {a.person for a in one.mated}, {a.person for a in one.strangers}
    assert mated == set(range(40))
    assert not mated & strangers
    assert all(len(PEOPLE.photos[who]) >= 2 for who in strangers)
    assert all(attempt.named not in strangers for attempt in (*one.mated, *one.strangers))


def test_the_same_seed_is_the_same_draw_and_another_is_not():
    one, same, other = (openset.draw(PEOPLE, 1, 1, 50, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_a_fused_stranger_is_asked_with_photos_not_used_before():
    one = openset.draw(PEOPLE, 1, 3, 20, seed=0)
    six = [a for a in one.strangers if len(PEOPLE.photos[a.person]) == 6]
    three = [a for a in one.strangers if len(PEOPLE.photos[a.person]) == 3]
    assert len(six) == 2 * len({a.person for a in six})
    assert len(three) == len({a.person for a in three})


def test_a_threshold_lets_no_more_strangers_through_than_allowed():
    strangers = [openset.Attempt(who, 0, score / 100, 0.1) for who, score in enumerate(range(100))]
    t = openset.threshold_for(strangers, 0.05)
    assert sum(attempt.score >= t for attempt in strangers) == 5
    assert openset.threshold_for(strangers, 0.001) > 0.99


def test_misses_and_wrong_names_are_counted_apart():
    mated = (
        openset.Attempt(1, 1, 0.9, 0.5),
        openset.Attempt(2, 2, 0.1, 0.5),
        openset.Attempt(3, 1, 0.9, 0.5),
        openset.Attempt(4, openset.NOBODY, 0.9, 0.5),
    )
    strangers = tuple(openset.Attempt(10 + who, 1, 0.001 * who, 0.1) for who in range(400))
    found = openset.measure(1, 1, [openset.Draw(9, 9, 0, mated, strangers)])
    first, second, third = found.points
    assert first.fnir.value == 0.75
    assert first.misattribution.value == 0.5
    assert found.rank1.value == 0.5
    assert (first.resolvable, first.established) == (True, False)
    assert (second.resolvable, third.resolvable) == (False, False)


def test_fpir_is_what_was_asked_for_and_the_curve_falls():
    found = openset.measure(1, 1, [openset.draw(PEOPLE, 1, 1, 60, seed=seed) for seed in range(4)])
    assert found.points[0].observed.value <= 0.01
    fnir = [share for _, share in found.curve]
    assert fnir == sorted(fnir)
    assert found.curve[0][0] == pytest.approx(0.1)
    assert sum(found.histogram.strangers) == pytest.approx(4 * found.stranger_attempts)


def test_simulated_rows_stand_in_the_gallery_and_never_come():
    one = openset.draw(PEOPLE, 1, 1, 500, seed=0, simulated=350)
    assert (one.n, one.simulated_rows) == (500, 350)
    assert {a.person for a in (*one.mated, *one.strangers)} <= set(PEOPLE.photos)
    assert any(a.named == openset.NOBODY for a in one.strangers)


def test_made_rows_are_unit_vectors_that_are_not_their_sources():
    real = np.stack([PEOPLE.template(PEOPLE.photos[who][:1]) for who in range(200)])
    made = distractors(real, 300, seed=3)
    assert np.allclose(np.linalg.norm(made, axis=1), 1.0, atol=1e-4)
    assert float((made @ real.T).max()) < 0.98
    share = likeness(PEOPLE, 1, 0.25, seed=0)
    assert share is not None
    assert 0.2 < share < 2.0
    assert likeness(PEOPLE, 1, 0.999, seed=0) is None


def test_a_score_has_its_cosine_on_either_scale():
    chord = replace(PEOPLE, info=replace(PEOPLE.info, score="one_minus_chord"))
    assert least_cosine(PEOPLE, 0.4) == pytest.approx(0.4)
    assert one_minus_chord(least_cosine(chord, 0.7)) == pytest.approx(0.7)


def test_sizes_end_where_strangers_would_be_too_few():
    assert openset.largest_n(PEOPLE) == 120
    assert openset.sizes_for(PEOPLE) == (100, 120)


# --- counting and tables -----------------------------------------------------------------------------------------


def test_false_matches_are_those_that_counting_by_hand_finds():
    found = collect(PEOPLE, 1, 1, draws=1, seed=5)
    assert found is not None
    t = float(found.score[100] + found.score[101]) / 2
    assert found.score[100] - found.score[101] > 1e-6, "two equal scores cannot be parted"
    dice = np.random.default_rng((5, 1, 1, 0))
    held = [places for _, places in sorted(PEOPLE.photos.items())]
    drawn = [[places[spot] for spot in dice.permutation(len(places)).tolist()] for places in held]
    by_hand = 0
    vectors = PEOPLE.embedded.vectors
    for one, shown in enumerate(drawn):
        for other, came in enumerate(drawn):
            look = came[1] if len(came) >= 2 else came[0]
            by_hand += one != other and float(vectors[shown[0]] @ vectors[look]) >= t
    assert int((found.score >= t).sum()) == by_hand
    assert found.pairs.tolist() == [240 * 239]


def test_a_table_only_knows_rates_that_rest_on_something():
    found = count(PEOPLE, 1, 1, draws=4, seed=0)
    assert found is not None
    ts = [row.t for row in found.rows]
    assert ts == sorted(set(ts))
    assert all(row.fmr_hi95 >= row.fmr > 0.0 for row in found.rows)
    assert all(row.fnmr_lo95 <= row.fnmr <= row.fnmr_hi95 for row in found.rows)
    assert found.resolved_fmr in [row.fmr for row in found.rows if row.events >= 10]
    assert all(row.fmr >= found.resolved_fmr for row in found.rows if row.events >= 10)


def test_drawing_more_often_makes_no_more_events():
    few, many = (count(PEOPLE, 1, 1, draws=draws, seed=0) for draws in (2, 8))
    assert few is not None
    assert many is not None
    assert many.impostor_pairs == few.impostor_pairs
    assert many.resolved_fmr == pytest.approx(few.resolved_fmr, rel=1.0)


def test_people_with_too_few_photos_have_no_table():
    assert count(people_of([2] * 30), 3, 2, draws=1, seed=0) is None
    with pytest.raises(DataWrong, match="too few people with two photos"):
        count_policies(people_of([1] * 30), draws=1)


def test_a_written_table_is_the_one_that_a_door_reads():
    counted = count_policies(PEOPLE, draws=2)
    made = Made("2026-11-21", "a test", 120, "real")
    text = table_text(PEOPLE.info, data_of(PHOTOS), counted, made, noise=True)
    record, digest = parse_calibration(text.encode(), "made")
    table = from_record(record, digest)
    assert table == table_of(PEOPLE.info, data_of(PHOTOS), counted, made)
    assert {(policy.k, policy.m) for policy in table.policies} == {(one.k, one.m) for one in counted}
    assert (table.verified_n, table.verified_by, table.limits) == (120, "real", "everything")
    assert record.data.noise_list_sha256 == "a" * 64
    first = counted[0].rows[0]
    assert table.policies[0].rows[0].fmr == pytest.approx(first.fmr, rel=1e-3)
    without = table_text(PEOPLE.info, data_of(PHOTOS), counted, made, noise=False)
    assert "noise_list" not in without


def test_a_table_of_one_half_is_tried_on_the_other():
    people = people_of([5] * 120 + [2] * 80, seed=7)
    found = transfer(people, data_of([5] * 120 + [2] * 80), draws=2, seed=0)
    assert [(one.k, one.m) for one in found] == [(1, 1)] * 3 + [(3, 2)] * 3
    assert [one.n for one in found[:3]] == sorted({one.n for one in found[:3]})
    assert all(one.ratio == pytest.approx(one.observed.value / one.predicted) for one in found)
    assert replace(found[0], ratio=2.1).within_two is False
    assert replace(found[0], ratio=0.6).within_two is True


# --- conditions --------------------------------------------------------------------------------------------------

POINTS = np.array([[90, 90], [150, 90], [120, 120], [95, 150], [145, 150]], dtype=np.float32)
FACE = Face((70.0, 50.0, 100.0, 130.0), POINTS, 0.95)
FRAME = np.random.default_rng(0).integers(60, 200, (240, 240, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_changes_the_frame_the_same_way_each_time(name):
    one, again = (CONDITIONS[name](FRAME.copy(), FACE) for _ in range(2))
    assert np.array_equal(one, again)
    assert one.dtype == np.uint8
    assert one.shape != FRAME.shape or not np.array_equal(one, FRAME)


def test_each_condition_does_what_its_name_says():
    assert conditions.dark(FRAME, FACE).mean() < 0.35 * FRAME.mean()
    lit = conditions.backlit(FRAME, FACE)
    assert lit[:30, :30].mean() > lit[90:150, 100:140].mean() + 60
    covered = conditions.covered(FRAME, FACE)
    assert np.array_equal(covered[:95], FRAME[:95])
    assert covered[130:175, 75:165].std(axis=(0, 1)).max() == 0.0
    far = conditions.distance(25.0)(FRAME, FACE)
    assert far.shape == (100, 100, 3)
    assert conditions.low_resolution(FRAME, FACE).shape == FRAME.shape


def test_an_unchanged_frame_has_the_false_matches_of_an_unchanged_frame():
    trial = choose(PEOPLE, most=30, seed=0)
    assert len(trial.people) == 30
    assert all(place not in held for place, held in zip(trial.probe, trial.enrolled, strict=True))
    clear = clear_probes(PEOPLE, trial)
    found = compare(PEOPLE, trial, "as it is", clear, 0.4, 0.2)
    assert (found.tried, found.no_face.value, found.fmr_ratio) == (30, 0.0, 1.0)
    worse = replace(clear, found=np.arange(30) >= 10, vectors=np.roll(clear.vectors, 1, axis=0))
    bad = compare(PEOPLE, trial, "worse", worse, 0.4, 0.2)
    assert bad.no_face.value == pytest.approx(1 / 3)
    assert bad.fnmr.value == 1.0
    assert bad.fnmr.trials == 20
