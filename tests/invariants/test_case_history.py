"""Invariant 26: whatever a case is taken for later, what it was taken for before stays on its record."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_sync.core.case_types import CaseEvent, Deed, Family, Finding, Severity
from cloud_sync.core.lifecycles import Refusal
from cloud_sync.core.roles import Role
from cloud_sync.store import case_rows, tables
from cloud_sync.store.house import acting
from tests.fakes.community_house import NOON_MS, new_house

SAID = re.compile(r"(S[1-4]) → (S[1-4])")
HAPPENS = st.lists(
    st.one_of(
        st.tuples(st.just("seen"), st.sampled_from(list(Severity))),
        st.tuples(st.just("done"), st.sampled_from([CaseEvent.ACK, CaseEvent.START, CaseEvent.RESOLVE])),
    ),
    min_size=2,
    max_size=12,
)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """One for every example, each with a subject of its own: a house is the dear part."""
    books = new_house(tmp_path_factory.mktemp("history"))
    yield books.house
    books.close()


def seen(act, subject, severity):
    key = f"discrepancy/D05/{subject}/0"
    return case_rows.raise_or_join(
        act, Finding(Family.DISCREPANCY, "D05", severity, subject, key, NOON_MS), "e-1"
    )


def notes(act, case_id):
    rows = act.rows(tables.case_note, case_id=case_id)
    return [tuple(row) for row in sorted(rows, key=lambda row: row.n)]


def lost(first: str, now: str, said: list[str]) -> list[str]:
    """What the record does not tell of the way from what a case was taken for first to what it is now."""
    steps = [found.groups() for text in said for found in SAID.finditer(text)]
    at, missing = first, []
    for before, after in steps:
        if before != at:
            missing.append(f"{at} is not {before}")
        at = after
    return [*missing, *([f"{at} is not {now}"] if at != now else [])]


def play(house, subject, happens):
    """What each record lost, after each step; earlier notes have to be there still, as they were."""
    found = []
    with acting(house, "li", "guard") as act:
        case = seen(act, subject, Severity.S3)
        first, before = case.severity.value, notes(act, case.id)
        for what, how in happens:
            if what == "seen":
                moved = seen(act, subject, how)
            else:
                deed = Deed(how, actor="li", role=Role.OFFICER, reason="looked", code="resolved")
                moved = case_rows.move(act, case, deed)
            case = case if isinstance(moved, Refusal) else moved
            kept = notes(act, case.id)
            found += [] if kept[: len(before)] == before else [f"{before} was rewritten"]
            before = kept
            row = act.row(tables.case_, id=case.id)
            found += lost(first, row.severity, [one[-2] or "" for one in kept])
    return found


SUBJECTS = iter(range(10_000))


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(happens=HAPPENS)
def test_invariant_26_what_a_case_was_taken_for_stays_on_its_record(house, happens):
    assert play(house, f"ST-{next(SUBJECTS)}", happens) == []


def test_invariant_26_catches_a_case_that_forgets_what_it_was_taken_for(house, monkeypatch):
    monkeypatch.setattr(case_rows, "_reclassed", lambda *_words: "")
    assert play(house, f"ST-{next(SUBJECTS)}", [("seen", Severity.S1)]) == ["S3 is not S1"]
