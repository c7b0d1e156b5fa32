"""What the technician who walks the commissioning list asks of a running node."""

from collections.abc import Mapping

from edge.core.door_events import FireReset
from edge.core.events import AccessPointId
from edge.errors import GateError
from edge.runtime.control import Answer, Handler
from edge.runtime.gate import Gate
from edge.runtime.node import Node
from edge.runtime.sightings import PictureSeen


def walking(node: Node, pictures: Mapping[str, PictureSeen]) -> dict[str, Handler]:
    """Releasing the lock once, ending a fire release, and how old the newest picture is; none of it shows a picture."""

    async def try_lock(asked: Answer) -> Answer:
        did = await _gate(node, asked).try_lock(_by(asked))
        return {"mode": did.mode, "fault": did.fault, "refused": did.refused}

    async def fire_reset(asked: Answer) -> Answer:
        gate = _gate(node, asked)
        await gate.on_event(FireReset(_by(asked)))
        return {"mode": gate.state.mode, "fault": gate.fault}

    async def picture(asked: Answer) -> Answer:
        seen = pictures.get(str(asked["camera"]))
        if seen is None:
            return {"t_ns": 0, "age_ms": None, "width": 0, "height": 0}
        now_ns = next(iter(node.gates.values())).hands.clock.read().mono_ns
        age_ms = (now_ns - seen.t_ns) // 1_000_000
        return {"t_ns": seen.t_ns, "age_ms": age_ms, "width": seen.width, "height": seen.height}

    return {"try_lock": try_lock, "fire_reset": fire_reset, "picture": picture}


def _gate(node: Node, asked: Answer) -> Gate:
    door = str(asked["access_point"])
    gate = node.gates.get(AccessPointId(door))
    if gate is None:
        raise GateError(f"this node has no door {door}. It has: {', '.join(sorted(node.gates))}.")
    return gate


def _by(asked: Answer) -> str:
    by = str(asked.get("by", "")).strip()
    if not by:
        raise GateError("nobody is named. Say who tries the door with --by.")
    return by
