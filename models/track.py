"""Frames of one person before one camera, and what they say together (faces.md §10).

Vectors stay here; the decision sees plain numbers.  A track is never continued across two people: a frame that
is not like the track's mean begins a new one, or a guest would lend his evidence to the person behind him.
While a model is changed a frame may bring the vector of the model that goes beside its own; who is one person is
told by the new model alone, and each vector is compared with the gallery of its own model.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.engine import CalibrationMissing, EngineInfo, Quality, Vector
from models.gallery import Gallery, Match
from models.gates import rank
from models.vectors import SCORES, Similarity, mean_vector

Box = tuple[float, float, float, float]  # x, y, w, h

OVERLAP_MIN = 0.3
CENTRE_SHARE = 0.5  # of a face width
GAP_MAX_NS = 500_000_000
# Nearer frames are nearly the same picture: they would agree without adding evidence.
APART_MIN_NS = 150_000_000
ACCEPTED_MAX = 5
FUSED_MAX = 3  # the calibration tables end at three frames
TRACKS_MAX = 8  # more faces than a gate lane holds; the longest unseen is dropped


@dataclass(frozen=True, slots=True)
class FrameVote:
    """Whom one frame alone names."""

    best: str | None
    score: float
    margin: float
    t_ns: int


@dataclass(frozen=True, slots=True)
class Fused:
    """Whom the mean of the best m frames names, and how many accepted frames name the same person alone."""

    best: str | None
    score: float
    margin: float
    m: int
    agreeing: int


@dataclass(frozen=True, slots=True, eq=False)
class _Accepted:
    vector: Vector
    quality: Quality
    t_ns: int
    before: Vector | None = None  # of the model that goes

    def of(self, *, before: bool) -> Vector | None:
        return self.before if before else self.vector

    def forget(self) -> None:
        self.vector.fill(0.0)
        if self.before is not None:
            self.before.fill(0.0)


@dataclass(slots=True, eq=False)
class _Track:
    box: Box
    seen_ns: int
    total: NDArray[np.float64]
    accepted: list[_Accepted] = field(default_factory=list)

    def take(self, t_ns: int, box: Box, vector: Vector, quality: Quality, before: Vector | None) -> None:
        if t_ns > self.seen_ns:
            self.total += vector
        self.box, self.seen_ns = box, t_ns
        spaced = not self.accepted or t_ns - self.accepted[-1].t_ns >= APART_MIN_NS
        if spaced and len(self.accepted) < ACCEPTED_MAX:
            self.accepted.append(
                _Accepted(vector.copy(), quality, t_ns, None if before is None else before.copy())
            )

    def cosine(self, vector: Vector) -> float:
        length = float(np.linalg.norm(self.total))
        return float(self.total @ vector) / length if length > 0.0 else -1.0

    def forget(self) -> None:
        """No vector of an unnamed face is kept beyond its track."""
        self.total.fill(0.0)
        self.clear()

    def clear(self) -> None:
        for frame in self.accepted:
            frame.forget()
        self.accepted.clear()


class Tracker:
    """The tracks of one camera; holds at most eight, each with at most five accepted frames."""

    def __init__(self, *, continuity_t: float, similarity: Similarity) -> None:
        self._continuity_t = continuity_t
        self._similarity = similarity
        self._tracks: dict[int, _Track] = {}
        self._last_id = 0

    @classmethod
    def for_engine(cls, info: EngineInfo) -> "Tracker":
        """With the limit of this engine's table.

        Raises:
            CalibrationMissing: the engine has no table.
        """
        if info.calibration is None:
            raise CalibrationMissing(
                "no calibration table for this embedder: faces cannot be tracked with it."
            )
        return cls(continuity_t=info.calibration.continuity_t, similarity=SCORES[info.score])

    def __len__(self) -> int:
        return len(self._tracks)

    def __contains__(self, track_id: int) -> bool:
        return track_id in self._tracks

    def observe(
        self, t_ns: int, box: Box, vector: Vector, quality: Quality, before: Vector | None = None
    ) -> int:
        """The track this face continues, or a new one; frames must have passed the door's quality gate."""
        track_id = self._continued(t_ns, box, vector)
        if track_id is None:
            track_id = self._begun(t_ns, box, vector)
        self._tracks[track_id].take(t_ns, box, vector, quality, before)
        return track_id

    def votes(self, track_id: int, gallery: Gallery, *, before: bool = False) -> tuple[FrameVote, ...]:
        """One vote per accepted frame, oldest first; none for a track that is gone.

        With ``before``: by the model that goes, of the frames that have its vector; ``gallery`` is then of that model.
        """
        frames = self._accepted(track_id, before=before)
        return tuple(_vote(vector, frame.t_ns, gallery) for frame, vector in frames)

    def fused(self, track_id: int, gallery: Gallery, *, before: bool = False) -> Fused:
        """The mean of the at most three best frames by quality, never by score; nobody for a track that is gone."""
        frames = self._accepted(track_id, before=before)
        if not frames:
            return Fused(None, -1.0, 0.0, 0, 0)
        best = sorted(frames, key=lambda one: rank(one[0].quality), reverse=True)[:FUSED_MAX]
        found: Match = gallery.match(mean_vector(vector for _, vector in best))
        agreeing = sum(
            found.best is not None and gallery.match(vector).best == found.best for _, vector in frames
        )
        return Fused(found.best, found.score, found.margin, len(best), agreeing)

    def _accepted(self, track_id: int, *, before: bool) -> list[tuple[_Accepted, Vector]]:
        """The accepted frames of a track that have a vector of this model, and that vector."""
        track = self._tracks.get(track_id)
        frames = track.accepted if track is not None else []
        return [(frame, vector) for frame in frames if (vector := frame.of(before=before)) is not None]

    def mean(self, track_id: int) -> Vector | None:
        """The normalised mean of all frames of a track; None for a track that is gone."""
        track = self._tracks.get(track_id)
        return None if track is None else mean_vector([track.total.astype(np.float32)])

    def new_try(self, track_id: int) -> None:
        """Forget the accepted frames of a track, so that five new ones decide; the track itself goes on."""
        track = self._tracks.get(track_id)
        if track is not None:
            track.clear()

    def prune(self, now_ns: int) -> None:
        """Drop what has not been seen for half a second."""
        self._drop([key for key, track in self._tracks.items() if now_ns - track.seen_ns > GAP_MAX_NS])

    def _continued(self, t_ns: int, box: Box, vector: Vector) -> int | None:
        near = [
            (track.cosine(vector), key)
            for key, track in self._tracks.items()
            if 0 < t_ns - track.seen_ns <= GAP_MAX_NS and same_place(track.box, box)
        ]
        if not near:
            return None
        cosine, key = max(near)
        return key if self._similarity(cosine) >= self._continuity_t else None

    def _begun(self, t_ns: int, box: Box, vector: Vector) -> int:
        self.prune(t_ns)
        if len(self._tracks) >= TRACKS_MAX:
            self._drop([min(self._tracks, key=lambda key: self._tracks[key].seen_ns)])
        self._last_id += 1
        self._tracks[self._last_id] = _Track(box, t_ns, vector.astype(np.float64))
        return self._last_id

    def _drop(self, keys: Iterable[int]) -> None:
        for key in keys:
            self._tracks.pop(key).forget()


def _vote(vector: Vector, t_ns: int, gallery: Gallery) -> FrameVote:
    found = gallery.match(vector)
    return FrameVote(found.best, found.score, found.margin, t_ns)


def same_place(a: Box, b: Box) -> bool:
    """Whether two boxes a moment apart can be of one face."""
    return _overlap(a, b) >= OVERLAP_MIN or _centres_apart(a, b) < CENTRE_SHARE * max(a[2], b[2])


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, high)
    union = a[2] * a[3] + b[2] * b[3] - shared
    return shared / union if union > 0.0 else 0.0


def _centres_apart(a: Box, b: Box) -> float:
    return float(np.hypot(a[0] + a[2] / 2 - b[0] - b[2] / 2, a[1] + a[3] / 2 - b[1] - b[3] / 2))
