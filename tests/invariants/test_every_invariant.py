"""docs/invariants.md names all twenty-eight, each with a test that exists, and says where one is shown in part."""

import ast
from pathlib import Path

from docs.printed_invariants import NUMBERED, WHOLE, _claims, held_by, sentences

ROOT = Path(__file__).parents[2]
EVERY = range(1, 29)


def test_the_page_has_all_twenty_eight_in_order():
    assert [int(row["number"]) for row in sentences()] == list(EVERY)
    assert {row["shown"] for row in sentences()} <= {WHOLE, "part"}
    assert all(row["sentence"] and row["fault"] for row in sentences())
    assert all(row["note"] for row in sentences() if row["shown"] == "part")


def test_every_invariant_has_a_test_and_no_test_claims_another_number():
    assert sorted(held_by()) == list(EVERY)


def test_every_invariant_has_a_counter_proof():
    """A test that breaks the rule on purpose, and sees it broken."""
    words = ("catches", "deliberate_break_is_caught", "what_cannot_end_is_overdue")
    assert [
        number for number in EVERY if not any(word in name for _, name in held_by()[number] for word in words)
    ] == []


def test_every_invariant_has_a_test_in_the_suite_of_every_day():
    """Not only in a suite that needs a broker or a browser."""
    daily = ("tests/invariants/", "tests/unit/", "tests/architecture/")
    assert [
        number for number in EVERY if not any(path.startswith(daily) for path, _ in held_by()[number])
    ] == []


def test_files_of_this_folder_hold_only_invariants_and_what_keeps_them_honest():
    for path in sorted((ROOT / "tests/invariants").glob("test_*.py")):
        if path.name in {"test_every_invariant.py", "test_lifecycles.py"}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert [name for name in names if name.startswith("test_") and not NUMBERED.match(name)] == [], path


def test_a_claim_is_found_by_name_by_mark_and_by_the_mark_of_a_file():
    source = (
        "pytestmark = [pytest.mark.invariant(3)]\n"
        "def test_invariant_07_x(): ...\n"
        "@pytest.mark.invariant(1, 2)\ndef test_y(): ...\n"
        "def helper(): ...\n"
    )
    found = list(_claims(ast.parse(source)))
    assert found == [
        (3, "test_invariant_07_x"),
        (7, "test_invariant_07_x"),
        (1, "test_y"),
        (2, "test_y"),
        (3, "test_y"),
    ]
