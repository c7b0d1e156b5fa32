"""A node is lost: what ends with it, in one transaction, in a named person's name; and what came from it afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud_sync.core.breach import FacesOn
from cloud_sync.core.case_types import NODE_LOST, Case, Family, Finding
from cloud_sync.errors import NotFound, Refused
from cloud_sync.identity.book import STAFF_ROLE, revoke_all
from cloud_sync.ports import EventStore, Told
from cloud_sync.protocol.messages import BadMessage, Batch, decode
from cloud_sync.store import tables
from cloud_sync.store import tables_identity as more
from cloud_sync.store.breaches import open_breach
from cloud_sync.store.cards import CARD_KIND
from cloud_sync.store.case_intake import alert_key
from cloud_sync.store.case_rows import link, raise_or_join
from cloud_sync.store.engine import reading
from cloud_sync.store.erasing import drop_envelopes
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.issuing import PASS_ENDED, refresh_stay
from cloud_sync.store.losses import open_loss
from cloud_sync.store.places import scope_of
from cloud_sync.store.sink_losses import LOST
from cloud_sync.store.subjects import refresh_subject, settle

WORDS_MAX = 200
# Their verifiers are keyed hashes of few digits, and the key lies on the lost card too: they can be tried out there.
GUESSABLE = ("pin", CARD_KIND)
FRAMES_PER_ACT = 50


@dataclass(frozen=True, slots=True)
class Loss:
    """What ended, and what a person still has to think of."""

    certificates: int
    renewed: int  # passes with doors of this node only, whose PIN or card opens nothing any more
    elsewhere: int  # passes with a PIN or card that other nodes take as well: theirs to change
    breach: str  # the privacy officer's list of what has to be done
    faces: FacesOn  # how many people's faces were on it


def lose(house: House, node: str, *, by: str, reason: str, actor: str) -> Loss:
    """From now on the node is nobody: no certificate, no faces, no event believed.

    Raises:
        NotFound: no such node.
        Refused: no name or no reason, or it is lost already.
    """
    _check_words(by, reason)
    with acting(house, actor, STAFF_ROLE) as act:
        if act.row(tables.node, node=node) is None:
            raise NotFound(f"there is no node {node}.")
        if open_loss(act, node) is not None:
            raise Refused("node", f"node {node} is lost already; its replacement joins under the same name.")
        breach, faces = open_breach(act, node, by)
        _note_loss(act, node, by, reason)
        serials = revoke_all(act, node, "lost")
        _leave_faces(act, node)
        renewed, elsewhere = _end_guessable(act, node)
        act.touch(node)
        act.note("node.lost", node, None, None, f"told by {by}: {reason}")
        link(act, _raise_case(act, node).id, breach)
    return Loss(len(serials), renewed, elsewhere, breach, faces)


def _note_loss(act: Act, node: str, by: str, reason: str) -> None:
    state = act.row(tables.node_state, node=node)
    epoch = "" if state is None else str(state.epoch)
    values = {"lost_ms": act.now_ms, "by_whom": by, "reason": reason, "replaced_ms": None, "decided": None}
    if act.row(more.node_loss, node=node, epoch=epoch) is None:
        act.insert(more.node_loss, node=node, epoch=epoch, **values)
    else:  # a device that never spoke, lost a second time
        act.update(more.node_loss, {"node": node, "epoch": epoch}, **values)


def _leave_faces(act: Act, node: str) -> None:
    """Off the roster, and without a key anything could be sealed to."""
    table, envelope = tables.face_node, tables.envelope
    mine = (table.c.community == act.house.community, table.c.node == node)
    act.connection.execute(sa.delete(table).where(*mine))
    act.update(tables.node, {"node": node}, sealing_key=None, sealing_proof=None)
    drop_envelopes(act, (envelope.c.to_node == node) | (envelope.c.from_node == node))


def _end_guessable(act: Act, node: str) -> tuple[int, int]:
    """PINs and cards of passes that open doors of this node only; and how many others it knew."""
    doors = {str(row.access_point) for row in act.rows(tables.access_point, node=node)}
    renewed = elsewhere = 0
    for held in act.rows(tables.pass_):
        scope = set(scope_of(str(held.scope)))
        if held.state in PASS_ENDED or not scope & doors:
            continue
        kinds = {str(row.kind) for row in act.rows(tables.credential, pass_id=str(held.pass_id))}
        guessable = [kind for kind in GUESSABLE if kind in kinds]
        if not guessable:
            continue
        if scope - doors:
            elsewhere += 1
            continue
        for kind in guessable:
            settle(act, str(held.pass_id), kind, None)
        _refresh(act, held)
        renewed += 1
    return renewed, elsewhere


def _refresh(act: Act, held: Any) -> None:
    if held.stay is None:
        refresh_subject(act, str(held.pass_id))
    else:
        refresh_stay(act, str(held.stay))


def _raise_case(act: Act, node: str) -> Case:
    finding = Finding(
        family=Family.ALERT,
        kind=NODE_LOST.name,
        severity=NODE_LOST.severity,
        subject=node,
        group_key=alert_key(node, NODE_LOST.name),
        seen_ms=act.now_ms,
        node=node,
        access_point=None,
    )
    return raise_or_join(act, finding, node)


# --- what came from it afterwards ---------------------------------------------------------------------------------


def dead_letters(house: House, node: str) -> list[tuple[int, bytes]]:
    """Number and bytes of every frame that came after the loss, oldest first."""
    table = tables.deadletter
    mine = (table.c.community == house.community, table.c.node == node, table.c.error == LOST)
    with reading(house.engine).begin() as db:
        rows = db.execute(sa.select(table.c.id, table.c.raw).where(*mine).order_by(table.c.id)).all()
    return [(row.id, bytes(row.raw)) for row in rows]


def decide(
    house: House, store: EventStore, node: str, *, accept: bool, by: str, reason: str, actor: str
) -> int:
    """Believe the events that came after the loss, or throw them away; how many frames that were.

    Believing is for the node that was only thought lost, or whose last hours are needed: a person has looked at them.
    """
    _check_words(by, reason)
    letters = dead_letters(house, node)
    if accept:
        _mark(house, node, "accepted", actor, f"{len(letters)} frames, by {by}: {reason}")
        try:
            batches = [batch for _, raw in letters if (batch := _batch(node, raw)) is not None]
            for start in range(0, len(batches), FRAMES_PER_ACT):
                store.store(batches[start : start + FRAMES_PER_ACT], house.clock.now_ms())
        finally:
            _mark(house, node, None, actor, "nothing more is believed")
    with acting(house, actor, STAFF_ROLE) as act:
        _drop(act, [number for number, _ in letters])
        if not accept:
            act.note("node.lost_events", node, None, "discarded", f"{len(letters)} frames, by {by}: {reason}")
    return len(letters)


def _mark(house: House, node: str, decided: str | None, actor: str, words: str) -> None:
    with acting(house, actor, STAFF_ROLE) as act:
        if not act.rows(more.node_loss, node=node):
            raise NotFound(f"node {node} was never lost.")
        act.update(more.node_loss, {"node": node}, decided=decided)
        act.note("node.lost_events", node, None, decided, words)


def _batch(node: str, raw: bytes) -> Told | None:
    try:
        return Told(node, decode(raw, Batch), raw)
    except BadMessage:
        return None


def _drop(act: Act, numbers: Sequence[int]) -> None:
    table = tables.deadletter
    for number in numbers:
        act.connection.execute(
            sa.delete(table).where(table.c.community == act.house.community, table.c.id == number)
        )


def _check_words(by: str, reason: str) -> None:
    for what, text in (("name", by), ("reason", reason)):
        if not 0 < len(text.strip()) <= WORDS_MAX:
            raise Refused("node", f"a loss has a {what} of 1 to {WORDS_MAX} characters.")
