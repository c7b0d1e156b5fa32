"""Open discrepancies by kind, severity and age; each number leads to the discrepancies it counts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.community_metrics import AGES, OLDEST
from cloud_sync.core.figures import OpenLine, Row
from cloud_sync.core.roles import Right, may
from cloud_sync.ports_figures import FigureReader
from cloud_sync.web import words
from cloud_sync.web.board import Speaker
from cloud_sync.web.figure_words import AGE_NAMES
from cloud_sync.web.language import language_of
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.rows import NumberPage, Rows
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.texts import mark, texts

AGE_ORDER = (*(name for name, _ in AGES), OLDEST)
Word = Annotated[str, Query(max_length=16)]


@dataclass(frozen=True, slots=True)
class Field:
    """One number of the matrix; ``href`` is empty where there is nothing, or nothing for this role to see."""

    count: int
    href: str
    head: str


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    name: str
    severity: str
    severity_text: str
    fields: tuple[Field, ...]  # one for each age, and their sum


@dataclass(frozen=True, slots=True)
class MatrixPage:
    chrome: Chrome
    now: str
    heads: tuple[str, ...]
    lines: tuple[Line, ...]
    foot: tuple[Field, ...]
    board: bool


class DiscrepancyPages:
    """``/discrepancies`` for whoever sees the figures; the rows are the officer's."""

    def __init__(self, services: Services, reader: FigureReader) -> None:
        self._services = services
        self._reader = reader
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/discrepancies", self.matrix, methods=["GET"])
        self.router.add_api_route("/discrepancies/rows", self.rows, methods=["GET"])

    def matrix(self, request: Request) -> Response:
        session = self._sessions.need_right(request, Right.SEE_FIGURES)
        by = Speaker(texts(language_of(request)), self._services.zone)
        found = self._reader.figures(rows=frozenset({Row.DISCREPANCIES}))
        board = may(session.user.role, Right.SEE_BOARD)
        counted = matrix(found.open, by, links=board)
        page = MatrixPage(
            chrome=self._chrome(request, session.user.name, session.csrf, by),
            now=by.day_and_clock(found.now_ms),
            heads=heads(by),
            lines=counted[:-1],
            foot=counted[-1].fields,
            board=board,
        )
        return answer(request, "discrepancies.html", page)

    def rows(self, request: Request, kind: Word = "", severity: Word = "", age: Word = "") -> Response:
        session = self._sessions.need_right(request, Right.SEE_BOARD)
        by = Speaker(texts(language_of(request)), self._services.zone)
        found = self._reader.open_ones(kind, severity, age)
        rows = Rows(self._services, by)
        said = (
            words.say(words.DISCREPANCIES, kind, by.say) if kind else "",
            f"{severity} · {words.say(words.SEVERITIES, severity, by.say)}" if severity else "",
            by.say(AGE_NAMES[age]) if age else "",
        )
        page = NumberPage(
            chrome=self._chrome(request, session.user.name, session.csrf, by),
            title=by.say(mark("Open discrepancies")),
            part=" · ".join(one for one in said if one),
            meaning="",
            number=f"{found.count:,}",
            of="",
            percent="",
            as_of=by.day_and_clock(found.now_ms),
            why="",
            back="/discrepancies",
            page="",
            heads=rows.said(rows.heads(found.rows)),
            rows=rows.lines(found.rows),
            counted=len(found.rows),
            counted_of=len(found.rows),
            left_out=len(found.rows) < found.count,
        )
        return answer(request, "number.html", page)

    def _chrome(self, request: Request, user: str, csrf: str, by: Speaker) -> Chrome:
        place = by.name(self._services.name_zh, self._services.name_en)
        return chrome_of(request, user=user, csrf=csrf, place=place)


def heads(by: Speaker) -> tuple[str, ...]:
    return (*(by.say(AGE_NAMES[age]) for age in AGE_ORDER), by.say(mark("Together")))


def matrix(found: Sequence[OpenLine], by: Speaker, *, links: bool) -> tuple[Line, ...]:
    """A line for each kind and severity there is, the gravest first, and at the end the sums of all."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for one in found:
        for age in (one.age, ""):
            counts[one.kind, one.severity, age] += one.count
            counts["", "", age] += one.count
    keys = {(one.severity, one.kind) for one in found}
    lines = [_line(kind, severity, counts, by, links) for severity, kind in sorted(keys)]
    return (*lines, _line("", "", counts, by, links))


def _line(kind: str, severity: str, counts: Counter[tuple[str, str, str]], by: Speaker, links: bool) -> Line:
    names = heads(by)
    fields = []
    for at, age in enumerate((*AGE_ORDER, "")):
        count = counts[kind, severity, age]
        asked = {"kind": kind, "severity": severity, "age": age}
        query = urlencode({name: value for name, value in asked.items() if value})
        fields.append(Field(count, f"/discrepancies/rows?{query}" if links and count else "", names[at]))
    name = words.say(words.DISCREPANCIES, kind, by.say)
    return Line(kind, name, severity, words.say(words.SEVERITIES, severity, by.say), tuple(fields))
