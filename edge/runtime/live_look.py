"""The liveness signs of each camera's nearest face, as small numbers; part of the vision worker.

Computed only for cameras in front of a door that asks for liveness.  What is kept between two looks is a handful of
small grey pictures in memory, overwritten as soon as the face has gone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from edge.ports import CameraFrame
from edge.runtime.sightings import FaceSeen, LiveNumbers
from models.engine import EngineError, Face, FaceEngine
from models.liveness.judge import PadJudge
from models.liveness.planarity import Box, Planarity, small_grey
from models.liveness.pose import pitch_proxy, yaw_proxy
from models.liveness.stream import StreamSigns
from models.track import GAP_MAX_NS, same_place

JUDGE_EVERY = 3  # looks; a judge costs as much as finding the face (faces.md §5)
TURNED = "look_at_camera"  # the gate's word for a face that is not straight


@dataclass(slots=True, eq=False)
class _Presence:
    """One face before one camera."""

    planarity: Planarity = field(default_factory=Planarity)
    stream: StreamSigns = field(default_factory=StreamSigns)
    box: Box | None = None
    seen_ns: int = 0
    looks: int = 0
    judged: float | None = None

    def goes_on(self, box: Box, t_ns: int) -> bool:
        return self.box is None or (t_ns - self.seen_ns <= GAP_MAX_NS and same_place(self.box, box))

    def forget(self) -> None:
        self.planarity.forget()
        self.stream.forget()
        self.box, self.seen_ns, self.looks, self.judged = None, 0, 0, None


class LiveLooks:
    """All cameras that are asked for signs; ``judge`` only where the site has one."""

    def __init__(self, cameras: Iterable[str], judge: PadJudge | None = None) -> None:
        self._presences = {name: _Presence() for name in cameras}
        self._judge = judge

    def asked_at(self, camera: str) -> bool:
        """Whether a door of this camera asks for signs."""
        return camera in self._presences

    def add(self, seen: FaceSeen, frame: CameraFrame, face: Face, engine: FaceEngine) -> FaceSeen:
        """The same sighting with the signs of its face, where somebody wants them."""
        presence = self._presences.get(seen.camera)
        if presence is None:
            return seen
        grey, scale = small_grey(frame.image)
        x, y, w, h = (side * scale for side in face.box)
        box = (x, y, w, h)
        if not presence.goes_on(box, frame.t_ns):
            presence.forget()
        presence.box, presence.seen_ns = box, frame.t_ns
        presence.stream.add(grey, frame.t_ns)
        presence.planarity.add(grey, box, frame.t_ns)
        if self._judge is not None and presence.looks % JUDGE_EVERY == 0:
            presence.judged = self._judge.real(frame.image, face.box)
        presence.looks += 1
        return msgspec.structs.replace(
            seen,
            live=LiveNumbers(
                yaw=yaw_proxy(face.landmarks),
                pitch=pitch_proxy(face.landmarks),
                pairs=presence.planarity.pairs,
                residual=presence.planarity.residual,
                frozen=presence.stream.frozen,
                judge=presence.judged,
                turned=_turned(seen, frame, face, engine),
            ),
        )

    def nobody(self, camera: str, t_ns: int) -> None:
        """A picture without a face: after half a second what was kept of the last one is overwritten."""
        presence = self._presences.get(camera)
        if presence is not None and t_ns - presence.seen_ns > GAP_MAX_NS:
            presence.forget()


def _turned(seen: FaceSeen, frame: CameraFrame, face: Face, engine: FaceEngine) -> bytes | None:
    """A turned face is embedded to be followed only: it is no evidence for a name, and the gate has refused it."""
    if seen.gate != TURNED:
        return None
    try:
        vector: bytes = engine.embed([engine.align(frame.image, face)])[0].tobytes()
    except EngineError:
        return None
    return vector
