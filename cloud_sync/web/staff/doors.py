"""Doors by command: choose, confirm, watch what becomes of it.  Nothing is sent by the first press."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.roles import Right, may
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_commands import Commands
from cloud_sync.web.accounts import go
from cloud_sync.web.render import answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.staff.pages import CONFLICT, Reason, Word
from cloud_sync.web.staff.shown import CommandPage, DoorPage, command_page, find_door, ops_of
from cloud_sync.web.texts import mark

VISITOR = "class=visitor"
SAY_WHY = mark("Say in a few words why; it is kept with your name.")
CHOOSE = mark("Choose what the door shall do.")
UNSURE = mark("The command was not sent: this gate is not sure of the time, and then only locks and blocks.")
NO_ROOM = mark("There is no room or dwelling of that number, or nobody stays there now; nothing was sent.")
NOT_SENT = mark("The command was not sent; look at the door's state and try again.")

AccessPoint = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
CommandId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
CASE_PATTERN = r"^([A-Z]{2}-[0-9A-Z]{26})?$"
CaseBefore = Annotated[str, Query(pattern=CASE_PATTERN)]
CaseField = Annotated[str, Form(pattern=CASE_PATTERN)]


class DoorPages:
    def __init__(self, desk: Desk, commands: Commands) -> None:
        self._desk = desk
        self._commands = commands
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/staff/doors/{access_point}", self.door, methods=["GET"])
        self.router.add_api_route("/staff/doors/{access_point}", self.choose, methods=["POST"])
        self.router.add_api_route("/staff/doors/{access_point}/confirm", self.confirm, methods=["POST"])
        self.router.add_api_route("/staff/commands/{command_id}", self.command, methods=["GET"])
        self.router.add_api_route("/staff/commands/{command_id}/part", self.command_part, methods=["GET"])

    def door(self, request: Request, access_point: AccessPoint, case: CaseBefore = "") -> Response:
        asked = self._desk.asked(request, Right.COMMAND_DOOR)
        return answer(request, "staff/door.html", self._page(asked, access_point, case))

    def choose(
        self,
        request: Request,
        access_point: AccessPoint,
        csrf: Word = "",
        op: Word = "",
        reason: Reason = "",
        case: CaseField = "",
        visits: Word = "",
        party: Word = "",
    ) -> Response:
        """The first step: nothing has happened yet, and the page says what will."""
        asked = self._desk.asked(request, Right.COMMAND_DOOR)
        check_form(asked.session.csrf, csrf)
        page = replace(
            self._page(asked, access_point, case),
            chosen=op,
            reason=reason,
            visits=visits.strip(),
            party=bool(party),
        )
        problem = _incomplete(page)
        if problem:
            page = replace(page, problem=asked.by.say(problem))
            return answer(request, "staff/door.html", page, CONFLICT)
        return answer(request, "staff/door.html", replace(page, confirm=True))

    def confirm(
        self,
        request: Request,
        access_point: AccessPoint,
        csrf: Word = "",
        op: Word = "",
        reason: Reason = "",
        case: CaseField = "",
        visits: Word = "",
        party: Word = "",
    ) -> Response:
        """The second step sends it, once."""
        asked = self._desk.asked(request, Right.COMMAND_DOOR)
        check_form(asked.session.csrf, csrf)
        page = replace(
            self._page(asked, access_point, case),
            chosen=op,
            reason=reason,
            visits=visits.strip(),
            party=bool(party),
        )
        problem = _incomplete(page)
        if not problem:
            try:
                self._visitor(page, asked)
                issued = self._issue(access_point, op, asked, reason)
                return go(f"/staff/commands/{issued}?case={case}")
            except NotFound:
                problem = NO_ROOM
            except Refused:
                problem = UNSURE if self._unsure(asked, access_point) else NOT_SENT
        return answer(request, "staff/door.html", replace(page, problem=asked.by.say(problem)), CONFLICT)

    def _visitor(self, page: DoorPage, asked: Asked) -> None:
        """Whom somebody visits or belongs to who is let in by hand; said before the door opens, so that a wrong room opens nothing."""
        if page.chosen == "admit" and page.visits:
            actor, registry = asked.session.user.name, self._desk.services.registry
            if page.party:
                registry.companion_let_in(page.visits, actor=actor)
            else:
                registry.visitor_let_in(page.visits, actor=actor, reason=page.reason)

    def _issue(self, access_point: str, op: str, asked: Asked, reason: str) -> str:
        actor = asked.session.user.name
        if op == "lockopen" and self._mode(asked, access_point) == "LOCKED_DOWN":
            self._commands.issue(access_point, "lockdown_release", actor=actor, reason=reason)
        if op == "admit":
            return self._commands.issue(access_point, "release", actor=actor, reason=reason, arg=VISITOR)
        return self._commands.issue(access_point, op, actor=actor, reason=reason)

    def _mode(self, asked: Asked, access_point: str) -> str:
        found = find_door(self._desk.nodes(asked), access_point)
        return "" if found is None else found[0].mode

    def _unsure(self, asked: Asked, access_point: str) -> bool:
        found = find_door(self._desk.nodes(asked), access_point)
        return found is not None and found[1].clock_state == "UNTRUSTED"

    def command(self, request: Request, command_id: CommandId, case: CaseBefore = "") -> Response:
        asked = self._desk.asked(request, Right.COMMAND_DOOR)
        return answer(request, "staff/command.html", self._command(asked, command_id, case))

    def command_part(self, request: Request, command_id: CommandId, case: CaseBefore = "") -> Response:
        asked = self._desk.asked(request, Right.COMMAND_DOOR)
        return answer(request, "staff/_command.html", self._command(asked, command_id, case))

    def _command(self, asked: Asked, command_id: str, case: str) -> CommandPage:
        view = self._commands.state(command_id)
        door = self._desk.door(self._desk.nodes(asked), view.access_point, asked)
        name = door.row.name if door is not None else view.access_point
        return command_page(asked.chrome, view, name, case, asked.by.say)

    def _page(self, asked: Asked, access_point: str, case: str) -> DoorPage:
        nodes = self._desk.nodes(asked)
        found, card = find_door(nodes, access_point), self._desk.door(nodes, access_point, asked)
        if found is None or card is None:
            raise NotFound(f"There is no door {access_point} in this community; the staff page lists them.")
        return DoorPage(
            chrome=asked.chrome,
            now=asked.by.clock(asked.now_ms),
            banners=self._desk.banners(nodes, asked),
            door=card,
            ops=ops_of(found[0], asked.session.user, asked.by.say),
            case=case,
            previews=self._previews(access_point, asked),
        )

    def _previews(self, access_point: str, asked: Asked) -> bool:
        desk = self._desk.services.previews
        return desk is not None and may(asked.session.user.role, Right.PREVIEW) and desk.offers(access_point)


def _incomplete(page: DoorPage) -> str:
    """Which field is missing, or an empty text."""
    if not page.chosen_title:
        return CHOOSE
    return "" if page.reason.strip() else SAY_WHY
