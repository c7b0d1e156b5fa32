"""What is booked for the coming days, beside what came in the last; each number leads to its stays."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.figures import ROWS_MAX, FigureRow
from cloud_sync.core.forecast import Forecast, ForecastDay, What
from cloud_sync.core.roles import Right
from cloud_sync.core.whole import is_late
from cloud_sync.errors import NotFound
from cloud_sync.ports import Session
from cloud_sync.ports_forecast import ForecastReader
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import language_of
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.rows import NumberPage, Rows
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.texts import mark, texts

BAR_HEIGHT = 100
Day = Annotated[str, Path(pattern=r"^\d{4}-\d{2}-\d{2}$")]
BEHIND = (What.KNOWN, What.EXPECTED, What.ARRIVED, What.LEAVING, What.LEFT, What.NIGHT, What.SEEN)
AHEAD = (What.EXPECTED, What.LEAVING, What.NIGHT)
HEADS: Mapping[What, str] = MappingProxyType({
    What.KNOWN: mark("Booked before the day"),
    What.EXPECTED: mark("Expected"),
    What.ARRIVED: mark("Came"),
    What.LEAVING: mark("To leave"),
    What.LEFT: mark("Left"),
    What.NIGHT: mark("Booked for the night"),
    What.SEEN: mark("There for the night"),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    head: str
    count: int
    href: str


@dataclass(frozen=True, slots=True)
class DayLine:
    day: str
    label: str
    today: bool
    numbers: tuple[Number, ...]
    people: int


@dataclass(frozen=True, slots=True)
class DayBars:
    """Two bars of a chart; heights of 100."""

    label: str
    expected: int
    arrived: int
    expected_height: int
    arrived_height: int
    over: bool


@dataclass(frozen=True, slots=True)
class ForecastPage:
    chrome: Chrome
    now: str
    told: str
    whole: bool
    bars: tuple[DayBars, ...]
    ahead_heads: tuple[str, ...]
    ahead: tuple[DayLine, ...]
    behind_heads: tuple[str, ...]
    behind: tuple[DayLine, ...]


class ForecastPages:
    def __init__(self, services: Services, reader: ForecastReader) -> None:
        self._services = services
        self._reader = reader
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/forecast", self.page, methods=["GET"])
        self.router.add_api_route("/forecast/{day}/{what}", self.rows, methods=["GET"])

    def page(self, request: Request) -> Response:
        session, by = self._asked(request)
        held = self._reader.forecast()
        page = ForecastPage(
            chrome=self._chrome(request, session, by),
            now=by.day_and_clock(held.now_ms),
            told=by.near(held.told_ms, held.now_ms),
            whole=not is_late(held.told_ms, held.now_ms),
            bars=_bars(held),
            ahead_heads=tuple(by.say(HEADS[what]) for what in AHEAD),
            ahead=tuple(_line(one, AHEAD, held, by) for one in held.days if not one.over),
            behind_heads=tuple(by.say(HEADS[what]) for what in BEHIND),
            behind=tuple(_line(one, BEHIND, held, by) for one in held.days if one.over),
        )
        return answer(request, "forecast.html", page)

    def rows(self, request: Request, day: Day, what: str) -> Response:
        """The stays that one number counts."""
        session, by = self._asked(request)
        held = self._reader.forecast()
        found = next((one for one in held.days if one.day.isoformat() == day), None)
        if found is None or what not in frozenset(What):
            raise NotFound("The page of coming days has no such number.")
        facts = found.found[What(what)]
        rows = tuple(
            FigureRow(1, 1, {
                "stay": one.stay, "room": one.room, "stay_state": one.state, "people": one.people,
                "planned_ms": one.planned_ms, "until_ms": one.until_ms, "first_entry_ms": one.first_ms,
                "left_ms": one.left_ms,
            })
            for one in facts[:ROWS_MAX]
        )  # fmt: skip
        shown = Rows(self._services, by)
        page = NumberPage(
            chrome=self._chrome(request, session, by),
            title=by.say(HEADS[What(what)]),
            part=day,
            meaning="",
            number=f"{len(facts):,}",
            of="",
            percent="",
            as_of=by.day_and_clock(held.now_ms),
            why="",
            back="/forecast",
            page="",
            heads=shown.said(shown.heads(rows)),
            rows=shown.lines(rows),
            counted=len(rows),
            counted_of=len(rows),
            left_out=len(rows) < len(facts),
        )
        return answer(request, "number.html", page)

    def _asked(self, request: Request) -> tuple[Session, Speaker]:
        session = self._sessions.need_right(request, Right.SEE_BOARD)
        return session, Speaker(texts(language_of(request)), self._services.zone)

    def _chrome(self, request: Request, session: Session, by: Speaker) -> Chrome:
        place = by.name(self._services.name_zh, self._services.name_en)
        return chrome_of(request, user=session.user.name, csrf=session.csrf, place=place)


def _line(one: ForecastDay, shown: tuple[What, ...], held: Forecast, by: Speaker) -> DayLine:
    day = one.day.isoformat()
    numbers = []
    for what in shown:
        count = one.count(what)
        numbers.append(Number(by.say(HEADS[what]), count, f"/forecast/{day}/{what}" if count else ""))
    return DayLine(day, day[5:], one.day == held.today, tuple(numbers), one.people)


def _bars(held: Forecast) -> tuple[DayBars, ...]:
    most = max((one.count(What.EXPECTED) for one in held.days), default=0) or 1
    return tuple(
        DayBars(
            f"{one.day:%d}",
            one.count(What.EXPECTED),
            one.count(What.ARRIVED),
            round(BAR_HEIGHT * one.count(What.EXPECTED) / most),
            round(BAR_HEIGHT * one.count(What.ARRIVED) / most),
            one.over,
        )
        for one in held.days
    )
