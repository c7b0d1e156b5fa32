"""Builds, signs and sends what ``plan`` decides; a tick is cheap when nothing changed."""

import base64
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from msgspec.structs import replace

from cloud_sync.distribute.plan import (
    HEAD_EVERY_MS,
    LEASE_MS,
    Drive,
    NewSet,
    erase_now,
    is_behind,
    next_set,
    parts,
)
from cloud_sync.ports import Clock, HeldSet, NodeView, PassSets, PassSource, Publisher, Signer
from cloud_sync.protocol import merkle
from cloud_sync.protocol.messages import Erase, Head, PassRow, encode, signing_bytes
from cloud_sync.protocol.topics import NodeTopics

log = structlog.get_logger()

S = TypeVar("S", Head, Erase)


@dataclass(slots=True)
class Told:
    """What this process has sent one node so far; lost at its end, then everything is told again."""

    session: int = 0
    head: tuple[int, str, int] | None = None  # auth_ver, root, erase_ver
    head_ms: int = 0
    snapshot: Drive = field(default_factory=Drive)
    erasure: Drive = field(default_factory=Drive)


@dataclass(slots=True)
class DistributorCounters:
    built: int = 0
    heads: int = 0
    snapshots: int = 0
    erasures: int = 0


class Distributor:
    """Call ``tick`` about every second from one thread, and with ``changed`` whenever the passes may have."""

    def __init__(
        self,
        source: PassSource,
        sets: PassSets,
        signer: Signer,
        publisher: Publisher,
        clock: Clock,
        tenant: str,
    ) -> None:
        self._source = source
        self._sets = sets
        self._signer = signer
        self._publisher = publisher
        self._clock = clock
        self._tenant = tenant
        self._told: dict[str, Told] = {}
        self.counters = DistributorCounters()

    def tick(self, *, changed: bool = True) -> None:
        """Bring every node one step nearer to what it should hold; unchanged passes are not asked for again.

        Raises:
            StoreError: the database did not answer; the next tick starts over.
        """
        now_ms = self._clock.now_ms()
        views = self._sets.views(now_ms)
        for view in views:
            self._node(view, now_ms, changed=changed)
        self._told = {view.node: self._told[view.node] for view in views}

    def _node(self, view: NodeView, now_ms: int, *, changed: bool) -> None:
        told = self._told.setdefault(view.node, Told())
        session = self._publisher.session
        if session != told.session:  # retained state may be forgotten, the rest was lost with the connection
            told.head = None
            told.snapshot = told.erasure = Drive()
            told.session = session
        built = next_set(view, self._rows(view, changed=changed))
        held = self._keep(view.node, built, now_ms) if built else view.held
        assert held is not None, "a node without a set is given its first, if only an empty one"
        if session:
            self._tell_head(view, held, told, now_ms)
            self._tell_snapshot(view, held, told, now_ms)
            self._tell_erasures(view, told, now_ms)

    def _rows(self, view: NodeView, *, changed: bool) -> list[PassRow]:
        if changed or view.held is None:
            return self._source.rows_for(view.node)
        return merkle.unpack(view.held.packed)

    def _keep(self, node: str, built: NewSet, now_ms: int) -> HeldSet:
        """Stored before it is told: a version once seen by a node is never used again for other rows."""
        self._sets.save(node, built.auth_ver, built.root, built.packed, now_ms)
        self.counters.built += 1
        log.info("pass_set_built", node=node, auth_ver=built.auth_ver)
        return HeldSet(built.auth_ver, built.root, built.packed, 0, "")

    def _tell_head(self, view: NodeView, held: HeldSet, told: Told, now_ms: int) -> None:
        wanted = (held.auth_ver, held.root, view.erase_ver)
        if told.head != wanted or now_ms - told.head_ms >= HEAD_EVERY_MS:
            self._send_head(view, held, now_ms)
            told.head, told.head_ms = wanted, now_ms

    def _send_head(self, view: NodeView, held: HeldSet, now_ms: int) -> None:
        head = Head(
            node=view.node,
            auth_ver=held.auth_ver,
            count=len(merkle.unpack(held.packed)),
            root=held.root,
            issued=now_ms,
            lease_until=now_ms + LEASE_MS,
            erase_ver=view.erase_ver,
            kid=self._signer.kid,
        )
        self._publisher.send(self._topics(view).auth_head, encode(self._signed(head)), retain=True)
        self.counters.heads += 1

    def _tell_snapshot(self, view: NodeView, held: HeldSet, told: Told, now_ms: int) -> None:
        if not view.online or not is_behind(held):
            told.snapshot = Drive()  # once it is back, or behind again, it is sent at once
            return
        if not told.snapshot.is_due(held.auth_ver, now_ms):
            return
        if told.snapshot.version == held.auth_ver:
            self._send_head(view, held, now_ms)  # a repetition: whichever half was missed, both come again
        for part in parts(held.auth_ver, held.packed):
            self._publisher.send(self._topics(view).auth, encode(part))
        told.snapshot = told.snapshot.sent(held.auth_ver, now_ms)
        self.counters.snapshots += 1

    def _tell_erasures(self, view: NodeView, told: Told, now_ms: int) -> None:
        due = erase_now(view) if view.online else None
        if due is None:
            told.erasure = Drive()
            return
        version, items = due
        if told.erasure.is_due(version, now_ms):
            erase = Erase(node=view.node, erase_ver=version, items=items, kid=self._signer.kid)
            self._publisher.send(self._topics(view).erase, encode(self._signed(erase)))
            told.erasure = told.erasure.sent(version, now_ms)
            self.counters.erasures += 1

    def _signed(self, message: S) -> S:
        signature = self._signer.sign(signing_bytes(message))
        return replace(message, sig=base64.b64encode(signature).decode())

    def _topics(self, view: NodeView) -> NodeTopics:
        return NodeTopics(self._tenant, view.node)
