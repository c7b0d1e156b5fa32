"""What a node asks for over HTTPS: its whole set of passes, by a request that its device key has signed (ADR 0046)."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Response

from cloud_sync.api.describing import Says, Who, add
from cloud_sync.api.problems import ProblemRoute
from cloud_sync.ports_delivery import Snapshots
from cloud_sync.protocol.pull import NONCE, NONCE_HEX, PULL_PATH, SIGNATURE, TIME, VERSION

NodeName = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Moment = Annotated[int, Header(alias=TIME, ge=0, le=2**53)]
Once = Annotated[str, Header(alias=NONCE, pattern=rf"^[0-9a-f]{{{NONCE_HEX}}}$")]
Signed = Annotated[str, Header(alias=SIGNATURE, min_length=88, max_length=88)]
PULL = Says(
    "The whole set of a node's passes",
    "nodes",
    Who.NODE,
    content={"application/msgpack": {"schema": {"type": "string", "format": "binary"}}},
)


def node_router(snapshots: Snapshots) -> APIRouter:
    router = APIRouter(route_class=ProblemRoute)

    def passes(node: NodeName, at_ms: Moment, nonce: Once, signature: Signed) -> Response:
        """The rows of every pass that this node is to hold, as one msgpack list; never a name, never a template."""
        held = snapshots.pull(node, at_ms=at_ms, nonce=nonce, signature=signature)
        return Response(held.packed, media_type="application/msgpack", headers={VERSION: str(held.auth_ver)})

    add(router, "GET", PULL_PATH, passes, PULL, response_class=Response)
    return router
