"""The officer's morning: one day and how it stands now, each number with its rows behind it; made to be printed too."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.roles import Right
from cloud_sync.core.whole import is_late
from cloud_sync.errors import NotFound
from cloud_sync.ports import Session
from cloud_sync.ports_morning import Cell, Counted, Measure, Metric, Morning, MorningReader
from cloud_sync.web import words
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import language_of
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.staff import words as staff_words
from cloud_sync.web.staff.prove_shown import LEVELS, STAYS
from cloud_sync.web.texts import mark, texts

ROWS_MAX = 1_000  # what one page can show; the number above it is always the whole
# In the morning one asks about the evening before.
MORNING_ENDS_H = 12
BAR_HEIGHT = 100

Day = Annotated[str, Query(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]

TITLES: Mapping[Metric, str] = MappingProxyType({
    "registration": mark("Registered before they came in"),
    "arrivals": mark("Stays that arrived"),
    "in_house": mark("In house"),
    "discrepancies": mark("Open discrepancies"),
    "gates": mark("Gates online"),
    "cases": mark("Open cases"),
})  # fmt: skip
MEANINGS: Mapping[Metric, str] = MappingProxyType({
    "registration": mark("verified at or before their first entry, of all people with a first entry that day"),
    "arrivals": mark("with a first entry, of all stays expected that day"),
    "in_house": mark("last seen going in, of all members of open stays"),
    "discrepancies": mark("grave (S1, S2), of all that are open"),
    "gates": mark("heard within 90 seconds, of all registered"),
    "cases": mark("nobody has looked at yet, of all that are open"),
})  # fmt: skip
COLUMNS: Mapping[str, str] = MappingProxyType({
    "room": mark("Room"),
    "subject": mark("Subject"),
    "first_entry_ms": mark("First entry"),
    "verified_ms": mark("Verified"),
    "level": mark("Level"),
    "method": mark("How"),
    "stay": mark("State of the stay"),
    "people": mark("People booked"),
    "planned_ms": mark("Expected"),
    "until_ms": mark("Until"),
    "last_seen_ms": mark("Last seen"),
    "kind": mark("Kind"),
    "severity": mark("Severity"),
    "opened_ms": mark("Open since"),
    "case": mark("Case"),
    "family": mark("Family"),
    "case_state": mark("State"),
    "owner": mark("With"),
    "node": mark("Node"),
    "lag_s": mark("Events behind, seconds"),
    "outbox": mark("Events on the way"),
    "pass_set": mark("Passes"),
    "clock": mark("Clock"),
    "doors": mark("Doors"),
    "faults": mark("Faults"),
})  # fmt: skip
METHODS: Mapping[str, str] = MappingProxyType({
    "self": mark("typed by the guest"),
    "kiosk": mark("typed at a kiosk"),
    "operator": mark("by whoever let the room"),
    "staff": mark("in person, by staff"),
    "live-video": mark("on a call, by staff"),
    "national-net-id": mark("official result"),
})  # fmt: skip
FAMILIES: Mapping[str, str] = MappingProxyType({
    "alert": mark("at a door"),
    "discrepancy": mark("in the books"),
})  # fmt: skip
AGES = (mark("to 2 h"), mark("to 24 h"), mark("to 3 days"), mark("to 7 days"), mark("longer"))
NOT_IN_TIME = mark("not verified in time")

# Words for the codes of a column; what is not here is shown as it is.
CODES: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "stay": STAYS,
    "method": METHODS,
    "family": FAMILIES,
    "severity": words.SEVERITIES,
    "case_state": staff_words.STATES,
    "owner": staff_words.OWNER_ROLES,
    "pass_set": words.PASS_SETS,
    "clock": words.CLOCKS,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class MeasureCard:
    metric: str
    title: str
    meaning: str
    numerator: int
    denominator: int
    percent: str
    as_of: str
    href: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart; ``height`` of 100."""

    label: str
    count: int
    height: int


@dataclass(frozen=True, slots=True)
class MorningPage:
    chrome: Chrome
    name: str
    synthetic: bool
    day: str
    now: str
    complete_to: str
    whole: bool
    before: str
    after: str  # empty on the last day there is
    cards: tuple[MeasureCard, ...]
    levels: tuple[Bar, ...]
    hours: tuple[Bar, ...]
    age_heads: tuple[str, ...]
    ages: tuple[tuple[str, str, tuple[int, ...]], ...]  # kind, its name, counts


@dataclass(frozen=True, slots=True)
class RowsPage:
    chrome: Chrome
    name: str
    card: MeasureCard
    day: str
    now: str
    heads: tuple[str, ...]
    rows: tuple[tuple[bool, tuple[str, ...]], ...]
    left_out: int


