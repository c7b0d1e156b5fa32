"""Two nodes' desks for sealed templates, side by side: node A with a guest enrolled, and node B."""

import asyncio
from pathlib import Path

from cloud_sync.protocol.messages import Sealed, decode
from edge.core.peers import Envelope
from tests.fakes.sealed_nodes import (
    Keys,
    SealedNode,
    template,
)

A, B, C = Keys("n-a"), Keys("n-b"), Keys("n-c")
STAFF = {"by": "officer-2", "reason": "the house door"}


class Two:
    """Node A with a guest enrolled, and node B."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.a, self.b = SealedNode(folder, A), SealedNode(folder, B)
        for node in (self.a, self.b):
            node.knows(A, B)

    def enrol(self, seed: int = 1, **more: object) -> None:
        run(self.a.host.enrol_template("P-1", template(seed, **more).to_bytes()))

    def trust(self, keys: Keys = B) -> None:
        run(self.a.desk.trust(keys.node, keys.peer().fingerprint, **STAFF))

    def sent(self) -> list[Envelope]:
        """What A says in one tick."""
        self.a.said.clear()
        run(self.a.turn())
        return [address(frame) for frame in self.a.said]

    def one(self) -> Envelope:
        (envelope,) = self.sent()
        return envelope

    def taken(self, envelope: Envelope) -> tuple[str, str] | None:
        """B's answer, if it gives one."""
        self.b.answers.clear()
        run(self.b.desk._take(envelope))
        return (self.b.answers[0][1], str(self.b.answers[0][2])) if self.b.answers else None


def run(work):
    return asyncio.run(work)


def address(frame: bytes) -> Envelope:
    sealed = decode(frame, Sealed)
    return Envelope(
        sealed.id, sealed.from_, sealed.to, sealed.pass_id, sealed.pass_version, sealed.model, sealed.not_after,
        frame,
    )  # fmt: skip
