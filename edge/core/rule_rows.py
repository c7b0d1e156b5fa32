"""What the rules remember, as rows of text: one entry a row, its name ``kind/name``, its value JSON.

A row that cannot be read (another release wrote it) is left out: rules that know less refuse less.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from edge.core.anti_passback import Place
from edge.core.door_hours import Standing
from edge.core.door_rules import Memory
from edge.core.occupancy import Count
from edge.core.rule_facts import After, Key
from edge.core.tailgating import Habit


def changed_rows(after: After) -> dict[str, str | None]:
    """What to keep of this change; None where a row goes."""
    return {f"{kind}/{name}": _text(after.memory, (kind, name)) for kind, name in sorted(after.changed)}


def _text(memory: Memory, key: Key) -> str | None:
    kind, name = key
    value = getattr(memory, kind).get(name)
    if value is None:
        return None
    plain = value if isinstance(value, int) else asdict(value)
    return json.dumps(plain, default=str, separators=(",", ":"))


_READ: Mapping[str, Callable[[Any], Any]] = {
    "places": lambda row: Place(str(row["zone"]), int(row["at_ms"])),
    "shaken": int,
    "counts": lambda row: Count(int(row["people"]), date.fromisoformat(row["night"])),
    "standing": lambda row: Standing(row["first_ms"], row["overruled_ms"]),
    "habits": lambda row: Habit(
        tuple(map(int, row["open_ms"])), tuple(map(bool, row["flags"])), bool(row["told"])
    ),
}


def memory_of(rows: Mapping[str, str]) -> Memory:
    """What an earlier life of this node remembered."""
    maps: dict[str, dict[Any, Any]] = {kind: {} for kind in _READ}
    for key, text in rows.items():
        kind, _, name = key.partition("/")
        if kind in _READ:
            try:
                maps[kind][name] = _READ[kind](json.loads(text))
            except (ValueError, KeyError, TypeError):
                continue
    return Memory(
        places=maps["places"],
        shaken=maps["shaken"],
        counts=maps["counts"],
        standing=maps["standing"],
        habits=maps["habits"],
    )
