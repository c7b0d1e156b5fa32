"""Templates to other nodes and from them: offered sealed, taken only by consent, never after their erasure.

Only what was enrolled at this node is offered, and only to nodes that the community approved and a named person
trusts here.  What comes in is judged like an enrolment; a template of another model, an expired one and one that was
sealed before its erasure are refused, said and counted.
"""

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from edge.core.events import Fact, PassId
from edge.core.peers import (
    AckState,
    Envelope,
    No,
    Peer,
    Roster,
    Sending,
    answered,
    is_made_ahead,
    objection,
    offered,
    receivers,
    trust_of,
)
from edge.errors import EnrolRefused, StoreError, TrustRefused
from edge.runtime.enrol import permitted, template_end_ms
from edge.runtime.envelope_parts import EnvelopeParts, Kept
from edge.runtime.erasure_hold import ErasureHold
from models.engine import EngineError, EngineInfo
from models.template import Template

TICK_S = 0.5
WAITING_MAX = 64  # envelopes not yet looked at; what is more is sent again by the service
OFFERS_PER_TICK = 8  # 14 KB each
STAFF_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")
REASON_MAX = 200
_NEVER = 2**63

log = structlog.get_logger()


class EnvelopeDesk:
    """``run`` it on the node's loop; the link's calls come from its own thread and only hand over."""

    def __init__(self, parts: EnvelopeParts) -> None:
        self._parts = parts
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.Queue[Envelope] = asyncio.Queue(WAITING_MAX)
        self._roster = parts.peers.roster()
        self._trusted = parts.peers.trusted()
        self._sendings = {(one.template_ref, one.node): one for one in parts.peers.over()}
        self._shelf: dict[str, Kept] = {}
        self._shelf_version = -1
        self._made_under: dict[str, int] = {}
        self._ids: dict[str, tuple[str, str]] = {}  # of envelopes offered in this life
        self._looked_at: object = None  # what the last look through all templates went by
        self._due_ns = 0  # before then another look finds nothing, unless something has changed
        # The newest roster is without this node, and what others sent may still be here.
        self._withdrawn = self._roster.ver > 0 and self._roster.find(parts.own) is None
        self._hold = ErasureHold(parts.host, parts.clock)
        self.fault = ""
        self.kept = 0
        self.refused: Counter[str] = Counter()

    # --- the link's thread ---------------------------------------------------------------------------------------

    def roster(self, roster: Roster) -> None:
        self._soon(lambda: self._take_roster(roster))

    def sealed(self, envelope: Envelope) -> None:
        self._soon(lambda: self._put(envelope))

    def answered(self, envelope_id: str, state: AckState, why: str) -> None:
        self._soon(lambda: self._take_answer(envelope_id, state, why))

    def link_up(self) -> None:
        self._soon(self._offer_again)

    def owes_erasure(self, erase_ver: int) -> None:
        self._soon(lambda: self._hold.owe(erase_ver))

    def tombstones(self, versions: Mapping[str, int]) -> None:
        """Nothing sealed under these versions of these passes comes in any more; on the disk when this returns."""
        known = self._parts.host.knowledge().passes
        floors = {
            pass_id: version or (holder.pass_version if (holder := known.get(PassId(pass_id))) else 0)
            for pass_id, version in versions.items()
        }
        self._parts.peers.note_erased(floors, self._parts.clock.read().wall_ms)

    def _soon(self, call: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    # --- the loop ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            try:
                await self._turn()
            except StoreError as error:  # nothing was kept; both sides try again
                log.error("envelope_not_kept", why=str(error))
            except Exception as error:  # noqa: BLE001 - faces are a convenience: whatever ails them stops no door
                log.error("envelope_turn_failed", why=repr(error))

    async def _turn(self) -> None:
        """Take what came, at most for one tick, then offer what is due."""
        try:
            async with asyncio.timeout(TICK_S):
                envelope = await self._waiting.get()
        except TimeoutError:
            pass
        else:
            await self._take(envelope)
        if self._withdrawn:
            await self._give_back()
        self._hold.tick()
        self._offer_due()

    def _put(self, envelope: Envelope) -> None:
        if not self._waiting.full():
            self._waiting.put_nowait(envelope)

    def _now_ns(self) -> int:
        return self._parts.clock.read().mono_ns

    def _take_roster(self, roster: Roster) -> None:
        try:
            if not self._parts.peers.keep_roster(roster):
                return
        except StoreError as error:
            log.error("roster_not_kept", why=str(error))
            return
        log.info("roster", ver=roster.ver, nodes=[peer.node for peer in roster.peers])
        self._roster = roster
        self._withdrawn = roster.find(self._parts.own) is None
        here = {peer.node for peer in roster.peers}
        for one in list(self._sendings.values()):
            if one.node not in here:  # it erases what it got; approved again, it is sent everything again
                self._forget(one)

    async def _give_back(self) -> None:
        """This node takes no part any more: what others sent it goes."""
        self._look()
        taken = self._parts.peers.taken()
        foreign = sorted({taken[ref][0] for ref in self._shelf if ref in taken})
        if foreign:
            log.info("erasing_what_others_sent", templates=await self._parts.host.erase(foreign))
        self._withdrawn = False

    # --- out -----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """The gallery as it is now; opened again only when it has changed."""
        if (version := self._parts.shelf.version) != self._shelf_version:
            self._shelf = {one.template_ref: one for one in self._parts.shelf.all()}
            self._settle()
            self._parts.peers.keep_only(self._shelf)
            self._note_made()
            self._sendings = {key: one for key, one in self._sendings.items() if key[0] in self._shelf}
            self._ids = {told: key for told, key in self._ids.items() if key[0] in self._shelf}
            self._shelf_version = version  # last: what was not kept is looked at again

    def _settle(self) -> None:
        """What was being taken is here or is not, whatever came in between: a template tells by when it was made."""
        if taking := self._parts.peers.taking():
            self._parts.peers.settle(
                {
                    one.pass_id: ref
                    for ref, one in self._shelf.items()
                    if one.pass_id in taking and Template.from_bytes(one.data).made_ms == taking[one.pass_id]
                }
            )

    def _note_made(self) -> None:
        """Within a tick of an enrolment: later the pass may stand for another consent, and the template does not."""
        peers, passes = self._parts.peers, self._parts.host.knowledge().passes
        known = {*peers.made_under(), *peers.taken()}
        new = {
            ref: holder.pass_version
            for ref, one in self._shelf.items()
            if ref not in known and (holder := passes.get(PassId(one.pass_id))) is not None
        }
        if new:
            peers.note_made(new)
        self._made_under = dict(peers.made_under())

    def _forget(self, one: Sending) -> None:
        del self._sendings[one.template_ref, one.node]
        if one.is_over:
            self._parts.peers.forget(one.template_ref, one.node)

    def _offer_due(self) -> None:
        if self._parts.host.faces_held:
            return  # what is to be erased here may be what would be offered
        self._look()
        now_ns, said = self._now_ns(), 0
        passes = self._parts.host.knowledge().passes
        state = (self._shelf_version, self._roster.ver, tuple(self._trusted.items()), passes.version)
        if state == self._looked_at and now_ns < self._due_ns:
            return  # thousands of templates are not gone through twice a second
        self._looked_at = None
        taken = self._parts.peers.taken() if self._shelf else {}
        due_ns = _NEVER
        for ref, stored in self._shelf.items():
            if ref in taken:
                continue  # whoever made it sends it
            for peer in self._receivers(stored.pass_id):
                one = self._sendings.get((ref, peer.node))
                if one is None or (not one.is_over and one.due_ns <= now_ns):
                    if said >= OFFERS_PER_TICK or not self._offer(stored, peer):
                        self._parts.wake_link()
                        return
                    one = self._sendings[ref, peer.node] = offered(one, ref, peer.node, now_ns)
                    said += 1
                due_ns = due_ns if one.is_over else min(due_ns, one.due_ns)
        self._looked_at, self._due_ns = state, due_ns
        if said:
            self._parts.wake_link()

    def _receivers(self, pass_id: str) -> tuple[Peer, ...]:
        try:
            holder = permitted(self._parts.host.knowledge().passes, PassId(pass_id))
        except EnrolRefused:
            return ()  # without a current consent nothing leaves, whatever is still on the disk
        return receivers(self._roster, self._trusted, self._parts.own, holder.scope)

    def _offer(self, stored: Kept, peer: Peer) -> bool:
        """Seal it anew each time: no ciphertext of ours is ever kept here."""
        holder = permitted(self._parts.host.knowledge().passes, PassId(stored.pass_id))
        envelope = Envelope(
            id=_envelope_id(stored.template_ref, peer),
            sender=self._parts.own,
            receiver=peer.node,
            pass_id=stored.pass_id,
            pass_version=self._made_under.get(stored.template_ref, 0),  # unknown: under none that lasts
            model=Template.from_bytes(stored.data).embedder_sha256,
            not_after_ms=template_end_ms(holder),
            frame=b"",
        )
        try:
            frame = self._parts.seal(envelope, peer, stored.data)
        except ValueError as error:  # too long, or no key: the others are offered, this one ever more slowly
            log.error("cannot_seal", node=peer.node, pass_id=stored.pass_id, why=str(error))
            return True
        self._ids[envelope.id] = (stored.template_ref, peer.node)
        return self._parts.say_envelope(frame)

    def _offer_again(self) -> None:
        """The session is new: what was on its way may be lost."""
        for key, one in self._sendings.items():
            if not one.is_over:
                self._sendings[key] = replace(one, due_ns=0)
        self._due_ns = 0

    def _take_answer(self, envelope_id: str, state: AckState, why: str) -> None:
        key = self._ids.get(envelope_id)
        one = self._sendings.get(key) if key is not None else None
        if key is None or one is None or one.is_over:
            return
        after = answered(one, state, why, self._now_ns())
        self._sendings[key] = after
        if after.is_over:
            del self._ids[envelope_id]
            self._note_over(after)

    def _note_over(self, one: Sending) -> None:
        try:
            self._parts.peers.note_over(one)
        except StoreError as error:  # it is offered once more after a start, and answered the same
            log.error("answer_not_kept", why=str(error))

    # --- in ------------------------------------------------------------------------------------------------------

    async def _take(self, envelope: Envelope) -> None:
        """Judge, open, keep; answered only when it is kept on the disk, or refused for a reason."""
        verdict = await self._verdict(envelope)
        if verdict is None:
            return  # what it needs is still on its way; the service sends it again
        if isinstance(verdict, No):
            self.refused[verdict] += 1
            log.warning(
                "envelope_refused", sender=envelope.sender, pass_id=envelope.pass_id, why=verdict.value
            )
            self._parts.say_answer(envelope.id, "refused", verdict)
        else:
            self._parts.say_answer(envelope.id, "kept", "")
        self._parts.wake_link()

    async def _verdict(self, envelope: Envelope) -> No | bool | None:
        """Why not; True when it is kept; None when it cannot be said yet."""
        parts = self._parts
        floors, now_ms = parts.peers.erased(), parts.clock.read().wall_ms
        no = objection(envelope, own=parts.own, roster=self._roster, floors=floors, now_ms=now_ms)
        if no is not None:
            return no
        self._look()
        if self._is_kept(envelope):
            return True
        passes = parts.host.knowledge().passes
        holder = passes.get(PassId(envelope.pass_id))
        if holder is None or holder.pass_version < envelope.pass_version:
            return None
        sender = self._roster.find(envelope.sender)
        assert sender is not None, "judged above"
        if not sender.doors & holder.scope:
            return No.NO_DOOR
        engine = self._engine()
        if engine is None:
            return None if parts.face_wanted else No.FACE_OFF
        if envelope.model != engine.model_sha256:
            return No.FOREIGN_MODEL
        data = parts.open(envelope, sender)
        return data if isinstance(data, No) else await self._keep(envelope, data, engine)

    def _engine(self) -> EngineInfo | None:
        return next((gate.desk.info for gate in self._parts.host.gates.values() if gate.desk), None)

    def _is_kept(self, envelope: Envelope) -> bool:
        taken = self._parts.peers.taken()
        return any(ref in self._shelf and told[1] == envelope.id for ref, told in taken.items())

    async def _keep(self, envelope: Envelope, data: bytes, engine: EngineInfo) -> No | bool:
        try:
            template = Template.from_bytes(data)
            template.check(engine)
        except EngineError:
            return No.FOREIGN_MODEL
        if is_made_ahead(template.made_ms, self._parts.clock.read().wall_ms):
            return No.MADE_AHEAD
        held = [Template.from_bytes(one.data) for one in self._shelf.values() if self._same(one, envelope)]
        if any(one.made_ms >= template.made_ms for one in held):
            return No.OLDER
        # Written down first: after a crash or on a full disk it must not pass for one that was made here.
        self._parts.peers.note_taking(envelope.pass_id, envelope.id, envelope.sender, template.made_ms)
        try:
            await self._parts.host.take_sealed(envelope.pass_id, data, envelope.sender)
        except EnrolRefused:
            return No.NOT_PERMITTED
        self._look()
        self.kept += 1
        return True

    def _same(self, one: Kept, envelope: Envelope) -> bool:
        return one.pass_id == envelope.pass_id

    # --- what a person at this node says and sees ------------------------------------------------------------------

    async def trust(self, node: str, fingerprint: str, *, by: str, reason: str) -> None:
        """From now on templates made here are sealed to this node too.

        Raises:
            TrustRefused: not approved by the community, another fingerprint than these keys have, no id or no reason.
        """
        _check_words(by, reason)
        peer = self._roster.find(node)
        if peer is None or node == self._parts.own:
            raise TrustRefused(
                f"node {node} is not on the community's roster for faces. Approve it first: "
                "'gatehouse-sync face approve-node'."
            )
        if fingerprint.strip().lower() != peer.fingerprint:
            raise TrustRefused(
                f"the keys the service names for node {node} have fingerprint {peer.fingerprint}, not the one "
                "given. Read it again at that node ('gatehouse-node status'); if it still differs, trust nobody "
                "and tell the community officer."
            )
        said = {"node": node, "fingerprint": peer.fingerprint}
        await self._parts.host.record([Fact("sys.receiver_trusted", actor=by, x={**said})])
        at_ms = self._parts.clock.read().wall_ms
        self._parts.peers.trust(node, peer.fingerprint, by=by, reason=reason, at_ms=at_ms)
        self._trusted = self._parts.peers.trusted()

    async def distrust(self, node: str, *, by: str, reason: str) -> None:
        """Nothing is sealed to this node any more.

        Raises:
            TrustRefused: it was not trusted, no id or no reason.
        """
        _check_words(by, reason)
        if node not in self._trusted:
            raise TrustRefused(f"node {node} is not trusted here.")
        await self._parts.host.record([Fact("sys.receiver_distrusted", actor=by, x={"node": node})])
        self._parts.peers.distrust(node)
        self._trusted = self._parts.peers.trusted()

    def status(self) -> dict[str, Any]:
        """For the technician: own fingerprint, every approved node and whether it is trusted, and what went where."""
        states = Counter((one.node, one.state) for one in self._sendings.values())
        return {
            "fingerprint": self._parts.fingerprint,
            "roster": self._roster.ver,
            "held": self._parts.host.faces_held,
            "approved": self._roster.find(self._parts.own) is not None,
            "nodes": [
                {
                    "node": peer.node,
                    "fingerprint": peer.fingerprint,
                    "doors": sorted(peer.doors),
                    "trust": trust_of(peer, self._trusted).value,
                    **{state: states[peer.node, state] for state in ("offered", "stored", "kept", "refused")},
                }
                for peer in self._roster.peers
                if peer.node != self._parts.own
            ],
            "taken": self.kept,
            "refused": dict(self.refused),
        }


def _envelope_id(template_ref: str, peer: Peer) -> str:
    """The same for every offer of one template to one pair of keys, so that storing it twice is storing it once."""
    return hashlib.sha256(f"{template_ref}|{peer.node}|{peer.fingerprint}".encode()).hexdigest()[:32]


def _check_words(by: str, reason: str) -> None:
    if not STAFF_ID.fullmatch(by):
        raise TrustRefused(
            "--by takes a staff id of letters, digits, '.', '_' and '-', at most 32; it travels, so no name."
        )
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise TrustRefused(f"--reason takes 1 to {REASON_MAX} characters; they stay on this node.")
