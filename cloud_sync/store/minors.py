"""Somebody under age stays here: the five musts, each ticked by a named person and recorded (domain.md R44, R45)."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.evidence import MinorConcern
from cloud_sync.core.lifecycles import PROVED
from cloud_sync.core.minors import Must
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_staff import MinorCare, MustDone
from cloud_sync.store import tables
from cloud_sync.store.discrepancy_rows import settle_by_act
from cloud_sync.store.evidence_store import told_body
from cloud_sync.store.house import Act
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_guests import minor_must
from cloud_sync.store.tables_rules import evidence

KIND = "D20"


def care(act: Act, stay_id: str) -> MinorCare:
    """What was done for the minors of this stay, and what is still to be done.

    Raises:
        NotFound: no such stay, or nobody under age is registered for it.
    """
    stay: Any = act.row(tables.stay, stay=stay_id)
    people = _people(act, stay_id)
    minors = tuple(one for one in people if one.minor)
    if stay is None or not minors:
        raise NotFound(f"nobody under age is registered for a stay {stay_id}.")
    room: Any = act.row(tables.room, room=str(stay.room))
    done = {str(row.must): row for row in act.rows(minor_must, stay=stay_id)}
    return MinorCare(
        stay=stay_id,
        room=str(room.label) if room is not None else str(stay.room),
        minors=len(minors),
        alone=all(one.minor for one in people if one.doc_hash is not None),
        musts=tuple(_done(must, done.get(must)) for must in Must),
    )


def tick(act: Act, stay_id: str, must: str, reason: str) -> None:
    """One of the five was done by whoever acts; what the records can show they have to show first.

    Raises:
        NotFound: as ``care``.
        Refused: no reason, not one of the five, ticked before, or the records say otherwise.
    """
    found, why = care(act, stay_id), checked_reason(reason)
    held = next((one for one in found.musts if one.must == must), None)
    if held is None:
        raise Refused("minor.must", f"{must!r} is not one of {', '.join(Must)}.")
    if held.by:
        raise Refused("minor.done", f"{held.by} has ticked this already.")
    _check(act, stay_id, Must(must))
    act.insert(minor_must, stay=stay_id, must=must, done_by=act.actor, done_ms=act.now_ms, reason=why)
    act.note("minor.must", stay_id, None, must, why)
    if sum(1 for one in found.musts if not one.by) == 1 and not _suspected(act, stay_id):
        settle_by_act(act, KIND, stay_id, f"the five musts are complete, the last by {act.actor}")


def minors_of(act: Act, stay_id: str) -> tuple[str, ...]:
    """The persons under age of this stay."""
    return tuple(str(one.person) for one in _people(act, stay_id) if one.minor)


def _suspected(act: Act, stay_id: str) -> bool:
    """A suspicion stands: that is ended by its case and no list."""
    rows: list[Any] = act.rows(evidence, subject=stay_id, type=MinorConcern.__name__)
    return any(row.ended_ms is None and told_body(row) == MinorConcern("suspicion") for row in rows)


def _done(must: Must, row: Any) -> MustDone:
    return MustDone(must, row.done_by, row.done_ms, row.reason) if row is not None else MustDone(must)


def _people(act: Act, stay_id: str) -> list[Any]:
    member, person = tables.stay_member, tables.person
    same = (person.c.community == member.c.community) & (person.c.person == member.c.person)
    query = sa.select(person).join_from(member, person, same)
    mine = (member.c.community == act.house.community, member.c.stay == stay_id)
    return list(act.connection.execute(query.where(*mine).order_by(person.c.person)).all())


def _check(act: Act, stay_id: str, must: Must) -> None:
    minors = minors_of(act, stay_id)
    vault = act.house.vault
    if must is Must.CONTACT and not all(vault.holds(one, "guardian_contact") for one in minors):
        raise Refused("minor.contact", "no guardian's contact is on record; register it first.")
    if must is Must.RELATION and not all(vault.holds(one, "relation") for one in minors):
        raise Refused("minor.relation", "no relation is on record; register it first.")
    if must is Must.PROVED and not all(_proved(act, stay_id, one) for one in minors):
        raise Refused("minor.proved", "the registration is not proved yet; look at the document first.")


def _proved(act: Act, stay_id: str, person: str) -> bool:
    rows: list[Any] = act.rows(tables.registration, stay=stay_id, person=person)
    return any(row.status in PROVED for row in rows)
