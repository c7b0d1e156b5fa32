"""A notice of the community as a message: once to each stay it is for, where an address is kept for that stay (ADR 0071)."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles import STAY_INSIDE, STAY_OPEN
from cloud_sync.store import tables
from cloud_sync.store.bulletins import covered, is_for, running
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.tables_bulletins import bulletin_letter
from cloud_sync.store.told import BULLETIN, tell_guests

AT_ONCE = 50  # messages queued in one transaction: the sink waits for no more
ACTOR = "bulletins"


def write_letters(house: House) -> int:
    """Queue a message for every stay that a running notice is for and has not been written to; how many that were."""
    if not house.channels:
        return 0
    with reading(house.engine).begin() as db:
        wanted = _unwritten(Act(house, db, house.clock.now_ms(), ACTOR, "system"))
    if not wanted:
        return 0  # looked at without the write lock
    with acting(house, ACTOR, "system") as act:
        return sum(_write(act, *one) for one in _unwritten(act))


def _unwritten(act: Act) -> list[tuple[str, str]]:
    """Notice and stay, the oldest notice first."""
    found: list[tuple[str, str]] = []
    for held in running(act):
        where = covered(act, held)
        for stay in act.connection.execute(_reachable(act, held)):
            if is_for(held, stay, where):
                found.append((str(held.bulletin), str(stay.stay)))
                if len(found) == AT_ONCE:
                    return found
    return found


def _reachable(act: Act, held: Any) -> sa.Select[Any]:
    """Stays with an address in a way that is set up, and no message of this notice yet."""
    stay, contact, letter = tables.stay, tables.stay_contact, bulletin_letter
    own = (contact.c.community == stay.c.community) & (contact.c.stay == stay.c.stay)
    told = (letter.c.community == stay.c.community) & (letter.c.stay == stay.c.stay)
    return (
        sa.select(stay)
        .select_from(
            stay.join(contact, own).outerjoin(letter, told & (letter.c.bulletin == str(held.bulletin)))
        )
        .where(
            stay.c.community == act.house.community,
            stay.c.state.in_(sorted(STAY_OPEN | STAY_INSIDE)),
            stay.c.planned_in_ms < held.ends_ms,
            contact.c.channel.in_(sorted(act.house.channels)),
            letter.c.notice.is_(None),
        )
        .order_by(stay.c.planned_in_ms, stay.c.stay)
    )


def _write(act: Act, name: str, stay: str) -> bool:
    notice = tell_guests(act, stay, BULLETIN)
    act.insert(bulletin_letter, bulletin=name, stay=stay, notice=notice, written_ms=act.now_ms)
    return True
