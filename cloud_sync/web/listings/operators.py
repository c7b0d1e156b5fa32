"""The officer's page of operators: who logs in for each, and which way it is written to."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.roles import Right
from cloud_sync.errors import Refused
from cloud_sync.ports_model import Person
from cloud_sync.ports_operator import OperatorBook, OperatorLine
from cloud_sync.web.accounts import go
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import language_of
from cloud_sync.web.listings import words
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions, check_form
from cloud_sync.web.texts import texts

CONFLICT = 409
OperatorId = Annotated[str, Path(max_length=64)]
Word = Annotated[str, Form(max_length=64)]
Secret = Annotated[str, Form(max_length=200)]
Address = Annotated[str, Form(max_length=254)]


@dataclass(frozen=True, slots=True)
class OperatorsPage:
    chrome: Chrome
    now: str
    operators: tuple[OperatorLine, ...]
    ways: tuple[str, ...]
    problem: str = ""


class OperatorBookPages:
    def __init__(self, services: Services, book: OperatorBook) -> None:
        self._services = services
        self._book = book
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(
            prefix="/operators", include_in_schema=False, default_response_class=HTMLResponse
        )
        self.router.add_api_route("", self.operators, methods=["GET"])
        self.router.add_api_route("/{operator}/login", self.give_login, methods=["POST"])
        self.router.add_api_route("/{operator}/contact", self.set_contact, methods=["POST"])

    def operators(self, request: Request) -> Response:
        return self._page(request)

    def give_login(
        self, request: Request, operator: OperatorId, csrf: Word = "", name: Word = "", password: Secret = ""
    ) -> Response:
        by = self._person(request, csrf)
        try:
            self._book.give_login(operator, name, password, by)
        except Refused as refused:
            return self._page(request, refused)
        return go("/operators")

    def set_contact(
        self,
        request: Request,
        operator: OperatorId,
        csrf: Word = "",
        channel: Word = "",
        address: Address = "",
        language: Word = "",
    ) -> Response:
        by = self._person(request, csrf)
        try:
            self._book.set_contact(operator, channel, address, language, by)
        except Refused as refused:
            return self._page(request, refused)
        return go("/operators")

    def _person(self, request: Request, csrf: str) -> Person:
        session = self._sessions.need_right(request, Right.REVIEW_LISTING)
        check_form(session.csrf, csrf)
        return Person(session.user.name, session.user.role)

    def _page(self, request: Request, refused: Refused | None = None) -> Response:
        session = self._sessions.need_right(request, Right.REVIEW_LISTING)
        by = Speaker(texts(language_of(request)), self._services.zone)
        place = by.name(self._services.name_zh, self._services.name_en)
        chrome = chrome_of(request, user=session.user.name, csrf=session.csrf, place=place)
        lines = self._book.operators(Person(session.user.name, session.user.role))
        problem = by.say(words.REFUSALS.get(refused.rule, words.REFUSED)) if refused else ""
        now = by.clock(self._services.clock.now_ms())
        page = OperatorsPage(chrome, now, lines, self._services.ways, problem)
        return answer(request, "listings/operators.html", page, CONFLICT if problem else 200)
