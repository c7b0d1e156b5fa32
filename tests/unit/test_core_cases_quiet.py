"""The quieter half of the case machine: silenced, explained, under repair, with a department, and what people told."""

from dataclasses import replace

import pytest

from cloud_sync.core.case_clocks import due
from cloud_sync.core.case_types import (
    FORCED,
    HELD,
    Case,
    CaseEvent,
    CaseState,
    Deed,
    Family,
    Finding,
    OwnerRole,
    Severity,
)
from cloud_sync.core.cases import open_case, take
from cloud_sync.core.guards import Guard
from cloud_sync.core.lifecycles import Refusal
from cloud_sync.core.policy import DAY_MS, HOUR_MS, MINUTE_MS
from cloud_sync.core.roles import Role

NOW = 1_000_000_000
E, S = CaseEvent, CaseState
LI, WANG, CHEN = "li", "wang", "chen"


def alarm(kind=FORCED):
    return Finding(
        Family.ALERT, kind.name, kind.severity, "AP-1", f"alert/AP-1/{kind.name}", NOW, "gate-1", "AP-1"
    )


def discrepancy():
    return Finding(Family.DISCREPANCY, "D02", Severity.S3, "ST-1", "discrepancy/D02/ST-1/0", NOW)


def matter(kind="noise"):
    return Finding(Family.MATTER, kind, Severity.S3, "1-301", f"matter/1-301/{kind}", NOW)


def opened(finding=None):
    return open_case(finding or alarm(), "CS-1", NOW)


def by(actor, event, *, role=Role.GUARD, **more):
    return Deed(event, actor, role, **{"reason": "looked at it", **more})


def done(case, *deeds, now_ms=NOW + 1):
    """The case after these deeds, each of which must be possible."""
    for deed in deeds:
        moved = take(case, deed, now_ms)
        assert isinstance(moved, Case), moved
        case = moved
    return case


def shut(case):
    return done(case, Deed(E.CLEARS, seen_ms=NOW + 1))


def worked(case):
    return done(case, by(LI, E.ACK), by(LI, E.START))


# --- silenced, explained, under repair ----------------------------------------------------------------------------


def test_who_silences_says_why_and_for_how_long_and_never_an_s1():
    held = opened(alarm(HELD))
    assert isinstance(
        take(held, by(CHEN, E.SHELVE, role=Role.OFFICER, until_ms=NOW + 9 * HOUR_MS), NOW), Refusal
    )
    forced = take(opened(), by(CHEN, E.SHELVE, role=Role.OFFICER, until_ms=NOW + HOUR_MS), NOW)
    assert isinstance(forced, Refusal)
    assert forced.missing == (Guard.NOT_S1,)
    quiet = done(held, by(CHEN, E.SHELVE, role=Role.OFFICER, until_ms=NOW + HOUR_MS))
    assert (quiet.state, due(quiet, NOW + HOUR_MS - 1), due(quiet, NOW + HOUR_MS)) == (
        S.SHELVED,
        None,
        E.SHELF_OVER,
    )
    assert done(quiet, Deed(E.SHELF_OVER)).state is S.NEW
    assert done(shut(quiet), Deed(E.SHELF_OVER)).state is S.RTN_UNACK


def test_what_grows_to_an_s1_while_it_is_silenced_is_heard_at_once():
    quiet = done(opened(alarm(HELD)), by(CHEN, E.SHELVE, role=Role.OFFICER, until_ms=NOW + HOUR_MS))
    heavier = done(quiet, Deed(E.RAISE, seen_ms=NOW + 5, severity=Severity.S1), now_ms=NOW + 5)
    assert due(heavier, NOW + 5) is E.SHELF_OVER
    assert done(heavier, Deed(E.SHELF_OVER)).sounds


def test_what_a_cause_explains_comes_back_true_or_is_over_with_it():
    child = done(opened(alarm(HELD)), by(LI, E.ACK), Deed(E.SUPPRESS, cause="CS-9"))
    assert (child.state, child.cause, child.next_ms) == (S.SUPPRESSED, "CS-9", None)
    again_ = done(child, Deed(E.CAUSE_ENDS))
    assert (again_.state, again_.owner, again_.cause) == (S.NEW, None, None)
    over = done(shut(child), Deed(E.CAUSE_ENDS))
    assert (over.state, over.resolution, over.cause) == (S.CLOSED, "cause_over", "CS-9")


def test_a_device_under_repair_asks_nobody_until_it_is_back():
    out = done(opened(alarm(HELD)), by(CHEN, E.TAKE_OUT, role=Role.OFFICER, reason="permit 17"))
    assert (out.state, out.next_ms, out.note) == (S.OUT_OF_SERVICE, None, "permit 17")
    back = by(CHEN, E.PUT_BACK, role=Role.OFFICER)
    assert done(out, back).state is S.NEW
    assert done(shut(out), back).state is S.CLOSED