class MorningPages:
    def __init__(self, services: Services, reader: MorningReader) -> None:
        self._services = services
        self._reader = reader
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/morning", self.morning, methods=["GET"])
        self.router.add_api_route("/morning/{metric}", self.rows, methods=["GET"])

    def morning(self, request: Request, day: Day = "") -> Response:
        session, by = self._asked(request)
        held = self._read(day)
        today = self._today().date()
        page = MorningPage(
            chrome=_chrome(request, session),
            name=by.name(held.name_zh, held.name_en),
            synthetic=held.synthetic,
            day=held.day.isoformat(),
            now=by.day_and_clock(held.now_ms),
            complete_to=by.near(held.watermark_ms, held.now_ms),
            whole=not is_late(held.watermark_ms, held.now_ms),
            before=(held.day - timedelta(days=1)).isoformat(),
            after=(held.day + timedelta(days=1)).isoformat() if held.day < today else "",
            cards=tuple(_card(one, held, by) for one in held.measures.values()),
            levels=_bars([(_level(level, by), count) for level, count in held.levels]),
            hours=_bars([(f"{hour:02d}", count) for hour, count in enumerate(held.by_hour)]),
            age_heads=tuple(by.say(head) for head in AGES),
            ages=tuple(
                (kind, words.say(words.DISCREPANCIES, kind, by.say), counts) for kind, counts in held.ages
            ),
        )
        return answer(request, "morning.html", page)

    def rows(self, request: Request, metric: str, day: Day = "") -> Response:
        """Everything one number was counted from."""
        session, by = self._asked(request)
        held = self._read(day)
        measure = held.measures[_metric(metric)]
        heads = tuple(measure.rows[0].cells) if measure.rows else ()
        page = RowsPage(
            chrome=_chrome(request, session),
            name=by.name(held.name_zh, held.name_en),
            card=_card(measure, held, by),
            day=held.day.isoformat(),
            now=by.day_and_clock(held.now_ms),
            heads=tuple(by.say(COLUMNS[head]) for head in heads),
            rows=tuple(_row(row, by) for row in measure.rows[:ROWS_MAX]),
            left_out=max(0, len(measure.rows) - ROWS_MAX),
        )
        return answer(request, "morning_rows.html", page)

    def _asked(self, request: Request) -> tuple[Session, Speaker]:
        session = self._sessions.need_right(request, Right.SEE_BOARD)
        return session, Speaker(texts(language_of(request)), self._services.zone)

    def _today(self) -> datetime:
        return datetime.fromtimestamp(self._services.clock.now_ms() / 1000, UTC).astimezone(
            self._services.zone
        )

    def _read(self, text: str) -> Morning:
        now = self._today()
        return self._reader.morning(self._services.community, now, _day(text, now))


def _day(text: str, now: datetime) -> date:
    """The day asked for, never one that has not begun; without one, yesterday until noon."""
    if not text:
        return (now - timedelta(days=now.hour < MORNING_ENDS_H)).date()
    try:
        return min(date.fromisoformat(text), now.date())
    except ValueError:
        raise NotFound(f"There is no day {text!r} in any calendar.") from None


def _metric(text: str) -> Metric:
    known: tuple[Metric, ...] = get_args(Metric)
    for metric in known:
        if metric == text:
            return metric
    raise NotFound(f"There is no number {text!r} on the morning's page.")


def _chrome(request: Request, session: Session) -> Chrome:
    return chrome_of(request, user=session.user.name, csrf=session.csrf)


def _card(measure: Measure, held: Morning, by: Speaker) -> MeasureCard:
    share = 100 * measure.numerator / measure.denominator if measure.denominator else None
    return MeasureCard(
        metric=measure.metric,
        title=by.say(TITLES[measure.metric]),
        meaning=by.say(MEANINGS[measure.metric]),
        numerator=measure.numerator,
        denominator=measure.denominator,
        percent=f"{share:.1f}%" if share is not None else "–",
        as_of=by.near(measure.as_of_ms, held.now_ms),
        href=f"/morning/{measure.metric}?day={held.day.isoformat()}",
    )


def _level(level: int | None, by: Speaker) -> str:
    return by.say(NOT_IN_TIME) if level is None else f"{level} · {by.say(LEVELS[level])}"


def _bars(counts: list[tuple[str, int]]) -> tuple[Bar, ...]:
    most = max((count for _, count in counts), default=0) or 1
    return tuple(Bar(label, count, round(BAR_HEIGHT * count / most)) for label, count in counts)


def _row(row: Counted, by: Speaker) -> tuple[bool, tuple[str, ...]]:
    return row.counts, tuple(_cell(name, value, by) for name, value in row.cells.items())


def _cell(name: str, value: Cell, by: Speaker) -> str:
    if value is None or value == "":
        return "–"
    if name.endswith("_ms"):
        return by.day_and_clock(int(value))
    if name == "kind":
        known = words.DISCREPANCIES if str(value).startswith("D") else staff_words.ALERTS
        return words.say(known, str(value), by.say)
    return words.say(CODES[name], str(value), by.say) if name in CODES else str(value)
