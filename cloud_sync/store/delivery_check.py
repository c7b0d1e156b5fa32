"""Twice a day: is every pass where it will be needed?  Each node that is not ready becomes a case, until it is.

A check is made once for its hour, also by a service that was not running then.  What it found is looked at again every
few seconds: a receipt that comes late ends it.  One case for each check and node, whatever people do with that case.

Between the checks a pass that nodes are to hold by now, and that one has not receipted within the hour, is found too
(invariant 27): the last of the tries of domain.md §5.6 is over then.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from cloud_sync.core.case_types import DELIVERY_FAILED, CaseState
from cloud_sync.core.delivery import Check, Unready, newest_check
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.receipts import Amiss, nodes_amiss, unreceipted
from cloud_sync.store.tables_delivery import delivery_check, delivery_unready

LOOK_EVERY_MS = 5_000
# What was told a moment ago is on its way; whatever still is at the hour is looked at for a while before it is left alone.
UNDER_WAY_MS = MINUTE_MS
SETTLES_MS = 3 * MINUTE_MS
LATE_MS = HOUR_MS
LATE_LOOK_EVERY_MS = 5 * MINUTE_MS  # it reads every guest's pass of three days
KEPT_MS = 40 * DAY_MS
ACTOR, ROLE = "delivery", "system"


class DeliveryCheck:
    """One community's; call it about once a second from one thread."""

    def __init__(self, house: House) -> None:
        self._house = house
        # Before a node had the time to say hello it is not known whether it is there.
        self._listening_since_ms = house.clock.now_ms()
        self._looked_ms: int | None = None
        self._late_looked_ms: int | None = None
        self._lacks: dict[tuple[str, str], int] = {}  # node and pass: since when

    def __call__(self) -> bool:
        """Whether it looked."""
        now_ms = self._house.clock.now_ms()
        if now_ms - self._listening_since_ms <= self._house.profile.silent_ms:
            return False
        if self._looked_ms is not None and 0 <= now_ms - self._looked_ms < LOOK_EVERY_MS:
            return False
        self._looked_ms = now_ms
        check = newest_check(now_ms, self._house.zone)
        with reading(self._house.engine).begin() as db:
            look = self._look(db, check, now_ms)
        if look is not None and look.changes:
            with acting(self._house, ACTOR, ROLE) as act:
                _keep(act, check, look)
        return look is not None

    def _look(self, db: sa.Connection, check: Check, now_ms: int) -> "Look | None":
        """None where there is nothing to look at; no lock is held meanwhile."""
        house, code = self._house, self._house.community
        ran_ms = _ran_ms(db, code, check)
        settling = ran_ms is None or now_ms - ran_ms <= SETTLES_MS
        rows = _rows(db, code, check)
        held = {node: said for node, (said, cleared) in rows.items() if not cleared}
        asks = ran_ms is None or bool(held) or self._is_late_look_due(now_ms)
        if not settling and not asks:
            return None
        late = self._late(db, now_ms) if asks else {}
        amiss = {node: Amiss(node, missing, (Unready.MISSING,)) for node, missing in late.items()}
        if settling or held:
            found = nodes_amiss(db, code, house.profile, now_ms, check.until_ms, UNDER_WAY_MS)
            amiss |= {one.node: one for one in found}
        return Look(
            first=ran_ms is None,
            found=tuple(
                one for one in amiss.values() if one.node not in rows and (settling or one.node in late)
            ),
            again=tuple(amiss[node] for node in late if node in rows and node not in held),
            changed=tuple(amiss[node] for node in held if node in amiss and _said(amiss[node]) != held[node]),
            ready=tuple(node for node in held if node not in amiss),
        )

    def _is_late_look_due(self, now_ms: int) -> bool:
        last_ms = self._late_looked_ms
        return last_ms is None or not 0 <= now_ms - last_ms < LATE_LOOK_EVERY_MS

    def _late(self, db: sa.Connection, now_ms: int) -> Mapping[str, int]:
        """How many passes each node has lacked for an hour, whatever versions of it went out meanwhile."""
        self._late_looked_ms, before = now_ms, self._lacks
        self._lacks = {
            (node, pass_id): before.get((node, pass_id), now_ms if told_ms is None else told_ms)
            for node, pass_id, told_ms in unreceipted(db, self._house.community, self._house.profile, now_ms)
        }
        return Counter(node for (node, _), since_ms in self._lacks.items() if now_ms - since_ms >= LATE_MS)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look wants to have written down."""

    first: bool  # of its check
    found: tuple[Amiss, ...]
    again: tuple[Amiss, ...]  # of the nodes that were ready since it found them
    changed: tuple[Amiss, ...]
    ready: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return bool(self.first or self.found or self.again or self.changed or self.ready)


def _said(one: Amiss) -> tuple[int, str]:
    return one.missing, " ".join(one.why)


def _keep(act: Act, check: Check, look: Look) -> None:
    """Another process of the service may have been first."""
    code = act.house.community
    if look.first and _ran_ms(act.connection, code, check) is None:
        _begin(act, check)
    known = _rows(act.connection, code, check)
    for one in look.found:
        if one.node not in known:
            _found(act, check, one)
    changes: dict[str, dict[str, object]] = {}
    for one in look.changed:
        missing, why = _said(one)
        changes[one.node] = {"missing": missing, "why": why}
    changes |= {node: {"cleared_ms": act.now_ms} for node in look.ready}
    table = delivery_unready
    for node, values in changes.items():
        mine = (table.c.community == code, table.c.at_ms == check.at_ms, table.c.node == node)
        act.connection.execute(sa.update(table).where(*mine, table.c.cleared_ms.is_(None)).values(**values))
    for one in look.again:
        if known.get(one.node, ((0, ""), False))[1]:
            missing, why = _said(one)
            anew = {"missing": missing, "why": why, "found_ms": act.now_ms, "cleared_ms": None}
            act.update(table, {"at_ms": check.at_ms, "node": one.node}, **anew)


def _ran_ms(db: sa.Connection, code: str, check: Check) -> int | None:
    mine = (delivery_check.c.community == code, delivery_check.c.at_ms == check.at_ms)
    return db.execute(sa.select(delivery_check.c.ran_ms).where(*mine)).scalar()


def _rows(db: sa.Connection, code: str, check: Check) -> dict[str, tuple[tuple[int, str], bool]]:
    """What this check has found so far: what was said of each node, and whether it is over."""
    table = delivery_unready
    mine = sa.select(table).where(table.c.community == code, table.c.at_ms == check.at_ms)
    return {row.node: ((row.missing, row.why), row.cleared_ms is not None) for row in db.execute(mine)}


def _begin(act: Act, check: Check) -> None:
    """What the check before found is this one's to find again; a month and more is past."""
    code, now_ms = act.house.community, act.now_ms
    act.insert(delivery_check, at_ms=check.at_ms, until_ms=check.until_ms, ran_ms=now_ms)
    older = (delivery_unready.c.community == code, delivery_unready.c.cleared_ms.is_(None))
    act.connection.execute(sa.update(delivery_unready).where(*older).values(cleared_ms=now_ms))
    for table in (delivery_check, delivery_unready):
        past = (table.c.community == code, table.c.at_ms < now_ms - KEPT_MS)
        act.connection.execute(sa.delete(table).where(*past))


def _found(act: Act, check: Check, one: Amiss) -> None:
    act.insert(
        delivery_unready,
        at_ms=check.at_ms,
        node=one.node,
        missing=_said(one)[0],
        why=_said(one)[1],
        found_ms=act.now_ms,
        cleared_ms=None,
    )


def undelivered_nodes(db: sa.Connection, code: str) -> list[str]:
    """Nodes that a check found not ready, that still are not, and whose case of that check people have not closed."""
    found, case = delivery_unready, tables.case_
    settled = sa.select(case.c.id).where(
        case.c.community == found.c.community,
        case.c.kind == DELIVERY_FAILED.name,
        case.c.node == found.c.node,
        case.c.state == CaseState.CLOSED,
        case.c.opened_ms >= found.c.found_ms,
    )
    mine = (found.c.community == code, found.c.cleared_ms.is_(None), ~sa.exists(settled.correlate(found)))
    return list(db.execute(sa.select(found.c.node).where(*mine).order_by(found.c.node)).scalars())
