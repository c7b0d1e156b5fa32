"""D12 and D13: what is not acknowledged in time, and what an authority refuses, is somebody's case (domain.md §10)."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.lifecycles_upstream import SubmissionState
from cloud_sync.core.reconcile import Key
from cloud_sync.store import tables
from cloud_sync.store.discrepancy_rows import raise_now
from cloud_sync.store.house import Act
from cloud_sync.store.tables_upstream import upstream_submission

LATE, REJECTED = "D12", "D13"
ACKNOWLEDGED = "acknowledged by its recipient"


def subject_of(row: Any) -> str:
    """One case for each registration and recipient; a prefix of its own, for no rule looks at it."""
    return f"{row.registration}@{row.connector}"


def raise_late(act: Act, row: Any, severity: str) -> None:
    raise_now(act, Key(LATE, subject_of(row), row.due_ms), severity, (str(row.id),))


def raise_rejected(act: Act, row: Any) -> None:
    raise_now(act, Key(REJECTED, subject_of(row), row.due_ms), "S2", (str(row.id),))


def close_both(act: Act, row: Any) -> None:
    """The recipient has it: whatever was open about this registration and recipient is over."""
    table = tables.discrepancy
    values = {
        "state": "closed",
        "closed_ms": act.now_ms,
        "updated_ms": act.now_ms,
        "close_reason": ACKNOWLEDGED,
    }
    act.connection.execute(
        sa.update(table)
        .where(
            table.c.community == act.house.community,
            table.c.kind.in_((LATE, REJECTED)),
            table.c.subject == subject_of(row),
            table.c.state != "closed",
        )
        .values(**values)
    )


def unacknowledged(community: str, until_ms: int, now_ms: int, most: int) -> sa.Select[Any]:
    """Reports whose legal deadline lies before ``until_ms`` and that their recipient has not acknowledged, as far as that
    was not said yet; of several about one registration only the newest counts."""
    table = upstream_submission
    newer = table.alias("newer")
    replaced = sa.select(newer.c.id).where(
        newer.c.community == table.c.community,
        newer.c.registration == table.c.registration,
        newer.c.connector == table.c.connector,
        newer.c.turn > table.c.turn,
    )
    waiting = (
        SubmissionState.QUEUED,
        SubmissionState.SENT,
        SubmissionState.REJECTED,
        SubmissionState.DEAD_LETTER,
    )
    return (
        sa.select(table)
        .where(
            table.c.community == community,
            table.c.state.in_(waiting),
            table.c.due_ms < until_ms,
            (table.c.warned == "") | ((table.c.warned == "S2") & (table.c.due_ms < now_ms)),
            ~sa.exists(replaced.correlate(table)),
        )
        .order_by(table.c.due_ms)
        .limit(most)
    )
