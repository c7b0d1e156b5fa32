"""A department's inbox: what it was asked, by when, and its answers; the street sees all of them and may whistle."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.case_types import CaseEvent, Family
from cloud_sync.core.guards import Guard
from cloud_sync.core.roles import Right
from cloud_sync.errors import Refused
from cloud_sync.ports_cases import CaseWish, DepartmentDesk, InboxLine
from cloud_sync.web import words as common
from cloud_sync.web.accounts import go
from cloud_sync.web.board import SEVERITY_TONES, Tone
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff import words
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.staff.pages import CONFLICT, CaseId, Reason, Word
from cloud_sync.web.staff.shown import Step, choices, inbox_step

_NAMES = {Family.DISCREPANCY: common.DISCREPANCIES, Family.MATTER: words.MATTERS}


@dataclass(frozen=True, slots=True)
class InboxCard:
    id: str
    title: str
    place: str
    severity: str
    severity_text: str
    tone: Tone
    colour: str
    department: str
    state: str
    asked: str
    asked_at: str
    due: str
    overdue: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class InboxPage:
    chrome: Chrome
    now: str
    cards: tuple[InboxCard, ...]
    departments: tuple[tuple[str, str], ...]
    colours: tuple[tuple[str, str], ...]
    whistles: tuple[tuple[str, str], ...]
    problem: str = ""
    typed: str = ""


class InboxPages:
    def __init__(self, desk: Desk, departments: DepartmentDesk) -> None:
        self._desk, self._departments = desk, departments
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/inbox", self.inbox, methods=["GET"])
        self.router.add_api_route("/inbox/{case_id}", self.act, methods=["POST"])

    def inbox(self, request: Request) -> Response:
        return answer(request, "staff/inbox.html", self._page(self._desk.asked(request, Right.SEE_INBOX)))

    def act(
        self,
        request: Request,
        case_id: CaseId,
        csrf: Word = "",
        event: Word = "",
        reason: Reason = "",
        code: Word = "",
        to: Word = "",
        colour: Annotated[str, Form(max_length=16)] = "",
    ) -> Response:
        asked = self._desk.asked(request, Right.SEE_INBOX)
        check_form(asked.session.csrf, csrf)
        try:
            wish = CaseWish(_event(event), reason, code if code in words.WHISTLES else "", to, None, colour)
            self._departments.act(case_id, wish, asked.session.user)
        except Refused as refused:
            guard = refused.rule.rpartition(".")[2]
            why = asked.by.say(words.REFUSALS.get(guard, words.CHANGED))
            return answer(request, "staff/inbox.html", self._page(asked, why, reason), CONFLICT)
        return go("/inbox")

    def _page(self, asked: Asked, problem: str = "", typed: str = "") -> InboxPage:
        by = asked.by
        names = {one.id: by.name(one.name_zh, one.name_en) for one in self._departments.all()}
        lines = self._departments.inbox(asked.session.user)
        return InboxPage(
            chrome=asked.chrome,
            now=by.clock(asked.now_ms),
            cards=tuple(_card(line, asked, names) for line in lines),
            departments=tuple(names.items()),
            colours=choices(words.COLOURS, by.say),
            whistles=choices(words.WHISTLES, by.say),
            problem=problem,
            typed=typed,
        )


def _card(line: InboxLine, asked: Asked, names: dict[str, str]) -> InboxCard:
    by = asked.by
    known = _NAMES.get(Family(line.family), words.ALERTS)
    return InboxCard(
        id=line.id,
        title=common.say(known, line.kind, by.say),
        place=by.name(line.place_zh, line.place_en),
        severity=line.severity,
        severity_text=common.say(common.SEVERITIES, line.severity, by.say),
        tone=SEVERITY_TONES.get(line.severity, "calm"),
        colour=common.say(words.COLOURS, line.colour, by.say) if line.colour else "",
        department=names.get(line.department, line.department),
        state=common.say(words.STATES, line.state, by.say),
        asked=line.asked,
        asked_at=by.day_and_clock(line.asked_ms),
        due=by.day_and_clock(line.due_ms) if line.due_ms is not None else "",
        overdue=line.due_ms is not None and line.due_ms < asked.now_ms,
        steps=tuple(inbox_step(event, by.say) for event in line.may),
    )


def _event(text: str) -> CaseEvent:
    for event in (
        *(CaseEvent.SIGN, CaseEvent.CONTACT, CaseEvent.REPORT_IN, CaseEvent.RESULT, CaseEvent.RETURN),
        CaseEvent.WHISTLE,
    ):
        if event == text:
            return event
    raise Refused(f"case.answer.{Guard.PERMITTED.name}", f"a department cannot {text!r} a case.")
