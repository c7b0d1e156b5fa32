"""What a door on trial would have said, counted from the events it sent."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.errors import NotFound
from cloud_sync.ports_staff import DryRunCount, DryRunReport
from cloud_sync.store import tables
from cloud_sync.store.house import Act

ALLOW, DENY = "access.would_allow", "access.would_deny"


def report(act: Act, access_point: str, since_ms: int) -> DryRunReport:
    """Would-be denials by reason, kind and class from ``since_ms`` until now.

    Raises:
        NotFound: no such access point.
    """
    if act.row(tables.access_point, access_point=access_point) is None:
        raise NotFound(f"there is no access point {access_point}.")
    event = tables.event
    count = sa.func.count().label("count")
    columns = (event.c.reason, event.c.credential_kind, event.c["class"].label("cls"), event.c.type)
    found = (
        sa.select(*columns, count)
        .where(
            event.c.community == act.house.community,
            event.c.access_point == access_point,
            event.c.type.in_((ALLOW, DENY)),
            event.c.wall_ms >= since_ms,
            event.c.wall_ms <= act.now_ms,
        )
        .group_by(*columns)
    )
    rows = act.connection.execute(found).all()
    denials = [_line(row) for row in rows if row.type == DENY]
    return DryRunReport(
        access_point=access_point,
        since_ms=since_ms,
        until_ms=act.now_ms,
        asked=sum(int(row[-1]) for row in rows),
        would_deny=sum(line.count for line in denials),
        denials=tuple(
            sorted(denials, key=lambda line: (-line.count, line.reason, line.credential_kind, line.cls))
        ),
    )


def _line(row: Any) -> DryRunCount:
    return DryRunCount(row.reason or "", row.credential_kind or "", row.cls or "", int(row[-1]))
