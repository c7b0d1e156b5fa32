"""The community's figures: every number with its name, what it counts of what, and as of when; made to be printed too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.figures import DAYS_USUAL, AsOf, Figure, Figures, OpenLine, Row, Shape, Spec, shown
from cloud_sync.core.roles import Right, may
from cloud_sync.core.whole import is_late
from cloud_sync.ports_figures import FigureReader
from cloud_sync.web import figure_words, words
from cloud_sync.web.board import Speaker
from cloud_sync.web.figure_words import AGE_NAMES, FIGURES, ROWS, WHY
from cloud_sync.web.language import language_of
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.spans import span
from cloud_sync.web.staff.words import OWNER_ROLES
from cloud_sync.web.texts import mark, texts

PERIODS = (1, 7, 30, 90)


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

    def page(self, request: Request, days: int = Query(DAYS_USUAL)) -> Response:
        session = self._sessions.need_right(request, Right.SEE_FIGURES)
        role = session.user.role
        by = Speaker(texts(language_of(request)), self._services.zone)
        found = self._reader.figures(days)
        few = may(role, Right.SEE_FEW)
        say = _Says(by, found, lambda path: self._opens(role, path))
        place = by.name(self._services.name_zh, self._services.name_en)
        page = FiguresPage(
            chrome=chrome_of(request, user=session.user.name, csrf=session.csrf, place=place),
            now=by.day_and_clock(found.now_ms),
            complete_to=by.near(found.told_ms, found.now_ms),
            whole=not is_late(found.told_ms, found.now_ms),
            days=days,
            periods=PERIODS,
            sections=_sections(shown(found.figures, few=few), say),
            open=tuple(_open(line, by) for line in found.open),
            few=few,
            board=may(role, Right.SEE_BOARD),
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

    def __init__(self, by: Speaker, found: Figures, opens: Callable[[str], bool]) -> None:
        self.by = by
        self._found = found
        self._opens = opens

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
            href=spec.rows if self._opens(spec.rows) else "",
            why=say(WHY[figure.why]) if figure.why is not None else "",
            hidden=figure.hidden,
        )

    def _as_of(self, figure: Figure, spec: Spec) -> str:
        if spec.as_of is AsOf.CENSUS:
            return f"{self.by.moment(figure.as_of_ms):%Y-%m-%d}"
        return self.by.near(figure.as_of_ms, self._found.now_ms)

    def number(self, figure: Figure) -> str:
        if figure.spec.shape is not Shape.SPAN:
            return f"{figure.numerator:,}"
        return span(figure.numerator, self.by.say) if figure.denominator else "–"

    def of(self, figure: Figure) -> str:
        return f"{figure.denominator:,}" if figure.denominator is not None else ""

    def percent(self, figure: Figure) -> str:
        if figure.spec.shape is not Shape.SHARE:
            return ""
        return _percent(figure.share) if figure.share is not None else "–"

    def line(self, figure: Figure) -> Line:
        label = figure_words.part(figure.spec.parts, figure.part[0], self.by.say)
        return Line(label, self.number(figure), self.of(figure), self.percent(figure))


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def _sections(figures: Sequence[Figure], say: _Says) -> tuple[Section, ...]:
    return tuple(_section(row, [one for one in figures if one.spec.row is row], say) for row in Row)


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
