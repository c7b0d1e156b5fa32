"""When a face has a name, and when it has not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.events import PassId
from edge.core.evidence import (
    FRAME_GAP_NS,
    PATIENCE_NS,
    EvidenceRule,
    FrameVote,
    FusedVote,
    Look,
    Verdict,
    margin_bucket,
    score_bucket,
    weigh,
)

ADA, BOB = PassId("P-ada"), PassId("P-bob")
RULE = EvidenceRule(threshold=0.5, margin=0.05)
FUSED = FusedVote(ADA, 0.62, 0.3, 2)


def frames(*best: PassId | None, gap_ns: int = FRAME_GAP_NS) -> list[FrameVote]:
    return [FrameVote(one, 0.6, 0.3, i * gap_ns) for i, one in enumerate(best)]


def look(
    votes: list[FrameVote],
    fused: FusedVote | None = FUSED,
    rule: EvidenceRule = RULE,
    now_ns: int = 0,
    low_quality_tries: int = 0,
) -> Look:
    return weigh(votes, fused, rule, first_seen_ns=0, now_ns=now_ns, low_quality_tries=low_quality_tries).look


def test_two_frames_apart_that_agree_name_the_guest_in_buckets() -> None:
    verdict = weigh(frames(ADA, ADA), FUSED, RULE, first_seen_ns=0, now_ns=FRAME_GAP_NS)
    assert verdict == Verdict(Look.NAMED, ADA, "clear", "wide")


def test_one_frame_names_nobody_however_good() -> None:
    assert look(frames(ADA), replace(FUSED, score=0.99, m=1)) is Look.LOOKING


def test_the_same_picture_twice_is_one_frame() -> None:
    assert look(frames(ADA, ADA, gap_ns=FRAME_GAP_NS - 1)) is Look.LOOKING
    assert look(frames(ADA, ADA, ADA, gap_ns=FRAME_GAP_NS // 2)) is Look.NAMED


def test_a_frame_that_names_somebody_else_counts_against() -> None:
    assert look(frames(ADA, BOB)) is Look.LOOKING
    assert look(frames(ADA, BOB, ADA)) is Look.NAMED
    assert look(frames(ADA, BOB, None, None, BOB)) is Look.UNKNOWN


def test_a_frame_that_says_unknown_counts_against() -> None:
    assert look(frames(ADA, None)) is Look.LOOKING


@pytest.mark.story("6d")
def test_a_score_below_the_threshold_is_looked_at_for_five_frames_and_then_unknown() -> None:
    weak = replace(FUSED, score=0.4999)
    assert look(frames(ADA, ADA, ADA, ADA), weak) is Look.LOOKING
    assert look(frames(ADA, ADA, ADA, ADA, ADA), weak) is Look.UNKNOWN


def test_a_face_without_a_name_after_two_seconds_is_unknown() -> None:
    weak = replace(FUSED, score=0.2)
    assert look(frames(ADA, ADA), weak, now_ns=PATIENCE_NS - 1) is Look.LOOKING
    assert look(frames(ADA, ADA), weak, now_ns=PATIENCE_NS) is Look.UNKNOWN
    assert look(frames(ADA), now_ns=PATIENCE_NS) is Look.UNKNOWN


def test_a_score_at_the_threshold_and_a_margin_at_the_limit_are_enough() -> None:
    edge = FusedVote(ADA, RULE.threshold, RULE.margin, 2)
    assert look(frames(ADA, ADA), edge) is Look.NAMED


@pytest.mark.story("8b")
def test_a_small_margin_is_ambiguous() -> None:
    assert look(frames(ADA, ADA), replace(FUSED, margin=0.049)) is Look.AMBIGUOUS


def test_a_twin_is_ambiguous_whatever_the_margin() -> None:
    locked = replace(RULE, pair_locked=frozenset({ADA}))
    assert look(frames(ADA, ADA), rule=locked) is Look.AMBIGUOUS
    assert look(frames(ADA, ADA), rule=replace(RULE, pair_locked=frozenset({BOB}))) is Look.NAMED


def test_a_stranger_is_never_ambiguous_only_unknown() -> None:
    stranger = FusedVote(ADA, 0.3, 0.0, 2)
    assert look(frames(ADA, BOB, ADA, BOB, ADA), stranger) is Look.UNKNOWN


def test_an_empty_gallery_knows_nobody() -> None:
    nobody = FusedVote(None, 0.0, 0.0, 3)
    assert look(frames(None, None, None, None, None), nobody) is Look.UNKNOWN


@pytest.mark.story("6b")
def test_two_seconds_or_two_tries_without_a_good_picture_ask_for_the_code() -> None:
    assert look([], None, now_ns=PATIENCE_NS - 1) is Look.LOOKING
    assert look([], None, now_ns=PATIENCE_NS) is Look.LOW_QUALITY
    assert look([], None, low_quality_tries=2) is Look.LOW_QUALITY


def test_only_a_named_verdict_carries_a_pass() -> None:
    with pytest.raises(AssertionError):
        Verdict(Look.UNKNOWN, ADA, "near", "wide")
    with pytest.raises(AssertionError):
        Verdict(Look.NAMED)


votes = st.lists(
    st.builds(
        FrameVote,
        st.sampled_from([ADA, BOB, None]),
        st.floats(0, 1),
        st.floats(0, 1),
        st.integers(0, PATIENCE_NS),
    ),
    max_size=8,
).map(lambda some: sorted(some, key=lambda vote: vote.t_ns))


@given(
    some=votes,
    fused=st.builds(
        FusedVote,
        st.sampled_from([ADA, BOB, None]),
        st.floats(0, 1),
        st.floats(0, 1),
        st.integers(1, 3),
    ),
    now_ns=st.integers(0, 2 * PATIENCE_NS),
)
def test_whoever_is_named_passed_every_hurdle(some: list[FrameVote], fused: FusedVote, now_ns: int) -> None:
    verdict = weigh(some, fused, RULE, first_seen_ns=0, now_ns=now_ns)
    if verdict.look is Look.NAMED:
        agreeing = [vote for vote in some if vote.best == verdict.pass_id]
        assert verdict.pass_id == fused.best
        assert fused.score >= RULE.threshold
        assert fused.margin >= RULE.margin
        assert agreeing[-1].t_ns - agreeing[0].t_ns >= FRAME_GAP_NS
    if now_ns >= PATIENCE_NS:
        assert verdict.look is not Look.LOOKING


@given(
    some=st.lists(
        st.builds(
            FrameVote,
            st.sampled_from([BOB, None]),
            st.floats(-1, 1),
            st.floats(0, 2),
            st.integers(0, PATIENCE_NS),
        ),
        max_size=8,
    ),
    fused=st.builds(FusedVote, st.just(ADA), st.floats(0.5, 1), st.floats(0.05, 2), st.integers(1, 3)),
    now_ns=st.integers(0, 2 * PATIENCE_NS),
)
def test_fusion_names_nobody_whom_no_frame_named(
    some: list[FrameVote], fused: FusedVote, now_ns: int
) -> None:
    """However well the mean of several frames fits somebody: a mean of strangers can look like a guest."""
    some.sort(key=lambda frame: frame.t_ns)
    verdict = weigh(some, fused if some else None, RULE, first_seen_ns=0, now_ns=now_ns)
    assert (verdict.look is Look.NAMED, verdict.pass_id) == (False, None)


def test_buckets_tell_how_far_from_the_limit_and_nothing_finer() -> None:
    assert [score_bucket(s, 0.5) for s in (0.49, 0.5, 0.56, 0.66)] == [
        "below", "near", "clear", "high",
    ]  # fmt: skip
    assert [margin_bucket(m, 0.05) for m in (0.01, 0.05, 0.2)] == ["narrow", "fair", "wide"]
