"""No rate without its bounds."""

import numpy as np
import pytest

from models.evaluation.bounds import by_people, independent, poisson_hi95, rule_of_three, wilson95


def test_wilson_gives_the_known_bounds():
    assert wilson95(2 / 419, 419) == pytest.approx((0.0013, 0.0172), abs=1e-4)
    assert wilson95(0.5, 0) == (0.0, 1.0)


def test_nothing_seen_is_at_most_three_in_all_who_came():
    rate = independent(0, 300)
    assert (rate.value, rate.lo95, rate.hi95, rate.how) == (0.0, 0.0, pytest.approx(0.01), "rule of three")
    assert rule_of_three(0) == 1.0


def test_poisson_covers_the_known_counts():
    assert poisson_hi95(0) == 3.0
    assert poisson_hi95(10) == pytest.approx(16.96, abs=0.1)


def test_zero_events_count_people_and_not_their_attempts():
    rate = by_people(np.zeros(30), np.full(30, 100.0), seed=0)
    assert (rate.hi95, rate.people, rate.trials) == (pytest.approx(0.1), 30, 3000)


def test_a_person_who_always_fails_widens_the_bounds():
    events, trials = np.zeros(100), np.full(100, 10.0)
    events[:8] = 10.0
    spread = np.ones(100) * 0.8
    clustered = by_people(events, trials, seed=0)
    even = by_people(spread, trials, seed=0)
    assert clustered.value == pytest.approx(even.value) == pytest.approx(0.08)
    assert clustered.hi95 - clustered.lo95 > 5 * (even.hi95 - even.lo95)


def test_one_person_in_many_attempts_is_not_a_narrow_rate():
    events, trials = np.zeros(200), np.full(200, 30.0)
    events[0] = 3.0
    rate = by_people(events, trials, seed=0)
    assert rate.lo95 <= rate.value < rate.hi95
    assert rate.hi95 > 0.015


def test_one_attempt_each_is_wilson_and_those_who_never_came_do_not_count():
    events, trials = np.array([1.0, 0.0, 0.0, 0.0]), np.array([1.0, 1.0, 1.0, 0.0])
    rate = by_people(events, trials, seed=0)
    assert (rate.how, rate.people) == ("wilson", 3)
    assert (rate.lo95, rate.hi95) == wilson95(1 / 3, 3)


def test_bounds_are_the_same_each_time():
    dice = np.random.default_rng(1)
    events = dice.integers(0, 2, 50).astype(float)
    assert by_people(events, np.full(50, 3.0), seed=4) == by_people(events, np.full(50, 3.0), seed=4)
