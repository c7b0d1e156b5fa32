"""What a technician may ask of a running node, each answered as one JSON object."""

from collections.abc import Mapping
from types import MappingProxyType

from edge.core.door_events import FireReset
from edge.errors import RuleRefused
from edge.runtime.control import Answer, Handler
from edge.runtime.enrol import Approval
from edge.runtime.envelopes import EnvelopeDesk
from edge.runtime.health import with_fault
from edge.runtime.no_envelopes import NoEnvelopes
from edge.runtime.node import Node
from edge.runtime.rules import DoorRules
from edge.runtime.sightings import PictureSeen
from edge.runtime.supply import Around
from edge.runtime.walking import walking

NO_PICTURES: Mapping[str, PictureSeen] = MappingProxyType({})


def handlers(
    node: Node,
    faces: EnvelopeDesk | NoEnvelopes,
    rules: DoorRules | None = None,
    pictures: Mapping[str, PictureSeen] = NO_PICTURES,
    around: Around | None = None,
) -> dict[str, Handler]:
    """What a technician may ask of a running node; ``pictures`` are the newest of each camera."""

    async def status(_: Answer) -> Answer:
        health = with_fault(node.health(), faces.fault)
        fed = around.fed() if around is not None else None
        for fault in around.faults() if around is not None else ():
            health = with_fault(health, fault)
        return {
            "state": health.state,
            "faults": list(health.faults),
            "clock": health.clock,
            "auth_ver": node.knowledge().passes.version,  # by which the doors decide, not only what the book has
            "lease_until_ms": health.lease_until_ms,
            "faces": faces.status(),
            "supply": fed and {"state": fed.state, "charge": fed.charge, "left_s": fed.left_s},
            "models": node.models.status(),
            "freshness": {
                cls: {"state": one.state, "stale_in_ms": one.stale_in_ms, "expires_in_ms": one.expires_in_ms}
                for cls, one in health.freshness.items()
            },
            "doors": [{name: getattr(door, name) for name in door.__slots__} for door in health.doors],
        }

    async def enrol_camera(asked: Answer) -> Answer:
        template = await node.enrol_camera(
            str(asked["pass_id"]), str(asked["access_point"]), _approval(asked)
        )
        return {"enrolled": asked["pass_id"], "pictures": template.k}

    async def enrol_template(asked: Answer) -> Answer:
        template = await node.enrol_template(
            str(asked["pass_id"]), bytes.fromhex(str(asked["template"])), _approval(asked)
        )
        return {"enrolled": asked["pass_id"], "pictures": template.k}

    async def erase(asked: Answer) -> Answer:
        pass_id = str(asked["pass_id"])
        faces.tombstones({pass_id: 0})  # or the node that made it would send it again
        return {"erased": await node.erase([pass_id])}

    async def trust_receiver(asked: Answer) -> Answer:
        receiver, mark = str(asked["node"]), str(asked["fingerprint"])
        await faces.trust(receiver, mark, by=str(asked["by"]), reason=str(asked["reason"]))
        return {"trusted": receiver}

    async def distrust_receiver(asked: Answer) -> Answer:
        receiver = str(asked["node"])
        await faces.distrust(receiver, by=str(asked["by"]), reason=str(asked["reason"]))
        return {"distrusted": receiver}

    return (
        walking(node, pictures)
        | _at_the_doors(node, rules)
        | {
            "status": status,
            "enrol_camera": enrol_camera,
            "enrol_template": enrol_template,
            "erase": erase,
            "trust_receiver": trust_receiver,
            "distrust_receiver": distrust_receiver,
        }
    )


def _at_the_doors(node: Node, rules: DoorRules | None) -> dict[str, Handler]:
    """What ends by a person who stands there."""

    async def reset_fire(asked: Answer) -> Answer:
        """Every door here that fire released and whose fire input is normal again."""
        done = []
        for access_point, gate in node.gates.items():
            was = gate.state.life_safety
            await gate.on_event(FireReset(str(asked["by"])))
            if gate.state.life_safety is not was:
                done.append(access_point)
        return {"reset": list(done)}

    async def apb_reset(asked: Answer) -> Answer:
        if rules is None:
            raise RuleRefused("this node has no rules between its doors.")
        by, why = str(asked["by"]), str(asked["why"])
        return {"zone": await rules.reset(str(asked["pass_id"]), by=by, why=why, recorder=node)}

    return {"reset_fire": reset_fire, "apb_reset": apb_reset}


def _approval(asked: Answer) -> Approval:
    return Approval(str(asked.get("by", "")), str(asked.get("why", "")))
