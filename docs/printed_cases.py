"""Cases as the program has them: the steps, the clocks, the kinds, and who may do what."""

from collections.abc import Iterable

from cloud_sync.core.case_clocks import ACK_MS, ACT_MS, ALERT_LADDERS, DISCREPANCY_LADDERS, Rung
from cloud_sync.core.case_types import ALERTS, AlertKind, Severity
from cloud_sync.core.cases import CASE
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.core.roles import MAY, Right, Role
from docs.printed import NONE, table


def steps() -> str:
    """Every step of the machine; states that share one stand in one line."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for row in CASE.rows:
        stays = row.before == row.after
        key = (row.event, "the same" if stays else row.after, " ∧ ".join(row.guards) or NONE)
        rows.setdefault(key, []).append(row.before or "–")
    lines = [(", ".join(before), event, guards, after) for (event, after, guards), before in rows.items()]
    return table(("from", "what happens", "only with", "to"), lines)


def alerts() -> str:
    """What becomes a case by itself, and what ends its condition."""
    return table(
        ("alert", "severity", "raised by", "over with"),
        [(f"`{kind.name}`", kind.severity, _raised(kind), _cleared(kind)) for kind in ALERTS.values()],
    )


def _raised(kind: AlertKind) -> str:
    return f"`{kind.raised_by}`" if kind.raised_by else "the node's state"


def _cleared(kind: AlertKind) -> str:
    if not kind.raised_by:
        return "the node's state"
    return ", ".join(f"`{name}`" for name in kind.cleared_by) or "a person"


def clocks() -> str:
    """How long each severity waits for eyes and for hands, and who is asked one after the other."""
    return table(
        ("severity", "looked at within", "acted on within", "alerts ask", "discrepancies ask"),
        [
            (
                severity,
                _span(ACK_MS.get(severity)),
                _span(ACT_MS.get(severity)),
                " → ".join(_spoken(rung) for rung in ALERT_LADDERS[severity]),
                " → ".join(_after(DISCREPANCY_LADDERS[severity])),
            )
            for severity in Severity
        ],
    )


def _spoken(rung: Rung) -> str:
    return rung.role.replace("_", " ")


def _after(rungs: Iterable[Rung]) -> Iterable[str]:
    return (
        f"{_spoken(rung)} after {_span(rung.after_ms)}" if rung.after_ms else _spoken(rung) for rung in rungs
    )


def _span(ms: int | None) -> str:
    if ms is None:
        return NONE
    for unit, name in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
        if ms % unit == 0 and ms >= unit:
            return f"{ms // unit} {name}"
    return f"{ms / 1000:g} s"


def rights() -> str:
    """Role × right, each cell as the program answers it."""
    rows = [(right.value, *("yes" if right in MAY[role] else NONE for role in Role)) for right in Right]
    return table(("may", *(f"`{role}`" for role in Role)), rows)
