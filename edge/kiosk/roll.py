"""The roll-call on the site's own network: a code asked, a list of rooms and numbers given, to be read or printed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol
from urllib.parse import parse_qs

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from edge.core.events import AccessPointId
from edge.core.roll_call import NoRoll, Place, Roll
from edge.kiosk.texts import Both

ROLL_PATH = "/roll-call"
BODY_MAX = 64

TITLE = Both("在住名单（房间与人数）", "Roll-call: rooms and numbers")
ASK = Both("请输入现场代码", "Type the site's code")
OPEN = Both("显示", "Show")
WRONG = Both("代码不对，请核对后再输入", "This is not the code; check it and type it again")
WAIT = Both("错误次数过多，请等 {s} 秒", "Too many wrong codes: wait {s} seconds")
ROOM = Both("房间", "Room")
PEOPLE = Both("通行证有效的人", "Passes that hold now")
SEEN_IN = Both("最后一次在此进入", "Last seen here going in")
SEEN_OUT = Both("最后一次在此离开", "Last seen here going out")
SUM = Both("合计", "Together")
NOBODY = Both("现在没有有效的住宿通行证", "No pass of a guest or resident holds now")
AS_OF = Both("截至 {at}", "As of {at}")
NO_TIME = Both("本机时间不可信", "This node does not know the time")
BOUND = Both(
    "人数为上限：从其他门离开的人仍计在内；进出自 {since} 起记录",
    "The numbers are upper bounds: who left by another node's door is still in them. Passages since {since}",
)


class Desk(Protocol):
    """The node's, as the page needs it."""

    @property
    def names(self) -> Mapping[AccessPointId, tuple[str, str]]: ...

    def ask(self, code: str) -> Roll | NoRoll: ...


@dataclass(frozen=True, slots=True)
class RollRow:
    name: Both
    people: int
    seen_in: int
    seen_out: int


@dataclass(frozen=True, slots=True)
class RollPage:
    """``rows`` None: the code is asked for."""

    rows: tuple[RollRow, ...] | None = None
    said: Both | None = None
    bound: Both | None = None
    total: RollRow | None = None
    title: Both = TITLE
    ask: Both = ASK
    open: Both = OPEN
    heads: tuple[Both, ...] = (ROOM, PEOPLE, SEEN_IN, SEEN_OUT)
    nobody: Both = NOBODY


class RollPages:
    """``GET`` asks for the code, ``POST`` answers; the code stands in no address and in no history."""

    def __init__(self, desk: Desk, zone: tzinfo, templates: Environment) -> None:
        self._desk = desk
        self._zone = zone
        self._templates = templates

    async def form(self) -> Response:
        return self._page(RollPage())

    async def roll(self, request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return PlainTextResponse("only from this page", 403)
        code = await _code(request)
        found = self._desk.ask(code)
        if isinstance(found, Roll):
            return self._page(self._listed(found))
        said = WAIT.put("s", str(found.wait_s)) if found.wait_s else WRONG
        return self._page(RollPage(said=said), 429 if found.wait_s else 403)

    def _listed(self, roll: Roll) -> RollPage:
        rows = tuple(
            RollRow(self._name(place), place.people, place.seen_in, place.seen_out) for place in roll.places
        )
        total = RollRow(
            SUM,
            sum(row.people for row in rows),
            sum(row.seen_in for row in rows),
            sum(row.seen_out for row in rows),
        )
        said = NO_TIME if roll.at_ms is None else AS_OF.put("at", self._time(roll.at_ms))
        return RollPage(rows, said, BOUND.put("since", self._time(roll.since_ms)), total)

    def _name(self, place: Place) -> Both:
        named = [self._desk.names.get(door, (door, door)) for door in place.doors]
        return Both(" / ".join(zh for zh, _ in named), " / ".join(en for _, en in named))

    def _time(self, ms: int) -> str:
        return f"{datetime.fromtimestamp(ms / 1000, self._zone):%m-%d %H:%M}"

    def _page(self, page: RollPage, status: int = 200) -> HTMLResponse:
        return HTMLResponse(self._templates.get_template("roll.html").render(page=page), status)


async def _code(request: Request) -> str:
    """What was typed, empty for anything else."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_MAX:
            return ""
    typed = parse_qs(body.decode("ascii", "replace")).get("code", [""])[0]
    return typed if typed.isascii() and typed.isdigit() else ""
