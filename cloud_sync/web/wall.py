"""The wall screen: a few numbers in big type for everybody in the room; nothing to press, and nobody in it."""

from collections import Counter
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.roles import Right
from cloud_sync.ports import Dashboard
from cloud_sync.web.board import Speaker, Tile, door_row, tiles_of
from cloud_sync.web.language import language_of
from cloud_sync.web.plan import SIGNS, Sign, sign_of
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.texts import texts

ALARMS_MAX = 6
GRAVE = ("S1", "S2")


@dataclass(frozen=True, slots=True)
class WallPage:
    """``open`` counts the discrepancies a dashboard can show, two hundred at most."""

    chrome: Chrome
    name: str
    now: str
    day: str
    complete_to: str
    whole: bool
    tiles: tuple[Tile, ...]
    nodes: int
    online: int
    open: int
    grave: int
    doors: tuple[tuple[Sign, str, str, int], ...]  # sign, letter, what it means, how many
    alarms: tuple[tuple[str, str], ...]  # door, what it is
    more_alarms: int


class WallPages:
    """``/wall``, and the part of it that is fetched anew whenever something happened at a door."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/wall", self.wall, methods=["GET"])
        self.router.add_api_route("/parts/wall", self.part, methods=["GET"])

    def wall(self, request: Request) -> Response:
        return self._page(request, "wall.html")

    def part(self, request: Request) -> Response:
        return self._page(request, "_wall.html")

    def _page(self, request: Request, template: str) -> Response:
        session = self._sessions.need_right(request, Right.SEE_BOARD)
        by = Speaker(texts(language_of(request)), self._services.zone)
        chrome = chrome_of(request, csrf=session.csrf)
        return answer(request, template, wall_of(chrome, self._services.dashboard(), by))


def wall_of(chrome: Chrome, held: Dashboard, by: Speaker) -> WallPage:
    doors = [(node, door) for node in held.nodes for door in node.doors]
    signs = Counter(sign_of(node, door) for node, door in doors)
    alarms = [door_row(door, by) for node, door in doors if sign_of(node, door) == "alarm"]
    return WallPage(
        chrome=chrome,
        name=by.name(held.name_zh, held.name_en),
        now=f"{by.moment(held.now_ms):%H:%M}",
        day=f"{by.moment(held.now_ms):%Y-%m-%d}",
        complete_to=by.near(held.watermark_ms, held.now_ms),
        whole=not held.late,
        tiles=tiles_of(held, by),
        nodes=len(held.nodes),
        online=sum(node.online for node in held.nodes),
        open=len(held.discrepancies),
        grave=sum(one.severity in GRAVE for one in held.discrepancies),
        doors=tuple(
            (sign, letter, by.say(meaning), signs[sign])
            for sign, (letter, meaning) in SIGNS.items()
            if signs[sign]
        ),
        alarms=tuple((row.name, row.alarm) for row in alarms[:ALARMS_MAX]),
        more_alarms=max(0, len(alarms) - ALARMS_MAX),
    )
