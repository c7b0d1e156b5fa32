"""Which nodes exchange sealed templates, and when an envelope is taken: decided here, told the time.

The community's roster says who may; a named person at this node says to whom this one really seals.  Both are needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from edge.core.events import AccessPointId

AckState = Literal["stored", "kept", "refused"]


@dataclass(frozen=True, slots=True)
class Peer:
    """One node of the roster; ``fingerprint`` is over its name and both keys."""

    node: str
    device_key: bytes
    sealing_key: bytes
    doors: frozenset[AccessPointId]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Roster:
    """The approved nodes at one version; verified before it gets here."""

    ver: int
    peers: tuple[Peer, ...]

    def find(self, node: str) -> Peer | None:
        return next((peer for peer in self.peers if peer.node == node), None)


NOBODY = Roster(0, ())


class Trust(StrEnum):
    """What a person at this node has said about another node."""

    TRUSTED = "trusted"
    NOT_TRUSTED = "not trusted"
    CHANGED = "keys changed"  # it was trusted with other keys than the roster names now


def trust_of(peer: Peer, trusted: Mapping[str, str]) -> Trust:
    """``trusted`` is fingerprint by node, as people confirmed it here."""
    mark = trusted.get(peer.node)
    if mark is None:
        return Trust.NOT_TRUSTED
    return Trust.TRUSTED if mark == peer.fingerprint else Trust.CHANGED


def receivers(
    roster: Roster, trusted: Mapping[str, str], own: str, scope: frozenset[AccessPointId]
) -> tuple[Peer, ...]:
    """To whom a template of a pass with this scope is sealed: approved, trusted here, and a door on the way.

    Nobody while this node itself is not approved or has no door on the way.
    """
    here = roster.find(own)
    if here is None or not here.doors & scope:
        return ()
    return tuple(
        peer
        for peer in roster.peers
        if peer.node != own and peer.doors & scope and trust_of(peer, trusted) is Trust.TRUSTED
    )


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands on an envelope, and its frame, which only its receiver opens."""

    id: str
    sender: str
    receiver: str
    pass_id: str
    pass_version: int
    model: str  # sha256 of the embedder
    not_after_ms: int
    frame: bytes


class No(StrEnum):
    """Why an envelope is refused; the words travel."""

    WRONG_NODE = "wrong_node"
    NOT_APPROVED = "not_approved"  # this node, by the newest roster
    UNKNOWN_SENDER = "unknown_sender"
    BAD_SIG = "bad_sig"
    EXPIRED = "expired"
    ERASED = "erased"  # sealed before this pass was erased here
    NOT_PERMITTED = "not_permitted"  # no such pass, not armed, or without consent
    FACE_OFF = "face_off"
    FOREIGN_MODEL = "foreign_model"
    CANNOT_OPEN = "cannot_open"
    OLDER = "older"  # a template made later is here already
    MADE_AHEAD = (
        "made_ahead"  # by this node's clock it is not made yet; nothing made later would ever replace it
    )
    NO_DOOR = "no_door"  # the pass opens no door of its sender, who can have enrolled nobody under it


# What never becomes true again for the same envelope; its sender stops offering it.
FINAL = frozenset({No.EXPIRED, No.ERASED, No.FOREIGN_MODEL, No.OLDER, No.FACE_OFF, No.NOT_PERMITTED})


def objection(
    envelope: Envelope, *, own: str, roster: Roster, floors: Mapping[str, int], now_ms: int
) -> No | None:
    """What speaks against an envelope before it is looked into, or nothing.

    ``floors`` is, by pass, the newest version under which it was erased here.
    """
    if envelope.receiver != own:
        return No.WRONG_NODE
    if roster.find(own) is None:
        return No.NOT_APPROVED
    if roster.find(envelope.sender) is None or envelope.sender == own:
        return No.UNKNOWN_SENDER
    if envelope.not_after_ms <= now_ms:
        return No.EXPIRED
    if envelope.pass_version <= floors.get(envelope.pass_id, -1):
        return No.ERASED
    return None


# As far as two nodes' clocks may be apart; a node that says it is not sure of the time refuses, and is asked again.
MADE_AHEAD_MAX_MS = 300_000


def is_made_ahead(made_ms: int, now_ms: int) -> bool:
    """True for a template that says it was made later than now."""
    return made_ms > now_ms + MADE_AHEAD_MAX_MS


@dataclass(frozen=True, slots=True)
class Sending:
    """Where one template is on its way to one node."""

    template_ref: str
    node: str
    state: Literal["offered", "stored", "kept", "refused"]
    why: str = ""
    due_ns: int = 0  # when it is offered again
    tries: int = 0

    @property
    def is_over(self) -> bool:
        return self.state == "kept" or (self.state == "refused" and self.why in FINAL)


AGAIN_FIRST_NS = 5_000_000_000
AGAIN_MAX_NS = 600_000_000_000


def offered(before: Sending | None, template_ref: str, node: str, now_ns: int) -> Sending:
    """The next offer: again soon at first, and ever more slowly while nobody answers."""
    tries = before.tries + 1 if before is not None else 1
    wait_ns = min(AGAIN_MAX_NS, AGAIN_FIRST_NS * 2 ** min(tries - 1, 10))
    return Sending(template_ref, node, "offered", due_ns=now_ns + wait_ns, tries=tries)


def answered(before: Sending, state: AckState, why: str, now_ns: int) -> Sending:
    """What an answer makes of it: one that is stored is asked after, now and then, until its receiver has spoken."""
    return Sending(before.template_ref, before.node, state, why, now_ns + AGAIN_MAX_NS, before.tries)


def due(sendings: Sequence[Sending], now_ns: int) -> list[Sending]:
    return [one for one in sendings if not one.is_over and one.due_ns <= now_ns]
