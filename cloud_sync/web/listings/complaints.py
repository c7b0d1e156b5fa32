"""Complaints by the plate: a form without a login, a link to its answer, and the list of the people who answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.complaints import SAID_MAX, ComplaintState, Topic
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import Refused
from cloud_sync.ports_complaints import ComplaintDesk, ComplaintView
from cloud_sync.ports_model import Person
from cloud_sync.web.accounts import go
from cloud_sync.web.arrive import TOO_MANY, Patience
from cloud_sync.web.board import Speaker
from cloud_sync.web.guest.shown import Frame
from cloud_sync.web.language import language_of, other_languages, remember
from cloud_sync.web.listings.verify import PATIENCE, Asked
from cloud_sync.web.render import Chrome, answer, chrome_of, environment
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions, check_form
from cloud_sync.web.texts import mark, texts

EACH_MAX = 3  # in ten minutes
ALL_MAX = 60
CONFLICT = 409
Word = Annotated[str, Form(max_length=64)]
Said = Annotated[str, Form(max_length=SAID_MAX * 2)]  # as typed, with its line ends
Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{32}$")]
Id = Annotated[str, Path(pattern=r"^CP-[0-9A-Z]{26}$")]

TOPICS: Mapping[Topic, str] = MappingProxyType({
    Topic.NOISE: mark("noise"),
    Topic.RUBBISH: mark("rubbish or goods in the way"),
    Topic.FIRE: mark("a danger of fire"),
    Topic.CROWD: mark("more people than fit"),
    Topic.OTHER: mark("something else"),
})  # fmt: skip
STATES: Mapping[ComplaintState, str] = MappingProxyType({
    ComplaintState.OPEN: mark("received; nobody has answered yet"),
    ComplaintState.ANSWERED: mark("answered"),
    ComplaintState.DISMISSED: mark("looked at; nothing follows"),
})  # fmt: skip
REFUSALS: Mapping[str, str] = MappingProxyType({
    "complaint.listing": mark("No listing has this code; call the staff instead."),
    "duty": mark("You have no duty for this place today."),
    "complaint.words": mark("Choose what it is about, and write at most 300 characters."),
    "complaint.decided": mark("A colleague has answered this already."),
    "reason": mark("Say why, in one line of at most 200 characters, without names."),
})  # fmt: skip
NOT_DONE = mark("This could not be done; look at the page once more.")


@dataclass(frozen=True, slots=True)
class ComplaintRow:
    id: str
    listing: str
    topic: str
    said: str
    at: str
    state: str
    answer: str
    by: str
    open: bool


@dataclass(frozen=True, slots=True)
class ComplainPage:
    frame: Frame
    code: str
    topics: tuple[tuple[str, str], ...]
    topic: str = ""
    said: str = ""
    link: str = ""  # where the answer will stand, once it was sent
    row: ComplaintRow | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ComplaintsPage:
    chrome: Chrome
    now: str
    rows: tuple[ComplaintRow, ...]
    may_answer: bool
    problem: str = ""


class ComplaintPages:
    def __init__(self, services: Services, desk: ComplaintDesk) -> None:
        self._services = services
        self._desk = desk
        self._sessions = Sessions(services.accounts)
        self._patience = Patience(services.clock.now_ms, each=EACH_MAX, all_=ALL_MAX)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/verify/{code}/complaint", self.form, methods=["GET"])
        self.router.add_api_route("/verify/{code}/complaint", self.complain, methods=["POST"])
        self.router.add_api_route("/complaints", self.list, methods=["GET"])
        self.router.add_api_route("/complaints/{complaint}", self.decide, methods=["POST"])
        self.router.add_api_route("/complaints/of/{token}", self.status, methods=["GET"])

    # --- everybody ---------------------------------------------------------------------------------------------

    def form(self, request: Request, code: Asked) -> Response:
        return self._public(request, code.upper())

    def complain(self, request: Request, code: Asked, topic: Word = "", said: Said = "") -> Response:
        """No login and no token of a form: it carries no authority, and is bounded instead."""
        client, code, say = request.client.host if request.client else "", code.upper(), texts(language_of(request))  # fmt: skip
        if not self._patience.takes(client):
            return self._public(request, code, TOO_MANY, problem=say(PATIENCE), topic=topic, said=said)
        try:
            token = self._desk.complain(code, topic, said)
        except Refused as refused:
            problem = say(REFUSALS.get(refused.rule, NOT_DONE))
            return self._public(request, code, CONFLICT, problem=problem, topic=topic, said=said)
        base = self._services.pages_url or str(request.base_url).rstrip("/")
        return self._public(request, code, link=f"{base}/complaints/of/{token}")

    def status(self, request: Request, token: Token) -> Response:
        by = self._by(request)
        found = self._desk.status(token)
        return self._public(request, found.listing, row=_row(found, by, public=True))

    # --- those who answer --------------------------------------------------------------------------------------

    def list(self, request: Request) -> Response:
        return self._list(request)

    def decide(
        self, request: Request, complaint: Id, csrf: Word = "", event: Word = "", text: Said = ""
    ) -> Response:
        session = self._sessions.need_right(request, Right.REVIEW_LISTING)
        check_form(session.csrf, csrf)
        try:
            self._desk.answer(complaint, event, text, Person(session.user.name, session.user.role))
        except Refused as refused:
            return self._list(request, self._by(request).say(REFUSALS.get(refused.rule, NOT_DONE)))
        return go("/complaints")

    # --- within ------------------------------------------------------------------------------------------------

    def _by(self, request: Request) -> Speaker:
        return Speaker(texts(language_of(request)), self._services.zone)

    def _list(self, request: Request, problem: str = "") -> Response:
        session, by = self._sessions.need_right(request, Right.SEE_LISTINGS), self._by(request)
        place = by.name(self._services.name_zh, self._services.name_en)
        page = ComplaintsPage(
            chrome_of(request, user=session.user.name, csrf=session.csrf, place=place),
            by.clock(self._services.clock.now_ms()),
            tuple(_row(one, by) for one in self._desk.complaints()),
            may(session.user.role, Right.REVIEW_LISTING),
            problem,
        )
        return answer(request, "listings/complaints.html", page, CONFLICT if problem else 200)

    def _public(
        self,
        request: Request,
        code: str,
        status: int = 200,
        *,
        topic: str = "",
        said: str = "",
        link: str = "",
        row: ComplaintRow | None = None,
        problem: str = "",
    ) -> Response:
        by, lang = self._by(request), language_of(request)
        frame = Frame(
            lang=lang,
            choices=other_languages(request, lang),
            community=by.name(self._services.name_zh, self._services.name_en),
            synthetic=False,
            phone=self._services.guest.phone,
            home="",
        )
        topics = tuple((one.value, by.say(words)) for one, words in TOPICS.items())
        page = ComplainPage(frame, code, topics, topic, said, link, row, problem)
        html = environment(lang).get_template("listings/complain.html").render(page=page)
        response = HTMLResponse(html, status)
        remember(request, response)
        response.headers["content-language"] = lang.tag
        response.headers["vary"] = "Cookie, Accept-Language"
        response.headers["cache-control"] = "no-store"
        return response


def _row(view: ComplaintView, by: Speaker, *, public: bool = False) -> ComplaintRow:
    """``public``: without the words, for whoever finds the link is not always whoever wrote them."""
    return ComplaintRow(
        view.complaint,
        view.listing,
        by.say(TOPICS[view.topic]),
        "" if public else view.said,
        by.day_and_clock(view.made_ms),
        by.say(STATES[view.state]),
        view.answer,
        "" if public else view.answered_by,
        view.state is ComplaintState.OPEN,
    )
