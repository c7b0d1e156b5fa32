"""The face half of one door: tracks in front of its camera, weighed against the gallery of this door.

It turns what the vision worker told into a concluded look or a prompt.  Whether the door opens is decided
elsewhere; a face that is not named leaves nothing behind.  While a model is changed there are two galleries, and
each is asked with its own model's vectors.
"""

from dataclasses import dataclass, replace

import numpy as np

from edge.core.decision_types import FaceEvidence, Matcher
from edge.core.events import PadFact, PassId
from edge.core.evidence import EvidenceRule, FrameVote, FusedVote, Look, Verdict, weigh
from edge.core.two_models import Word, together
from edge.runtime.engine_info import NOBODY, Enrolled
from edge.runtime.face_challenge import FaceChallenge, LiveRule
from edge.runtime.sightings import FaceSeen
from models.calibration import DoorThreshold, ThresholdRefused, door_threshold
from models.engine import EngineInfo, Quality, Vector
from models.gallery import Gallery
from models.track import Tracker
from models.vectors import SCORES

# After a conclusion a person who stays is left in peace for so long, then looked at again as a new try.
AGAIN_NS = 5_000_000_000
BLURRED_NS = 2_000_000_000  # without one good picture for so long: show your code (faces.md §10)
TAILS = ("measured", "indicative", "bounded")  # the worse, the later


