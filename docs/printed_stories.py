"""The table of the user stories: what each says, which tests and acts show it, and what is open."""

from collections import defaultdict

from docs.printed import NONE, table
from tests.stories.catalogue import STORIES, Story
from tests.stories.marks import read


def shown_by() -> dict[str, list[str]]:
    """The tests that show each clause, by file and name."""
    found: dict[str, list[str]] = defaultdict(list)
    for mark in read():
        for clause in mark.clauses:
            found[clause].append(f"{mark.file}::{mark.test}")
    return found


def overview() -> str:
    shown = shown_by()
    rows = [
        (
            f"[{story.number}](#story-{story.number})",
            story.who,
            story.line,
            f"{sum(clause.id in shown for clause in story.clauses)} of {len(story.clauses)}",
            ", ".join(story.acts) or NONE,
            ", ".join(f"[{file}](../tests/{file})" for file in _files(story, shown)) or NONE,
        )
        for story in STORIES
    ]
    return table(("story", "who", "what happens", "clauses shown", "acts", "where"), rows)


def counted() -> str:
    shown = shown_by()
    clauses = [clause for story in STORIES for clause in story.clauses]
    whole = sum(all(clause.id in shown for clause in story.clauses) for story in STORIES)
    seen = sum(clause.id in shown for clause in clauses)
    return (
        f"{len(STORIES)} stories in {len(clauses)} clauses; {seen} clauses are shown by a test, "
        f"{len(clauses) - seen} are open; {whole} stories have no open clause."
    )


def clause_by_clause() -> str:
    shown = shown_by()
    return "\n\n".join(
        f"### Story {story.number}\n\n{story.who.capitalize()}: {story.line}.\n\n{_clauses(story, shown)}"
        for story in STORIES
    )


def _clauses(story: Story, shown: dict[str, list[str]]) -> str:
    rows = []
    for clause in story.clauses:
        tests = ", ".join(f"`{name}`" for name in shown.get(clause.id, ()))
        rows.append((clause.id, clause.text, tests or f"**open**: {clause.missing}"))
    return table(("clause", "what has to be so", "shown by"), rows)


def _files(story: Story, shown: dict[str, list[str]]) -> list[str]:
    return sorted({name.partition("::")[0] for clause in story.clauses for name in shown.get(clause.id, ())})
