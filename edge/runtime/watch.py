"""The vision worker: pictures in, numbers out.  Runs in a process of its own, without keys and without network.

It pulls the newest picture of each camera in turn, never a queue; a picture older than ``STALE_NS`` is not looked
at, and of the others only those that ``edge.core.looking`` finds worth it.  No picture leaves this process but a small one
while staff hold a button (``preview_eye``), and none touches a disk.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from edge.core.claimant import WHOLE, NotOne, Region, claimant
from edge.core.evidence import FRAME_GAP_NS
from edge.core.looking import SAME_PLACE, Attention, overlap
from edge.errors import CameraLost
from edge.ports import Camera, CameraFrame, ClockReading
from edge.runtime.live_look import LiveLooks
from edge.runtime.preview_eye import PreviewEye
from edge.runtime.sightings import (
    Asked,
    BeforeWanted,
    CameraState,
    CodeSeen,
    EngineState,
    FaceSeen,
    NobodySeen,
    PictureSeen,
    Said,
    Wanted,
    pack,
    unpack_asked,
)
from edge.runtime.stillness import Stillness
from models.engine import EngineError, Face, FaceEngine
from models.gates import door_gate, enrolment_gate

if TYPE_CHECKING:
    from models.engine import Frame

STALE_NS = 500_000_000  # hardware.md §7 rule 2
LOST_NS = 2_000_000_000  # no fresh picture for so long: camera LOST
FROZEN_NS = 10_000_000_000  # the very same picture for so long: camera DEGRADED; sensors always have noise
# A covered lens shows a surface that varies by less than this, noise and all; a lane in the dark is blind just so.
PLAIN_LEVELS = 2.0
PICTURE_EVERY_NS = 1_000_000_000
NOBODY_EVERY_NS = 1_000_000_000
CODE_AGAIN_NS = 700_000_000  # one shown code is told once in this time, not once a picture
IDLE_WAIT_S = 0.02  # shared by all cameras: none waits longer for another's picture
NO_MEASURES = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # of a face that nobody measured


@dataclass(slots=True)
class _View:
    """What is remembered of one camera between two pictures."""

    camera: Camera
    seq: int = 0
    attention: Attention = field(default_factory=Attention)
    lane: Stillness = field(default_factory=Stillness)
    fresh_ns: int = 0
    changed_ns: int = 0
    shape_ns: int = 0  # when something could last be told apart in the picture
    print_: bytes = b""
    told_nobody_ns: int = 0
    picture: PictureSeen | None = None  # the newest, told every second
    told_picture_ns: int = 0
    state: str = ""
    code: str = ""
    code_ns: int = 0
    before_ns: int | None = None  # of the last vector by the model that goes


class Watch:
    """One worker for all cameras of a node."""

    def __init__(
        self,
        cameras: Mapping[str, Camera],
        engine: FaceEngine | None,
        decode: "Callable[[Frame], list[str]]",
        tell: Callable[[bytes], None],
        clock: Callable[[], ClockReading],
        *,
        detect_every_ns: int,
        regions: Mapping[str, Region] = MappingProxyType({}),
        live: LiveLooks | None = None,
        preview: PreviewEye | None = None,
        before: FaceEngine | None = None,
    ) -> None:
        """``regions``: where a claimant stands in the picture of a camera; the whole of it where it is not named.

        ``before``: the engine that goes; it looks where ``want_before`` says that somebody is enrolled with it.
        """
        self._views = {name: _View(camera) for name, camera in cameras.items()}
        self._regions = regions
        self._engine = engine
        self._decode = decode
        self._send = tell
        self._clock = clock
        self._every_ns = detect_every_ns
        self._wait_s = IDLE_WAIT_S / max(1, len(cameras))
        self._live = live or LiveLooks(())
        self._preview = preview
        self._before = before
        self._wanted: frozenset[str] = frozenset()

    def want_before(self, wanted: Wanted) -> None:
        """At these cameras the engine that goes looks too; None: nowhere any more, and its memory is given back."""
        self._wanted = wanted or frozenset()
        if wanted is None and self._before is not None:
            self._before.close()
            self._before = None

    def tell(self, told: Said) -> None:
        self._send(pack(told))

    def look(self) -> None:
        """One round over all cameras."""
        for name, view in self._views.items():
            now_ns = self._clock().mono_ns
            try:
                frame = view.camera.newest(newer_than=view.seq, within_s=self._wait_s)
            except CameraLost as error:
                self._say_state(name, view, "LOST", str(error))
                continue
            view.fresh_ns = (
                view.fresh_ns or now_ns
            )  # a camera that was opened just now has not been silent yet
            if frame is None:
                if now_ns - view.fresh_ns > LOST_NS:
                    self._say_state(name, view, "LOST", f"camera {name}: no fresh picture for 2 s")
                continue
            view.seq = frame.seq
            if self._clock().mono_ns - frame.t_ns > STALE_NS:
                continue
            view.fresh_ns = frame.t_ns
            self._show_staff(name, frame)
            height, width = frame.image.shape[:2]
            view.picture = PictureSeen(name, frame.t_ns, width, height)
            self._say_health(name, view, frame)
            if self._is_worth_it(view, frame):
                self._look_at(name, view, frame)

    def hear(self, asked: Asked) -> None:
        """What the node asks: to look with the engine that goes, or that staff look through a camera now."""
        if isinstance(asked, BeforeWanted):
            self.want_before(asked.cameras)
        elif self._preview is not None:
            self._preview.hear(asked)

    def _show_staff(self, name: str, frame: CameraFrame) -> None:
        if self._preview is not None:
            picture = self._preview.picture(name, frame.image, frame.t_ns)
            if picture is not None:
                self.tell(picture)

    def _is_worth_it(self, view: _View, frame: CameraFrame) -> bool:
        return view.attention.look_due(
            frame.t_ns, every_ns=self._every_ns, moved=lambda: view.lane.moved(frame.image)
        )

    def _look_at(self, name: str, view: _View, frame: CameraFrame) -> None:
        texts = self._decode(frame.image)
        for text in texts:
            if text != view.code or frame.t_ns - view.code_ns > CODE_AGAIN_NS:
                view.code, view.code_ns = text, frame.t_ns
                self.tell(CodeSeen(name, frame.t_ns, text))
        faces = [] if self._engine is None else self._engine.detect(frame.image)
        who = _at_the_door(faces, frame, self._regions.get(name, WHOLE))
        box = None if who is NotOne.NOBODY else faces[who if isinstance(who, int) else 0].box
        vector = self._tell_faces(name, view, frame, faces, who)
        view.attention = view.attention.after(frame.t_ns, box, vector=vector, code=bool(texts))
        if box is None:
            view.lane.keep(frame.image)

    def _tell_faces(
        self, name: str, view: _View, frame: CameraFrame, faces: list[Face], who: int | NotOne
    ) -> bool:
        """Tell who stands there or that nobody does; whether a vector was made of it."""
        engine = self._engine
        if engine is None:
            return False
        if who is NotOne.NOBODY:
            self._live.nobody(name, frame.t_ns)
            if frame.t_ns - view.told_nobody_ns >= NOBODY_EVERY_NS:
                view.told_nobody_ns = frame.t_ns
                self.tell(NobodySeen(name, frame.t_ns))
            return False
        view.told_nobody_ns = 0
        # Where signs of life are asked for, who answers is compared in every look: a swap would hide between two.
        wanted = isinstance(who, int) and (
            self._live.asked_at(name) or view.attention.vector_due(frame.t_ns, faces[who].box)
        )
        try:
            seen = _seen(name, frame, faces, who, engine, embed=wanted)
            if isinstance(who, int):
                seen = self._live.add(seen, frame, faces[who], engine)
                seen = self._with_before(view, seen, frame, faces[who], engine)
        except EngineError as error:
            self._say_state(name, view, "DEGRADED", str(error))
            return False
        self.tell(seen)
        return seen.vector is not None

    def _with_before(
        self, view: _View, seen: FaceSeen, frame: CameraFrame, face: Face, engine: FaceEngine
    ) -> FaceSeen:
        """With the vector of the engine that goes, where somebody is enrolled with it and the vector can count.

        Closer than ``FRAME_GAP_NS`` none counts, and once a try is settled none does, but where an answer to a sign of
        life may still be waited for.
        """
        last_ns = view.before_ns
        apart = last_ns is None or frame.t_ns - last_ns >= FRAME_GAP_NS
        counts = view.attention.settles(frame.t_ns, face.box) or self._live.asked_at(seen.camera)
        if self._before is None or seen.camera not in self._wanted or seen.vector is None:
            return seen
        vector = _vector_before(self._before, frame, face, engine) if apart and counts else None
        if vector is None:
            return seen
        view.before_ns = frame.t_ns
        return msgspec.structs.replace(seen, before=vector)

    def say_pictures(self) -> None:
        """Of each camera now and then, when its newest picture was and how large it is."""
        for view in self._views.values():
            if view.picture is not None and view.picture.t_ns - view.told_picture_ns >= PICTURE_EVERY_NS:
                view.told_picture_ns = view.picture.t_ns
                self.tell(view.picture)

    def _say_health(self, name: str, view: _View, frame: CameraFrame) -> None:
        """A picture that does not change by one bit in ten seconds does not come from a living sensor, and one plain
        surface for as long does not come from a lane."""
        sample = frame.image[::16, ::16]
        print_ = sample.tobytes()
        if print_ != view.print_:
            view.print_, view.changed_ns = print_, frame.t_ns
        if view.shape_ns == 0 or float(sample[..., 1].std()) >= PLAIN_LEVELS:
            view.shape_ns = frame.t_ns
        limit_s = FROZEN_NS // 1_000_000_000
        if frame.t_ns - view.changed_ns > FROZEN_NS:
            why = f"camera {name}: the picture has not changed for {limit_s} s"
        elif frame.t_ns - view.shape_ns > FROZEN_NS:
            why = f"camera {name}: nothing but one plain surface for {limit_s} s. Is the lens covered, is there light?"
        else:
            why = ""
        self._say_state(name, view, "DEGRADED" if why else "OK", why)

    def _say_state(self, name: str, view: _View, state: str, why: str) -> None:
        if state != view.state:
            view.state = state
            self.tell(CameraState(name, state, why))

    def close(self) -> None:
        for view in self._views.values():
            view.camera.close()
        for engine in (self._engine, self._before):
            if engine is not None:
                engine.close()


def _at_the_door(faces: list[Face], frame: CameraFrame, region: Region) -> int | NotOne:
    height, width = frame.image.shape[:2]
    return claimant([face.box for face in faces], (width, height), region)


def _crowd(name: str, frame: CameraFrame, faces: list[Face]) -> FaceSeen:
    """Two are equally near: they are counted, and none of them is looked at closer."""
    reason = NotOne.ONE_AT_A_TIME.value
    return FaceSeen(name, frame.t_ns, len(faces), faces[0].box, reason, reason, NO_MEASURES, None)


def _seen(
    name: str, frame: CameraFrame, faces: list[Face], who: int | NotOne, engine: FaceEngine, *, embed: bool
) -> FaceSeen:
    """Judge and, if it is good enough and ``embed`` asks for it, embed the claimant's face; the others are counted
    and never identified."""
    if isinstance(who, NotOne):
        return _crowd(name, frame, faces)
    nearest = faces[who]
    chip = engine.align(frame.image, nearest)
    quality = engine.quality(frame.image, nearest, chip, faces_in_frame=1)
    refused = door_gate(quality)
    vector = engine.embed([chip])[0].tobytes() if embed and refused is None else None
    return FaceSeen(
        camera=name,
        t_ns=frame.t_ns,
        faces=len(faces),
        box=nearest.box,
        gate=refused,
        enrolment_gate=enrolment_gate(replace(quality, faces_in_frame=len(faces))),
        quality=(
            quality.detector_score,
            quality.interocular_px,
            quality.mean_grey,
            quality.sharpness,
            quality.yaw_proxy,
            quality.roll_deg,
        ),
        vector=vector,
    )


def _vector_before(before: FaceEngine, frame: CameraFrame, face: Face, engine: FaceEngine) -> bytes | None:
    """The same face by the engine that goes: as its own detector finds it, which the two may share.

    What it cannot look at says nothing; the door's own engine has looked already.
    """
    try:
        if before.info.detector_sha256 != engine.info.detector_sha256:
            faces = before.detect(frame.image)
            if not faces:
                return None
            found = max(faces, key=lambda one: overlap(one.box, face.box))
            if overlap(found.box, face.box) < SAME_PLACE:
                return None  # somebody else's face, or nobody's
            face = found
        vector: bytes = before.embed([before.align(frame.image, face)])[0].tobytes()
    except EngineError:
        return None
    return vector


def run(watch: Watch, pipe: Connection, *, engine_state: EngineState) -> None:
    """Look until the node closes its end of the pipe."""
    try:
        watch.tell(engine_state)
        while True:
            while pipe.poll(0):
                watch.hear(unpack_asked(pipe.recv_bytes()))
            watch.look()
            watch.say_pictures()
    except (ConnectionError, EOFError):
        pass  # the node is gone; so are we
    finally:
        watch.close()
