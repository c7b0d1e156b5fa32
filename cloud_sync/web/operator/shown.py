"""What the operator's templates are given: frozen values in one language, ready to print."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.core.dossier import DOCUMENTS, LETTERS, Letter
from cloud_sync.ports_model import ListingRow, ListingView, PointsView, SanctionView
from cloud_sync.ports_operator import LetterLine, OperatorHome, OwnStay, ReturnDay, StaffLine, Told
from cloud_sync.web import words as codes
from cloud_sync.web.board import Speaker, Tone
from cloud_sync.web.language import Lang
from cloud_sync.web.listings import words
from cloud_sync.web.listings.shown import TONES, Rules, rule_text
from cloud_sync.web.render import Chrome
from cloud_sync.web.staff.prove_shown import STAYS
from cloud_sync.web.texts import mark

TOLD: Mapping[str, str] = MappingProxyType({
    "longer_asked": mark("The guests ask to stay longer: open the booking and answer."),
    "cancelled_inside": mark("A booking was cancelled while its guests are inside: their code lets out only."),
    "listing_suspended": mark("The listing is suspended: no new guests; those in the house stay until they leave."),
    "listing_banned": mark("The listing is banned: guests in the house have a day at most to move."),
})  # fmt: skip
APPEALED = frozenset({"EFFECTIVE", "IN_FORCE"})  # from here the operator may appeal
WITHHELD = frozenset({"DRAFT", "FILED", "IN_REVIEW", "RETURNED", "REJECTED"})
UNSUBMITTED = frozenset({"DRAFT", "RETURNED"})
EXPLAINED = frozenset(
    {"RETURNED", "REJECTED", "SUSPENDED", "REVOKED", "CLOSED"}
)  # where the last reason matters


@dataclass(frozen=True, slots=True)
class OwnLine:
    listing: str
    name: str
    unit: str
    state: str
    tone: Tone
    points: int
    band: str


@dataclass(frozen=True, slots=True)
class ToldLine:
    at: str
    said: str
    listing: str
    about: str
    reason: str


@dataclass(frozen=True, slots=True)
class HomePage:
    chrome: Chrome
    now: str
    operator: str
    told: tuple[ToldLine, ...]
    listings: tuple[OwnLine, ...]
    open_returns: int
    open_letters: int


@dataclass(frozen=True, slots=True)
class Held:
    """Points or a sanction held against a listing, with what it rests on."""

    id: str
    title: str
    detail: str
    state: str
    at: str
    appeal: str
    may_appeal: bool


@dataclass(frozen=True, slots=True)
class OwnListingPage:
    chrome: Chrome
    now: str
    line: OwnLine
    withheld: bool
    reason: str
    missing: tuple[str, ...]
    documents: tuple[tuple[str, str, str], ...]  # id, name, how it stands
    may_submit: bool
    held: tuple[Held, ...]
    in_house: int
    problem: str = ""
    typed: str = ""


@dataclass(frozen=True, slots=True)
class StayLine:
    stay: str
    ref: str
    listing: str
    room: str
    state: str
    arrives: str
    leaves: str
    headcount: int
    registered: int
    missing: int
    first_entry: str
    wish: str = ""  # until when its guests ask to stay
    wish_ms: int = 0


@dataclass(frozen=True, slots=True)
class BookingsPage:
    chrome: Chrome
    now: str
    stays: tuple[StayLine, ...]


@dataclass(frozen=True, slots=True)
class BookingPage:
    chrome: Chrome
    now: str
    stay: StayLine
    problem: str = ""


@dataclass(frozen=True, slots=True)
class DayLine:
    day: str
    due: str
    guests: str  # "" until it is filed
    late: bool


@dataclass(frozen=True, slots=True)
class ReturnsPage:
    chrome: Chrome
    now: str
    days: tuple[DayLine, ...]
    done: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LetterShown:
    kind: str
    version: int
    text: str
    acknowledged: int
    at: str


@dataclass(frozen=True, slots=True)
class LettersPage:
    chrome: Chrome
    now: str
    letters: tuple[LetterShown, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StaffPage:
    chrome: Chrome
    now: str
    staff: tuple[tuple[str, str, str, str, str, str], ...]  # ref, role, from, until, training, health


def _line(row: ListingRow, by: Speaker) -> OwnLine:
    return OwnLine(
        row.listing,
        row.name,
        row.unit,
        codes.say(words.STATES, row.state, by.say),
        TONES.get(row.state, "calm"),
        row.standing.left,
        codes.say(words.BANDS, row.standing.band, by.say),
    )


def _told(one: Told, by: Speaker) -> ToldLine:
    said = codes.say(TOLD, one.topic, by.say)
    return ToldLine(by.day_and_clock(one.made_ms), said, one.listing, one.about, one.reason)


def home_shown(chrome: Chrome, home: OperatorHome, by: Speaker, now_ms: int) -> HomePage:
    return HomePage(
        chrome,
        by.clock(now_ms),
        home.operator,
        tuple(_told(one, by) for one in home.told),
        tuple(_line(row, by) for row in home.listings),
        sum(day.guests is None for day in home.returns),
        sum(letter.acknowledged < letter.version for letter in home.letters),
    )


def listing_shown(
    chrome: Chrome, view: ListingView, by: Speaker, now_ms: int, rules: Rules, problem: str, typed: str
) -> OwnListingPage:
    say, state = by.say, view.row.state
    lacks = view.missing
    return OwnListingPage(
        chrome,
        by.clock(now_ms),
        _line(view.row, by),
        state in WITHHELD,
        view.reason if state in EXPLAINED else "",
        tuple(words.named(one, say) for one in (*lacks.documents, *lacks.letters, *lacks.items)),
        tuple(
            (
                kind.id,
                words.named(kind.id, say),
                codes.say(words.PAPERS, view.documents.get(kind.id, "absent"), say),
            )
            for kind in DOCUMENTS
        ),
        state in UNSUBMITTED,
        (
            *(_sanction(one, by, rules) for one in view.sanctions if one.state != "PROPOSED"),
            *(_points(one, by, rules) for one in view.points if one.state != "PROPOSED"),
        ),
        view.in_house,
        problem,
        typed,
    )


def _points(row: PointsView, by: Speaker, rules: Rules) -> Held:
    return Held(
        row.id,
        f"{row.delta} · {rule_text(row.rule, rules, by)}",
        " · ".join((*row.evidence, by.say(mark("rule version %(n)s"), n=row.rule_version))),
        codes.say(words.CONDUCT, row.state, by.say),
        by.day_and_clock(row.proposed_ms),
        row.appeal,
        row.state in APPEALED,
    )


def _sanction(row: SanctionView, by: Speaker, rules: Rules) -> Held:
    return Held(
        row.id,
        f"{codes.say(words.TIERS, str(row.tier), by.say)} · {rule_text(row.rule, rules, by)}",
        " · ".join((row.reason, by.say(mark("rule version %(n)s"), n=row.rule_version))),
        codes.say(words.CONDUCT, row.state, by.say),
        by.day_and_clock(row.proposed_ms),
        row.appeal,
        row.state in APPEALED,
    )


def stay_shown(one: OwnStay, by: Speaker) -> StayLine:
    return StayLine(
        one.stay,
        f"{one.source} {one.external_ref}",
        one.listing,
        one.room.removeprefix(f"{one.listing}-"),
        codes.say(STAYS, one.state, by.say),
        by.day_and_clock(one.planned_in_ms),
        by.day_and_clock(one.planned_out_ms),
        one.headcount,
        one.registered,
        one.missing,
        by.day_and_clock(one.first_entry_ms) if one.first_entry_ms else "",
        by.day_and_clock(one.wish_ms) if one.wish_ms else "",
        one.wish_ms or 0,
    )


def day_shown(one: ReturnDay, by: Speaker) -> DayLine:
    return DayLine(
        one.day, by.day_and_clock(one.due_ms), "" if one.guests is None else str(one.guests), one.late
    )


def letter_shown(one: LetterLine, by: Speaker) -> LetterShown:
    letter: Letter = next(held for held in LETTERS if held.kind == one.kind)
    text = letter.zh if by.say.lang is Lang.ZH else letter.en
    return LetterShown(
        one.kind, one.version, text, one.acknowledged, by.day_and_clock(one.at_ms) if one.at_ms else ""
    )


def staff_shown(one: StaffLine, by: Speaker) -> tuple[str, str, str, str, str, str]:
    def day(at_ms: int | None) -> str:
        return f"{by.moment(at_ms):%Y-%m-%d}" if at_ms else "–"

    return (
        one.ref,
        one.role,
        day(one.from_ms),
        day(one.until_ms),
        day(one.training_ms),
        day(one.health_until_ms),
    )