# --- whistles -------------------------------------------------------------------------------------------------------

# A Monday at noon in UTC, so that working days are easy to count.
MONDAY = 1_777_896_000_000


def whistled(kind="hard"):
    case = done(worked(opened(discrepancy())), now_ms=MONDAY)
    deed = Deed(E.WHISTLE, CHEN, Role.OFFICER, "the site is let", kind, "fire", colour="blue")
    return done(case, deed, now_ms=MONDAY)


def of_fire(event, **more):
    return Deed(event, "ma", Role.DEPARTMENT, **{"to": "fire", "reason": "on site", **more})


def test_a_department_signs_within_the_hour_or_its_colour_rises():
    case = whistled()
    assert (case.owner, case.colour, case.sign_due_ms) == (LI, "blue", MONDAY + HOUR_MS)
    colours = []
    while (event := due(case, MONDAY + DAY_MS)) is not None:
        case = done(case, Deed(event), now_ms=case.next_ms)
        colours.append(str(case.colour))
    assert colours == ["yellow", "red"]
    assert case.state is S.TRANSFERRED


@pytest.mark.parametrize(
    ("kind", "days"), [("work", 3), ("hard", 7)]
)  # five working days from Monday are seven days
def test_contact_and_report_have_clocks_in_working_days(kind, days):
    signed = done(whistled(kind), of_fire(E.SIGN), now_ms=MONDAY)
    assert (signed.contact_due_ms, signed.report_due_ms) == (MONDAY + DAY_MS, MONDAY + days * DAY_MS)
    late = done(signed, Deed(E.DEPT_CLOCK), now_ms=MONDAY + DAY_MS)
    assert (late.colour, late.next_ms) == ("yellow", late.report_due_ms)
    met = done(signed, of_fire(E.CONTACT), now_ms=MONDAY + HOUR_MS)
    assert (met.colour, met.next_ms) == ("blue", met.report_due_ms)


def test_only_the_department_that_was_asked_answers_and_the_community_verifies():
    case = whistled()
    assert isinstance(take(case, of_fire(E.SIGN, to="health"), MONDAY), Refusal)
    assert isinstance(take(case, by(CHEN, E.SIGN, role=Role.OFFICER, to="fire"), MONDAY), Refusal)
    back = done(case, of_fire(E.RETURN, reason="not ours"), now_ms=MONDAY)
    assert (back.state, back.owner) == (S.IN_PROGRESS, LI)
    told = done(
        case, of_fire(E.SIGN), of_fire(E.REPORT_IN), of_fire(E.RESULT, reason="shut down"), now_ms=MONDAY
    )
    assert (told.state, told.resolved_by) == (S.RESOLVED, "ma")
    assert isinstance(take(told, Deed(E.VERIFY, "ma", Role.DEPARTMENT), MONDAY), Refusal)
    assert done(told, Deed(E.UNCHECKED), now_ms=told.next_ms).state is S.RESOLVED
    assert done(told, by(CHEN, E.VERIFY, role=Role.OFFICER), now_ms=MONDAY).state is S.CLOSED


# --- matters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "class_", "severity", "asked", "wait_ms"),
    [
        ("crime", "big", Severity.S1, OwnerRole.STREET, MINUTE_MS),
        ("noise", "big", Severity.S2, OwnerRole.STREET, 5 * MINUTE_MS),
        ("noise", "small", Severity.S3, OwnerRole.OFFICER, DAY_MS),
        ("dispute", "private", Severity.S4, OwnerRole.OFFICER, None),
    ],
)
def test_a_matter_goes_the_way_of_its_class(kind, class_, severity, asked, wait_ms):
    said = done(opened(matter(kind)), by(CHEN, E.TRIAGE, role=Role.OFFICER, code=class_), now_ms=NOW)
    assert (said.state, said.severity, said.owner_role) == (S.NEW, severity, asked)
    assert said.next_ms == (NOW + wait_ms if wait_ms else None)
    assert isinstance(take(opened(), by(CHEN, E.TRIAGE, role=Role.OFFICER, code=class_), NOW), Refusal)
    assert isinstance(take(opened(matter()), by(LI, E.TRIAGE, code=class_), NOW), Refusal)


def test_who_opened_a_case_is_not_overruled_from_below():
    finding = replace(alarm(HELD), opener=CHEN, opener_role=Role.OFFICER)
    case = done(worked(opened(finding)), Deed(E.CLEARS), by(LI, E.RESOLVE))
    refused = take(case, by(WANG, E.VERIFY), NOW)
    assert isinstance(refused, Refusal)
    assert refused.missing == (Guard.OPENERS_LEVEL,)
    assert done(case, by(CHEN, E.VERIFY, role=Role.OFFICER)).state is S.CLOSED
