"""All doors of a zone by the word of two people: one proposes, another says the same, and the page counts the doors."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.roles import Right
from cloud_sync.errors import Refused
from cloud_sync.ports_zones import DoorResult, Tally, ZoneBook, ZoneCommands, ZoneCommandView, ZoneView
from cloud_sync.web import words
from cloud_sync.web.accounts import go
from cloud_sync.web.render import Chrome, answer
from cloud_sync.web.sessions import check_form
from cloud_sync.web.staff import words as staff_words
from cloud_sync.web.staff.desk import Asked, Desk
from cloud_sync.web.staff.doors import CommandId
from cloud_sync.web.staff.pages import CONFLICT, Reason, Word
from cloud_sync.web.staff.shown import find_door
from cloud_sync.web.texts import Texts, mark

RECENT = 5
# In the order in which somebody in a hurry looks for them.
OPS = ("lockdown", "lockopen", "lockdown_release", "lockopen_release", "lock", "unlock", "block")
CHOOSE = mark("Choose a zone and what its doors shall do, and say in a few words why.")
SAME_PERSON = mark("Another person has to say the same; you proposed it.")
TOO_LATE = mark("Nobody else said the same within a minute. Propose it again.")
NOT_TAKEN = mark("The command was not taken; look at the zone and try again.")
DID = mark("%(did)s of %(of)s doors did it")
SILENT = mark("%(n)s silent")
REFUSED = mark("%(n)s refused")
FAILED = mark("%(n)s could not")
OPEN = mark("%(n)s still to answer")
STATES = {
    "PROPOSED": mark("waiting for a second person; no door has heard of it"),
    "LAPSED": mark("nobody joined in time; no door has heard of it"),
}

ZoneField = Annotated[str, Form(max_length=64)]


@dataclass(frozen=True, slots=True)
class Proposal:
    id: str
    title: str
    zone: str
    line: str
    mine: bool
    waits: bool


@dataclass(frozen=True, slots=True)
class ZonesPage:
    chrome: Chrome
    now: str
    zones: tuple[tuple[str, str, int], ...]
    ops: tuple[tuple[str, str], ...]
    recent: tuple[Proposal, ...]
    chosen_zone: str = ""
    chosen: str = ""
    reason: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ZoneCommandPage:
    chrome: Chrome
    id: str
    title: str
    zone: str
    line: str
    state_code: str
    reason: str
    issuer: str
    second: str
    doors: tuple[tuple[str, str, str], ...]  # those that did not do it: name, state, why
    ended: bool
    waits: bool
    mine: bool
    tone: str
    problem: str = ""


class ZonePages:
    def __init__(self, desk: Desk, zones: ZoneBook, commands: ZoneCommands) -> None:
        self._desk = desk
        self._zones = zones
        self._commands = commands
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/staff/zones", self.zones, methods=["GET"])
        self.router.add_api_route("/staff/zones", self.propose, methods=["POST"])
        self.router.add_api_route("/staff/zones/{command_id}", self.command, methods=["GET"])
        self.router.add_api_route("/staff/zones/{command_id}", self.second, methods=["POST"])
        self.router.add_api_route("/staff/zones/{command_id}/part", self.command_part, methods=["GET"])

    def zones(self, request: Request) -> Response:
        asked = self._desk.asked(request, Right.COMMAND_DOOR)
        return answer(request, "staff/zones.html", self._page(asked))

    def propose(
        self, request: Request, csrf: Word = "", zone: ZoneField = "", op: Word = "", reason: Reason = ""
    ) -> Response:
        """Nothing happens at any door yet: another person has to say the same."""
        asked = self._desk.asked(request, Right.COMMAND_DOOR)
        check_form(asked.session.csrf, csrf)
        problem = CHOOSE
        if zone and op in OPS and reason.strip():
            try:
                actor = asked.session.user.name
                return go(f"/staff/zones/{self._commands.propose(zone, op, actor=actor, reason=reason)}")
            except Refused:
                problem = NOT_TAKEN
        page = self._page(asked, zone, op, reason, asked.by.say(problem))
        return answer(request, "staff/zones.html", page, CONFLICT)

    def command(self, request: Request, command_id: CommandId) -> Response:
        asked = self._desk.asked(request, Right.COMMAND_DOOR)
        return answer(request, "staff/zone_command.html", self._command(asked, command_id))

    def command_part(self, request: Request, command_id: CommandId) -> Response:
        asked = self._desk.asked(request, Right.COMMAND_DOOR)
        return answer(request, "staff/_zone_command.html", self._command(asked, command_id))

    def second(self, request: Request, command_id: CommandId, csrf: Word = "") -> Response:
        """The second person: from here on doors move."""
        asked = self._desk.asked(request, Right.COMMAND_DOOR)
        check_form(asked.session.csrf, csrf)
        try:
            self._commands.second(command_id, actor=asked.session.user.name)
        except Refused as refused:
            said = SAME_PERSON if refused.rule == "zone.same_person" else TOO_LATE
            page = self._command(asked, command_id, asked.by.say(said))
            return answer(request, "staff/zone_command.html", page, CONFLICT)
        return go(f"/staff/zones/{command_id}")

    def _page(
        self, asked: Asked, zone: str = "", op: str = "", reason: str = "", problem: str = ""
    ) -> ZonesPage:
        zones, say = self._zones.all(), asked.by.say
        return ZonesPage(
            chrome=asked.chrome,
            now=asked.by.clock(asked.now_ms),
            zones=tuple((one.zone, asked.by.name(one.name_zh, one.name_en), len(one.doors)) for one in zones),
            ops=tuple((code, words.say(staff_words.ZONE_OPS, code, say)) for code in OPS),
            recent=tuple(self._proposal(asked, view, zones) for view in self._commands.recent(RECENT)),
            chosen_zone=zone,
            chosen=op,
            reason=reason,
            problem=problem,
        )

    def _proposal(self, asked: Asked, view: ZoneCommandView, zones: list[ZoneView]) -> Proposal:
        return Proposal(
            id=view.id,
            title=words.say(staff_words.ZONE_OPS, view.op, asked.by.say),
            zone=_zone_name(asked, view.zone, zones),
            line=line_of(view, asked.by.say),
            mine=view.issuer == asked.session.user.name,
            waits=view.state == "PROPOSED",
        )

    def _command(self, asked: Asked, command_id: str, problem: str = "") -> ZoneCommandPage:
        view = self._commands.state(command_id)
        brief = self._proposal(asked, view, self._zones.all())
        nodes = self._desk.nodes(asked)

        def name_of(result: DoorResult) -> str:
            card = self._desk.door(nodes, result.access_point, asked)
            return card.row.name if card and find_door(nodes, result.access_point) else result.access_point

        return ZoneCommandPage(
            chrome=asked.chrome,
            id=view.id,
            title=brief.title,
            zone=brief.zone,
            line=brief.line,
            state_code=view.state,
            reason=view.reason,
            issuer=view.issuer,
            second=view.second,
            doors=tuple(
                (name_of(one), *_words_of(one, asked.by.say)) for one in view.results if one.state != "DONE"
            ),
            ended=view.ended,
            waits=brief.waits,
            mine=brief.mine,
            tone=_tone(view),
            problem=problem,
        )


def line_of(view: ZoneCommandView, say: Texts) -> str:
    """One line: "34 of 36 doors did it · 2 silent"."""
    if not view.results:
        return say(STATES[view.state]) if view.state in STATES else view.state
    tally = view.tally
    more = ((SILENT, tally.silent), (REFUSED, tally.refused), (FAILED, tally.failed), (OPEN, tally.open))
    parts = [say(DID, did=tally.did, of=tally.of), *(say(text, n=n) for text, n in more if n)]
    return " · ".join(parts)


def _words_of(result: DoorResult, say: Texts) -> tuple[str, str]:
    why = words.say(staff_words.COMMAND_WHY, result.why, say) if result.why else ""
    return words.say(staff_words.COMMAND_STATES, result.state, say), why


def _zone_name(asked: Asked, zone: str, zones: list[ZoneView]) -> str:
    found = next((one for one in zones if one.zone == zone), None)
    return asked.by.name(found.name_zh, found.name_en) if found else zone


def _tone(view: ZoneCommandView) -> str:
    tally: Tally = view.tally
    if not view.ended or not view.results:
        return "calm"
    return "good" if tally.did == tally.of else "bad"
