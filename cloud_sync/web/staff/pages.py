"""The queue and the case: what needs somebody now, and what this person can do about it."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.case_types import BY_PEOPLE, CaseEvent
from cloud_sync.core.guards import Guard
from cloud_sync.core.policy import MINUTE_MS
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import Refused
from cloud_sync.ports_cases import CaseWish
from cloud_sync.web.accounts import go
from cloud_sync.web.render import answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff import words
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.staff.shown import CasePage, QueuePage, case_card, case_page, find_door

QUIET_SHOWN = 200  # as many as the queue: a power failure in a street silences a hundred at once
CLOSED_SHOWN = 10  # enough to open one again that was closed by mistake
REASON_CHARS_MAX = 500
SAYABLE = frozenset({*words.CODES, *words.CLASSES, *words.WHISTLES})
CONFLICT = 409

CaseId = Annotated[str, Path(pattern=r"^[A-Z]{2}-[0-9A-Z]{26}$")]
Word = Annotated[str, Form(max_length=64)]
Reason = Annotated[str, Form(max_length=REASON_CHARS_MAX)]


class StaffPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        for path, page in (
            ("/staff", self.queue),
            ("/staff/parts/queue", self.queue_part),
            ("/staff/cases/{case_id}", self.case),
            ("/staff/discrepancies/{case_id}", self.about),
            ("/staff/cases/{case_id}/facts", self.facts),
            ("/staff/cases/{case_id}/steps", self.steps),
        ):
            self.router.add_api_route(path, page, methods=["GET"])
        self.router.add_api_route("/staff/cases/{case_id}", self.act, methods=["POST"])

    def queue(self, request: Request) -> Response:
        return answer(request, "staff/queue.html", self._queue(self._desk.asked(request)))

    def queue_part(self, request: Request) -> Response:
        """What changes by itself, each piece for its own place in the page."""
        return answer(request, "staff/_queue_parts.html", self._queue(self._desk.asked(request)))

    def case(self, request: Request, case_id: CaseId) -> Response:
        return answer(request, "staff/case.html", self._case(self._desk.asked(request), case_id))

    def about(self, request: Request, case_id: CaseId) -> Response:
        """From a discrepancy on the dashboard to the case where something can be done about it."""
        self._desk.asked(request)
        found = self._desk.cases.case_about(case_id)
        return go(f"/staff/cases/{found}" if found else "/staff")

    def facts(self, request: Request, case_id: CaseId) -> Response:
        return answer(request, "staff/_case_parts.html", self._case(self._desk.asked(request), case_id))

    def steps(self, request: Request, case_id: CaseId) -> Response:
        """What can be done now; asked for when the case moved on and nobody is in the middle of a sentence."""
        return answer(request, "staff/_case_steps.html", self._case(self._desk.asked(request), case_id))

    def act(
        self,
        request: Request,
        case_id: CaseId,
        csrf: Word = "",
        event: Word = "",
        reason: Reason = "",
        code: Word = "",
        to: Word = "",
        colour: Word = "",
        minutes: Annotated[int, Form(ge=0, le=1440)] = 0,
    ) -> Response:
        asked = self._desk.asked(request, Right.WORK_CASE)
        check_form(asked.session.csrf, csrf)
        until_ms = asked.now_ms + minutes * MINUTE_MS if minutes else None
        try:
            said = code if code in SAYABLE else ""
            wish = CaseWish(_event(event), reason, said, to, until_ms, colour)
            return go(f"/staff/cases/{self._desk.cases.act(case_id, wish, asked.session.user)}")
        except Refused as refused:
            page = self._case(asked, case_id, _why(refused, asked), reason)
            return answer(request, "staff/case.html", page, CONFLICT)

    def _queue(self, asked: Asked) -> QueuePage:
        desk, user = self._desk, asked.session.user
        nodes = desk.nodes(asked)
        doors = (desk.door(nodes, door.access_point, asked) for node in nodes for door in node.doors)
        push = desk.services.push
        return QueuePage(
            chrome=asked.chrome,
            now=asked.by.clock(asked.now_ms),
            banners=desk.banners(nodes, asked),
            cases=tuple(case_card(line, asked.by, asked.now_ms) for line in desk.cases.queue(user)),
            closed=tuple(
                case_card(line, asked.by, asked.now_ms) for line in desk.cases.closed(user, most=CLOSED_SHOWN)
            ),
            doors=tuple(door for door in doors if door is not None),
            quiet=tuple(
                case_card(line, asked.by, asked.now_ms) for line in desk.cases.quiet(user, most=QUIET_SHOWN)
            ),
            board=may(user.role, Right.SEE_BOARD),
            push_key=push.public_key if push is not None else "",
            waiting=desk.waiting(asked),
            zones=desk.services.zone_commands is not None,
            figures=desk.services.figures is not None,
            passes=desk.services.deliveries is not None,
            roll=desk.services.morning is not None,
            matters=desk.services.matters is not None,
            field=desk.services.field_desk is not None,
            shift=desk.services.shifts is not None,
            inbox=desk.services.departments is not None and may(user.role, Right.SEE_INBOX),
        )

    def _case(self, asked: Asked, case_id: str, problem: str = "", typed: str = "") -> CasePage:
        desk = self._desk
        view = desk.cases.case(case_id, asked.session.user)
        nodes = desk.nodes(asked)
        found = find_door(nodes, view.line.case.access_point)
        return case_page(
            asked.chrome,
            view,
            asked.by,
            asked.now_ms,
            banners=desk.banners(nodes, asked),
            door=desk.door(nodes, view.line.case.access_point, asked),
            fed_by=found[1] if found is not None else None,
            users=desk.services.accounts.users(),
            departments=desk.services.departments.all() if desk.services.departments is not None else (),
            problem=problem,
            typed=typed,
        )


def _event(text: str) -> CaseEvent:
    for event in BY_PEOPLE:
        if event == text:
            return event
    raise Refused("case.unknown.STATE", f"nobody can {text!r} a case.")


def _why(refused: Refused, asked: Asked) -> str:
    """The refusal in the reader's words; a step the machine does not have means that the case moved on."""
    guard, say = refused.rule.rpartition(".")[2], asked.by.say
    if guard == Guard.DOOR_SHUT.name and may(asked.session.user.role, Right.FORCIBLE_ACK):
        return say(words.STAYS_OPEN)
    return say(words.REFUSALS[guard]) if guard in words.REFUSALS else say(words.CHANGED)
