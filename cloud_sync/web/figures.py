"""The community's figures: every number with its name, what it counts of what, and as of when; made to be printed too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.figures import DAYS_USUAL, ROWS_MAX, AsOf, Figure, OpenLine, Row, Shape, Spec, shown
from cloud_sync.core.roles import Right, may
from cloud_sync.core.weeks import week_before, week_of
from cloud_sync.core.whole import is_late
from cloud_sync.ports_figures import FigureReader
from cloud_sync.web import figure_words, words
from cloud_sync.web.board import Speaker
from cloud_sync.web.figure_words import AGE_NAMES, FIGURES, ROWS, WHY
from cloud_sync.web.language import language_of
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.rows import NumberPage, Rows
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.spans import span
from cloud_sync.web.staff.words import OWNER_ROLES
from cloud_sync.web.texts import mark, texts

PERIODS = (1, 7, 30, 90)
MEASURED = frozenset({Row.CASES, Row.MACHINE})
Part = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True, slots=True)
class Tile:
    """One number; ``number`` is empty where there is none, and ``why`` or ``hidden`` says the reason."""

    key: str
    title: str
    numerator: str  # in words
    denominator: str
    number: str
    of: str
    percent: str
    interval: str
    as_of: str
    href: str
    why: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    number: str
    of: str
    percent: str
    href: str


@dataclass(frozen=True, slots=True)
class Table:
    """One figure in several lines."""

    tile: Tile
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Section:
    key: str
    title: str
    tiles: tuple[Tile, ...]
    tables: tuple[Table, ...]
    missing: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class OpenRow:
    kind: str
    name: str
    severity: str
    age: str
    owner: str
    count: int


@dataclass(frozen=True, slots=True)
class FiguresPage:
    chrome: Chrome
    now: str
    complete_to: str
    whole: bool
    days: int
    periods: tuple[int, ...]
    title: str
    path: str
    weeks: tuple[str, ...]  # of which there is a pack: this one and the last
    sections: tuple[Section, ...]
    open: tuple[OpenRow, ...]
    few: bool
    board: bool


class FiguresPages:
    """``/figures``; it shows and changes nothing."""

    def __init__(self, services: Services, reader: FigureReader) -> None:
        self._services = services
        self._reader = reader
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/figures", self.page, methods=["GET"])
        self.router.add_api_route("/measures", self.measures, methods=["GET"])
        self.router.add_api_route("/figures/rows/{name}", self.rows, methods=["GET"])

    def page(self, request: Request, days: int = Query(DAYS_USUAL)) -> Response:
        return self._page(request, days, "/figures", mark("The figures"), None)

    def measures(self, request: Request, days: int = Query(DAYS_USUAL)) -> Response:
        """How cases are worked on (domain.md §11.9), and nothing else."""
        return self._page(request, days, "/measures", mark("How cases are worked on"), MEASURED)

    def rows(self, request: Request, name: str, part: Part = "", days: int = Query(DAYS_USUAL)) -> Response:
        """Everything one number was counted from; the rows are the officer's."""
        session = self._sessions.need_right(request, Right.SEE_BOARD)
        by = Speaker(texts(language_of(request)), self._services.zone)
        held = self._reader.behind(name, part, days)
        figure, rows = held.figure, Rows(self._services, by)
        says = _Says(by, held.now_ms, "", lambda path: self._opens(session.user.role, path))
        tile = says.tile(figure)
        place = by.name(self._services.name_zh, self._services.name_en)
        shown_of = sum(row.of for row in held.rows)
        page = NumberPage(
            chrome=chrome_of(request, user=session.user.name, csrf=session.csrf, place=place),
            title=tile.title,
            part=figure_words.part(figure.spec.parts, figure.part[0], by.say) if figure.part else "",
            meaning=" / ".join(one for one in (tile.numerator, tile.denominator) if one),
            number=tile.number,
            of=tile.of,
            percent=tile.percent,
            as_of=tile.as_of,
            why=tile.why,
            back=f"/figures?days={days}#{name}",
            page=figure.spec.rows if self._opens(session.user.role, figure.spec.rows) else "",
            heads=rows.said(rows.heads(held.rows)),
            rows=rows.lines(held.rows),
            counted=sum(row.counts for row in held.rows),
            counted_of=shown_of,
            left_out=len(held.rows) >= ROWS_MAX,
        )
        return answer(request, "number.html", page)

    def _page(
        self, request: Request, days: int, path: str, title: str, rows: frozenset[Row] | None
    ) -> Response:
        session = self._sessions.need_right(request, Right.SEE_FIGURES)
        role = session.user.role
        by = Speaker(texts(language_of(request)), self._services.zone)
        found = self._reader.figures(days, rows)
        few = may(role, Right.SEE_FEW)
        week = week_of(by.moment(found.now_ms).date())
        board = may(role, Right.SEE_BOARD)
        say = _Says(by, found.now_ms, f"?days={days}" if board else "", lambda _: board)
        place = by.name(self._services.name_zh, self._services.name_en)
        page = FiguresPage(
            chrome=chrome_of(request, user=session.user.name, csrf=session.csrf, place=place),
            now=by.day_and_clock(found.now_ms),
            complete_to=by.near(found.told_ms, found.now_ms),
            whole=not is_late(found.told_ms, found.now_ms),
            days=days,
            periods=PERIODS,
            title=by.say(title),
            path=path,
            weeks=(week, week_before(week)),
            sections=_sections(shown(found.figures, few=few), say, rows or frozenset(Row)),
            open=tuple(_open(line, by) for line in found.open),
            few=few,
            board=board,
        )
        return answer(request, "figures.html", page)

    def _opens(self, role: str, path: str) -> bool:
        """Whether there is a page of these rows here, and this role may open it."""
        services = self._services
        pages: dict[str, tuple[object, Right]] = {
            "morning": (services.morning, Right.SEE_BOARD),
            "fleet": (services.reader, Right.SEE_BOARD),
            "upstream": (services.upstream, Right.SEE_BOARD),
            "registry": (services.imports, Right.IMPORT),
            "listings": (services.listings, Right.SEE_LISTINGS),
            "privacy": (services.privacy and services.cases, Right.PRIVACY),
        }
        there, right = pages.get(path.split("/")[1] if path else "", (None, Right.SEE_BOARD))
        return there is not None and may(role, right)


