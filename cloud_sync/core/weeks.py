"""Weeks as ISO 8601 counts them: 2026-W49 is seven days from a Monday on."""

import re
from datetime import date, timedelta

WEEK = re.compile(r"^(\d{4})-W(\d{2})$")


def monday_of(week: str) -> date | None:
    """The first day of a week; None where no calendar has it."""
    found = WEEK.match(week)
    if found is None:
        return None
    try:
        return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        return None


def week_of(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def week_before(week: str) -> str:
    """The week before one that there is."""
    monday = monday_of(week)
    assert monday is not None
    return week_of(monday - timedelta(days=7))
