"""The community's pages behind the login: the dashboard, its parts, and one page per node."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.roles import Right, may
from cloud_sync.errors import NotFound
from cloud_sync.ports import Session
from cloud_sync.web.accounts import go
from cloud_sync.web.board import Speaker, board_of, node_card
from cloud_sync.web.language import language_of
from cloud_sync.web.render import DashboardPage, NodePage, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.texts import texts


class BoardPages:
    """Every page reads the store once and shows that one moment."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/", self.dashboard, methods=["GET"])
        self.router.add_api_route("/parts/board", self.board, methods=["GET"])
        self.router.add_api_route("/parts/entries", self.entries, methods=["GET"])
        self.router.add_api_route("/nodes/{node}", self.node, methods=["GET"])

    def dashboard(self, request: Request) -> Response:
        """The first page of this role: gate staff, the street and operators have their own."""
        role = self._sessions.need(request).user.role
        if not may(role, Right.SEE_BOARD):
            return go(_first_page(role))
        return self._board_page(request, "dashboard.html")

    def board(self, request: Request) -> Response:
        """What changes by itself, each piece for its own place in the page."""
        return self._board_page(request, "_parts.html")

    def entries(self, request: Request) -> Response:
        """The list anew, for a page that was too slow for the live stream."""
        return self._board_page(request, "_entries.html")

    def node(self, request: Request, node: str) -> Response:
        session = self._sessions.need_right(request, Right.SEE_BOARD)
        now = self._services.dashboard()
        line = next((line for line in now.nodes if line.node == node), None)
        if line is None:
            raise NotFound(
                f"There is no node named {node} in this community; the dashboard lists those there are."
            )
        by = self._speaker(request)
        place = by.name(now.name_zh, now.name_en)
        chrome = chrome_of(request, user=session.user.name, csrf=session.csrf, place=place)
        return answer(
            request, "node.html", NodePage(chrome, node_card(line, now.now_ms, by), by.clock(now.now_ms))
        )

    def _board_page(self, request: Request, template: str) -> Response:
        session: Session = self._sessions.need_right(request, Right.SEE_BOARD)
        board = board_of(self._services.dashboard(), self._speaker(request))
        chrome = chrome_of(request, user=session.user.name, csrf=session.csrf)
        services = self._services
        page = DashboardPage(
            chrome,
            board,
            reports=services.upstream is not None,
            figures=services.figures is not None,
            plan=services.plan is not None,
            forecast=services.forecast is not None,
        )
        return answer(request, template, page)

    def _speaker(self, request: Request) -> Speaker:
        return Speaker(texts(language_of(request)), self._services.zone)


def _first_page(role: str) -> str:
    if may(role, Right.OWN_PAGES):
        return "/operator"
    if may(role, Right.ACT_FOR_DEPARTMENT):
        return "/inbox"
    return "/listings" if may(role, Right.SEE_LISTINGS) else "/staff"
