"""The conditions that life-cycles name, and the few of them that are arithmetic."""

from datetime import date
from enum import StrEnum


class Guard(StrEnum):
    REVIEWER_INDEPENDENT = "reviewer ≠ operator, no flagged interest"
    COMMITMENT = "commitment letter"
    DOCUMENTS = "required documents"
    CHECKLISTS = "checklists pass, fire safety included"
    TWO_APPROVALS = "two approvals"
    NAMED_HUMAN = "named human"
    REVISION_NEWER = "revision > stored"
    REQUIRED_FIELDS = "required fields"
    CURRENT_NOTICE = "current notice text"
    PROOFING_ENOUGH = "proofing ≥ profile minimum"
    MINOR_ACCOMPANIED = "for a minor: guardian contact and relation"
    NO_LEGAL_HOLD = "no legal hold"
    BOOKING_VALID = "booking still valid"
    NOT_SEEN_OUT = "no checkout, last direction in or unknown"
    CHECKOUT_REPORTED = "checkout reported"
    TEMPLATES_ERASED = "templates erased everywhere"
    RECONCILED = "reconciled at checkout + 24 h"
    PREREQUISITES = "listing permits ∧ stay open ∧ registration VERIFIED ∧ proofing ≥ profile"
    WINDOW_OPEN = "now ≥ not_before − early buffer"
    IN_HOUSE = "subject in-house"
    NOT_IN_HOUSE = "subject not in-house"
    # upstream (domain.md §5.11)
    NOT_SYNTHETIC = "a community of real people"
    LEGAL_BASIS = "a legal basis"
    # conduct (domain.md §§5.9, 5.10)
    NOT_INTERESTED = "not an interested party"
    OTHER_REVIEWER = "somebody else than who decided before"
    LIGHT_TIER = "tier 1 or 2"
    # cases (domain.md §11.3)
    PERMITTED = "a role that may"
    OWNER = "the owner of the case"
    OWNER_OR_LEAD = "the owner of the case, or the right to lead it"
    OTHER_PERSON = "somebody else than who resolved it"
    OFFERED = "the person it was offered to"
    COLLEAGUE = "the name of another person"
    REASON = "a reason"
    UNTIL = "a time ahead, at most a day"
    DOOR_SHUT = "the door shut, or the right to settle it open"
    ALERT = "an alert"
    DISCREPANCY = "a discrepancy"
    TRANSIENT = "a kind that clears by itself"
    GRAVE = "severity S1 or S2"
    LIGHT = "severity S3 or S4"
    DATA_CLOSES = "a kind that data closes"
    RECENT = "closed at most 30 days ago"
    MATTER = "a matter that somebody reported"
    MATTER_CLASS = "one of the three classes"
    NOT_S1 = "severity below S1"
    SHELF = "a time ahead, at most eight hours"
    STILL_TRUE = "the condition still true"
    CAUSE = "the case that is its cause"
    PERMIT = "the number of a permit"
    DEPARTMENT = "a department, a colour and the kind of whistle"
    THE_DEPARTMENT = "the department that was asked"
    NEVER_WHISTLED = "never whistled"
    OPENERS_LEVEL = "the opener's level or above"
    COMMUNITY = "the community, where a department acted"


def age_on(birth: date, day: date) -> int:
    """Completed years of life on ``day``; who is born on 29 February is a year older on 1 March."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def surely_at_least(years: int, birth_year: int, day: date) -> bool | None:
    """Whether somebody born in ``birth_year`` is ``years`` old on ``day``; None in the one year that cannot tell."""
    gap = day.year - birth_year
    return None if gap == years else gap > years
