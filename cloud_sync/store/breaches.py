"""A lost node held faces: how many people's, as far as the books know, and the list of what has to be done.

The service has no template and never had one.  It knows who agreed to a face and has a door at the node, what the node
said of enrolments, and which erasures it has confirmed; the count comes of these and names nobody.
"""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.breach import FacesOn, Step, steps_left
from cloud_sync.core.policy import FACE_ACCESS
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_privacy import BreachView, StepDone
from cloud_sync.store import tables
from cloud_sync.store.house import Act
from cloud_sync.store.places import scope_of
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.tables_privacy import breach, breach_step

LISTED_MAX = 50
ENROLLED = "sys.enrolled"


def faces_on(act: Act, node: str) -> FacesOn:
    """People, not passes: who comes back under the same document is one."""
    told = _told(act, node)
    doors = {str(row.access_point) for row in act.rows(tables.access_point, node=node) if row.face_enabled}
    asked = _newest_erasures(act, node)
    enrolled: set[str] = set()
    possible: set[str] = set()
    for held in _with_consent(act):
        pass_id = str(held.pass_id)
        erasure = asked.get(pass_id)
        if erasure is not None and erasure.acked_ms is not None and held.given_ms <= erasure.asked_ms:
            continue  # the node has said that it is gone, and nobody agreed anew
        if pass_id in told:
            enrolled.add(str(held.who))
        if pass_id in told or erasure is not None or doors & set(scope_of(str(held.scope))):
            possible.add(str(held.who))
    return FacesOn(len(enrolled), len(possible))


def _with_consent(act: Act) -> list[Any]:
    """Every pass of a stay in which its person ever agreed to a face: whose, and when they agreed last."""
    held, consent, person = tables.pass_, tables.consent, tables.person
    whose = sa.and_(
        consent.c.community == held.c.community,
        consent.c.stay == held.c.stay,
        consent.c.person == held.c.person,
        consent.c.purpose == FACE_ACCESS,
    )
    known = sa.and_(person.c.community == held.c.community, person.c.person == held.c.person)
    who = sa.func.coalesce(person.c.doc_hash, held.c.person)
    found = (
        sa.select(held.c.pass_id, held.c.scope, who.label("who"), sa.func.max(consent.c.given_ms).label("given_ms"))
        .select_from(held.join(consent, whose).outerjoin(person, known))
        .where(held.c.community == act.house.community)
        .group_by(held.c.pass_id, held.c.scope, who)
    )  # fmt: skip
    return list(act.connection.execute(found).all())


def _told(act: Act, node: str) -> set[str]:
    """Passes of which this node said that it had enrolled a face."""
    table = tables.event
    mine = (table.c.community == act.house.community, table.c.node == node, table.c.type == ENROLLED)
    found = sa.select(table.c.pass_id).distinct().where(*mine, table.c.pass_id.is_not(None))
    return {str(pass_id) for pass_id in act.connection.execute(found).scalars()}


def _newest_erasures(act: Act, node: str) -> dict[str, Any]:
    rows = sorted(act.rows(tables.erasure, node=node), key=lambda row: int(row.erase_ver))
    return {str(row.pass_id): row for row in rows}


# --- the list --------------------------------------------------------------------------------------------------


def open_breach(act: Act, node: str, by: str) -> tuple[str, FacesOn]:
    """Count now, before anything of the node ends, and begin the list; its id and the numbers."""
    faces = faces_on(act, node)
    made = act.new_id("BR")
    act.insert(
        breach,
        breach=made,
        node=node,
        told_ms=act.now_ms,
        told_by=by,
        enrolled=faces.enrolled,
        at_most=faces.at_most,
        closed_ms=None,
    )
    act.note("breach.open", made, None, node, f"faces of {faces.enrolled} people, at most {faces.at_most}")
    return made, faces


def tick(act: Act, of: str, step: str, note: str) -> None:
    """One step is done, in the actor's name and with a line of how; the last one closes the list.

    Raises:
        NotFound: there is no such list.
        Refused: no such step, it is done already, or no line was given.
    """
    held = act.row(breach, breach=of)
    if held is None:
        raise NotFound(f"there is no list {of}.")
    done = {str(row.step) for row in act.rows(breach_step, breach=of)}
    if step not in set(Step):
        raise Refused("breach.step", f"there is no step {step!r}; one of: {', '.join(Step)}.")
    if step in done:
        raise Refused("breach.done", f"step {step} is done already.")
    said = checked_reason(note)
    act.insert(breach_step, breach=of, step=step, done_by=act.actor, done_ms=act.now_ms, note=said)
    act.note("breach.step", of, None, step, said)
    if not steps_left({*done, step}):
        act.update(breach, {"breach": of}, closed_ms=act.now_ms)
        act.note("breach.close", of, None, "every step is done")


def listed(act: Act) -> tuple[BreachView, ...]:
    """Those that are not closed first, then the newest."""
    mine = breach.c.community == act.house.community
    order = (breach.c.closed_ms.is_not(None), breach.c.told_ms.desc(), breach.c.breach.desc())
    rows = act.connection.execute(sa.select(breach).where(mine).order_by(*order).limit(LISTED_MAX)).all()
    return tuple(_view(act, row) for row in rows)


def one(act: Act, of: str) -> BreachView:
    held = act.row(breach, breach=of)
    if held is None:
        raise NotFound(f"there is no list {of}.")
    return _view(act, held)


def _view(act: Act, row: Any) -> BreachView:
    done = {
        str(step.step): StepDone(str(step.done_by), int(step.done_ms), str(step.note))
        for step in act.rows(breach_step, breach=str(row.breach))
    }
    faces = FacesOn(int(row.enrolled), int(row.at_most))
    return BreachView(row.breach, row.node, row.told_ms, row.told_by, faces, done, row.closed_ms)
