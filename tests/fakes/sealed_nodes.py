"""Two nodes' halves of a sealed exchange without a bus: real keys, real sealer, real books, a host that only keeps."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cloud_sync.protocol.sealed import fingerprint
from edge.core.events import AccessPointId, ClockState, Fact, PassId, SubjectRef
from edge.core.passes import ENTRY_PREREQS, Pass, PassSet, PassState, Prereq, SubjectClass
from edge.core.peers import Peer, Roster
from edge.errors import StoreError
from edge.link.sealing import Sealer
from edge.ports import ClockReading
from edge.runtime.enrol import permitted, template_end_ms
from edge.runtime.envelope_parts import EnvelopeParts
from edge.runtime.envelopes import EnvelopeDesk
from edge.store.gallery_store import GalleryStore
from edge.store.peer_book import PeerBook
from models.engine import EngineInfo, Quality
from models.template import Template

COMMUNITY = "dongfang"
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
DOORS = {"n-a": AccessPointId("AP-1"), "n-b": AccessPointId("AP-2"), "n-c": AccessPointId("AP-3")}
INFO = EngineInfo("test", "ab" * 32, "cd" * 32, 128, "cosine", None, "none")
EVERYWHERE = tuple(DOORS.values())
OTHER = EngineInfo("test", "ef" * 32, "cd" * 32, 128, "cosine", None, "none")


def template(seed: int = 1, *, info: EngineInfo = INFO, made_ms: int = NOW_MS, dim: int = 128) -> Template:
    noise = np.random.default_rng(seed).normal(size=(3, dim)).astype(np.float32)
    rows = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    qualities = [Quality(0.95, 80.0, 120.0, 300.0, 0.0, 0.0, 1)] * 3
    return Template.of_parts(info, list(rows), qualities, made_ms=made_ms, not_after_ms=NOW_MS)


def a_pass(pass_id: str = "P-1", *, version: int = 3, consent: bool = True, scope=EVERYWHERE) -> Pass:
    return Pass(
        pass_id=PassId(pass_id),
        pass_version=version,
        subject_ref=SubjectRef("S-1"),
        cls=SubjectClass.GUEST,
        state=PassState.ARMED,
        scope=frozenset(scope),
        schedule="always",
        not_before_ms=NOW_MS - HOUR_MS,
        not_after_ms=NOW_MS + 20 * HOUR_MS,
        prereq=ENTRY_PREREQS | (Prereq.FACE_CONSENT if consent else Prereq(0)),
        policy=1,
    )


@dataclass
class SteppedClock:
    now_ms: int = NOW_MS
    mono_ns: int = 10**12

    def read(self) -> ClockReading:
        return ClockReading(self.now_ms, self.mono_ns, ClockState.TRUSTED, 0)

    def step(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
        self.mono_ns += round(seconds * 1e9)


@dataclass
class Keys:
    """What a node makes for itself when it joins."""

    node: str
    device: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    sealing: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    def peer(self, *doors: str) -> Peer:
        device = self.device.public_key().public_bytes_raw()
        sealing = self.sealing.public_key().public_bytes_raw()
        own = frozenset(AccessPointId(door) for door in doors) or frozenset(
            {DOORS.get(self.node, AccessPointId("AP-x"))}
        )
        return Peer(self.node, device, sealing, own, fingerprint(self.node, device, sealing))

    def sealer(self, community: str = COMMUNITY) -> Sealer:
        return Sealer(community, self.sealing.private_bytes_raw(), self.device.sign)


class Host:
    """A node that keeps templates and writes down what it is told."""

    def __init__(self, shelf: GalleryStore, info: EngineInfo | None) -> None:
        self.faces_held = False
        self.passes = PassSet.build(1, [a_pass()])
        self.facts: list[Fact] = []
        self._shelf = shelf
        self._fails = ""
        self.gates = {AccessPointId("AP"): SimpleNamespace(desk=info and SimpleNamespace(info=info))}

    @contextmanager
    def failing(self, when: str) -> Iterator[None]:
        """For now nothing can be kept: ``before`` the template is on the disk, or ``after`` it."""
        self._fails = when
        yield
        self._fails = ""

    def holds(self, *passes: Pass) -> None:
        self.passes = PassSet.build(self.passes.version + 1, passes)

    def knowledge(self) -> SimpleNamespace:
        return SimpleNamespace(passes=self.passes)

    async def enrol_template(self, pass_id: str, data: bytes) -> Template:
        return await self.take_sealed(pass_id, data, "")

    async def take_sealed(self, pass_id: str, data: bytes, origin: str) -> Template:
        holder = permitted(self.passes, PassId(pass_id))
        if self._fails == "before":
            raise StoreError("gallery.db: the disk is full")
        self._shelf.put(pass_id, data, not_after_ms=template_end_ms(holder))
        if self._fails == "after":
            raise StoreError("events.db: the disk is full")
        x = {"from": origin} if origin else {}
        self.facts.append(Fact("sys.enrolled", pass_id=PassId(pass_id), x=x))
        return Template.from_bytes(data)

    async def erase(self, pass_ids) -> int:
        return self._shelf.erase(set(pass_ids))

    async def record(self, facts) -> None:
        self.facts += facts


class SealedNode:
    """One node's desk, turned by hand; what it says goes into lists."""

    def __init__(
        self, folder: Path, keys: Keys, *, info: EngineInfo | None = INFO, wanted: bool = True
    ) -> None:
        self.keys = keys
        self.folder = folder / keys.node
        self.clock = SteppedClock()
        self.shelf = GalleryStore(self.folder / "gallery.db", self.folder / "gallery.key")
        self.book = PeerBook(self.folder / "peers.db")
        self.host = Host(self.shelf, info)
        self.said: list[bytes] = []
        self.answers: list[tuple[str, str, str]] = []
        self.wanted = wanted
        self.deaf = False
        self.desk = self.start()

    def start(self) -> EnvelopeDesk:
        """A desk as it is after a start: it knows what is on the disk."""
        self.desk = EnvelopeDesk(
            EnvelopeParts(
                own=self.keys.node,
                fingerprint=self.keys.peer().fingerprint,
                face_wanted=self.wanted,
                clock=self.clock,
                host=self.host,
                shelf=self.shelf,
                peers=self.book,
                seal=self.keys.sealer().seal,
                open=self.keys.sealer().open,
                say_envelope=self._say,
                say_answer=lambda *answer: self.answers.append(answer),
                wake_link=lambda: None,
            )
        )
        return self.desk

    def _say(self, frame: bytes) -> bool:
        if not self.deaf:
            self.said.append(frame)
        return not self.deaf

    def knows(self, *keys: Keys, ver: int = 1) -> None:
        self.desk._take_roster(Roster(ver, tuple(one.peer() for one in keys)))

    async def turn(self) -> None:
        """What a tick does when nothing comes in."""
        if self.desk._withdrawn:
            await self.desk._give_back()
        self.desk._offer_due()

    def close(self) -> None:
        self.shelf.close()
        self.book.close()
