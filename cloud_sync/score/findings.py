"""What reconciliation found in the course of a run: every stretch in which a discrepancy stood open."""

from dataclasses import dataclass

import sqlalchemy as sa

from cloud_sync.compose import Books
from cloud_sync.store import tables
from cloud_sync.store.asking import mine
from cloud_sync.store.engine import reading

_CHANGED = sa.select(
    tables.discrepancy.c.id,
    tables.discrepancy.c.kind,
    tables.discrepancy.c.subject,
    tables.discrepancy.c.window_ms,
    tables.discrepancy.c.state,
    tables.discrepancy.c.close_reason,
    tables.discrepancy.c.evidence,
).where(mine(tables.discrepancy), tables.discrepancy.c.updated_ms >= sa.bindparam("since"))


@dataclass(slots=True)
class Finding:
    """One stretch; ``until_ms`` is None while it stands."""

    kind: str
    subject: str
    window_ms: int
    since_ms: int
    until_ms: int | None = None
    reason: str = ""
    evidence: str = ""


class Watch:
    """Looks at the record after every run of reconciliation; nothing is asked of the rules."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._open: dict[str, Finding] = {}
        self.found: list[Finding] = []

    def look(self, since_ms: int) -> None:
        """Take down what has changed since then."""
        now_ms = self._books.clock.now_ms()
        with reading(self._books.engine).begin() as db:
            rows = db.execute(_CHANGED, {"mine": self._books.house.community, "since": since_ms}).all()
        for row in rows:
            held = self._open.get(row.id)
            if row.state == "open":
                if held is None:
                    held = self._open[row.id] = Finding(row.kind, row.subject, row.window_ms, now_ms)
                    self.found.append(held)
                held.evidence = row.evidence
            elif held is not None:
                held.until_ms, held.reason = now_ms, row.close_reason or ""
                del self._open[row.id]
