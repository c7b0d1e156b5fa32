"""A door of the real core before the real books: what is shown at it, what it says, and what the service hears of it."""

import asyncio
from collections.abc import Iterable, Mapping

from cloud_sync.compose import Books
from cloud_sync.protocol.messages import PassRow
from edge.core.door_events import CameraChanged, DpsClose, DpsOpen
from edge.core.door_types import Camera
from edge.core.events import AccessPointId, Stamp
from edge.core.face_mode import FaceMode
from edge.link.translate import encode_fact
from edge.ports import Shown
from edge.runtime.face_desk import FaceDesk
from edge.runtime.sightings import FaceSeen
from models.engine import Vector
from tests.fakes.community_house import GATE, Gate
from tests.fakes.faces_at_a_door import INFO
from tests.fakes.lone_gate import LoneGate

THROUGH_NS = 2_000_000_000  # to open the door, and until it has fallen shut
AWAY = {"online": False, "contact_age_ms": None}


def door_of(books: Books, rows: Iterable[PassRow] = (), *, at: str = GATE, **words: object) -> LoneGate:
    """A door of this community that holds these passes, at the service's own time."""
    return LoneGate(
        list(rows),
        key=books.keys.pin,
        door=AccessPointId(at),
        community_key=books.keys.signer.public_key,
        kid=books.keys.signer.kid[:8],
        now_ms=books.clock.now_ms(),
        **words,  # type: ignore[arg-type]
    )


def shown(lone: LoneGate, *what: tuple[str, str], walks_in: bool = False) -> list[tuple[str, str | None]]:
    """What the door says to codes, digits and cards that are shown a second apart."""

    async def play() -> None:
        await lone.boot()
        for kind, data in what:
            lone.at_ns += 1_000_000_000
            await lone.gate.on_shown(Shown(lone.door, kind, data, lone.at_ns))
        if walks_in:
            await _through(lone)

    asyncio.run(play())
    return [(fact.type.removeprefix("access."), fact.reason) for fact in lone.facts if fact.reason]


def looked_at(
    lone: LoneGate, faces: Mapping[str, Vector], frames: Iterable[FaceSeen], *, walks_in: bool = False
) -> LoneGate:
    """Somebody walks up to a door that knows these faces by their passes."""
    lone.gate.desk, lone.gate.face_mode = FaceDesk(INFO, fpir_wanted=0.001), FaceMode.ONE_TO_N
    lone.gate.desk.put_gallery(list(faces.items()), version=1, k=3)

    async def play() -> None:
        await lone.boot()
        await lone.gate.on_event(CameraChanged(Camera.OK))
        lone.facts.clear()
        for one in frames:
            lone.at_ns = one.t_ns
            await lone.gate.on_face(one)
            if lone.pulses:
                break
        if walks_in:
            await _through(lone)

    asyncio.run(play())
    return lone


async def _through(lone: LoneGate) -> None:
    lone.at_ns += THROUGH_NS // 2
    await lone.gate.on_event(DpsOpen())
    lone.at_ns += THROUGH_NS // 2
    await lone.gate.on_event(DpsClose())


def tells(gate: Gate, *doors: LoneGate) -> list[int]:
    """What stands in the ledgers of these doors, as their node tells it to the real sink; the numbers it is told under."""
    first = gate.ledger.head + 1
    for lone in doors:
        now = lone.read()
        stamp = Stamp("b1", now.mono_ns // 1_000_000, now.wall_ms, lone.clock, 0)
        for fact in lone.facts:
            gate.ledger.record(encode_fact(fact, stamp))
    told = list(range(first, gate.ledger.head + 1))
    gate.hears(gate.ledger.batch(told))
    return told


__all__ = ["AWAY", "GATE", "THROUGH_NS", "door_of", "looked_at", "shown", "tells"]
