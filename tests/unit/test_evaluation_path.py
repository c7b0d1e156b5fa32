"""The door's own rule, brought by its entry point, answers guests, strangers and twins as a door does."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from edge.runtime.face_trial import FaceTrial
from models.calibration import ThresholdRefused
from models.engine import CalibrationMissing
from models.evaluation import report
from models.evaluation.bounds import independent
from models.evaluation.path import Look, open_rule, run_path
from models.vectors import mean_vector
from tests.fakes.measured_people import people_of

PEOPLE = people_of([6] * 30 + [2] * 40 + [1] * 40, seed=3)
INFO = PEOPLE.info
STILL = (60.0, 60.0, 120.0, 120.0)


def looks(people, who, *, gate=None):
    held = people.embedded
    return [Look(held.vectors[p], held.quality(p), STILL, gate) for p in people.photos[who]]


def door(rows) -> FaceTrial:
    rule = open_rule(INFO, fpir=0.01)
    assert isinstance(rule, FaceTrial), "the installed product brings its own rule"
    rule.hold(rows, k=3)
    return rule


def test_a_guest_is_named_and_a_stranger_is_not():
    rows = [(str(who), PEOPLE.template(PEOPLE.photos[who][:3])) for who in range(30)]
    rule = door(rows)
    guest = rule.attempt(looks(PEOPLE, 4)[3:])
    stranger = rule.attempt(looks(PEOPLE, 50))
    assert (guest.answer, guest.named) == ("NAMED", "4")
    assert guest.frames >= 2
    assert (stranger.answer, stranger.named) == ("UNKNOWN", None)
    assert stranger.frames == 5


def test_attempts_do_not_know_of_each_other():
    rows = [(str(who), PEOPLE.template(PEOPLE.photos[who][:3])) for who in range(30)]
    rule = door(rows)
    first = [rule.attempt(looks(PEOPLE, who)[3:]) for who in range(10)]
    again = [rule.attempt(looks(PEOPLE, who)[3:]) for who in range(10)]
    assert first == again


def test_two_rows_of_one_face_are_ambiguous_and_nobody_is_named():
    row = PEOPLE.template(PEOPLE.photos[0][:3])
    rule = door(
        [("one", row), ("twin", row), *((str(w), PEOPLE.template(PEOPLE.photos[w])) for w in (50, 51))]
    )
    assert rule.attempt(looks(PEOPLE, 0)[3:]).answer == "AMBIGUOUS"


def test_frames_that_the_gate_turns_away_name_nobody():
    rows = [(str(who), PEOPLE.template(PEOPLE.photos[who][:3])) for who in range(30)]
    outcome = door(rows).attempt(looks(PEOPLE, 4, gate="too_dark"))
    assert (outcome.answer, outcome.named) == ("LOW_QUALITY", None)


def test_an_engine_without_a_table_has_no_door():
    with pytest.raises(CalibrationMissing):
        open_rule(replace(INFO, calibration=None), fpir=0.01)
    with pytest.raises(CalibrationMissing, match="1:N is refused"):
        run_path(replace(PEOPLE, info=replace(INFO, calibration=None)), 40, fpir=0.01, seeds=[0])


def test_a_gallery_beyond_the_table_is_refused_as_a_door_refuses_it():
    table = replace(INFO.calibration, verified_n=20)
    found = run_path(replace(PEOPLE, info=replace(INFO, calibration=table)), 60, fpir=0.01, seeds=[0])
    assert isinstance(found, ThresholdRefused)


def test_every_person_is_counted_once_a_draw_and_rates_have_bounds():
    steps: list[int] = []
    found = run_path(PEOPLE, 60, fpir=0.01, seeds=[0, 1], progress=steps.append)
    assert not isinstance(found, ThresholdRefused)
    assert found.fnir.value < 0.2
    assert found.fpir.people + found.fpir_one_photo.people <= 80
    assert found.failed_to_enrol.trials == 60
    assert found.fnir_with_failed.value >= found.fnir.value
    for rate in (found.fnir, found.ambiguous, found.misattribution, found.fpir):
        assert rate.lo95 <= rate.value <= rate.hi95
        assert rate.hi95 > 0.0
    assert sum(steps) == sum(rate.trials for rate in (found.fnir, found.fpir, found.fpir_one_photo))


def test_enrolment_that_is_not_checked_turns_nobody_away():
    found = run_path(PEOPLE, 60, fpir=0.01, seeds=[0], checked=False)
    assert not isinstance(found, ThresholdRefused)
    assert (found.failed_to_enrol.events, found.mated_people) == (0, 30)


def test_simulated_rows_fill_the_gallery_and_are_never_the_answer_for_a_guest():
    found = run_path(PEOPLE, 200, fpir=0.01, seeds=[0], simulated=140)
    assert not isinstance(found, ThresholdRefused)
    assert (found.n, found.simulated_rows) == (200, 140)
    assert found.threshold.n == 200


def test_a_larger_gallery_or_a_stricter_door_has_no_lower_threshold():
    found = [run_path(PEOPLE, n, fpir=fpir, seeds=[0]) for fpir in (0.01, 0.001) for n in (40, 60)]
    ts = [one.threshold.t for one in found]
    assert all(t <= later for t, later in pairwise(ts[:2] + ts[3:]))


def test_a_fused_stranger_is_the_mean_of_what_he_showed():
    places = PEOPLE.photos[40]
    assert np.array_equal(PEOPLE.probe(places), mean_vector(PEOPLE.embedded.vectors[list(places)]))


def test_a_share_of_strangers_is_only_given_where_three_could_be_expected():
    few = independent(1, 1161)
    assert report._fpir(few, 0.6) == "not resolvable: 1 of 1161 seen, 0.6 expected in a draw"
    assert report._fpir(few, 5.8) == "0.09 % (0.02-0.49), 1 of 1161"
    assert report._fpir(independent(0, 300), 3.0) == "none in 300 of 300 people (≤ 1.00 %)"
    assert report._fpir(independent(0, 0), 0.0) == "nobody came"
