"""Figures as they are told: how they spread, what was wished, and how busy the machine was meanwhile."""

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table


def spread(values: Sequence[float]) -> dict[str, float]:
    """n, p50, p95, p99 and the worst, by the nearest rank: every figure is one that was measured."""
    ordered = sorted(values)
    assert ordered, "nothing was measured"
    ranks = {
        name: ordered[max(0, -(-len(ordered) * per // 100) - 1)] for name, per in (("p95", 95), ("p99", 99))
    }
    figures = {"p50": statistics.median(ordered), **ranks, "max": ordered[-1]}
    return {"n": len(ordered)} | {name: round(value, 1) for name, value in figures.items()}


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
