"""Who may open which page and press which button: one table (domain.md §11.5), asked by pages and interface alike."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    GUARD = "guard"
    OFFICER = "officer"
    ADMIN = "admin"
    OPERATOR = "operator"
    STREET = "street"
    DEPARTMENT = "department"


class Right(StrEnum):
    SEE_BOARD = "the community's dashboard and node pages"
    SEE_STAFF = "the gate staff's page"
    SEE_FIGURES = "the community's figures"
    SEE_FEW = "figures that speak of fewer than ten people"
    SEE_ALL_CASES = "discrepancies below S1"
    IMPORT = "bring listings, bookings and registrations"
    WORK_CASE = "acknowledge, start, resolve, hold and hand over"
    LEAD_CASE = "hand over a colleague's case, and open a closed one again"
    FORCIBLE_ACK = "settle a forced door that still stands open"
    VERIFY_ALERT = "check what a colleague settled at a door"
    VERIFY_DISCREPANCY = "check what a colleague settled in the books"
    COMMAND_DOOR = "release, lock, unlock or block a door"
    ADMIT = "let somebody in once as a visitor"
    PREVIEW = "look through a door's camera while a button is held, with a reason"
    PROVE = "prove a guest in person"
    PRIVACY = "see how long things are kept, hand out a person's copy, and trace with a second person"
    TELL_GUESTS = "write a notice to whoever stays here tonight"
    FILE_LISTING = "file a listing of one's own, and appeal"
    OWN_PAGES = "the pages of the operator one speaks for"
    SEE_LISTINGS = "the register of listings"
    REVIEW_LISTING = "review listings, inspect them and decide"
    CONFIRM_CONDUCT = "confirm points, sanctions and findings"
    SECOND_APPROVAL = "be the second to approve a grave sanction"
    TRIAGE = "say which class a matter is of"
    WHISTLE = "ask a department of the street"
    SHELVE = "silence one source for a while, and take a device out of service"
    SEE_INBOX = "the cases departments were asked about"
    ACT_FOR_DEPARTMENT = "sign, make contact, report in, answer and return"


_GATE = frozenset(
    {
        Right.SEE_STAFF,
        Right.SEE_FIGURES,
        Right.WORK_CASE,
        Right.VERIFY_ALERT,
        Right.COMMAND_DOOR,
        Right.ADMIT,
        Right.PREVIEW,
        Right.PROVE,
    }
)
# The administrator of a small community is its officer too; a larger one gives the two roles to two people.
# The second approval is the street's (§11.5): an officer has the first.  An operator's pages are the operator's alone.
MAY: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {
        Role.GUARD: _GATE,
        Role.OFFICER: frozenset(Right) - {Right.SECOND_APPROVAL, Right.ACT_FOR_DEPARTMENT, Right.OWN_PAGES},
        Role.ADMIN: frozenset(Right) - {Right.ACT_FOR_DEPARTMENT, Right.OWN_PAGES},
        Role.OPERATOR: frozenset({Right.FILE_LISTING, Right.OWN_PAGES}),
        Role.STREET: frozenset(
            {
                Right.SEE_LISTINGS,
                Right.SEE_FIGURES,
                Right.SECOND_APPROVAL,
                Right.WHISTLE,
                Right.SEE_INBOX,
            }
        ),
        Role.DEPARTMENT: frozenset({Right.SEE_INBOX, Right.ACT_FOR_DEPARTMENT}),
    }
)


# Who opened a case is not overruled from below (domain.md §11.3, verify).
LEVEL: Mapping[Role, int] = MappingProxyType({Role.GUARD: 0, Role.OFFICER: 1, Role.ADMIN: 1, Role.STREET: 2})
COMMUNITY = frozenset({Role.GUARD, Role.OFFICER, Role.ADMIN})


def role_of(text: str) -> Role | None:
    """The role of this name; a name nobody has taught us may nothing."""
    try:
        return Role(text)
    except ValueError:
        return None


def may(role: str | None, right: Right) -> bool:
    known = role_of(role) if role else None
    return known is not None and right in MAY[known]
