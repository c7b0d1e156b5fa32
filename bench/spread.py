"""Figures as they are told: how they spread, what was wished, and how busy the machine was meanwhile."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table


def spread(values: Sequence[float], *, digits: int = 1) -> dict[str, float]:
    """n, p50, p95, p99 and the worst, by the nearest rank: every figure is one that was measured."""
    ordered = sorted(values)
    assert ordered, "nothing was measured"
    ranks = {
        name: ordered[max(0, -(-len(ordered) * per // 100) - 1)] for name, per in (("p95", 95), ("p99", 99))
    }
    figures = {"p50": statistics.median(ordered), **ranks, "max": ordered[-1]}
    return {"n": len(ordered)} | {name: round(value, digits) for name, value in figures.items()}


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure with what was wished of it; ``rank`` is the percentile the goal speaks of, empty where none does."""

    what: str
    values: Sequence[float]
    rank: str = ""
    at_most_ms: float = 0.0

    def told(self) -> dict[str, Any]:
        found = spread(self.values)
        if not self.rank:
            return {"ms": found}
        wished = {
            "rank": self.rank,
            "at_most_ms": self.at_most_ms,
            "met": found[self.rank] <= self.at_most_ms,
        }
        return {"ms": found, "goal": wished}


def goals_table(goals: Sequence[Goal]) -> Table:
    """Goal and measured beside one another, in milliseconds."""
    table = Table("from → to", "goal", "", "n", "p50", "p95", "p99", "worst", caption="milliseconds")
    for goal in goals:
        told, wished, met = goal.told(), "", ""
        if "goal" in told:
            wished, met = f"{goal.rank} ≤ {goal.at_most_ms:g}", "met" if told["goal"]["met"] else "MISSED"
        table.add_row(
            goal.what, wished, met, *(f"{told['ms'][name]:g}" for name in ("n", "p50", "p95", "p99", "max"))
        )
    return table


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the face path's table; the goal is asked of ``rank``."""

    what: str
    unit: str
    p50: float
    p95: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    rank: str = "p50"
    note: str = ""

    @property
    def goal(self) -> str:
        if self.at_most is not None:
            return f"{'' if self.p95 is None else self.rank + ' '}≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def met(self) -> bool | None:
        """None where nothing was wished."""
        if self.at_most is not None:
            asked: float = getattr(self, self.rank)
            return asked <= self.at_most
        return None if self.at_least is None else self.p50 >= self.at_least

    def told(self) -> dict[str, Any]:
        return asdict(self) | {"goal": self.goal, "met": self.met}

    @classmethod
    def heard(cls, told: dict[str, Any]) -> "Row":
        """The row another process told of."""
        return cls(**{name: value for name, value in told.items() if name not in ("goal", "met")})


def rows_table(title: str, rows: Sequence[Row]) -> Table:
    """Goal and measured beside one another."""
    table = Table("what", "", "p50", "p95", "goal", "", "note", title=title)
    for row in rows:
        met = "" if row.met is None else "met" if row.met else "MISSED"
        p95 = "" if row.p95 is None else f"{row.p95:g}"
        table.add_row(row.what, row.unit, f"{row.p50:g}", p95, row.goal, met, row.note)
    return table


def rows_markdown(rows: Sequence[Row]) -> str:
    """The same for the README."""
    lines = ["| what | p50 | p95 | goal |", "|---|---|---|---|"]
    for row in rows:
        p95 = "" if row.p95 is None else f"{row.p95:g} {row.unit}"
        goal = f"{row.goal}{'' if row.met is not False else ', missed'}"
        lines.append(f"| {row.what.strip()} | {row.p50:g} {row.unit} | {p95} | {goal} |")
    return "\n".join(lines) + "\n"


def _ticks() -> list[int]:
    """user, nice, system, idle, iowait, irq, softirq, steal of all cores together."""
    return [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


@dataclass(slots=True)
class Busy:
    """How busy the machine is from its making on, by the kernel's own count."""

    _cpu: list[int] = field(default_factory=_ticks)
    _began_s: float = field(default_factory=time.monotonic)
    _load: float = field(default_factory=lambda: os.getloadavg()[0])

    def told(self) -> dict[str, float]:
        """Load averages, and the share of all cores' time that somebody used."""
        spent = [now - then for now, then in zip(_ticks(), self._cpu, strict=True)]
        idle = spent[3] + spent[4]
        return {
            "load_before": round(self._load, 2),
            "load_after": round(os.getloadavg()[0], 2),
            "cores": float(os.cpu_count() or 0),
            "busy": round(1 - idle / max(1, sum(spent)), 2),
            "seconds": round(time.monotonic() - self._began_s, 1),
        }
