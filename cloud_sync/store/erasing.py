"""Tombstones: what nodes are told to erase, and the end of a pass's erase clock (domain.md §§5.5, 5.7)."""

import sqlalchemy as sa

from cloud_sync.core.lifecycles import CREDENTIAL, PASS, CredentialState
from cloud_sync.core.policy import FACE_ACCESS, FACE_LOOKALIKE
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, mine
from cloud_sync.store.house import Act
from cloud_sync.store.places import nodes_of, scope_of
from cloud_sync.store.tables_rules import TO_ERASE_WORDS

EVERY_TEMPLATE = "*"  # the service never learns a template's id: all of this pass
FINISHED_PER_ACT = 200  # one transaction stays short, so that the sink never waits long
_PASS = tables.pass_
_TO_ERASE = (
    sa.select(_PASS)
    .where(mine(_PASS), sa.text(TO_ERASE_WORDS), _PASS.c.not_after_ms <= sa.bindparam("until"))
    .order_by(_PASS.c.not_after_ms)
    .limit(FINISHED_PER_ACT)
)


def erase_face(act: Act, pass_id: str, scope: list[str], reason: str) -> int:
    """Ask every node of the scope to erase this pass's templates; how many were asked anew.

    Nothing is asked where no face consent was ever given: there is no template then.  Envelopes on their way to these
    nodes end in the same transaction.
    """
    if not _ever_consented(act, pass_id):
        return 0
    owners = nodes_of(act, scope)
    drop_envelopes(act, tables.envelope.c.pass_id == pass_id, tables.envelope.c.to_node.in_(owners))
    held = act.row(tables.pass_, pass_id=pass_id)
    version = int(held.version) if held is not None else 0
    nodes = [node for node in owners if not _is_asked(act, node, pass_id, version)]
    for node in nodes:
        newest = sa.select(sa.func.coalesce(sa.func.max(tables.erasure.c.erase_ver), 0)).where(
            tables.erasure.c.community == act.house.community, tables.erasure.c.node == node
        )
        act.insert(
            tables.erasure,
            node=node,
            erase_ver=act.connection.execute(newest).scalar_one() + 1,
            template_ref=EVERY_TEMPLATE,
            pass_id=pass_id,
            reason=reason,
            asked_ms=act.now_ms,
            pass_version=version,
        )
        act.touch(node)
    if nodes:
        act.note("face.erase", pass_id, None, f"asked of {len(nodes)} nodes", reason)
    return len(nodes)


def drop_envelopes(act: Act, *which: sa.ColumnElement[bool]) -> int:
    """Envelopes that are not to arrive any more are deleted, whatever their state; how many."""
    ours = tables.envelope.c.community == act.house.community
    return act.connection.execute(sa.delete(tables.envelope).where(ours, *which)).rowcount


def _is_asked(act: Act, node: str, pass_id: str, version: int) -> bool:
    """True while an earlier request for this version is without a receipt; a new consent may have made a new template."""
    table = tables.erasure
    found = sa.select(table.c.erase_ver).where(
        table.c.community == act.house.community,
        table.c.node == node,
        table.c.pass_id == pass_id,
        table.c.pass_version == version,
        table.c.acked_ms.is_(None),
    )
    return act.connection.execute(found).first() is not None


def _ever_consented(act: Act, pass_id: str) -> bool:
    held = act.row(tables.pass_, pass_id=pass_id)
    if held is None:
        return False
    consents = act.rows(tables.consent, stay=held.stay, person=held.person, purpose=FACE_ACCESS)
    return bool(consents)


def finish_erase_clocks(act: Act) -> int:
    """Passes whose erase clock is over: their credentials are destroyed and their faces erased; how many."""
    over = ask(act, _TO_ERASE, until=act.now_ms - act.house.profile.erase_after_ms)
    for held in over:
        _finish(act, held.pass_id, held.state, scope_of(held.scope), held.stay, held.person)
    return len(over)


def _finish(act: Act, pass_id: str, state: str, scope: list[str], stay: str, person: str) -> None:
    act.move(PASS, pass_id, state, "erase clock over")
    act.update(_PASS, {"pass_id": pass_id}, erased_ms=act.now_ms)
    erase_face(act, pass_id, scope, "erase clock over")
    for row in act.rows(tables.credential, pass_id=pass_id):
        if row.state != CredentialState.DESTROYED:
            after = act.move(CREDENTIAL, row.cred_id, row.state, "pass ended")
            act.update(tables.credential, {"cred_id": row.cred_id}, state=after, verifier=b"")
    for consent in act.rows(tables.consent, stay=stay, person=person):
        ended = consent.purpose in (FACE_ACCESS, FACE_LOOKALIKE)
        if ended and consent.withdrawn_ms is None:  # its purpose has ended with the stay
            act.update(tables.consent, {"consent": consent.consent}, withdrawn_ms=act.now_ms)
