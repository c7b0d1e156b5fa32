"""Reports to authorities, for the officer: what waits, what needs a person, and who was told what of whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.lifecycles_upstream import FINAL, NEEDS_A_PERSON
from cloud_sync.core.lifecycles_upstream import SubmissionState as S
from cloud_sync.core.reporting import Op
from cloud_sync.core.roles import Right
from cloud_sync.ports_upstream import DisclosureLine, SubmissionLine, UpstreamReader, UpstreamTally
from cloud_sync.web import words
from cloud_sync.web.board import Speaker, Tone
from cloud_sync.web.language import language_of
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.spans import span
from cloud_sync.web.texts import mark, texts

WAITING_MAX = 100
DISCLOSURES_MAX = 200

RECIPIENTS: Mapping[str, str] = MappingProxyType({
    "lodging_report": mark("Lodging register (police)"),
    "alloggiati_web": mark("Alloggiati Web (Italy)"),
    "ses_hospedajes": mark("SES.Hospedajes (Spain)"),
    "csv_drop": mark("Folder of files"),
})  # fmt: skip
STATES: Mapping[str, str] = MappingProxyType({
    S.QUEUED: mark("waiting to be sent"),
    S.SENT: mark("sent, no receipt yet"),
    S.ACKED: mark("acknowledged"),
    S.REJECTED: mark("rejected: correct it"),
    S.DEAD_LETTER: mark("a person has to look"),
    S.WITHDRAWN: mark("not sent: no reason any more"),
})  # fmt: skip
TONES: Mapping[str, Tone] = MappingProxyType({S.ACKED: "good", S.REJECTED: "bad", S.DEAD_LETTER: "bad"})
OPS: Mapping[str, str] = MappingProxyType({
    Op.SUBMIT: mark("arrival"),
    Op.CORRECT: mark("correction"),
    Op.CHECKOUT: mark("departure"),
    Op.CANCEL: mark("taken back"),
})  # fmt: skip
FIELDS: Mapping[str, str] = MappingProxyType({
    "name": mark("name"),
    "family_name": mark("family name"),
    "second_family_name": mark("second family name"),
    "given_names": mark("given names"),
    "sex": mark("sex"),
    "birth_date": mark("date of birth"),
    "birth_place": mark("place of birth"),
    "nationality": mark("nationality"),
    "document_type": mark("kind of document"),
    "document_number": mark("document number"),
    "support_number": mark("support number of the document"),
    "place_of_issue": mark("where the document was issued"),
    "residence": mark("residence"),
    "phone": mark("phone"),
    "relation": mark("relation to the lead guest"),
    "listing": mark("listing code"),
    "room": mark("room"),
    "arrival": mark("arrival time"),
    "departure": mark("departure time"),
    "headcount": mark("number of guests"),
    "contract": mark("booking number"),
    "contract_date": mark("date of the booking"),
})  # fmt: skip
OUTCOMES: Mapping[str, str] = MappingProxyType({
    "": mark("no answer on record"),
    "no answer": mark("no answer"),
    "acked": mark("acknowledged"),
    "taken": mark("taken, not yet judged"),
    "rejected": mark("rejected"),
    "not taken": mark("not taken"),
    "there, unnumbered": mark("there, without a number"),
    "settled by hand": mark("settled by a person"),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class TallyTile:
    key: str
    title: str
    acked: int
    all: int
    waiting: int
    persons: int
    oldest: str  # how long the oldest one that is not over waits, "" where none does


@dataclass(frozen=True, slots=True)
class ReportRow:
    id: str
    recipient: str
    op: str
    state: str
    tone: Tone
    due: str
    left: str  # until the legal deadline, or since
    late: bool
    sends: int
    problem: str


@dataclass(frozen=True, slots=True)
class DisclosureRow:
    at: str
    person: str
    recipient: str
    op: str
    fields: str
    basis: str
    outcome: str
    receipt: str


@dataclass(frozen=True, slots=True)
class UpstreamPage:
    chrome: Chrome
    now: str
    synthetic: bool
    tiles: tuple[TallyTile, ...]
    waiting: tuple[ReportRow, ...]
    disclosures: tuple[DisclosureRow, ...]


class UpstreamPages:
    """``/upstream``; it shows and changes nothing."""

    def __init__(self, services: Services, reader: UpstreamReader) -> None:
        self._services = services
        self._reader = reader
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/upstream", self.page, methods=["GET"])

    def page(self, request: Request) -> Response:
        session = self._sessions.need_right(request, Right.SEE_BOARD)
        by = Speaker(texts(language_of(request)), self._services.zone)
        now_ms = self._services.clock.now_ms()
        place = by.name(self._services.name_zh, self._services.name_en)
        states = (*sorted(NEEDS_A_PERSON), S.SENT, S.QUEUED)
        page = UpstreamPage(
            chrome=chrome_of(request, user=session.user.name, csrf=session.csrf, place=place),
            now=by.day_and_clock(now_ms),
            synthetic=self._reader.synthetic,
            tiles=_tiles(self._reader.tallies(), now_ms, by),
            waiting=tuple(
                _row(line, now_ms, by) for line in self._reader.lines(most=WAITING_MAX, states=states)
            ),
            disclosures=tuple(_told(line, by) for line in self._reader.disclosures(most=DISCLOSURES_MAX)),
        )
        return answer(request, "upstream.html", page)


def _tiles(tallies: Sequence[UpstreamTally], now_ms: int, by: Speaker) -> tuple[TallyTile, ...]:
    names = dict.fromkeys(one.connector for one in tallies)
    return tuple(_tile(name, [one for one in tallies if one.connector == name], now_ms, by) for name in names)


def _tile(name: str, mine: Sequence[UpstreamTally], now_ms: int, by: Speaker) -> TallyTile:
    open_ = [one for one in mine if one.state not in FINAL]
    oldest_ms = min((one.oldest_ms for one in open_), default=None)
    return TallyTile(
        key=name,
        title=words.say(RECIPIENTS, name, by.say),
        acked=sum(one.count for one in mine if one.state == S.ACKED),
        all=sum(one.count for one in mine if one.state != S.WITHDRAWN),
        waiting=sum(one.count for one in open_),
        persons=sum(one.count for one in mine if one.state in NEEDS_A_PERSON),
        oldest=span(now_ms - oldest_ms, by.say) if oldest_ms is not None else "",
    )


def _row(line: SubmissionLine, now_ms: int, by: Speaker) -> ReportRow:
    late = now_ms > line.due_ms
    return ReportRow(
        id=line.id,
        recipient=words.say(RECIPIENTS, line.connector, by.say),
        op=words.say(OPS, line.op, by.say),
        state=words.say(STATES, line.state, by.say),
        tone=TONES.get(line.state, "calm"),
        due=by.day_and_clock(line.due_ms),
        left=span(abs(line.due_ms - now_ms), by.say),
        late=late,
        sends=line.sends,
        problem=line.problem,
    )


def _told(line: DisclosureLine, by: Speaker) -> DisclosureRow:
    fields = [words.say(FIELDS, name, by.say) for name in line.fields]
    return DisclosureRow(
        at=by.day_and_clock(line.at_ms),
        person=line.person,
        recipient=line.recipient,
        op=words.say(OPS, line.op, by.say),
        fields=", ".join(fields) or by.say(mark("nothing of a person")),
        basis=line.basis,
        outcome=by.say(OUTCOMES[line.outcome]) if line.outcome in OUTCOMES else line.outcome,
        receipt=line.receipt,
    )
