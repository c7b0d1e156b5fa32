"""Signed frames about passes, made from values."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from cloud_sync.distribute.node_set import NodeSet, Step
from cloud_sync.distribute.plan import LEASE_MS, Denied
from cloud_sync.ports import Signer
from cloud_sync.protocol import delta
from cloud_sync.protocol.delta import DENY_ITEMS_MAX, Delta, Deny
from cloud_sync.protocol.messages import Erase, EraseItem, Head, encode, signing_bytes


def _base64(signature: bytes) -> str:
    return base64.b64encode(signature).decode()


@dataclass(frozen=True, slots=True)
class Frames:
    """Encoded and signed by the community's key."""

    signer: Signer

    def head(self, held: NodeSet, erase_ver: int, now_ms: int) -> bytes:
        head = Head(
            node=held.node,
            auth_ver=held.auth_ver,
            count=held.count,
            root=held.root,
            issued=now_ms,
            lease_until=now_ms + LEASE_MS,
            erase_ver=erase_ver,
            kid=self.signer.kid,
        )
        return encode(replace(head, sig=_base64(self.signer.sign(signing_bytes(head)))))

    def erase(self, node: str, erase_ver: int, items: list[EraseItem]) -> bytes:
        erase = Erase(node=node, erase_ver=erase_ver, items=items, kid=self.signer.kid)
        return encode(replace(erase, sig=_base64(self.signer.sign(signing_bytes(erase)))))

    def denials(self, node: str, auth_ver: int, items: Sequence[Denied], now_ms: int) -> list[bytes]:
        """None, or as many frames as the items need."""
        return [
            self._deny(node, auth_ver, items[i : i + DENY_ITEMS_MAX], now_ms)
            for i in range(0, len(items), DENY_ITEMS_MAX)
        ]

    def _deny(self, node: str, auth_ver: int, items: Sequence[Denied], now_ms: int) -> bytes:
        deny = Deny(node=node, auth_ver=auth_ver, issued=now_ms, items=list(items), kid=self.signer.kid)
        return encode(replace(deny, sig=_base64(self.signer.sign(delta.signing_bytes(deny)))))

    def delta(self, node: str, step: Step, now_ms: int) -> bytes:
        made = Delta(
            node=node,
            since=step.since,
            auth_ver=step.auth_ver,
            count=step.count,
            root=step.root,
            issued=now_ms,
            lease_until=now_ms + LEASE_MS,
            gone=list(step.gone),
            rows=_base64(delta.join(step.rows)) if step.rows else "",
            kid=self.signer.kid,
        )
        return encode(replace(made, sig=_base64(self.signer.sign(delta.signing_bytes(made)))))