@dataclass(frozen=True, slots=True)
class Concluded:
    """One finished look at one track."""

    evidence: FaceEvidence
    track: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the person could do to be seen better; a word the kiosk has a sentence for."""

    word: str


@dataclass(slots=True)
class _Try:
    first_ns: int
    concluded_ns: int | None = None


@dataclass(slots=True)
class Side:
    """One model at this door: who is enrolled with it."""

    info: EngineInfo
    gallery: Gallery
    k: int = 1

    @classmethod
    def empty(cls, info: EngineInfo) -> "Side":
        return cls(info, Gallery.build([], version=0, similarity=SCORES[info.score]))

    def put(self, enrolled: Enrolled, version: int) -> None:
        self.k = enrolled.k
        self.gallery = Gallery.build(enrolled.rows, version=version, similarity=SCORES[self.info.score])


@dataclass(frozen=True, slots=True)
class _Weighed:
    word: Word
    threshold: DoorThreshold
    side: Side


class FaceDesk:
    """One door; one engine, or two while one goes.  ``calibration`` is present, or 1:N would have been refused at start."""

    def __init__(
        self,
        info: EngineInfo,
        *,
        fpir_wanted: float,
        live: LiveRule | None = None,
        before: EngineInfo | None = None,
    ) -> None:
        """``before``: the model that goes, while it does."""
        self._info = info
        self._fpir = fpir_wanted
        self._tracker = Tracker.for_engine(info)
        self._live = None if live is None else FaceChallenge(info, live)
        self._tries: dict[int, _Try] = {}
        self._blurred_ns: int | None = None
        self._locked: frozenset[PassId] = frozenset()
        self._held: dict[str, Vector] = {}
        self._now = Side.empty(info)
        self._before = None if before is None else Side.empty(before)

    @property
    def gallery(self) -> Gallery:
        return self._now.gallery

    @property
    def gallery_before(self) -> Gallery | None:
        """Who is enrolled with the model that goes; None where none does."""
        return None if self._before is None else self._before.gallery

    @property
    def pass_ids(self) -> set[str]:
        """Everybody who can be recognised here, by whichever model."""
        return set(self._held)

    @property
    def people(self) -> int:
        """N: everybody a stranger could be taken for, by whichever model."""
        return sum(len(side.gallery) for side in self._sides())

    @property
    def info(self) -> EngineInfo:
        return self._info

    def compared(self, side: Side) -> Gallery:
        """With whom a face is compared now, of those enrolled with one model."""
        return side.gallery

    def _sides(self) -> list[Side]:
        return [self._now] if self._before is None else [self._now, self._before]

    def lock_pairs(self, pass_ids: frozenset[PassId]) -> None:
        """Whose face alone names nobody here, because another guest of this door looks too much alike."""
        self._locked = pass_ids
        if self._live is not None:
            self._live.forget(pass_ids)

    @property
    def locked(self) -> frozenset[PassId]:
        return self._locked

    def put_gallery(
        self, rows: list[tuple[str, Vector]], *, version: int, k: int, before: Enrolled = NOBODY
    ) -> None:
        """Put a new gallery in force for the next look; ``k`` is the largest template's number of images.

        ``before``: who is still enrolled with the model that goes, and nobody of them in ``rows``.
        """
        assert self._before is not None or not before.rows, "no model to compare them with"
        held, self._held = self._held, dict(rows) | dict(before.rows)
        self._now.put(Enrolled(tuple(rows), k), version)
        if self._before is not None:
            self._before.put(before, version)
        if self._live is not None:
            self._live.forget(_not_as_before(held, self._held))

    def threshold(self, m: int) -> DoorThreshold | ThresholdRefused:
        """T(f / N) of the new model, for ``m`` fused frames; what it expects is of both models together."""
        now = self.threshold_of(self._now, m)
        if self._before is None or isinstance(now, ThresholdRefused):
            return now
        others = self.threshold_of(self._before, m)
        known = [(self._now, now), (self._before, others)]
        shares = [(len(side.gallery), one) for side, one in known if isinstance(one, DoorThreshold)]
        expected = sum(n * one.expected_fpir / one.n for n, one in shares)
        tail = max((one.tail for n, one in shares if n), key=TAILS.index, default=now.tail)
        return replace(now, expected_fpir=min(1.0, expected), tail=tail)

    def threshold_of(self, side: Side, m: int) -> DoorThreshold | ThresholdRefused:
        """T(f / N) of one model's own table.

        N counts both galleries: a stranger is taken for one of the N people at f / N each, so for anybody at f, as
        if one model knew them all.
        """
        return door_threshold(side.info.calibration, fpir=self._fpir, n=self.people, k=side.k, m=max(1, m))

    def nobody(self, t_ns: int) -> None:
        """The picture is empty: tracks end, and nothing of them is kept."""
        self._blurred_ns = None
        if self._live is not None:
            self._live.nobody(t_ns)
        self._prune(t_ns)

    def unseen(self) -> Concluded:
        """A look at nobody: patience is over and no face was good enough."""
        return Concluded(self._evidence(Verdict(Look.LOW_QUALITY), "", self._now), track=0)

    def look(self, seen: FaceSeen) -> Concluded | Prompt | None:
        """Take one frame; a conclusion comes once per try.  A good frame without a vector is no evidence of anything."""
        if self._live is not None:
            self._live.left(seen.t_ns)
            if self._live.asking:
                return self._answered(self._live, seen)
            self._live.note(seen)
        if seen.gate is not None:
            return self._blurred(seen)
        self._blurred_ns = None
        if not self._compares():
            return Prompt("show_code")
        if seen.vector is None:
            return None
        track = self._observe(seen, seen.vector)
        if track not in self._tries:
            self._forget_tries()
        try_ = self._tries.setdefault(track, _Try(seen.t_ns))
        if try_.concluded_ns is not None:
            if seen.t_ns - try_.concluded_ns < AGAIN_NS:
                return None
            self._tracker.new_try(track)
            self._tries[track] = _Try(seen.t_ns)
            return None
        return self._conclude(track, try_, seen)

    def _observe(self, seen: FaceSeen, vector: bytes) -> int:
        told = seen.before if self._before is not None else None
        return self._tracker.observe(
            seen.t_ns,
            seen.box,
            np.frombuffer(vector, np.float32),
            Quality(*seen.quality, faces_in_frame=1),
            before=None if told is None else np.frombuffer(told, np.float32),
        )

    def _answered(self, live: FaceChallenge, seen: FaceSeen) -> Concluded | Prompt | None:
        """A frame while a challenge is on; its track goes on, so that whoever answered is then left in peace.

        Somebody else who has stepped up meanwhile has answered nothing, and is looked at like anybody.
        """
        track = 0 if seen.vector is None else self._observe(seen, seen.vector)
        answer = live.look(seen)
        if not isinstance(answer, FaceEvidence):
            return None if answer is None else Prompt(answer)
        if live.followed:
            self._tries[track] = _Try(seen.t_ns, seen.t_ns)
        return Concluded(answer, track)

    def _conclude(self, track: int, try_: _Try, seen: FaceSeen) -> Concluded | Prompt | None:
        weighed = [one for side in self._sides() if (one := self._weigh(side, track, try_, seen))]
        if not weighed:
            return Prompt("show_code")
        verdict, place = together([one.word for one in weighed])
        if verdict.look is Look.LOOKING:
            return None
        spoke = weighed[place]
        answer = self._lively(self._evidence(verdict, spoke.threshold.threshold_id, spoke.side), track, seen)
        if not isinstance(answer, FaceEvidence):
            return None if answer is None else Prompt(answer)
        try_.concluded_ns = seen.t_ns
        return Concluded(answer, track)

    def _weigh(self, side: Side, track: int, try_: _Try, seen: FaceSeen) -> _Weighed | None:
        """One model's word on this track; None where it has no safe threshold, or is the one that goes and knows nobody
        here or has seen nothing."""
        before, gallery = side is not self._now, self.compared(side)
        fused = self._tracker.fused(track, gallery, before=before)
        threshold = self.threshold_of(side, fused.m)
        if isinstance(threshold, ThresholdRefused) or (before and (fused.m == 0 or not len(gallery))):
            return None
        votes = [
            FrameVote(_pass_id(vote.best), vote.score, vote.margin, vote.t_ns)
            for vote in self._tracker.votes(track, gallery, before=before)
        ]
        verdict = weigh(
            votes,
            FusedVote(_pass_id(fused.best), fused.score, fused.margin, fused.m) if votes else None,
            EvidenceRule(threshold.t, threshold.margin, self._locked),
            first_seen_ns=try_.first_ns,
            now_ns=seen.t_ns,
        )
        reached = fused.best is not None and fused.score >= threshold.t
        return _Weighed(Word(verdict, reached), threshold, side)

    def _lively(self, evidence: FaceEvidence, track: int, seen: FaceSeen) -> FaceEvidence | str | None:
        """What liveness makes of it; only a face that was named has anything to prove."""
        reference = self._tracker.mean(track)
        if self._live is None or evidence.verdict.look is not Look.NAMED or reference is None:
            return evidence
        return self._live.judge(evidence, reference, seen)

    def _blurred(self, seen: FaceSeen) -> Concluded | Prompt | None:
        if self._blurred_ns is None:
            self._blurred_ns = seen.t_ns
        if seen.t_ns - self._blurred_ns >= BLURRED_NS:
            self._blurred_ns = seen.t_ns
            return self.unseen()
        return Prompt(seen.gate or "look_at_camera")

    def _evidence(self, verdict: Verdict, threshold_id: str, side: Side) -> FaceEvidence:
        return FaceEvidence(
            verdict=verdict,
            matcher=Matcher(
                threshold_id=threshold_id,
                model=f"{side.info.engine_id}@{side.info.model_sha256[:8]}",
                gallery_version=side.gallery.version,
                gallery_n=sum(len(self.compared(one)) for one in self._sides()),
            ),
            pad=PadFact("na"),
            simulated=side.info.simulated,
            by_before=side is not self._now and verdict.look is Look.NAMED,
        )

    def _compares(self) -> bool:
        return self.people > 0

    def _prune(self, now_ns: int) -> None:
        self._tracker.prune(now_ns)
        self._forget_tries()

    def _forget_tries(self) -> None:
        """A try lives as long as its track."""
        self._tries = {track: try_ for track, try_ in self._tries.items() if track in self._tracker}


def _not_as_before(before: dict[str, Vector], now: dict[str, Vector]) -> set[str]:
    """Whose face of before is gone, or is another one now."""
    return {
        pass_id
        for pass_id, vector in before.items()
        if pass_id not in now or not np.array_equal(vector, now[pass_id])
    }


def _pass_id(best: str | None) -> PassId | None:
    return None if best is None else PassId(best)
