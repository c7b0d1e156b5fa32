"""What a technician may ask of a running node, each answered as one JSON object."""

from edge.runtime.control import Answer, Handler
from edge.runtime.enrol import Approval
from edge.runtime.node import Node


def handlers(node: Node) -> dict[str, Handler]:
    """What a technician may ask of a running node."""

    async def status(_: Answer) -> Answer:
        health = node.health()
        return {
            "state": health.state,
            "faults": list(health.faults),
            "clock": health.clock,
            "auth_ver": node.knowledge().passes.version,  # by which the doors decide, not only what the book has
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
        return {"erased": await node.erase([str(asked["pass_id"])])}

    return {"status": status, "enrol_camera": enrol_camera, "enrol_template": enrol_template, "erase": erase}


def _approval(asked: Answer) -> Approval:
    return Approval(str(asked.get("by", "")), str(asked.get("why", "")))
