"""A lost node held faces: how many people's, and the list of what has to be done, each step ticked by who did it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.breach import Step
from cloud_sync.core.roles import Right
from cloud_sync.errors import Refused
from cloud_sync.ports_privacy import BreachView, PrivacyDesk
from cloud_sync.web import words
from cloud_sync.web.accounts import go
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.texts import Texts, mark

CONFLICT = 409
Short = Annotated[str, Form(max_length=128)]
Line = Annotated[str, Form(max_length=200)]
BreachId = Annotated[str, Path(pattern=r"^BR-[0-9A-Z]{26}$")]

STEPS: Mapping[str, str] = MappingProxyType({
    Step.KEYS: mark("The community's key is changed: gatehouse-sync keys rotate community --overlap-days 0"),
    Step.RECEIVERS: mark("The other nodes send it no face any more: gatehouse-node distrust-receiver at each"),
    Step.HARM: mark("The harm is judged: which data, how they were sealed, what may come of it"),
    Step.AUTHORITY: mark("The authority is told, or it is written down why it need not be (PIPL 57)"),
    Step.PEOPLE: mark("The people are told: what was on it, why it is gone, what may come of it, what they can do, whom to call"),
    Step.POLICE: mark("The theft is reported to the police"),
    Step.LESSON: mark("What is done so that it does not happen again"),
})  # fmt: skip
REFUSALS: Mapping[str, str] = MappingProxyType({
    "reason": mark("Say in one line what was done, without names of guests; it is kept with your name."),
    "breach.done": mark("Somebody has done this step already."),
})  # fmt: skip
COUNT = mark("faces of %(enrolled)s people were told to be on it, of %(most)s at most")


@dataclass(frozen=True, slots=True)
class BreachRow:
    breach: str
    node: str
    told: str
    count: str
    left: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class StepRow:
    step: str
    text: str
    by: str = ""
    at: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class BreachPage:
    chrome: Chrome
    row: BreachRow
    told_by: str
    steps: tuple[StepRow, ...]
    problem: str = ""


class BreachPages:
    def __init__(self, desk: Desk, privacy: PrivacyDesk) -> None:
        self._desk = desk
        self._privacy = privacy
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        address = "/privacy/breaches/{breach}"
        self.router.add_api_route(address, self.show, methods=["GET"])
        self.router.add_api_route(address, self.tick, methods=["POST"])

    def show(self, request: Request, breach: BreachId) -> Response:
        return self._page(request, self._desk.asked(request, Right.PRIVACY), breach)

    def tick(
        self, request: Request, breach: BreachId, csrf: Short = "", step: Short = "", note: Line = ""
    ) -> Response:
        asked = self._desk.asked(request, Right.PRIVACY)
        check_form(asked.session.csrf, csrf)
        try:
            self._privacy.tick_breach(breach, step, note=note, actor=asked.session.user.name)
        except Refused as refused:
            return self._page(request, asked, breach, _why(refused, asked.by.say))
        return go(f"/privacy/breaches/{breach}")

    def _page(self, request: Request, asked: Asked, breach: str, problem: str = "") -> Response:
        view = self._privacy.breach(breach)
        page = BreachPage(
            asked.chrome,
            breach_row(view, asked),
            view.told_by,
            tuple(_step(view, step, asked) for step in Step),
            problem,
        )
        return answer(request, "privacy/breach.html", page, CONFLICT if problem else 200)


def breach_row(view: BreachView, asked: Asked) -> BreachRow:
    count = asked.by.say(COUNT, enrolled=f"{view.faces.enrolled:,}", most=f"{view.faces.at_most:,}")
    left = len(Step) - len(view.done)
    told = asked.by.day_and_clock(view.told_ms)
    return BreachRow(view.breach, view.node, told, count, left, view.closed_ms is None)


def _step(view: BreachView, step: Step, asked: Asked) -> StepRow:
    text = words.say(STEPS, step, asked.by.say)
    done = view.done.get(step)
    if done is None:
        return StepRow(step, text)
    return StepRow(step, text, done.by, asked.by.day_and_clock(done.at_ms), done.note)


def _why(refused: Refused, say: Texts) -> str:
    return say(REFUSALS.get(refused.rule, REFUSALS["reason"]))
