"""One document in two stays at once (invariant 9): flagged as D09 for a person to look, and never decided here.

Whoever books two rooms for a group is not a suspect: a second pass waits only while nobody has seen the document.
"""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED, STAY_INSIDE
from cloud_sync.core.reconcile import Key
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.reconcile_store import raise_now

KIND, SEVERITY = "D09", "S2"
SEEN_BY_A_PERSON = 3  # live by video, or in person (domain.md §14)


def look(act: Act, stay: Any, hashed: str, proofing: int) -> bool:
    """Flag a document that is inside elsewhere in that time; True where the second pass waits for a person."""
    others = _inside_elsewhere(act, stay, {hashed})
    _flag(act, stay, others)
    return bool(others) and proofing < SEEN_BY_A_PERSON


def entered(act: Act, stay_id: str) -> None:
    """A party has come in: is one of its documents inside elsewhere?"""
    stay = act.row(tables.stay, stay=stay_id)
    assert stay is not None
    person, row = tables.person, tables.registration
    mine = (
        sa.select(person.c.doc_hash)
        .join(row, (row.c.community == person.c.community) & (row.c.person == person.c.person))
        .where(
            person.c.community == act.house.community,
            row.c.stay == stay_id,
            row.c.status.in_(PROVED),
            person.c.doc_hash.is_not(None),
        )
    )
    _flag(act, stay, _inside_elsewhere(act, stay, set(act.connection.execute(mine).scalars())))


def _inside_elsewhere(act: Act, stay: Any, hashes: set[str]) -> list[str]:
    other, person, row = tables.stay, tables.person, tables.registration
    found = (
        sa.select(other.c.stay)
        .distinct()
        .select_from(
            other.join(row, (row.c.community == other.c.community) & (row.c.stay == other.c.stay)).join(
                person, (person.c.community == row.c.community) & (person.c.person == row.c.person)
            )
        )
        .where(
            other.c.community == act.house.community,
            other.c.stay != stay.stay,
            other.c.state.in_(STAY_INSIDE),
            other.c.planned_in_ms < stay.planned_out_ms,
            other.c.planned_out_ms > stay.planned_in_ms,
            row.c.status.in_(PROVED),
            person.c.doc_hash.in_(hashes),
        )
    )
    return sorted(act.connection.execute(found).scalars())


def _flag(act: Act, stay: Any, others: list[str]) -> None:
    if others:
        raise_now(
            act, Key(KIND, str(stay.stay), int(stay.planned_in_ms)), SEVERITY, (str(stay.stay), *others)
        )
