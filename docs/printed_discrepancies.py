"""The kinds of discrepancy, their evidence and their thresholds, as the program has them."""

from dataclasses import fields

from cloud_sync.core.discrepancies import KINDS, PROPOSALS, Kind
from cloud_sync.core.evidence import BODIES
from cloud_sync.core.judging import STAY_RULES
from cloud_sync.core.policy import CN_DEFAULT, DAY_MS, HOUR_MS, MINUTE_MS
from docs.printed import NONE, table


def kinds() -> str:
    """One line for each of the twenty-six."""
    rows = [
        (
            kind.id,
            f"{kind.en} {kind.zh}",
            kind.subject,
            kind.severities,
            kind.closes_when,
            kind.close,
            ", ".join(f"{step} *" if step in PROPOSALS else step for step in kind.steps),
            _rests(kind),
        )
        for kind in KINDS.values()
    ]
    head = ("", "kind", "about a", "severity", "closes when", "by", "asks for", "evidence that is told")
    return table(head, rows)


def _rests(kind: Kind) -> str:
    own = "the books, " if kind.id in STAY_RULES and kind.id != "D10" and kind.by_hand else ""
    off = " (off)" if kind.id in CN_DEFAULT.rules.off else ""
    return (own + ", ".join(f"`{name}`" for name in kind.by_hand) or NONE) + off


def evidence() -> str:
    """Every type that can be told, and its fields."""
    rows = [
        (
            f"`{name}`",
            (body.__doc__ or "").splitlines()[0],
            ", ".join(f"`{one.name}`" for one in fields(body)),
        )
        for name, body in BODIES.items()
    ]
    return table(("type", "what it says", "fields"), rows)


def thresholds() -> str:
    """What the rules count with in `cn-default`."""
    rules = CN_DEFAULT.rules
    return table(
        ("threshold", "value"),
        [(f"`{one.name}`", _said(one.name, getattr(rules, one.name))) for one in fields(rules)],
    )


def _said(name: str, value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(value))
    if not name.endswith("_ms") or not isinstance(value, int):
        return str(value)
    for unit, size in (("d", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS), ("s", 1_000)):
        if value % size == 0:
            return f"{value // size} {unit}"
    return f"{value} ms"
