"""States, steps and refusals of listings in words; an unknown code is shown as it is."""

from collections.abc import Mapping
from types import MappingProxyType

from cloud_sync.core.dossier import CHECKLIST, DOCUMENTS, LETTERS, Verified
from cloud_sync.web.language import Lang
from cloud_sync.web.texts import Texts, mark

STATES: Mapping[str, str] = MappingProxyType({
    "DRAFT": mark("draft"),
    "FILED": mark("filed"),
    "IN_REVIEW": mark("in review"),
    "RETURNED": mark("returned for completion"),
    "REJECTED": mark("rejected"),
    "ACTIVE": mark("coded and open"),
    "LAPSED": mark("review overdue"),
    "SUSPENDED": mark("suspended"),
    "WITHDRAWING": mark("leaving"),
    "WITHDRAWN": mark("has left"),
    "REVOKED": mark("banned"),
    "CLOSED": mark("banned and closed"),
})  # fmt: skip
DECISIONS: Mapping[str, str] = MappingProxyType({
    "return": mark("Return it for completion"),
    "reject": mark("Reject it"),
    "approve": mark("Approve it and give the code"),
    "review passed": mark("The yearly review is passed"),
    "14 d over": mark("Suspend it: fourteen days are over"),
    "recheck passed": mark("The recheck is passed: open it again"),
    "confirm": mark("Confirm"),
    "dismiss": mark("Dismiss"),
    "uphold": mark("Uphold"),
    "reverse": mark("Reverse the points"),
    "lift": mark("Lift the sanction"),
})  # fmt: skip
STEPS: Mapping[str, str] = MappingProxyType({
    "listing.create": mark("Drafted"),
    "listing.submit": mark("Filed"),
    "listing.resubmit": mark("Filed again"),
    "listing.assign reviewer": mark("Given to a reviewer"),
    "listing.return": mark("Returned"),
    "listing.reject": mark("Rejected"),
    "listing.approve": mark("Approved, code given"),
    "listing.warn": mark("Warned"),
    "listing.deduct deposit": mark("Deposit deducted"),
    "listing.order rectification": mark("Suspended to be put right"),
    "listing.recheck passed": mark("Recheck passed"),
    "listing.review overdue": mark("Review became overdue"),
    "listing.review passed": mark("Review passed"),
    "listing.14 d over": mark("Suspended after fourteen days"),
    "listing.voluntary exit": mark("Leaves by itself"),
    "listing.last guest out": mark("The last guest is out"),
    "listing.ban": mark("Banned"),
    "listing.relocation deadline": mark("The time to move is over"),
    "listing.document": mark("Document noted"),
    "listing.inspect": mark("Risk lists answered"),
    "listing.change": mark("Facts changed"),
    "listing.exception": mark("More guests approved"),
    "listing.exception end": mark("Approval of more guests ended"),
    "unit.enter": mark("Entered"),
    "unit.change": mark("Changed"),
    "unit.verify": mark("Verified"),
    "unit.residents": mark("Residents counted"),
})  # fmt: skip
BANDS: Mapping[str, str] = MappingProxyType({
    "green": mark("green"),
    "blue": mark("blue"),
    "yellow": mark("yellow"),
    "red": mark("red"),
})  # fmt: skip
CONDUCT: Mapping[str, str] = MappingProxyType({
    "PROPOSED": mark("proposed"),
    "EFFECTIVE": mark("in effect"),
    "DISMISSED": mark("dismissed"),
    "UNDER_APPEAL": mark("under appeal"),
    "REVERSED": mark("reversed"),
    "EXPIRED": mark("expired"),
    "IN_FORCE": mark("in force"),
    "LIFTED": mark("lifted"),
})  # fmt: skip
TIERS: Mapping[str, str] = MappingProxyType({
    "1": mark("1: talk and warning"),
    "2": mark("2: suspended until put right"),
    "3": mark("3: deduction from the deposit"),
    "4": mark("4: ban"),
})  # fmt: skip
PAPERS: Mapping[str, str] = MappingProxyType({
    "declared": mark("declared"),
    "seen": mark("seen"),
    "absent": mark("absent"),
})  # fmt: skip
ANSWERS: Mapping[str, str] = MappingProxyType({
    "pass": mark("in order"),
    "fail": mark("fails"),
    "na": mark("not here"),
})  # fmt: skip
# What a line of a history goes from and to: states, documents, and how an inspection ended.
CHANGES: Mapping[str, str] = MappingProxyType(
    {**STATES, **PAPERS, "passes": ANSWERS["pass"], "fails": ANSWERS["fail"]}
)
RISKS: Mapping[str, str] = MappingProxyType({
    "public_order": mark("Public order"),
    "environment": mark("Environment"),
    "fire": mark("Fire safety"),
})  # fmt: skip
FINDINGS: Mapping[str, str] = MappingProxyType({
    "occupied_no_code": mark("let to guests without a code"),
    "advertised_no_code": mark("advertised without a code"),
    "complaint_no_plate": mark("complaint about a door without a plate"),
})  # fmt: skip
USES: Mapping[str, str] = MappingProxyType({
    "self": mark("lived in by its owner"),
    "long_let": mark("let for long"),
    "short_let": mark("let by the night"),
    "vacant": mark("empty"),
    "unknown": mark("not known"),
    "resident": mark("residents"),
    "long_tenant": mark("tenants"),
})  # fmt: skip
VERIFIED: Mapping[Verified, tuple[str, str]] = MappingProxyType({
    Verified.VALID: (mark("This code is valid."), mark("The listing is on the community's register and may take guests.")),
    Verified.SUSPENDED: (mark("This listing is suspended."), mark("It takes no new guests until it has been put right.")),
    Verified.NOT_VALID: (mark("This code is not valid."), mark("No listing with this code may take guests. If you have booked here, call whoever you booked with.")),
})  # fmt: skip
# What was refused, by the rule that refused it; what is not here is said in general.
REFUSALS: Mapping[str, str] = MappingProxyType({
    "reason": mark("Say why, in one line of at most 200 characters, without names."),
    "listing.approve": mark("It cannot be approved yet; what is missing stands below."),
    "listing.assign reviewer": mark("This person filed the listing or is close to its operator; choose another one."),
    "listing.reviewer": mark("The review is somebody else's."),
    "listing.recheck": mark("Go through the risk lists first; since the suspension nobody has, or something still fails."),
    "listing.grace": mark("The fourteen days are not over yet."),
    "listing.checklist": mark("Answer every item of the risk lists."),
    "listing.incomplete": mark("Something is still missing; it stands below."),
    "listing.letter": mark("This text is not the one that holds now; load the page again."),
    "departure.none": mark("This is not asked any more; the booking stands below as it is now."),
    "departure.let": mark("The room is let to another stay in that time."),
    "departure.listing": mark("Stays of this listing are not made longer as long as it is in this state."),
    "departure.closed": mark("This stay cannot be changed any more."),
    "return.day": mark("A return is filed for today or the last thirty-one days."),
    "return.guests": mark("Say how many guests there were, from 0 to 9999."),
    "user": mark("This name is taken or cannot be, or the password is shorter than 10 characters."),
    "operator.login": mark("This operator has a login already."),
    "operator.left": mark("This operator has left."),
    "notice": mark("This cannot be an address, a language or a way of writing."),
    "capacity.interested": mark("This person filed the listing or is close to its operator; choose another one."),
    "capacity.bounds": mark("An exception is for 1 to 10 more people and at most 90 days."),
    "capacity.over": mark("It is over already."),
    "duty": mark("You have no duty for this place today."),
    "conduct.role": mark("Your role may not decide this."),
    "conduct.evidence": mark("Points need a rule that takes some, and a reference to what happened."),
    "conduct.frozen": mark("The points of a banned listing are frozen."),
    "conduct.cents": mark("A deduction says how much; the other tiers say none."),
    "points.confirm": mark("Whoever proposed it or is close to the operator cannot decide it."),
    "points.uphold": mark("An appeal is decided by somebody who has not decided before."),
    "points.reverse": mark("An appeal is decided by somebody who has not decided before."),
    "sanction.uphold": mark("An appeal is decided by somebody who has not decided before."),
    "sanction.lift": mark("An appeal is decided by somebody who has not decided before."),
    "sanction.confirm": mark("This needs two different people, and none who is close to the operator."),
    "finding.confirm": mark("Whoever found it cannot confirm it."),
    "finding.coded": mark("This unit has a listing with a code."),
})  # fmt: skip
REFUSED = mark("This was not done: a rule of the house speaks against it.")

_BY_ID = {kind.id: (kind.zh, kind.en) for kind in DOCUMENTS} | {
    item.id: (item.zh, item.en) for item in CHECKLIST
}
_BY_KIND = {letter.kind: (letter.zh, letter.en) for letter in LETTERS}


def named(id_: str, say: Texts) -> str:
    """A document, an item or a letter of the community's own data, in the reader's language."""
    zh, en = _BY_ID.get(id_) or _BY_KIND.get(id_) or (id_, id_)
    return zh if say.lang is Lang.ZH else en
