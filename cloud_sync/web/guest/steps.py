"""What comes next on a guest's link: told by the records alone, so that any phone goes on where another stopped."""

from enum import StrEnum

from cloud_sync.core.lifecycles import PassState
from cloud_sync.core.self_registration import CHECKS_MAX
from cloud_sync.ports_guest import GuestMember, GuestView


class Step(StrEnum):
    """The last part of the address; the value is also the name of the template."""

    NOTICE = "notice"
    ME = "me"
    PEOPLE = "people"
    FACE = "face"
    WAY_IN = "pass"


CLOSED = {
    PassState.EXPIRED: "ended",
    PassState.REVOKED: "ended",
    PassState.SUSPENDED: "suspended",
    PassState.EXIT_ONLY: "exit_only",
}


def is_registered(member: GuestMember) -> bool:
    """Something was sent and taken; whether it is verified is another matter."""
    return member.registration not in ("", "VERIFY_FAILED")


def missing_people(view: GuestView) -> int:
    """How many of the booked party nobody has registered yet."""
    return max(0, view.headcount - sum(is_registered(member) for member in view.members))


def next_step(view: GuestView, rules: str) -> Step:
    """The first step that is not done; a stay that is over only has its pass page."""
    if not view.is_open:
        return Step.WAY_IN
    if not view.notice_read or view.rules_read != rules:
        return Step.NOTICE
    if not is_registered(view.lead):
        return Step.WAY_IN if needs_staff(view) else Step.ME
    if view.lead.face != "ask":
        return Step.WAY_IN  # who comes back wants the code; the page itself says who is missing
    return Step.PEOPLE if missing_people(view) else Step.FACE


def after_people(view: GuestView) -> Step:
    return Step.FACE if view.lead.face == "ask" else Step.WAY_IN


def needs_staff(view: GuestView) -> bool:
    """Three failed checks: no form helps any more, a person does."""
    return view.failed_checks >= CHECKS_MAX and not is_registered(view.lead)


def standing(view: GuestView, member: GuestMember) -> str:
    """The word of ``words.PHONE`` or ``RULES`` for what keeps this pass from opening; "" when nothing does."""
    if needs_staff(view):
        return "guest.checks"
    if not view.is_open:
        return "gone"
    if member.pass_state in CLOSED:
        return CLOSED[member.pass_state]
    if not member.listing_permits:
        return "listing"
    if not member.verified and is_registered(member):
        return "alone_minor" if member.minor and member.role == "lead" else "waiting"
    return ""
