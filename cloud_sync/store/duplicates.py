"""One document in two stays at once (invariant 9): the second pass waits until a person has seen the document.

Whoever books two rooms for a group is not a suspect: nothing is raised here, reconciliation does that (D09) once somebody
is inside both.
"""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED, STAY_INSIDE
from cloud_sync.store import tables
from cloud_sync.store.house import Act

SEEN_BY_A_PERSON = 3  # live by video, or in person (domain.md §14)
HELD = "registration.duplicate"


def waits(act: Act, stay: Any, hashed: str, proofing: int) -> bool:
    """True where this document is inside elsewhere in that time and nobody has seen it for this stay."""
    elsewhere = _inside_elsewhere(act, stay, hashed)
    if elsewhere:
        act.note(HELD, str(stay.stay), reason=f"registered and inside in {', '.join(elsewhere)}")
    return bool(elsewhere) and proofing < SEEN_BY_A_PERSON


def _inside_elsewhere(act: Act, stay: Any, hashed: str) -> list[str]:
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
            person.c.doc_hash == hashed,
        )
    )
    return sorted(act.connection.execute(found).scalars())