class _Says:
    """One picture in one language."""

    def __init__(self, by: Speaker, now_ms: int, query: str, opens: Callable[[str], bool]) -> None:
        self.by = by
        self._now_ms = now_ms
        self._query = query  # what the addresses of rows end with; empty: they lead nowhere
        self._opens = opens

    def href(self, figure: Figure) -> str:
        if not self._query or figure.why is not None:
            return ""
        part = f"&{urlencode({'part': figure.part[0]})}" if figure.part else ""
        return f"/figures/rows/{figure.name}{self._query}{part}"

    def tile(self, figure: Figure) -> Tile:
        spec, say = figure.spec, self.by.say
        title, numerator, denominator = (say(text) if text else "" for text in FIGURES[figure.name])
        interval = ""
        if figure.low is not None and figure.high is not None:
            bounds = {"low": _percent(figure.low), "high": _percent(figure.high)}
            interval = say(mark("between %(low)s and %(high)s (95 %% interval)"), **bounds)
        return Tile(
            key=figure.name,
            title=title,
            numerator=numerator,
            denominator=denominator,
            number=self.number(figure),
            of=self.of(figure),
            percent=self.percent(figure),
            interval=interval,
            as_of=self._as_of(figure, spec),
            href="" if figure.part else self.href(figure),
            why=say(WHY[figure.why]) if figure.why is not None else "",
            hidden=figure.hidden,
        )

    def _as_of(self, figure: Figure, spec: Spec) -> str:
        if spec.as_of is AsOf.CENSUS:
            return f"{self.by.moment(figure.as_of_ms):%Y-%m-%d}"
        return self.by.near(figure.as_of_ms, self._now_ms)

    def number(self, figure: Figure) -> str:
        if figure.spec.shape is not Shape.SPAN:
            return f"{figure.numerator:,}"
        return span(figure.numerator, self.by.say) if figure.denominator else "–"

    def of(self, figure: Figure) -> str:
        return f"{figure.denominator:,}" if figure.denominator is not None else ""

    def percent(self, figure: Figure) -> str:
        if figure.spec.shape is Shape.RATE:
            return f"{figure.share:.3f}" if figure.share is not None else "–"
        if figure.spec.shape is not Shape.SHARE:
            return ""
        return _percent(figure.share) if figure.share is not None else "–"

    def line(self, figure: Figure) -> Line:
        label = figure_words.part(figure.spec.parts, figure.part[0], self.by.say)
        return Line(label, self.number(figure), self.of(figure), self.percent(figure), self.href(figure))


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def _sections(figures: Sequence[Figure], say: _Says, rows: frozenset[Row]) -> tuple[Section, ...]:
    return tuple(
        _section(row, [one for one in figures if one.spec.row is row], say) for row in Row if row in rows
    )


def _section(row: Row, figures: Sequence[Figure], say: _Says) -> Section:
    several = dict.fromkeys(one.name for one in figures if one.part)
    tables = []
    for name in several:
        mine = [one for one in figures if one.name == name]
        lines = () if mine[0].hidden else tuple(say.line(one) for one in mine)
        tables.append(Table(say.tile(mine[0]), lines))
    return Section(
        key=row.value,
        title=say.by.say(ROWS[row]),
        tiles=tuple(say.tile(one) for one in figures if not one.part and one.why is None),
        tables=tuple(tables),
        missing=tuple(say.tile(one) for one in figures if one.why is not None),
    )


def _open(line: OpenLine, by: Speaker) -> OpenRow:
    return OpenRow(
        kind=line.kind,
        name=words.say(words.DISCREPANCIES, line.kind, by.say),
        severity=f"{line.severity} · {words.say(words.SEVERITIES, line.severity, by.say)}",
        age=by.say(AGE_NAMES[line.age]),
        owner=words.say(OWNER_ROLES, line.owner, by.say) if line.owner else by.say(mark("no case")),
        count=line.count,
    )
