"""The kinds of discrepancy, their evidence and their thresholds, as the program has them."""

from dataclasses import fields
from typing import get_args

from cloud_sync.core.discrepancies import KINDS, PROPOSALS, Kind
from cloud_sync.core.evidence import BODIES, TELLERS
from cloud_sync.core.judging import STAY_RULES
from cloud_sync.core.policy import CN_DEFAULT, DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.ports import FeedKind
from cloud_sync.store.intake_files import FORMS
from docs.printed import NONE, table

IMPORT, BOOKS = "import ", "what the register holds"


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
    """Every type that can be told, its fields, and who tells it."""
    rows = [
        (
            f"`{name}`",
            (body.__doc__ or "").splitlines()[0],
            ", ".join(f"`{one.name}`" for one in fields(body)),
            "; ".join(_teller(one) for one in TELLERS[name]) or NONE,
        )
        for name, body in BODIES.items()
    ]
    return table(("type", "what it says", "fields", "told by"), rows)


def _teller(words: str) -> str:
    return f"`{words}`" if words.startswith(IMPORT) else words


def files() -> str:
    """Every kind of file beside the records, its columns, and what its rows become."""
    rows = [
        (
            f"`{kind}`",
            ", ".join(f"`{name}`" for name in FORMS[kind].needed),
            ", ".join(f"`{name}`" for name in FORMS[kind].optional) or NONE,
            ", ".join(f"`{type_}`" for type_, who in TELLERS.items() if f"{IMPORT}{kind}" in who) or BOOKS,
        )
        for kind in get_args(FeedKind)
    ]
    return table(("kind", "columns", "may have", "becomes"), rows)


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
