"""The tables of ``invariants.md``: which tests hold which invariant, and how many pairs each life-cycle has."""

import ast
import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docs.printed import NONE, table

TESTS = Path(__file__).parent.parent / "tests"
GOLDEN = TESTS / "golden"
NUMBERED = re.compile(r"test_invariant_(\d\d)_")
WHOLE = "whole"


@cache
def held_by() -> dict[int, list[tuple[str, str]]]:
    """By invariant: file and name of every test that is named after it or marked with its number."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for number, name in _claims(tree):
            found[number].append((path.relative_to(TESTS.parent).as_posix(), name))
    return found


def _claims(tree: ast.Module) -> Iterator[tuple[int, str]]:
    whole: list[int] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            whole += _numbers(node.value)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            named = NUMBERED.match(node.name)
            numbers = {int(named[1])} if named else set()
            numbers |= {*whole, *(number for mark in node.decorator_list for number in _numbers(mark))}
            yield from ((number, node.name) for number in sorted(numbers))


def _numbers(node: ast.expr) -> list[int]:
    """Of ``pytest.mark.invariant(…)``, also inside a list of marks."""
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    return [
        argument.value
        for call in calls
        if ast.unparse(call.func) == "pytest.mark.invariant"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, int)
    ]


def sentences() -> list[dict[str, str]]:
    with (GOLDEN / "invariants.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def invariants() -> str:
    """Every invariant with its tests, file by file; what is shown in part, or by nothing, says so."""
    rows = []
    for row in sentences():
        by_file: dict[str, list[str]] = defaultdict(list)
        for path, name in held_by().get(int(row["number"]), []):
            by_file[path].append(name)
        cells = "<br>".join(f"`{path}`: {_shown(names)}" for path, names in by_file.items())
        rows.append((row["number"], row["sentence"], cells or "**no test**", row["fault"], _in_words(row)))
    return table(("no.", "what always holds", "shown by", "a fault that is seen", "how far"), rows)


def _shown(names: list[str]) -> str:
    return (
        f"{len(names)} tests" if len(names) > 3 else ", ".join(name.removeprefix("test_") for name in names)
    )


def _in_words(row: dict[str, str]) -> str:
    far = "whole" if row["shown"] == WHOLE else "**in part**"
    return f"{far}: {row['note']}" if row["note"] else far


def lifecycles() -> str:
    """How many pairs of state and event each life-cycle has, how many of them the page allows, and from which page."""
    from tests.fakes import page_tables

    rows, total, allowed = [], 0, 0
    for name in page_tables.names():
        pairs = page_tables.pairs(name)
        known = {(line.state, line.event) for line in page_tables.of(name)}
        total, allowed = total + len(pairs), allowed + len(known)
        rows.append(
            (
                name,
                str(len(page_tables.states(name))),
                str(len(page_tables.events(name))),
                str(len(pairs)),
                str(len(known)),
            )
        )
    door = page_tables.door_modes()
    modes, inputs = page_tables.door_size()
    total, allowed = total + modes * inputs, allowed + len(door)
    rows.append(("door (modes and inputs)", str(modes), str(inputs), str(modes * inputs), str(len(door))))
    rows.append(("together", NONE, NONE, str(total), str(allowed)))
    return table(("life-cycle", "states", "events", "pairs", "that happen"), rows)


def absent() -> str:
    """Lines of the design's pages that no table has, and what stands in their place."""
    from tests.fakes import page_tables

    rows = [
        (row["lifecycle"], f"§{row['page']}: {row['line']}", row["where"]) for row in page_tables.absent()
    ]
    return table(("life-cycle", "line", "instead"), rows)
