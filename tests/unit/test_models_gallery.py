"""One row per person, one product, nearest and runner-up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.engine import EmbeddingInvalid
from models.gallery import Gallery
from models.vectors import cosine_score, one_minus_chord, unit_rows

seeds = st.integers(0, 2**32 - 1)


def people(count: int, seed: int = 0, dim: int = 128) -> list[tuple[str, np.ndarray]]:
    rows = unit_rows(np.random.default_rng(seed).standard_normal((count, dim))) if count else []
    return [(f"pass{i}", row) for i, row in enumerate(rows)]


def built(rows, similarity=cosine_score) -> Gallery:
    return Gallery.build(rows, version=3, similarity=similarity)


@settings(deadline=None)
@given(seed=seeds, count=st.integers(2, 60))
def test_match_finds_what_comparing_one_by_one_finds(seed, count):
    rows = people(count + 1, seed)
    probe = rows.pop()[1]
    found = built(rows).match(probe)
    slow = sorted(((float(row @ probe), name) for name, row in rows), reverse=True)
    assert (found.best, found.other) == (slow[0][1], slow[1][1])
    assert found.score == pytest.approx(slow[0][0], abs=1e-6)
    assert found.margin == pytest.approx(slow[0][0] - slow[1][0], abs=1e-6)


@settings(deadline=None)
@given(seed=seeds)
def test_the_order_of_the_rows_does_not_matter(seed):
    rows = people(20, seed)
    probe = people(1, seed + 1)[0][1]
    forward, backward = built(rows).match(probe), built(rows[::-1]).match(probe)
    assert (forward.best, forward.other) == (backward.best, backward.other)
    assert forward.score == pytest.approx(backward.score, abs=1e-6)


@settings(deadline=None)
@given(seed=seeds)
def test_the_declared_score_changes_numbers_and_never_the_person(seed):
    rows, probe = people(20, seed), people(1, seed + 1)[0][1]
    plain, chord = built(rows).match(probe), built(rows, one_minus_chord).match(probe)
    assert (plain.best, plain.other) == (chord.best, chord.other)
    nearest = dict(rows)[chord.best]
    assert chord.score == pytest.approx(1 - float(np.linalg.norm(nearest - probe)), abs=1e-5)


def test_an_empty_gallery_names_nobody():
    found = built([]).match(people(1)[0][1])
    assert (found.best, found.other, found.margin) == (None, None, 0.0)
    assert len(built([])) == 0


def test_a_person_alone_leaves_the_work_to_the_floor():
    ((name, row),) = people(1)
    found = built([(name, row)], one_minus_chord).match(row)
    assert (found.best, found.other) == (name, None)
    assert found.score == pytest.approx(1.0, abs=1e-3)
    assert found.margin > 1.0


def test_two_people_with_the_same_face_have_no_margin():
    ((_, row),) = people(1)
    assert built([("ada", row), ("ida", row), *people(5, 9)]).match(row).margin == 0.0


@pytest.mark.parametrize("bad", [np.full(128, np.nan), np.zeros(128), np.full(128, 3.0), np.ones(64) / 8])
def test_a_row_or_probe_that_is_no_unit_vector_is_refused(bad):
    with pytest.raises(EmbeddingInvalid):
        built([*people(2), ("bad", bad.astype(np.float32))])
    with pytest.raises(EmbeddingInvalid):
        built(people(2)).match(bad.astype(np.float32))


def test_a_pass_stands_in_a_gallery_once():
    ((name, row),) = people(1)
    with pytest.raises(ValueError, match="twice"):
        built([(name, row), (name, row)])


def test_a_gallery_is_float32_contiguous_and_cannot_be_changed():
    rows = people(4)
    gallery = built(rows)
    rows[0][1].fill(0)
    assert gallery._rows.dtype == np.float32
    assert gallery._rows.flags.c_contiguous
    assert not gallery._rows.flags.writeable
    assert np.linalg.norm(gallery._rows[0]) == pytest.approx(1.0, abs=1e-5)
    assert (gallery.version, len(gallery), "pass3" in gallery, "pass4" in gallery) == (3, 4, True, False)


def test_after_an_erase_the_next_gallery_does_not_see_the_person():
    rows = people(10)
    erased, row = rows[4]
    before, after = built(rows), built([kept for kept in rows if kept[0] != erased])
    assert before.match(row).best == erased
    assert after.match(row).best != erased
    assert erased not in after
