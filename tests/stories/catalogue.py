"""The 45 user stories, each in its checkable clauses; a clause that no test shows says what is missing.

A test that shows a clause says so: ``@pytest.mark.story("21a", "21c")``.  ``docs/stories.md`` is printed from here.
"""

from dataclasses import dataclass

from tests.stories.clauses_guests import GUESTS
from tests.stories.clauses_places import PLACES

FIRST, LAST = 1, 45


@dataclass(frozen=True, slots=True)
class Clause:
    """``missing`` is empty where a test shows the clause."""

    id: str
    text: str
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """``acts`` are the letters of the demo's acts that play it."""

    number: int
    who: str
    line: str
    acts: tuple[str, ...]
    clauses: tuple[Clause, ...]


def _story(number: int, told: dict[str, str]) -> Story:
    """``told`` has who, what and acts by name, and each clause by its letter; behind ``OPEN:`` stands what is missing."""
    clauses = []
    for letter, words in told.items():
        if len(letter) == 1:
            text, _, missing = words.partition(" OPEN: ")
            clauses.append(Clause(f"{number}{letter}", text, missing))
    return Story(number, told["who"], told["what"], tuple(told.get("acts", "").split()), tuple(clauses))


STORIES = tuple(_story(number, told) for number, told in sorted((GUESTS | PLACES).items()))
CLAUSES = {clause.id: clause for story in STORIES for clause in story.clauses}


def unknown(words: tuple[object, ...]) -> list[object]:
    """What of a mark's words is no clause of a story."""
    return [word for word in words if word not in CLAUSES] if words else ["nothing"]
