"""The face half of one door: tracks in front of its camera, weighed against the gallery of this door.

It turns what the vision worker told into a concluded look or a prompt.  Whether the door opens is decided
elsewhere; a face that is not named leaves nothing behind.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.decision_types import FaceEvidence, Matcher
from edge.core.events import PadFact, PassId
from edge.core.evidence import EvidenceRule, FrameVote, FusedVote, Look, Verdict, weigh
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


class FaceDesk:
    """One door, one engine.  ``calibration`` is present, or 1:N would have been refused at start."""

    def __init__(self, info: EngineInfo, *, fpir_wanted: float, live: LiveRule | None = None) -> None:
        self._info = info
        self._fpir = fpir_wanted
        self._tracker = Tracker.for_engine(info)
        self._live = None if live is None else FaceChallenge(info, live)
        self._tries: dict[int, _Try] = {}
        self._blurred_ns: int | None = None
        self._k = 1
        self._locked: frozenset[PassId] = frozenset()
        self._held: dict[str, Vector] = {}
        self.gallery = Gallery.build([], version=0, similarity=SCORES[info.score])

    @property
    def info(self) -> EngineInfo:
        return self._info

    @property
    def compared(self) -> Gallery:
        """With whom a face is compared now."""
        return self.gallery

    def lock_pairs(self, pass_ids: frozenset[PassId]) -> None:
        """Whose face alone names nobody here, because another guest of this door looks too much alike."""
        self._locked = pass_ids
        if self._live is not None:
            self._live.forget(pass_ids)

    @property
    def locked(self) -> frozenset[PassId]:
        return self._locked

    def put_gallery(self, rows: list[tuple[str, Vector]], *, version: int, k: int) -> None:
        """Put a new gallery in force for the next look; ``k`` is the largest template's number of images."""
        self._k = k
        before, self._held = self._held, dict(rows)
        self.gallery = Gallery.build(rows, version=version, similarity=SCORES[self._info.score])
        if self._live is not None:
            self._live.forget(_not_as_before(before, self._held))

    def threshold(self, m: int) -> DoorThreshold | ThresholdRefused:
        """T(f / N) of the gallery as it is now, for ``m`` fused frames."""
        return door_threshold(
            self._info.calibration, fpir=self._fpir, n=len(self.gallery), k=self._k, m=max(1, m)
        )

    def nobody(self, t_ns: int) -> None:
        """The picture is empty: tracks end, and nothing of them is kept."""
        self._blurred_ns = None
        if self._live is not None:
            self._live.nobody(t_ns)
        self._prune(t_ns)

    def unseen(self) -> Concluded:
        """A look at nobody: patience is over and no face was good enough."""
        return Concluded(self._evidence(Verdict(Look.LOW_QUALITY), ""), track=0)

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
        return self._tracker.observe(
            seen.t_ns, seen.box, np.frombuffer(vector, np.float32), Quality(*seen.quality, faces_in_frame=1)
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
        fused = self._tracker.fused(track, self.compared)
        threshold = self.threshold(fused.m)
        if isinstance(threshold, ThresholdRefused):
            return Prompt("show_code")
        votes = [
            FrameVote(_pass_id(vote.best), vote.score, vote.margin, vote.t_ns)
            for vote in self._tracker.votes(track, self.compared)
        ]
        verdict = weigh(
            votes,
            FusedVote(_pass_id(fused.best), fused.score, fused.margin, fused.m) if votes else None,
            EvidenceRule(threshold.t, threshold.margin, self._locked),
            first_seen_ns=try_.first_ns,
            now_ns=seen.t_ns,
        )
        if verdict.look is Look.LOOKING:
            return None
        answer = self._lively(self._evidence(verdict, threshold.threshold_id), track, seen)
        if not isinstance(answer, FaceEvidence):
            return None if answer is None else Prompt(answer)
        try_.concluded_ns = seen.t_ns
        return Concluded(answer, track)

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

    def _evidence(self, verdict: Verdict, threshold_id: str) -> FaceEvidence:
        return FaceEvidence(
            verdict=verdict,
            matcher=Matcher(
                threshold_id=threshold_id,
                model=f"{self._info.engine_id}@{self._info.model_sha256[:8]}",
                gallery_version=self.compared.version,
                gallery_n=len(self.compared),
            ),
            pad=PadFact("na"),
            simulated=self._info.simulated,
        )

    def _compares(self) -> bool:
        return len(self.gallery) > 0

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
