"""A node in the middle of a change of its face model: real node, gate, worker and sealed gallery, and two engines.

The new engine is the synthetic one.  The old one lives in a space of its own, in which everybody is somebody else, and
goes by the id, the weights and the measured table of ``yunet-sface``: the node knows nothing of it but numbers.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np

from cloud_sync.protocol import merkle
from edge.core.door_events import CameraChanged
from edge.core.door_types import Camera
from edge.core.face_mode import FaceMode
from edge.core.freshness import Lease
from edge.core.passes import PassSet
from edge.link.translate import decode_passes
from edge.ports import CameraFrame
from edge.runtime.engine_info import engine_state
from edge.runtime.face_models import Going
from edge.runtime.node import Node
from edge.runtime.node_parts import Parts
from edge.runtime.sightings import BeforeWanted, EngineState, Told, Wanted, pack_asked, unpack, unpack_asked
from edge.runtime.watch import Watch
from edge.store.gallery_store import GalleryStore
from models.engine import EngineInfo, Quality
from models.engines import synthetic, yunet_sface
from models.engines.synthetic import Synthetic, synthetic_frame
from models.template import Template
from tests.fakes.faces_at_a_door import FRAME_NS, mean_of, seeds_like
from tests.fakes.lone_gate import GATE, NOW_MS, LoneGate, pass_row

LANE = "lane"
DAY_MS = 86_400_000
NEW: EngineInfo = replace(synthetic.open_engine().info, simulated=False)
OLD: EngineInfo = replace(yunet_sface.YunetSface(None).info, detector_sha256=NEW.detector_sha256)
GOOD = Quality(0.95, 60.0, 120.0, 150.0, 0.0, 0.0, 1)


class CountingEyes(Synthetic):
    """The new engine, or the old one: there ``prefix`` makes other people of everybody."""

    def __init__(self, info: EngineInfo, prefix: str = "") -> None:
        super().__init__()
        self._info = info
        self._prefix = prefix
        self.embedded = 0
        self.closed = False

    def embed(self, chips):
        assert not self.closed
        self.embedded += len(chips)
        return super().embed([self._of_my_space(chip) for chip in chips])

    def _of_my_space(self, chip):
        ((who, seed),) = synthetic._read(chip)
        return synthetic._written([[self._prefix + who, seed]], chip.shape)

    def close(self) -> None:
        self.closed = True


def template_of(who: str, info: EngineInfo, prefix: str = "") -> Template:
    vectors = [mean_of(prefix + who)] * 3
    return Template.of_parts(info, vectors, [GOOD] * 3, made_ms=NOW_MS, not_after_ms=NOW_MS + DAY_MS)


@dataclass
class ChangingNode:
    """``people`` have passes and face consent; ``known`` of them are enrolled with the old model."""

    folder: Path
    people: tuple[str, ...]
    known: tuple[str, ...]
    until_ms: int = NOW_MS + DAY_MS
    mode: FaceMode = FaceMode.ONE_TO_N
    wanted: list[Wanted] = field(default_factory=list)

    def __post_init__(self) -> None:
        rows = [pass_row(f"P-{who}", prereq=15) for who in self.people]
        self.lone = LoneGate(rows)
        self.lone.gate.face_mode = self.mode
        self.store = GalleryStore(self.folder / "gallery.db", self.folder / "gallery.key")
        for who in self.known:
            kept = template_of(who, OLD, "old ")
            self.store.put(f"P-{who}", kept.to_bytes(), not_after_ms=kept.not_after_ms)
        self.new, self.old = CountingEyes(NEW), CountingEyes(OLD, "old ")
        self._frame: CameraFrame | None = None
        self._seq = 0
        self._told: list[bytes] = []
        self.watch = Watch(
            {LANE: self}, self.new, lambda _: [], self._told.append, self.lone.read,
            detect_every_ns=0, before=self.old,
        )  # fmt: skip
        held = PassSet.build(1, decode_passes(merkle.pack(rows)))
        book = SimpleNamespace(auth_ver=1, held=held, head_issued_ms=None, lease=Lease(None))
        ledger = SimpleNamespace(append=lambda facts, _stamp: self.lone.facts.extend(facts), disk_alarm=False)
        parts = Parts(
            clock=self.lone, io=None, ledger=ledger, book=book, templates=self.store, screens=self.lone,
            wake_link=lambda: None, tell_state=lambda: None, boot_id="b1", build_ms=0, new_id=lambda: "id",
            going=Going(OLD.engine_id, self.until_ms), want_before=self._want,
        )  # fmt: skip
        self.node = Node(parts, {GATE: LANE}, {GATE: 0.001})
        self.node.take_gates([self.lone.gate])

    def _want(self, wanted: Wanted) -> None:
        if not self.wanted or self.wanted[-1] != wanted:
            self.wanted.append(wanted)
            self.watch.hear(unpack_asked(pack_asked(BeforeWanted(wanted))))

    def newest(self, *, newer_than: int, within_s: float) -> CameraFrame | None:
        return self._frame if self._frame is not None and self._frame.seq > newer_than else None

    def close(self) -> None:
        """As a camera there is nothing to close."""

    async def starts(self, **changes: object) -> None:
        """Templates from the disk, then the engines, then the camera."""
        self.node._load_templates()
        engines = msgspec.structs.replace(engine_state(NEW, 1), before=engine_state(OLD, 1))
        self._take(msgspec.structs.replace(engines, **changes))
        await self.lone.boot()
        await self.lone.gate.on_event(CameraChanged(Camera.OK))
        self.forget()

    def _take(self, told: Told | EngineState) -> None:
        self.node._take(told)

    async def sees(self, who: str | None, count: int = 12) -> None:
        """So many pictures of somebody, or of nobody, at the pace of a camera."""
        for n in range(count):
            self.lone.at_ns += FRAME_NS
            seeds = seeds_like(who, 40) if who else [0]
            picture = np.full((240, 320, 3), 100 + n, np.uint8)
            if who is not None:
                picture = synthetic_frame(who, seeds[n % 40], size=(480, 640))
            self._seq += 1
            self._frame = CameraFrame(picture, self.lone.at_ns, self._seq)
            self.watch.look()
            for data in self._told:
                said = unpack(data)
                self._take(said)
            self._told.clear()
            await self.settled()

    async def settled(self) -> None:
        """Everything that was begun by what was seen has come to its end."""
        while self.node._tasks:
            await asyncio.gather(*self.node._tasks)
            await asyncio.sleep(0)

    async def walks_up(self, who: str) -> str:
        """The word of the ledger for somebody who walks up, stays, and leaves again."""
        self.forget()
        await self.sees(who)
        said = [kind for kind in self.lone.kinds if kind in {"access.granted", "access.denied"}]
        await self.sees(None, 15)
        return said[0].removeprefix("access.") if said else "nothing"

    async def enrols(self, who: str) -> Template:
        """At the enrolment step: a person has asked for it, and the guest looks into the camera."""
        self.forget()
        enrolling = asyncio.create_task(self.node.enrol_camera(f"P-{who}", GATE))
        for _ in range(200):
            await asyncio.sleep(0)
            if enrolling.done():
                break
            await self.sees(who, 1)
        made = await enrolling
        await self.sees(None, 15)
        return made

    def model_of(self, who: str) -> str:
        """By which model this guest is enrolled on the disk."""
        kept = {one.pass_id: Template.from_bytes(one.data) for one in self.store.all()}
        return kept[f"P-{who}"].engine_id if f"P-{who}" in kept else "none"

    def forget(self) -> None:
        self.lone.facts.clear()
        self.lone.shown.clear()
        self.lone.pulses.clear()

    @property
    def models(self) -> list[str]:
        """By which model each grant was made."""
        matches: Iterable = (fact.match for fact in self.lone.facts if fact.type == "access.granted")
        return [match.model.split("@")[0] for match in matches if match]

    def ends(self) -> None:
        self.node.close()
        self.store.close()
