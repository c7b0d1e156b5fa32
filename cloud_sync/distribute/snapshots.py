"""Brings every node to the passes it should hold: what takes away first, then deltas, then what repairs (ADR 0041).

A tick is cheap when nothing changed.  What is in memory can be made anew from the books and the stored versions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import structlog

from cloud_sync.distribute.frames import Frames
from cloud_sync.distribute.node_set import Kept, NodeSet, Step
from cloud_sync.distribute.plan import (
    HEAD_EVERY_MS,
    Drive,
    contradicts,
    erase_now,
    newest_version,
    parts,
    takes_deltas,
)
from cloud_sync.ports import Clock, NewVersion, NodeView, PassNews, PassSets, PassSource, Publisher, Signer
from cloud_sync.protocol.delta import BUCKETS, mask_of
from cloud_sync.protocol.messages import Part, encode
from cloud_sync.protocol.topics import NodeTopics

log = structlog.get_logger()

SENDING_MAX = 8  # nodes that are sent a set at a time: each costs its set's size in memory
# Of all nodes together, at each tick: about 1.6 MB, so that what takes away never stands behind more than that.
PARTS_PER_TICK = 100
TRIES_MAX = 3  # a node that got no further and asks for nothing is sent the whole set


class Wanted:
    """The news, seen from one node after the other."""

    def __init__(self, news: PassNews) -> None:
        self._kept = {pass_id: None if raw is None else Kept.of(raw) for pass_id, raw in news.rows.items()}
        self._nodes = {
            pass_id: frozenset()
            if kept is None
            else frozenset(news.doors[door] for door in kept.row.scope if door in news.doors)
            for pass_id, kept in self._kept.items()
        }

    def at(self, node: str) -> dict[str, Kept]:
        """All that this node is to hold, of what was told."""
        return {
            pass_id: kept
            for pass_id, kept in self._kept.items()
            if kept is not None and node in self._nodes[pass_id]
        }

    def told(self, node: str, held: NodeSet) -> dict[str, Kept | None]:
        """What was told as far as it concerns this node; None: it is not to hold it."""
        return {
            pass_id: kept if node in self._nodes[pass_id] else None
            for pass_id, kept in self._kept.items()
            if node in self._nodes[pass_id] or pass_id in held
        }


def _doors_of(owners: Mapping[str, str]) -> dict[str, frozenset[str]]:
    doors: dict[str, set[str]] = {}
    for door, node in owners.items():
        doors.setdefault(node, set()).add(door)
    return {node: frozenset(mine) for node, mine in doors.items()}


def _stored(view: NodeView) -> tuple[int, str] | None:
    return None if view.held is None else (view.held.auth_ver, view.held.root)


@dataclass(slots=True)
class Told:
    """What this process has sent one node so far; lost at its end, then everything is told again."""

    head: tuple[int, str, int] | None = None  # auth_ver, root, erase_ver
    head_ms: int = 0
    line: int = 0  # every step up to this version was sent on this connection
    told_ver: int = 0
    tries: int = 0
    answered_ms: int = 0  # the newest asking for a repair that was answered
    wanted: bool = False  # a set waits for its turn to be sent,
    leaves: str = ""  # without the buckets in which the node said that it is right
    sending: Iterator[Part] | None = None
    drive: Drive = field(default_factory=Drive)
    erasure: Drive = field(default_factory=Drive)


@dataclass(slots=True)
class DistributorCounters:
    built: int = 0
    heads: int = 0
    deltas: int = 0
    denials: int = 0
    repairs: int = 0
    snapshots: int = 0
    parts: int = 0
    erasures: int = 0


class Distributor:
    """Call ``tick`` about ten times a second from one thread."""

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
        self._stored = sets
        self._frames = Frames(signer)
        self._publisher = publisher
        self._clock = clock
        self._tenant = tenant
        self._session = 0
        self._sets: dict[str, NodeSet] = {}
        self._told: dict[str, Told] = {}
        self.counters = DistributorCounters()

    def tick(self) -> None:
        """Bring every node one step nearer to what it should hold.

        Raises:
            StoreError: the database did not answer; the next tick starts over.
        """
        now_ms = self._clock.now_ms()
        views = self._stored.views(now_ms)
        try:
            steps = self._follow(views, now_ms)
        except BaseException:
            self._sets.clear()  # it may be ahead of what is stored
            raise
        self._told = {view.node: self._told.get(view.node) or Told() for view in views}
        if not self._publisher.session:
            return
        if self._publisher.session != self._session:
            self._begin_session()
        self._send_steps(views, steps, now_ms)
        for view in views:
            self._tell(view, now_ms)
        self._send_parts(now_ms)

    def _begin_session(self) -> None:
        """Retained state may be forgotten, the rest was lost with the connection."""
        self._session = self._publisher.session
        self._told = {node: Told(answered_ms=told.answered_ms) for node, told in self._told.items()}

    # --- the sets follow the books ----------------------------------------------------------------------------

    def _follow(self, views: list[NodeView], now_ms: int) -> dict[str, list[Step]]:
        """Every set as the books want it, stored before it is told; the steps that led there."""
        news = self._source.news(whole=not all(self._knows(view) for view in views))
        wanted, doors = Wanted(news), _doors_of(news.doors)
        steps: dict[str, list[Step]] = {}
        versions: list[NewVersion] = []
        for view in views:
            before = self._sets.get(view.node)
            if before is None or not self._knows(view):
                held = self._sets[view.node] = NodeSet(view.node)
                is_new = self._load(held, view, wanted.at(view.node))
            else:
                held = before
                if news.whole:
                    changes = held.missing_from(wanted.at(view.node))
                else:
                    changes = held.changes(wanted.told(view.node, held))
                if changes:
                    mine = doors.get(view.node, frozenset())
                    steps[view.node] = held.advance(changes, newest_version(view), mine, now_ms)
                elif contradicts(view):
                    held.overtake(newest_version(view) + 1)
                is_new = bool(changes) or (held.auth_ver, held.root) != _stored(view)
            if is_new:
                versions.append(NewVersion(view.node, held.auth_ver, held.root))
        self._sets = {view.node: self._sets[view.node] for view in views}
        if versions:
            self._stored.save(versions, now_ms)
            self.counters.built += len(versions)
            log.info("pass_sets_built", nodes=len(versions), newest=max(one.auth_ver for one in versions))
        return steps

    def _knows(self, view: NodeView) -> bool:
        """What is in memory is what is stored; otherwise another process was here, or this one has just begun."""
        held = self._sets.get(view.node)
        return held is not None and (held.auth_ver, held.root) == _stored(view)

    def _load(self, held: NodeSet, view: NodeView, rows: Mapping[str, Kept]) -> bool:
        """The set from the books under its stored version; True: that was another set, and this is a new version."""
        if view.held is not None:
            held.load(rows, view.held.auth_ver)
            if held.root == view.held.root and not contradicts(view):
                return False
        held.load(rows, newest_version(view) + 1)
        return True

    # --- what is told -----------------------------------------------------------------------------------------

    def _send_steps(self, views: list[NodeView], steps: dict[str, list[Step]], now_ms: int) -> None:
        """What is new, to every node whose line is unbroken: to all of them first what takes away."""
        online = {view.node for view in views if view.online and takes_deltas(view)}
        for node in online & steps.keys():
            for step in steps[node]:
                self._send_denials(node, step, now_ms)
        for node in online & steps.keys():
            told, mine = self._told[node], steps[node]
            if told.line == mine[0].since and all(step.fits for step in mine):
                self._send_deltas(node, mine, now_ms)
                told.line = mine[-1].auth_ver
                told.drive = told.drive.sent(told.line, now_ms)

    def _send_denials(self, node: str, step: Step, now_ms: int) -> None:
        for frame in self._frames.denials(node, step.auth_ver, step.denied, now_ms):
            self._publisher.send(self._topics(node).auth_deny, frame)
            self.counters.denials += 1

    def _send_deltas(self, node: str, steps: list[Step], now_ms: int) -> None:
        for step in steps:
            self._publisher.send(self._topics(node).auth_delta, self._frames.delta(node, step, now_ms))
            self.counters.deltas += 1

    def _tell(self, view: NodeView, now_ms: int) -> None:
        held, told = self._sets[view.node], self._told[view.node]
        wanted = (held.auth_ver, held.root, view.erase_ver)
        if told.head != wanted or now_ms - told.head_ms >= HEAD_EVERY_MS:
            self._send_head(view, now_ms)
        self._tell_set(view, held, told, now_ms)
        self._tell_erasures(view, told, now_ms)

    def _send_head(self, view: NodeView, now_ms: int) -> None:
        held, told = self._sets[view.node], self._told[view.node]
        frame = self._frames.head(held, view.erase_ver, now_ms)
        self._publisher.send(self._topics(view.node).auth_head, frame, retain=True)
        told.head, told.head_ms = (held.auth_ver, held.root, view.erase_ver), now_ms
        self.counters.heads += 1

    def _tell_set(self, view: NodeView, held: NodeSet, told: Told, now_ms: int) -> None:
        receipt = None if view.held is None else (view.held.receipt_ver, view.held.receipt_root)
        # A receipt is for ever, a card is not: a device that says it has less than its name once receipted is behind.
        current = receipt == (held.auth_ver, held.root) and view.told_ver >= held.auth_ver
        if not view.online or current:
            told.drive, told.tries, told.wanted, told.sending = Drive(), 0, False, None
            told.line = held.auth_ver if view.online else 0
            return
        if view.told_ver != told.told_ver:  # it got further: patience begins anew
            told.told_ver, told.tries = view.told_ver, 0
        if told.sending is not None or told.wanted:
            return
        if view.asked_ms > told.answered_ms:
            told.answered_ms, told.wanted, told.leaves = view.asked_ms, True, view.leaves
        elif told.drive.is_due(held.auth_ver, now_ms):
            self._drive(view, held, told, now_ms)

    def _drive(self, view: NodeView, held: NodeSet, told: Told, now_ms: int) -> None:
        """It has not said that it got there: again, whichever half was missed."""
        told.tries += 1
        steps = held.steps_from(view.told_ver, view.told_root) if takes_deltas(view) else None
        if steps is not None and told.tries <= TRIES_MAX:
            for step in steps:
                self._send_denials(view.node, step, now_ms)
            self._send_deltas(view.node, steps, now_ms)
        elif view.told_ver == 0 or told.tries > TRIES_MAX or not takes_deltas(view):
            told.wanted, told.leaves = True, ""
        if told.tries > 1:
            self._send_head(view, now_ms)
        told.line = held.auth_ver
        told.drive = told.drive.sent(held.auth_ver, now_ms)

    # --- sets, in parts ---------------------------------------------------------------------------------------

    def _send_parts(self, now_ms: int) -> None:
        """A piece of every set that is under way, in turns."""
        left = PARTS_PER_TICK
        while left > 0:
            turn = self._under_way()
            if not turn:
                return
            for node in turn:
                left -= 1
                self._send_part(node, now_ms)

    def _under_way(self) -> list[str]:
        going = [node for node, told in self._told.items() if told.sending is not None]
        for node, told in self._told.items():
            if told.wanted and len(going) < SENDING_MAX:
                told.wanted, told.sending = False, self._begin(node, told)
                going.append(node)
        return going

    def _begin(self, node: str, told: Told) -> Iterator[Part]:
        """The buckets in which the node differs by its own word, or all of them."""
        held = self._sets[node]
        buckets = held.differing(told.leaves)
        told.line = held.auth_ver
        if len(buckets) <= BUCKETS // 2:
            self.counters.repairs += 1
            return parts(held.auth_ver, held.packed(buckets), mask_of(buckets))
        self.counters.snapshots += 1
        return parts(held.auth_ver, held.packed(range(BUCKETS)))

    def _send_part(self, node: str, now_ms: int) -> None:
        told = self._told[node]
        part = None if told.sending is None else next(told.sending, None)
        if part is None:
            told.sending = None
            told.answered_ms = max(
                told.answered_ms, now_ms
            )  # whoever asked while it was on its way has it now
            told.drive = told.drive.sent(self._sets[node].auth_ver, now_ms)
            return
        self._publisher.send(self._topics(node).auth, encode(part))
        self.counters.parts += 1

    def _tell_erasures(self, view: NodeView, told: Told, now_ms: int) -> None:
        due = erase_now(view) if view.online else None
        if due is None:
            told.erasure = Drive()
            return
        version, items = due
        if told.erasure.is_due(version, now_ms):
            frame = self._frames.erase(view.node, version, items)
            self._publisher.send(self._topics(view.node).erase, frame)
            told.erasure = told.erasure.sent(version, now_ms)
            self.counters.erasures += 1

    def _topics(self, node: str) -> NodeTopics:
        return NodeTopics(self._tenant, node)
