"""The life-cycles as somebody read them off the design's pages, by hand: ``tests/golden/lifecycles.csv``.

Nothing here is taken from the program's tables; ``tests/invariants/test_lifecycles.py`` holds the two against each other.
"""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from cloud_sync.core.cases import CASE
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import TABLES, Lifecycle
from cloud_sync.core.lifecycles_conduct import CONDUCT_TABLES
from cloud_sync.core.lifecycles_upstream import SUBMISSION
from edge.core.door_table import Input
from edge.core.door_types import Mode, Timer

GOLDEN = Path(__file__).parents[1] / "golden"
PROGRAM: dict[str, Lifecycle] = {table.name: table for table in (*TABLES, *CONDUCT_TABLES, SUBMISSION, CASE)}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page, for one state it begins in."""

    lifecycle: str
    state: str | None
    event: str
    guards: frozenset[Guard]
    outcome: str


def _read(name: str) -> list[dict[str, str]]:
    with (GOLDEN / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def lines() -> tuple[Line, ...]:
    return tuple(
        Line(
            row["lifecycle"],
            None if state == "-" else state,
            row["event"],
            frozenset(Guard[name] for name in row["guards"].split()),
            state if row["outcome"] == "=" else row["outcome"],
        )
        for row in _read("lifecycles.csv")
        for state in row["state"].split()
    )


def absent() -> list[dict[str, str]]:
    """Lines of the page that no table has, and what stands for them."""
    return _read("lifecycles_absent.csv")


@cache
def of(name: str) -> tuple[Line, ...]:
    return tuple(line for line in lines() if line.lifecycle == name)


def names() -> list[str]:
    return list(dict.fromkeys(line.lifecycle for line in lines()))


def states(name: str) -> set[str]:
    """Every state a page names."""
    return {word for line in of(name) for word in (line.state, line.outcome) if word is not None}


def events(name: str) -> set[str]:
    return {line.event for line in of(name)}


def pairs(name: str) -> list[tuple[str | None, str]]:
    return list(product((None, *sorted(states(name))), sorted(events(name))))


def expected(name: str, state: str | None, event: str, holds: Collection[Guard]) -> str | None:
    """Where the page leads when these guards hold, by its first line that fits; None where it refuses."""
    for line in _begun(name).get((state, event), ()):
        if line.guards <= frozenset(holds):
            return line.outcome
    return None


@cache
def _begun(name: str) -> dict[tuple[str | None, str], list[Line]]:
    """The lines of a page by where they begin."""
    found: dict[tuple[str | None, str], list[Line]] = {}
    for line in of(name):
        found.setdefault((line.state, line.event), []).append(line)
    return found


# --- the door (access.md §4.4) ----------------------------------------------------------------------------------------


@cache
def door_modes() -> dict[tuple[str, str], frozenset[str]]:
    """By mode and input: the modes it may lead to."""
    return {
        (mode, row["input"]): frozenset({mode} if row["outcome"] == "=" else row["outcome"].split())
        for row in _read("door_modes.csv")
        for mode in row["mode"].split()
    }


def door_size() -> tuple[int, int]:
    """How many modes and inputs (timers included) a door has."""
    return len(Mode), len(Input) + len(Timer)
