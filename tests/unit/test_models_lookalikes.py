"""Who looks too much like whom: found by comparing one by one, whatever the order and the scale."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import from_record
from models.calibration_file import read_tables
from models.lookalikes import BLOCK, TWIN_FMR, pairs, pairs_among, twin_threshold
from models.vectors import SCORES, unit_rows

TABLES = {record.engine_id: from_record(record, digest) for record, digest in read_tables()}


def people(seed: int, count: int, dim: int = 12):
    """So few dimensions that some of them are alike."""
    rows = unit_rows(np.random.default_rng(seed).normal(size=(count, dim)))
    return [(f"P-{n}", row) for n, row in enumerate(rows)]


@settings(deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 40),
    t=st.floats(-0.9, 0.99),
    score=st.sampled_from(sorted(SCORES)),
)
def test_pairs_are_those_found_one_by_one_whatever_the_scale(seed, count, t, score):
    (_, new), *others = people(seed, count + 1)
    similarity = SCORES[score]
    scores = {who: similarity(float(row @ new)) for who, row in others}
    found = pairs(new, others, t=t, similarity=similarity)
    assert {who for who, s in scores.items() if s > t + 1e-6} <= found
    assert found <= {who for who, s in scores.items() if s > t - 1e-6}


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), t=st.floats(-0.5, 0.9), shuffle=st.randoms())
def test_the_order_of_the_others_is_irrelevant(seed, t, shuffle):
    (_, new), *others = people(seed, 30)
    mixed = list(others)
    shuffle.shuffle(mixed)
    cosine = SCORES["cosine"]
    assert pairs(new, others, t=t, similarity=cosine) == pairs(new, mixed, t=t, similarity=cosine)


@pytest.mark.parametrize("known", [0, 1, 255, 256, 300, 599, 600])
def test_many_at_once_are_the_pairs_found_one_by_one_but_for_those_known_before(known):
    everybody = people(7, 2 * BLOCK + 88, dim=8)
    cosine = SCORES["cosine"]
    one_by_one = {
        (other, who)
        for place, (who, row) in enumerate(everybody)
        if place >= known
        for other in pairs(row, everybody[:place], t=0.6, similarity=cosine)
    }
    assert pairs_among(everybody, known=known, t=0.6, similarity=cosine) == one_by_one
    assert bool(one_by_one) == (known < 600)


def test_the_same_face_twice_is_a_pair_and_nobody_is_none():
    (_, ada), (_, bo) = people(1, 2, dim=128)
    assert pairs(ada, [("P-twin", ada), ("P-bo", bo)], t=0.6, similarity=SCORES["cosine"]) == {"P-twin"}
    assert pairs(ada, [], t=0.6, similarity=SCORES["cosine"]) == frozenset()


@pytest.mark.parametrize("engine", sorted(TABLES))
def test_the_twin_threshold_is_that_of_fmr_1e_6_of_the_3_3_table_and_above_every_doors_own(engine):
    table = TABLES[engine]
    policy = table.policy_for(3, 3)
    assert policy is not None
    assert twin_threshold(table) == policy.t_at(TWIN_FMR) > policy.t_at(1e-5)


def test_where_a_table_ends_before_1e_6_more_are_locked_and_never_fewer():
    """LFW has too few triples of triples: both real tables end at their last row, which is the lower threshold."""
    for engine in ("yunet-sface", "face_recognition"):
        policy = TABLES[engine].policy_for(3, 3)
        assert policy is not None
        assert policy.rows[-1].fmr >= TWIN_FMR
        assert twin_threshold(TABLES[engine]) == policy.rows[-1].t
        assert policy.tail_at(TWIN_FMR) == "bounded"


def test_a_table_without_such_rows_locks_nobody():
    table = TABLES["synthetic"]
    small = replace(table, policies=tuple(p for p in table.policies if (p.k, p.m) == (1, 1)))
    assert twin_threshold(small) is None
