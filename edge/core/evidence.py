"""What the camera saw of one track, weighed (faces.md §10).  Numbers in, one verdict out; no picture, no vector.

Frames that say "unknown" or name somebody else stay in the fused mean and count against agreement; they are
never skipped, or one lucky frame could set the name.  Whether the face is alive is not asked here: that is step 3
of the decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from edge.core.events import PassId

FRAME_GAP_NS = 150_000_000  # closer frames are one picture seen twice: they prove nothing more
FRAMES_MIN = 2
AGREEING_MIN = 2
FRAMES_MAX = 5  # each further look gives a stranger another chance within one attempt
PATIENCE_NS = 2_000_000_000
LOW_QUALITY_TRIES_MAX = 2


@dataclass(frozen=True, slots=True)
class FrameVote:
    """What one accepted frame said by itself; ``best`` is None for an empty gallery."""

    best: PassId | None
    score: float
    margin: float
    t_ns: int


@dataclass(frozen=True, slots=True)
class FusedVote:
    """The mean of the ``m`` best frames by quality, against the same gallery."""

    best: PassId | None
    score: float
    margin: float
    m: int


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """The door's limits for this look; ``threshold`` is that of the policy (k, m) with the fused ``m``."""

    threshold: float
    margin: float
    pair_locked: frozenset[PassId] = field(default_factory=frozenset)


class Look(StrEnum):
    LOOKING = "LOOKING"
    NAMED = "NAMED"
    AMBIGUOUS = "AMBIGUOUS"
    UNKNOWN = "UNKNOWN"
    LOW_QUALITY = "LOW_QUALITY"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``pass_id`` and the buckets are set exactly when NAMED: nobody else's likeness leaves this room."""

    look: Look
    pass_id: PassId | None = None
    score_bucket: str | None = None
    margin_bucket: str | None = None

    def __post_init__(self) -> None:
        named = self.look is Look.NAMED
        assert all(
            (value is not None) == named for value in (self.pass_id, self.score_bucket, self.margin_bucket)
        )


def weigh(
    frames: Sequence[FrameVote],
    fused: FusedVote | None,
    rule: EvidenceRule,
    *,
    first_seen_ns: int,
    now_ns: int,
    low_quality_tries: int = 0,
) -> Verdict:
    """Judge a track by its accepted frames so far, oldest first; LOOKING asks for more frames.

    ``low_quality_tries`` counts earlier tries of this person at this door that ended without an accepted frame.
    """
    over = now_ns - first_seen_ns >= PATIENCE_NS
    if not frames:
        blurred = over or low_quality_tries >= LOW_QUALITY_TRIES_MAX
        return Verdict(Look.LOW_QUALITY if blurred else Look.LOOKING)
    assert fused is not None, "accepted frames without their fused mean"
    apart = _apart(frames)
    last = over or len(apart) >= FRAMES_MAX
    if len(apart) < FRAMES_MIN or fused.best is None or fused.score < rule.threshold:
        return Verdict(Look.UNKNOWN if last else Look.LOOKING)
    return _weigh_likeness(apart, fused, rule, last=last)


def _weigh_likeness(
    apart: Sequence[FrameVote], fused: FusedVote, rule: EvidenceRule, *, last: bool
) -> Verdict:
    """The fused score passes; now the runner-up, the twins and the single frames are heard."""
    assert fused.best is not None
    clear = fused.margin >= rule.margin and fused.best not in rule.pair_locked
    agreeing = sum(frame.best == fused.best for frame in apart)
    if agreeing < AGREEING_MIN and not last:
        return Verdict(Look.LOOKING)
    if not clear:
        return Verdict(Look.AMBIGUOUS)
    if agreeing < AGREEING_MIN:
        return Verdict(Look.UNKNOWN)
    return Verdict(
        Look.NAMED,
        fused.best,
        score_bucket(fused.score, rule.threshold),
        margin_bucket(fused.margin, rule.margin),
    )


def _apart(frames: Sequence[FrameVote]) -> list[FrameVote]:
    """The frames that are at least FRAME_GAP_NS after the one counted before them, at most FRAMES_MAX."""
    counted: list[FrameVote] = []
    for frame in frames:
        if not counted or frame.t_ns - counted[-1].t_ns >= FRAME_GAP_NS:
            counted.append(frame)
    return counted[:FRAMES_MAX]


# One decade of false matches is about 0.05 of score on both supported scales (faces.md §7.1).
_DECADE = 0.05


def score_bucket(score: float, threshold: float) -> str:
    """``below`` the threshold, ``near`` it, ``clear`` by one decade of false matches, ``high`` by three."""
    above = score - threshold
    if above < 0:
        return "below"
    if above < _DECADE:
        return "near"
    return "clear" if above < 3 * _DECADE else "high"


def margin_bucket(margin: float, needed: float) -> str:
    """``narrow`` is refused, ``fair`` is enough, ``wide`` is at least three times what is needed."""
    if margin < needed:
        return "narrow"
    return "fair" if margin < 3 * needed else "wide"
