"""One door's face half on trial: the very ``FaceDesk`` of a node, told frames by the evaluation instead of a camera.

It brings the shipped rule to ``gatehouse-models evaluate``, which may not reach into a gate: the entry point
group ``gatehouse.door_rules`` names it.
"""

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from edge.core.evidence import Look
from edge.runtime.face_desk import Concluded, FaceDesk
from edge.runtime.sightings import FaceSeen
from models.engine import EngineInfo, Quality, Vector
from models.evaluation.path import Answer, Outcome
from models.evaluation.path import Look as Shown

FRAME_NS = 200_000_000  # five accepted frames come well before the rule's patience of two seconds ends
STAYS_NS = 4_000_000_000  # longer than any one try lasts
AWAY_NS = 60_000_000_000  # between two people: tracks have ended, and nobody is left in peace any more

ANSWERS: dict[Look, Answer] = {
    Look.NAMED: "NAMED",
    Look.AMBIGUOUS: "AMBIGUOUS",
    Look.UNKNOWN: "UNKNOWN",
    Look.LOW_QUALITY: "LOW_QUALITY",
    Look.LOOKING: "UNDECIDED",
}


class FaceTrial:
    """A door that holds whom it is told to hold, before which one person after another comes."""

    def __init__(self, info: EngineInfo, *, fpir: float) -> None:
        self._desk = FaceDesk(info, fpir_wanted=fpir)
        self._now_ns = 0
        self._version = 0

    def hold(self, rows: Sequence[tuple[str, Vector]], *, k: int) -> None:
        """These people may be recognised from now on."""
        self._version += 1
        self._desk.put_gallery(list(rows), version=self._version, k=k)

    def attempt(self, looks: Sequence[Shown]) -> Outcome:
        """One person's frames, round and round until the desk concludes or four seconds are over."""
        self._now_ns += AWAY_NS
        self._desk.nobody(self._now_ns)
        begun, frames = self._now_ns, 0
        for look in cycle(looks):
            frames += 1
            self._now_ns += FRAME_NS
            answer = self._desk.look(_seen(look, self._now_ns))
            if isinstance(answer, Concluded):
                verdict = answer.evidence.verdict
                return Outcome(ANSWERS[verdict.look], verdict.pass_id, frames)
            if self._now_ns - begun >= STAYS_NS:
                break
        return Outcome("UNDECIDED", None, frames)


def _seen(look: Shown, t_ns: int) -> FaceSeen:
    return FaceSeen(
        camera="trial",
        t_ns=t_ns,
        faces=1,
        box=look.box,
        gate=look.gate,
        enrolment_gate=look.gate,
        quality=_measures(look.quality),
        vector=np.ascontiguousarray(look.vector, np.float32).tobytes() if look.gate is None else None,
    )


def _measures(quality: Quality) -> tuple[float, float, float, float, float, float]:
    return (
        quality.detector_score,
        quality.interocular_px,
        quality.mean_grey,
        quality.sharpness,
        quality.yaw_proxy,
        quality.roll_deg,
    )


def open_rule(info: EngineInfo, *, fpir: float) -> FaceTrial:
    """A door with this engine that bears this share of strangers named.

    Raises:
        CalibrationMissing: the engine has no table; its door is refused 1:N.
    """
    return FaceTrial(info, fpir=fpir)
