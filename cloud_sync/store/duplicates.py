"""One document in two stays at once (invariant 9): the second pass waits until a person has seen the document.

Whoever books two rooms for a group is not a suspect: nothing is raised here, reconciliation does that (D09) once somebody
is inside both.
"""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import PROVED, STAY_INSIDE
from cloud_sync.store import tables
from cloud_sync.store.asking import ask_set, mine
from cloud_sync.store.house import Act

SEEN_BY_A_PERSON = 3  # live by video, or in person (domain.md §14)
HELD = "registration.duplicate"

_OTHER, _PERSON, _ROW = tables.stay, tables.person, tables.registration
_ELSEWHERE = (
    sa.select(_OTHER.c.stay)
    .distinct()
    .select_from(
        _OTHER.join(_ROW, (_ROW.c.community == _OTHER.c.community) & (_ROW.c.stay == _OTHER.c.stay)).join(
            _PERSON, (_PERSON.c.community == _ROW.c.community) & (_PERSON.c.person == _ROW.c.person)
        )
    )
    .where(
        mine(_OTHER),
        _OTHER.c.stay != sa.bindparam("but"),
        _OTHER.c.state.in_(STAY_INSIDE),
        _OTHER.c.planned_in_ms < sa.bindparam("ends_ms"),
        _OTHER.c.planned_out_ms > sa.bindparam("begins_ms"),
        _ROW.c.status.in_(PROVED),
        _PERSON.c.doc_hash == sa.bindparam("hashed"),
    )
)


def waits(act: Act, stay: Any, hashed: str, proofing: int) -> bool:
    """True where this document is inside elsewhere in that time and nobody has seen it for this stay."""
    elsewhere = _inside_elsewhere(act, stay, hashed)
    if elsewhere:
        act.note(HELD, str(stay.stay), reason=f"registered and inside in {', '.join(elsewhere)}")
    return bool(elsewhere) and proofing < SEEN_BY_A_PERSON


def _inside_elsewhere(act: Act, stay: Any, hashed: str) -> list[str]:
    span = {"begins_ms": stay.planned_in_ms, "ends_ms": stay.planned_out_ms}
    return sorted(ask_set(act, _ELSEWHERE, but=stay.stay, hashed=hashed, **span))
