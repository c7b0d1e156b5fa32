"""What everybody may ask of a code on a plate: whether it is valid.  No login, no script, no name, nothing kept."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.dossier import Verified
from cloud_sync.ports_model import Verifier
from cloud_sync.web.arrive import TOO_MANY, Patience
from cloud_sync.web.board import Speaker
from cloud_sync.web.guest.shown import Frame
from cloud_sync.web.language import language_of, other_languages, remember
from cloud_sync.web.listings import words
from cloud_sync.web.render import environment
from cloud_sync.web.services import Services
from cloud_sync.web.texts import mark, texts

EACH_MAX = 60  # in ten minutes: somebody who walks along a corridor of plates
ALL_MAX = 900
PATIENCE = mark("Too many codes were asked for from here; wait ten minutes.")
Asked = Annotated[str, Path(max_length=64)]


@dataclass(frozen=True, slots=True)
class VerifyPage:
    frame: Frame
    code: str
    state: str
    title: str
    sentence: str
    now: str
    problem: str = ""
    complains: bool = False


class VerifyPages:
    def __init__(self, services: Services, verifier: Verifier) -> None:
        self._services = services
        self._verifier = verifier
        self._patience = Patience(services.clock.now_ms, each=EACH_MAX, all_=ALL_MAX)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/verify/{code}", self.show, methods=["GET"])

    def show(self, request: Request, code: Asked) -> Response:
        """State only, and the same page for a code that is unknown, mistyped or not given yet."""
        client = request.client.host if request.client else ""
        if not self._patience.takes(client):
            return self._answer(request, code.upper(), None)
        return self._answer(request, code.upper(), self._verifier.verify(code.upper()))

    def _answer(self, request: Request, code: str, state: Verified | None) -> Response:
        lang = language_of(request)
        say = texts(lang)
        by = Speaker(say, self._services.zone)
        frame = Frame(
            lang=lang,
            choices=other_languages(request, lang),
            community=by.name(self._services.name_zh, self._services.name_en),
            synthetic=False,
            phone=self._services.guest.phone,
            home="",
        )
        title, sentence = (say(one) for one in words.VERIFIED[state]) if state else ("", "")
        now = by.day_and_clock(self._services.clock.now_ms())
        problem = "" if state else say(PATIENCE)
        complains = self._services.complaints is not None and state in (Verified.VALID, Verified.SUSPENDED)
        page = VerifyPage(frame, code, state.value if state else "", title, sentence, now, problem, complains)
        html = environment(lang).get_template("listings/verify.html").render(page=page)
        response = HTMLResponse(html, 200 if state else TOO_MANY)
        remember(request, response)
        response.headers["content-language"] = lang.tag
        response.headers["vary"] = "Cookie, Accept-Language"
        return response
