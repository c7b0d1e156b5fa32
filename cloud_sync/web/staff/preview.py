"""To look through a door's camera: say why, and follow the link to the node's own page; no picture comes through here."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.roles import Right
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_preview import PreviewDesk
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.staff.doors import SAY_WHY, AccessPoint
from cloud_sync.web.staff.pages import CONFLICT, Reason, Word

COUNTED_DAYS = 30


@dataclass(frozen=True, slots=True)
class PreviewPage:
    chrome: Chrome
    door: str
    name: str
    given: int
    days: int = COUNTED_DAYS
    link: str = ""
    until: str = ""
    problem: str = ""


class PreviewPages:
    def __init__(self, desk: Desk, previews: PreviewDesk) -> None:
        self._desk, self._previews = desk, previews
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/staff/preview/{access_point}", self.show, methods=["GET"])
        self.router.add_api_route("/staff/preview/{access_point}", self.give, methods=["POST"])

    def show(self, request: Request, access_point: AccessPoint) -> Response:
        asked = self._desk.asked(request, Right.PREVIEW)
        return answer(request, "staff/preview.html", self._page(asked, access_point))

    def give(
        self, request: Request, access_point: AccessPoint, csrf: Word = "", reason: Reason = ""
    ) -> Response:
        """A ticket for one look, in the audit with its reason; the browser takes it to the node."""
        asked = self._desk.asked(request, Right.PREVIEW)
        check_form(asked.session.csrf, csrf)
        self._known(access_point)
        try:
            ticket = self._previews.ticket(access_point, asked.session.user, reason)
        except Refused:
            page = self._page(asked, access_point, problem=asked.by.say(SAY_WHY))
            return answer(request, "staff/preview.html", page, CONFLICT)
        until = asked.by.clock(ticket.until_ms)
        return answer(
            request, "staff/preview.html", self._page(asked, access_point, link=ticket.url, until=until)
        )

    def _known(self, access_point: str) -> None:
        if not self._previews.offers(access_point):
            raise NotFound(f"Nobody looks through a camera at {access_point}; its node has no address here.")

    def _page(
        self, asked: Asked, access_point: str, *, link: str = "", until: str = "", problem: str = ""
    ) -> PreviewPage:
        self._known(access_point)
        door = self._desk.door(self._desk.nodes(asked), access_point, asked)
        given = self._previews.given(access_point, since_ms=asked.now_ms - COUNTED_DAYS * DAY_MS)
        name = door.row.name if door is not None else access_point
        return PreviewPage(asked.chrome, access_point, name, given, link=link, until=until, problem=problem)
