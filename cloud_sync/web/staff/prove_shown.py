"""What the proving page is given, and its words."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.ports_staff import Arrival, Party, PartyMember, Proved
from cloud_sync.web import words
from cloud_sync.web.board import Speaker
from cloud_sync.web.guest.more import MoreField
from cloud_sync.web.render import Chrome
from cloud_sync.web.texts import mark

ROLES: Mapping[str, str] = MappingProxyType({
    "lead": mark("the guest who booked"),
    "companion": mark("a companion"),
    "minor": mark("a child"),
})  # fmt: skip

REGISTRATIONS: Mapping[str, str] = MappingProxyType({
    "": mark("nothing was sent yet"),
    "DRAFT": mark("begun, not sent"),
    "SUBMITTED": mark("sent, not proved"),
    "VERIFY_FAILED": mark("the document check failed"),
    "PURGED": mark("erased"),
})  # fmt: skip
VERIFIED = mark("verified, level %(n)s")

STAYS: Mapping[str, str] = MappingProxyType({
    "EXPECTED": mark("expected"),
    "REGISTERED": mark("registered, not here yet"),
    "IN_HOUSE": mark("in house"),
    "DUE_OUT": mark("leaves today"),
    "OVERSTAY": mark("should have left"),
    "CHECKED_OUT": mark("has left"),
    "CLOSED": mark("closed"),
    "CANCELLED_BEFORE": mark("cancelled before arrival"),
    "CANCELLED_DURING": mark("cancelled during the stay"),
    "NO_SHOW": mark("did not come"),
})  # fmt: skip

REFUSALS: Mapping[str, str] = MappingProxyType({
    "reason": mark("Say in one line why, without names; it is kept with your name."),
    "prove.level": mark("This community asks to see the person here; a call is not enough."),
    "prove.signature": mark("This person has to sign the entry form; that is done in person."),
    "prove.method": mark("Say whether you saw the person here or on a call."),
    "registration.over": mark("This stay is over or cancelled, so nobody can be proved for it."),
    "registration.listing": mark("This listing may not take guests now; ask the community officer."),
    "registration.full": mark("As many people are registered as this place takes; ask whoever let it."),
    "not_found": mark("That is not on record any more; look at the booking once more."),
})  # fmt: skip

# The moment is written by the clock; a guest reads the same words on their own page.
LEVELS: Mapping[int, str] = MappingProxyType({
    0: mark("nothing shown"),
    1: mark("typed by the guest"),
    2: mark("chip or official result"),
    3: mark("seen on a call"),
    4: mark("seen in person"),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    """Somebody who waits at a gate, and the bookings their words fit."""

    id: str
    door: str
    said: str
    at: str
    bookings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MemberRow:
    subject_ref: str
    role: str
    registration: str
    open: bool  # still to be proved


@dataclass(frozen=True, slots=True)
class PartyCard:
    room: str
    state: str
    begins: str
    ends: str
    members: tuple[MemberRow, ...]
    minors: str = ""  # the stay whose five musts have a page


@dataclass(frozen=True, slots=True)
class ProvedCard:
    level: str
    doors: tuple[str, ...]
    begins: str
    ends: str


@dataclass(frozen=True, slots=True)
class ProvePage:
    chrome: Chrome
    now: str
    arrivals: tuple[ArrivalRow, ...]
    source: str
    external_ref: str
    party: PartyCard | None
    unknown: bool
    fits: tuple[tuple[str, str], ...]  # several bookings have this number: which one
    form: Mapping[str, str]
    faults: Mapping[str, str]
    more: tuple[MoreField, ...]
    method: str
    member: str
    reason: str
    problem: str
    done: ProvedCard | None
    emergency: str = ""  # what a declared emergency asks is asked of guests only


@dataclass(frozen=True, slots=True)
class LinkPage:
    chrome: Chrome
    address: str
    picture: str
    booking: str


def arrival_row(arrival: Arrival, by: Speaker) -> ArrivalRow:
    door = by.name(arrival.name_zh, arrival.name_en)
    return ArrivalRow(arrival.id, door, arrival.said, by.clock(arrival.asked_ms), arrival.bookings)


def party_card(party: Party, by: Speaker) -> PartyCard:
    return PartyCard(
        room=party.room,
        state=words.say(STAYS, party.state, by.say),
        begins=by.day_and_clock(party.planned_in_ms),
        ends=by.day_and_clock(party.planned_out_ms),
        members=tuple(_member(one, by) for one in party.members),
        minors=party.stay if any(one.minor for one in party.members) else "",
    )


def _member(member: PartyMember, by: Speaker) -> MemberRow:
    open_ = member.registration in REGISTRATIONS
    said = REGISTRATIONS[member.registration] if open_ else VERIFIED
    return MemberRow(
        subject_ref=member.subject_ref,
        role=words.say(ROLES, member.role, by.say),
        registration=by.say(said) if open_ else by.say(said, n=member.proofing),
        open=open_,
    )


def proved_card(done: Proved, doors: tuple[str, ...], by: Speaker) -> ProvedCard:
    return ProvedCard(
        level=f"{done.proofing} · {by.say(LEVELS[done.proofing])}",
        doors=doors,
        begins=by.day_and_clock(done.not_before_ms),
        ends=by.day_and_clock(done.not_after_ms),
    )
