"""A track is one person before one camera, and never two."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.engine import CalibrationMissing, Quality
from models.engines import synthetic
from models.engines.synthetic import picture_vector
from models.gallery import Gallery
from models.track import ACCEPTED_MAX, TRACKS_MAX, Fused, Tracker
from models.vectors import cosine_score, mean_vector

INFO = synthetic.open_engine().info
GOOD = Quality(0.95, 60.0, 120.0, 150.0, 0.1, -2.5, 1)
BOX = (100.0, 100.0, 120.0, 120.0)
MS = 1_000_000


@cache
def seeds_like(person: str, count: int) -> list[int]:
    """Pictures of this person near enough to their mean to hold a track together."""
    direction = synthetic.person_direction(person)
    return [s for s in range(500) if float(direction @ picture_vector(person, s)) > 0.8][:count]


def look(tracker: Tracker, person: str, seed: int, at_ms: int, *, box=BOX, quality=GOOD) -> int:
    return tracker.observe(at_ms * MS, box, picture_vector(person, seed), quality)


def walk(tracker: Tracker, person: str, count: int, *, step_ms: int = 200, first_ms: int = 0) -> list[int]:
    return [
        look(tracker, person, seed, first_ms + place * step_ms)
        for place, seed in enumerate(seeds_like(person, count))
    ]


def gallery(*people: str) -> Gallery:
    rows = [(who, synthetic.person_direction(who).astype(np.float32)) for who in people]
    return Gallery.build(rows, version=1, similarity=cosine_score)


def test_one_person_walking_up_is_one_track():
    tracker = Tracker.for_engine(INFO)
    assert len(set(walk(tracker, "ada", 8))) == 1


@settings(deadline=None)
@given(
    turns=st.lists(st.sampled_from(["ada", "bo", "cy"]), min_size=2, max_size=25),
    steps=st.lists(st.integers(1, 700), min_size=25, max_size=25),
    shift=st.integers(0, 60),
)
def test_a_track_is_never_continued_across_two_people(turns, steps, shift):
    tracker = Tracker.for_engine(INFO)
    seeds = {who: seeds_like(who, 40) for who in set(turns)}
    owner: dict[int, str] = {}
    at_ms = 0
    for place, (who, step) in enumerate(zip(turns, steps, strict=False)):
        at_ms += step
        box = (BOX[0] + shift * (place % 2), *BOX[1:])
        track = look(tracker, who, seeds[who][place], at_ms, box=box)
        assert owner.setdefault(track, who) == who


def test_a_second_person_at_the_same_place_begins_a_new_track():
    tracker = Tracker.for_engine(INFO)
    (guest,) = set(walk(tracker, "ada", 3))
    stranger = look(tracker, "bo", seeds_like("bo", 1)[0], 600)
    assert stranger != guest
    assert tracker.fused(stranger, gallery("ada", "bo")).m == 1


def test_a_gap_of_more_than_half_a_second_ends_a_track():
    tracker = Tracker.for_engine(INFO)
    first, second, third, *_ = seeds_like("ada", 3)
    track = look(tracker, "ada", first, 0)
    assert look(tracker, "ada", second, 500) == track
    assert look(tracker, "ada", third, 1001) != track


def test_a_jump_across_the_picture_ends_a_track_and_a_step_does_not():
    tracker = Tracker.for_engine(INFO)
    first, second, third, *_ = seeds_like("ada", 3)
    track = look(tracker, "ada", first, 0)
    assert look(tracker, "ada", second, 200, box=(150.0, 100.0, 120.0, 120.0)) == track
    assert look(tracker, "ada", third, 400, box=(400.0, 100.0, 120.0, 120.0)) != track


def test_two_faces_of_one_frame_are_two_tracks():
    tracker = Tracker.for_engine(INFO)
    seed = seeds_like("ada", 1)[0]
    assert look(tracker, "ada", seed, 0) != look(tracker, "ada", seed, 0)


def test_frames_nearer_than_150_ms_hold_the_track_and_add_no_evidence():
    tracker = Tracker.for_engine(INFO)
    (track,) = set(walk(tracker, "ada", 10, step_ms=50))
    assert [vote.t_ns // MS for vote in tracker.votes(track, gallery("ada"))] == [0, 150, 300, 450]


def test_a_track_accepts_five_frames_and_then_no_more_until_a_new_try():
    tracker = Tracker.for_engine(INFO)
    (track,) = set(walk(tracker, "ada", 8))
    people = gallery("ada", "bo")
    assert len(tracker.votes(track, people)) == ACCEPTED_MAX
    tracker.new_try(track)
    assert tracker.fused(track, people) == Fused(None, -1.0, 0.0, 0, 0)
    assert look(tracker, "ada", seeds_like("ada", 9)[8], 1600) == track
    assert len(tracker.votes(track, people)) == 1


def test_votes_are_what_each_frame_alone_says():
    tracker = Tracker.for_engine(INFO)
    people = gallery("ada", "bo", "cy")
    (track,) = set(walk(tracker, "ada", 3))
    for vote, seed in zip(tracker.votes(track, people), seeds_like("ada", 3), strict=True):
        alone = people.match(picture_vector("ada", seed))
        assert (vote.best, vote.score, vote.margin) == (alone.best, alone.score, alone.margin)


def test_the_fused_match_is_that_of_the_three_best_frames_by_quality_never_by_score():
    tracker = Tracker.for_engine(INFO)
    people = gallery("ada", "bo")
    seeds = seeds_like("ada", 5)
    ranks = [0.91, 0.97, 0.92, 0.99, 0.98]
    for place, (seed, score) in enumerate(zip(seeds, ranks, strict=True)):
        track = look(tracker, "ada", seed, place * 200, quality=replace(GOOD, detector_score=score))
    best = [picture_vector("ada", seeds[place]) for place in (3, 4, 1)]
    fused = tracker.fused(track, people)
    assert (fused.best, fused.m, fused.agreeing) == ("ada", 3, 5)
    assert fused.score == pytest.approx(people.match(mean_vector(best)).score, abs=1e-6)


def test_a_frame_that_names_somebody_else_stays_in_the_mean_and_does_not_agree():
    direction = synthetic.person_direction("ada")
    lucky = picture_vector("ada", seeds_like("ada", 1)[0])
    other = mean_vector([direction.astype(np.float32), synthetic.person_direction("bo").astype(np.float32)])
    tilted = mean_vector([other, other, synthetic.person_direction("bo").astype(np.float32)])
    tracker = Tracker(continuity_t=0.0, similarity=cosine_score)
    people = gallery("ada", "bo")
    for place, vector in enumerate((lucky, tilted, lucky)):
        track = tracker.observe(place * 200 * MS, BOX, vector, GOOD)
    fused = tracker.fused(track, people)
    assert [vote.best for vote in tracker.votes(track, people)] == ["ada", "bo", "ada"]
    assert (fused.best, fused.m, fused.agreeing) == ("ada", 3, 2)
    assert fused.score < people.match(mean_vector([lucky, lucky])).score


def test_an_empty_gallery_names_nobody_and_nobody_agrees():
    tracker = Tracker.for_engine(INFO)
    (track,) = set(walk(tracker, "ada", 3))
    fused = tracker.fused(track, gallery())
    assert (fused.best, fused.m, fused.agreeing) == (None, 3, 0)


def test_there_are_never_more_tracks_than_faces_a_lane_can_hold():
    tracker = Tracker.for_engine(INFO)
    for place in range(3 * TRACKS_MAX):
        look(tracker, f"guest{place}", 1, place)
        assert len(tracker) <= TRACKS_MAX


def test_a_pruned_track_is_gone_with_its_vectors():
    tracker = Tracker.for_engine(INFO)
    (track,) = set(walk(tracker, "ada", 3))
    held = tracker._tracks[track].accepted[0].vector
    tracker.prune(400 * MS + 500 * MS)
    assert len(tracker) == 1
    tracker.prune(400 * MS + 501 * MS)
    assert len(tracker) == 0
    assert not held.any()
    assert tracker.votes(track, gallery("ada")) == ()
    assert tracker.fused(track, gallery("ada")).m == 0
    tracker.new_try(track)


def test_an_embedder_that_was_never_measured_cannot_track():
    with pytest.raises(CalibrationMissing):
        Tracker.for_engine(replace(INFO, calibration=None))
