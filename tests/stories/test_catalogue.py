"""Every story is shown by a test, every clause is shown or says what is missing, and the page says the same."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from docs import printed_stories
from tests.stories import marks
from tests.stories.catalogue import CLAUSES, FIRST, LAST, STORIES, unknown

ROOT = Path(__file__).parents[2]
MARKS = marks.read()
SHOWN = {clause for mark in MARKS for clause in mark.clauses}
PAGE = ROOT / "docs" / "stories.md"


def test_all_forty_five_stand_there_in_order():
    assert [story.number for story in STORIES] == list(range(FIRST, LAST + 1))
    for story in STORIES:
        letters = [clause.id.removeprefix(str(story.number)) for clause in story.clauses]
        assert letters == sorted(set(letters)) == list("abcdefgh"[: len(letters)])


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"story {story.number}")
def test_a_story_is_shown_by_a_test(story):
    assert SHOWN & {clause.id for clause in story.clauses}


def test_a_clause_is_shown_or_says_what_is_missing_and_never_both():
    assert [clause for clause in CLAUSES if clause not in SHOWN and not CLAUSES[clause].missing] == []
    assert [clause for clause in CLAUSES if clause in SHOWN and CLAUSES[clause].missing] == []


def test_a_mark_stands_over_a_test_that_is_run():
    wrong = {f"{mark.file}::{mark.test}": mark.faults for mark in MARKS if mark.faults}
    assert wrong == {}
    assert [(mark.test, mark.clauses) for mark in MARKS if unknown(mark.clauses)] == []


def test_pytest_finds_the_tests_that_the_files_are_read_for():
    files = sorted({f"tests/{mark.file}" for mark in MARKS})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "story", *files]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)
    found = set(re.findall(r"^tests/(\S+?::\w+)", run.stdout, re.MULTILINE))
    assert found == {f"{mark.file}::{mark.test}" for mark in MARKS}, run.stdout[-2000:] + run.stderr


def test_acts_are_acts_of_the_demo():
    played = {
        act
        for path in (ROOT / "demo").glob("*.py")
        for act in re.findall(r'"\(([a-z]+)\) ', path.read_text())
    }
    named = {act for story in STORIES for act in story.acts}
    assert len(played) > 26
    assert named <= played


def test_the_page_has_every_story_and_every_clause():
    page = PAGE.read_text(encoding="utf-8")
    assert printed_stories.overview() in page
    assert printed_stories.clause_by_clause() in page
    assert len(re.findall(r"^### Story \d+$", page, re.MULTILINE)) == LAST


# --- and the reader of the marks would notice --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('@pytest.mark.story("1a")\ndef helper(): ...', "pytest does not collect it"),
        ("@pytest.mark.story()\ndef test_a(): ...", "a mark names its clauses as plain words"),
        ("@pytest.mark.story(1)\ndef test_a(): ...", "a mark names its clauses as plain words"),
        ('@pytest.mark.skip\n@pytest.mark.story("1a")\ndef test_a(): ...', "it is skipped"),
        ('@pytest.mark.xfail(strict=True)\n@pytest.mark.story("1a")\ndef test_a(): ...', "it is skipped"),
        ('@pytest.mark.story("1a")\ndef test_a():\n    pytest.skip("no")', "it may skip itself"),
        ('pytestmark = pytest.mark.story("1a")', "a mark has to stand over a test function of the module"),
    ],
)
def test_a_mark_that_shows_nothing_is_a_fault(tmp_path, text, fault):
    file = tmp_path / "test_x.py"
    file.write_text(f"import pytest\n\n{text}\n")
    assert [mark.faults for mark in marks.read(tmp_path)] == [(fault,)]


@pytest.mark.parametrize("words", ['"46a"', '"0a"', '"1z"', "7", ""])
def test_a_mark_of_no_story_ends_the_run(tmp_path, words):
    conftest = ROOT / "tests" / "conftest.py"
    file = tmp_path / "test_x.py"
    file.write_text(
        textwrap.dedent(f"""
        import pytest

        @pytest.mark.story({words})
        def test_a():
            pass
        """)
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "-c",
        "pyproject.toml",
        str(file),
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)
    assert conftest.exists()
    assert run.returncode == 4, run.stdout + run.stderr
    assert "no clause of a story" in run.stderr + run.stdout
