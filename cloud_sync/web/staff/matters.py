"""Somebody tells the staff something: it becomes a matter, and they get a link by which they see how it stands."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.case_types import CaseState
from cloud_sync.errors import Refused
from cloud_sync.ports_field import MatterDesk, MatterStatus, MatterWish
from cloud_sync.web import words as common
from cloud_sync.web.arrive import TOO_MANY, Patience
from cloud_sync.web.board import Speaker
from cloud_sync.web.guest.shown import Frame
from cloud_sync.web.language import language_of, other_languages, remember
from cloud_sync.web.render import Chrome, answer, environment
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff import words
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.staff.pages import CONFLICT, Word
from cloud_sync.web.staff.shown import choices
from cloud_sync.web.texts import mark, texts

EACH_MAX, ALL_MAX = 60, 900  # looks at a status in ten minutes: from one address, and from all
NOT_FOUND = 404
WORDS_MAX = 200
KIND = mark("Choose what it is about.")
PLACE = mark("There is no unit and no door with this number here.")
WORDS = mark("Say in one line what was told, without names.")
CLOSED_MEANWHILE = mark("That matter was closed meanwhile; report this one on its own.")
TOO_OFTEN = mark("This was asked for too often from here; wait ten minutes.")
UNKNOWN = mark("No report has this link, or it is kept no more.")
_PROBLEMS = {
    "matter.kind": KIND,
    "matter.place": PLACE,
    "reason": WORDS,
    "matter.closed": CLOSED_MEANWHILE,
}
_STANDS = {
    CaseState.NEW: mark("We have it, and nobody has taken it up yet."),
    CaseState.CLOSED: mark("It is settled."),
    CaseState.RESOLVED: mark("It was dealt with; somebody checks it now."),
    CaseState.TRANSFERRED: mark("A department was asked for help."),
    CaseState.DEPT_SIGNED: mark("A department has taken it over."),
    CaseState.DEPT_ACTING: mark("A department is at work on it."),
}
_AT_WORK = mark("Somebody is at work on it.")


@dataclass(frozen=True, slots=True)
class MatterPage:
    chrome: Chrome
    kinds: tuple[tuple[str, str], ...]
    kind: str = ""
    place: str = ""
    words: str = ""
    similar: str = ""
    problem: str = ""
    case: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class StatusPage:
    frame: Frame
    title: str
    sentence: str
    told: str
    closed: str
    now: str
    problem: str = ""


class MatterPages:
    def __init__(self, desk: Desk, matters: MatterDesk) -> None:
        self._desk, self._matters = desk, matters
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/staff/matters", self.form, methods=["GET"])
        self.router.add_api_route("/staff/matters", self.report, methods=["POST"])

    def form(self, request: Request) -> Response:
        return answer(request, "staff/matter.html", self._page(self._desk.asked(request)))

    def report(
        self,
        request: Request,
        csrf: Word = "",
        kind: Word = "",
        place: Word = "",
        said: Annotated[str, Form(max_length=500)] = "",
        join: Word = "",
        apart: Annotated[str, Form(max_length=3)] = "",
    ) -> Response:
        asked = self._desk.asked(request)
        check_form(asked.session.csrf, csrf)
        typed = {"kind": kind, "place": place, "words": said}
        try:
            taken = self._matters.report(
                MatterWish(kind, place, said, join, apart == "yes"), asked.session.user
            )
        except Refused as refused:
            why = asked.by.say(_PROBLEMS.get(refused.rule, words.CHANGED))
            return answer(request, "staff/matter.html", self._page(asked, problem=why, **typed), CONFLICT)
        if taken.similar:
            page = self._page(asked, similar=taken.similar, **typed)
            return answer(request, "staff/matter.html", page, CONFLICT)
        base = self._desk.services.pages_url.rstrip("/")
        page = self._page(asked, case=taken.case_id, link=f"{base}/status/{taken.token}")
        return answer(request, "staff/matter.html", page)

    def _page(self, asked: Asked, **said: str) -> MatterPage:
        return MatterPage(chrome=asked.chrome, kinds=choices(words.MATTERS, asked.by.say), **said)


class StatusPages:
    """What everybody with the link may see: how it stands.  No login, no script, no name, no place."""

    def __init__(self, services: Services, matters: MatterDesk) -> None:
        self._services, self._matters = services, matters
        self._patience = Patience(services.clock.now_ms, each=EACH_MAX, all_=ALL_MAX)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/status/{token}", self.show, methods=["GET"])

    def show(self, request: Request, token: Annotated[str, Path(pattern="^[0-9a-f]{40}$")]) -> Response:
        client = request.client.host if request.client else ""
        if not self._patience.takes(client):
            return self._answer(request, None, TOO_OFTEN, TOO_MANY)
        found = self._matters.status(token)
        return self._answer(request, found, "" if found else UNKNOWN, 200 if found else NOT_FOUND)

    def _answer(self, request: Request, found: MatterStatus | None, problem: str, status: int) -> Response:
        lang = language_of(request)
        say, services = texts(lang), self._services
        by = Speaker(say, services.zone)
        frame = Frame(
            lang=lang,
            choices=other_languages(request, lang),
            community=by.name(services.name_zh, services.name_en),
            synthetic=False,
            phone=services.guest.phone,
            home="",
        )
        page = StatusPage(
            frame,
            title=common.say(words.MATTERS, found.kind, say) if found else "",
            sentence=say(_STANDS.get(CaseState(found.state), _AT_WORK)) if found else "",
            told=by.day_and_clock(found.at_ms) if found else "",
            closed=by.day_and_clock(found.closed_ms) if found and found.closed_ms else "",
            now=by.day_and_clock(services.clock.now_ms()),
            problem=say(problem) if problem else "",
        )
        html = environment(lang).get_template("staff/status.html").render(page=page)
        response = HTMLResponse(html, status)
        remember(request, response)
        response.headers["content-language"] = lang.tag
        response.headers["vary"] = "Cookie, Accept-Language"
        return response
