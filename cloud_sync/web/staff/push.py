"""Waking this device: the browser's address is kept when somebody asks for it, and forgotten when they ask again."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from cloud_sync.ports_cases import PushBook, Subscription
from cloud_sync.web.render import Chrome, render
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff import words
from cloud_sync.web.staff.desk import Desk
from cloud_sync.web.staff.pages import Word

Address = Annotated[str, Form(max_length=1_000)]
Key = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True, slots=True)
class WorkerPage:
    chrome: Chrome
    titles: dict[str, str]


class PushPages:
    def __init__(self, desk: Desk, book: PushBook) -> None:
        self._desk = desk
        self._book = book
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/staff/worker.js", self.worker, methods=["GET"])
        self.router.add_api_route("/staff/push", self.begin, methods=["POST"], status_code=204)
        self.router.add_api_route("/staff/push/end", self.end, methods=["POST"], status_code=204)

    def worker(self, request: Request) -> Response:
        """The script that shows a notice while no page is open, in the language it was asked for."""
        asked = self._desk.asked(request)
        titles = {kind: asked.by.say(text) for kind, text in words.ALERTS.items()}
        script = render("staff/worker.html", WorkerPage(asked.chrome, titles))
        return Response(script, media_type="text/javascript")

    def begin(
        self, request: Request, csrf: Word = "", endpoint: Address = "", p256dh: Key = "", auth: Key = ""
    ) -> None:
        asked = self._desk.asked(request)
        check_form(asked.session.csrf, csrf)
        self._book.subscribe(asked.session.user, Subscription(endpoint, p256dh, auth))

    def end(self, request: Request, csrf: Word = "", endpoint: Address = "") -> None:
        asked = self._desk.asked(request)
        check_form(asked.session.csrf, csrf)
        self._book.unsubscribe(asked.session.user, endpoint)
