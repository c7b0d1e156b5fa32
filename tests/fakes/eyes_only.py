"""A node of which only the eyes are awake: no ledger, no lock; its doors note what they are told."""

from dataclasses import dataclass, field
from types import SimpleNamespace

from edge.core.events import AccessPointId
from edge.core.freshness import Lease
from edge.core.passes import Pass, PassSet
from edge.runtime.node import Node
from edge.runtime.node_parts import Parts
from edge.runtime.sightings import EngineState, FaceSeen
from tests.fakes.faces_at_a_door import INFO
from tests.fakes.sealed_nodes import SteppedClock

DOOR = AccessPointId("AP-1")
CAMERA = "lane"
ENGINE = EngineState(
    ok=True,
    engine_id=INFO.engine_id,
    model_sha256=INFO.model_sha256,
    detector_sha256=INFO.detector_sha256,
    dim=INFO.dim,
    score=INFO.score,
)


@dataclass
class NotingDoor:
    """Takes everything and keeps the faces and codes."""

    access_point: AccessPointId = DOOR
    fire_group: None = None
    desk: None = None
    faces: list[FaceSeen] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    async def on_face(self, seen: FaceSeen) -> None:
        self.faces.append(seen)

    async def on_code(self, text: str, _t_ns: int) -> None:
        self.codes.append(text)

    async def on_nobody(self, _t_ns: int) -> None: ...

    async def on_event(self, _event: object) -> None: ...


@dataclass
class EyesOnly:
    """``node`` is the real one; ``shown`` are the words of its screen."""

    passes: tuple[Pass, ...] = ()
    shown: list[str] = field(default_factory=list)
    door: NotingDoor = field(default_factory=NotingDoor)

    def __post_init__(self) -> None:
        parts = Parts(
            clock=SteppedClock(),
            io=None,
            ledger=None,
            book=SimpleNamespace(
                auth_ver=1, held=PassSet.build(1, self.passes), head_issued_ms=None, lease=Lease(None)
            ),
            templates=SimpleNamespace(pairs=lambda: (), keep_pairs=lambda _pairs: None),
            screens=SimpleNamespace(show=lambda _door, word, _until=None: self.shown.append(str(word))),
            wake_link=lambda: None,
            tell_state=lambda: None,
            boot_id="b1",
            build_ms=0,
            new_id=lambda: "id",
        )
        self.node = Node(parts, {DOOR: CAMERA}, {})
        self.node.take_gates([self.door])
