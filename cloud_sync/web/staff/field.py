"""Tasks in the field: plan a sweep, claim a unit, say what was found, and check what a colleague found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.field_tasks import OF_POINTS, OF_UNITS, Result, SweepKind, TaskState, share
from cloud_sync.core.guards import Guard
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import Refused
from cloud_sync.ports_field import FieldDesk, SweepLine, SweepWish, TaskLine
from cloud_sync.web import words as common
from cloud_sync.web.accounts import go
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff import words
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.staff.pages import CONFLICT, Word
from cloud_sync.web.staff.shown import choices
from cloud_sync.web.texts import mark

SWEEPS_SHOWN = 20
TaskId = Annotated[str, Path(pattern=r"^FT-[0-9A-Z]{26}$")]

KINDS: Mapping[str, str] = {
    SweepKind.SWEEP: mark("Sweep over units"),
    SweepKind.PATROL: mark("Patrol"),
    SweepKind.VERIFICATION: mark("Verification"),
}
STATES: Mapping[str, str] = {
    TaskState.PLANNED: mark("nobody has claimed it"),
    TaskState.CLAIMED: mark("somebody is on it"),
    TaskState.REPORTED: mark("reported, to be checked by another person"),
    TaskState.CHECKED: mark("checked"),
    TaskState.MISSED: mark("its time is over"),
}
RESULTS: Mapping[str, str] = {
    Result.LET: mark("let to short-stay guests"),
    Result.NOT_LET: mark("not let"),
    Result.NOBODY: mark("nobody opened"),
    Result.IN_ORDER: mark("in order"),
    Result.NOT_IN_ORDER: mark("not in order"),
}
_PROBLEMS = {
    "sweep.units": mark("Give at least one unit, and at most 500."),
    "sweep.unit": mark("One of these units is not in the register; only a patrol goes to doors."),
    "sweep.hours": mark("Only a patrol is due in hours, 1 to 72; leave them at 0 for anything else."),
    "sweep.days": mark("Choose 1 to 31 days."),
    "sweep.kind": mark("Choose what kind of sweep it is."),
    "reason": mark("Say in one line what was told, without names."),
    "field_task.RESULT": mark("Choose what was found."),
    "field_task.PERMITTED": words.REFUSALS[Guard.PERMITTED.name],
    "finding.coded": mark("This unit has a listing with a code meanwhile."),
}
NOT_NOW = mark("This task has moved on, or is a colleague's; look at it again.")


@dataclass(frozen=True, slots=True)
class TaskRow:
    id: str
    unit: str
    state: str
    who: str
    result: str
    note: str
    at: str  # when it was reported
    can: tuple[str, ...]
    results: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SweepCard:
    id: str
    kind: str
    reason: str
    made_by: str
    due: str
    planned: int
    seen: int
    checked: int
    missed: int
    share: int  # percent visited
    tasks: tuple[TaskRow, ...]


@dataclass(frozen=True, slots=True)
class FieldPage:
    chrome: Chrome
    now: str
    plans: bool
    kinds: tuple[tuple[str, str], ...]
    sweeps: tuple[SweepCard, ...]
    problem: str = ""
    units: str = ""
    reason: str = ""


class FieldPages:
    def __init__(self, desk: Desk, field: FieldDesk) -> None:
        self._desk, self._field = desk, field
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/staff/field", self.show, methods=["GET"])
        self.router.add_api_route("/staff/field", self.plan, methods=["POST"])
        self.router.add_api_route("/staff/field/{task}", self.act, methods=["POST"])

    def show(self, request: Request) -> Response:
        return answer(request, "staff/field.html", self._page(self._desk.asked(request)))

    def plan(
        self,
        request: Request,
        csrf: Word = "",
        kind: Word = "",
        units: Annotated[str, Form(max_length=20_000)] = "",
        reason: Annotated[str, Form(max_length=500)] = "",
        days: Annotated[int, Form(ge=0, le=366)] = 0,
        hours: Annotated[int, Form(ge=0, le=999)] = 0,
    ) -> Response:
        asked = self._desk.asked(request, Right.REVIEW_LISTING)
        check_form(asked.session.csrf, csrf)
        try:
            self._field.plan(SweepWish(kind, tuple(units.split()), days, reason, hours), asked.session.user)
        except Refused as refused:
            page = self._page(asked, _why(refused, asked), units, reason)
            return answer(request, "staff/field.html", page, CONFLICT)
        return go("/staff/field")

    def act(
        self,
        request: Request,
        task: TaskId,
        csrf: Word = "",
        event: Word = "",
        result: Word = "",
        note: Annotated[str, Form(max_length=500)] = "",
    ) -> Response:
        asked = self._desk.asked(request)
        check_form(asked.session.csrf, csrf)
        try:
            self._field.act(task, event, asked.session.user, result=result, note=note)
        except Refused as refused:
            return answer(request, "staff/field.html", self._page(asked, _why(refused, asked)), CONFLICT)
        return go("/staff/field")

    def _page(self, asked: Asked, problem: str = "", units: str = "", reason: str = "") -> FieldPage:
        by = asked.by
        return FieldPage(
            chrome=asked.chrome,
            now=by.clock(asked.now_ms),
            plans=may(asked.session.user.role, Right.REVIEW_LISTING),
            kinds=choices(KINDS, by.say),
            sweeps=tuple(_card(one, asked) for one in self._field.sweeps(most=SWEEPS_SHOWN)),
            problem=problem,
            units=units,
            reason=reason,
        )


def _card(line: SweepLine, asked: Asked) -> SweepCard:
    by = asked.by
    return SweepCard(
        line.sweep,
        common.say(KINDS, line.kind, by.say),
        line.reason,
        line.made_by,
        by.day_and_clock(line.due_ms),
        line.planned,
        line.seen,
        line.checked,
        line.missed,
        share(line.seen, line.planned),
        tuple(_row(task, asked) for task in line.tasks),
    )


def _row(task: TaskLine, asked: Asked) -> TaskRow:
    say, known = asked.by.say, OF_POINTS if task.point_zh else OF_UNITS
    named = f"{task.unit} {asked.by.name(task.point_zh, task.point_en)}".strip()
    return TaskRow(
        task.task,
        named,
        common.say(STATES, task.state, say),
        task.claimed_by,
        common.say(RESULTS, task.result, say) if task.result else "",
        task.note,
        asked.by.day_and_clock(task.reported_ms) if task.reported_ms is not None else "",
        _can(task, asked),
        choices({code: text for code, text in RESULTS.items() if code in known}, say),
    )


def _can(task: TaskLine, asked: Asked) -> tuple[str, ...]:
    user = asked.session.user
    if task.state == TaskState.PLANNED:
        return ("claim",)
    if task.state == TaskState.CLAIMED and task.claimed_by == user.name:
        return ("report", "give back")
    checks = task.state == TaskState.REPORTED and task.claimed_by != user.name
    return ("check", "send back") if checks and may(user.role, Right.REVIEW_LISTING) else ()


def _why(refused: Refused, asked: Asked) -> str:
    return asked.by.say(_PROBLEMS.get(refused.rule, NOT_NOW))
