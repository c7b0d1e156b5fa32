"""Which tests show which clauses: read from the marks in the files themselves, without running or importing a test."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
MARK = "pytest.mark.story"
SKIPS = ("pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "unittest.skip")
SKIPPING_CALLS = {"skip", "importorskip", "xfail"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Mark:
    """One test and the clauses it says it shows; ``faults`` says what is wrong with the mark."""

    file: str
    test: str
    clauses: tuple[str, ...]
    faults: tuple[str, ...] = ()


def read(folder: Path = TESTS) -> tuple[Mark, ...]:
    """Every mark below ``folder``, by file and line."""
    files = sorted(path for path in folder.rglob("*.py") if f"{MARK}(" in path.read_text(encoding="utf-8"))
    return tuple(mark for path in files for mark in in_file(path, path.relative_to(folder).as_posix()))


def in_file(path: Path, name: str) -> Iterator[Mark]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, Function):
            yield from _of(node, path, name)
    marked = sum(ast.unparse(node.func) == MARK for node in ast.walk(tree) if isinstance(node, ast.Call))
    decorated = sum(len(_story(node)) for node in tree.body if isinstance(node, Function))
    if marked != decorated:
        yield Mark(name, "?", (), ("a mark has to stand over a test function of the module",))


def _story(node: Function) -> list[ast.Call]:
    return [one for one in node.decorator_list if isinstance(one, ast.Call) and ast.unparse(one.func) == MARK]


def _of(node: Function, path: Path, name: str) -> Iterator[Mark]:
    calls = _story(node)
    if not calls:
        return
    words = [arg.value if isinstance(arg, ast.Constant) else None for call in calls for arg in call.args]
    clauses = tuple(word for word in words if isinstance(word, str))
    yield Mark(name, node.name, clauses, tuple(_faults(node, path, len(clauses) == len(words) > 0)))


def _faults(node: Function, path: Path, plain: bool) -> Iterator[str]:
    if not plain:
        yield "a mark names its clauses as plain words"
    if not (node.name.startswith("test_") and path.name.startswith("test_")):
        yield "pytest does not collect it"
    if any(ast.unparse(one).startswith(SKIPS) for one in node.decorator_list):
        yield "it is skipped"
    called = {ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
    if called & {f"pytest.{word}" for word in SKIPPING_CALLS}:
        yield "it may skip itself"
