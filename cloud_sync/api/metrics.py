"""The community's figures for programs: name, numerator, denominator and as-of time of each (domain.md §12)."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from cloud_sync.api.callers import Callers
from cloud_sync.api.describing import Says, Who, add
from cloud_sync.api.shapes import Shape as Answer
from cloud_sync.api.shapes import shown as example
from cloud_sync.core.community_metrics import CommunityMetrics, Ratio
from cloud_sync.core.figures import DAYS_MAX, DAYS_USUAL, FEW, SPECS, Figure, Shape, shown
from cloud_sync.core.roles import Right, Role
from cloud_sync.errors import NotFound
from cloud_sync.ports_figures import FigureReader

FigureName = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,64}$")]
Days = Annotated[int, Query(ge=1, le=DAYS_MAX, description="Of the last so many days.")]


class MetricAnswer(Answer):
    """``hidden``: too few to be shown to whoever asked; numerator and denominator are 0 then."""

    model_config = example(
        name="registered", numerator=41, denominator=44, as_of_ms=1_777_000_000_000, hidden=False
    )

    name: str
    numerator: int
    denominator: int
    as_of_ms: int
    hidden: bool


class OpenAnswer(Answer):
    model_config = example(kind="D03", severity="S2", age="day", count=2)

    kind: str
    severity: str
    age: str
    count: int


class CommunityMetricsAnswer(Answer):
    as_of_ms: int
    ratios: tuple[MetricAnswer, ...]
    spot_checks_low: float
    spot_checks_high: float
    open: tuple[OpenAnswer, ...]


class FigureAnswer(Answer):
    """``numerator`` and ``denominator`` are null where there is no number: ``hidden``, or ``not_counted`` says why.

    A span counts milliseconds; its denominator says of how many it was taken.  ``share`` is null where the denominator is 0.
    """

    model_config = example(
        name="gates_online", row="1", shape="share", part=[], numerator=50, denominator=51, share=0.98, low=None,
        high=None, as_of_ms=1_777_000_000_000, hidden=False, not_counted="",
    )  # fmt: skip

    name: str
    row: str
    shape: str
    part: tuple[str, ...]
    numerator: int | None
    denominator: int | None
    share: float | None
    low: float | None
    high: float | None
    as_of_ms: int
    hidden: bool
    not_counted: str


class OpenLineAnswer(Answer):
    model_config = example(kind="D03", severity="S2", age="day", owner="officer", count=2)

    kind: str
    severity: str
    age: str
    owner: str
    count: int


class FiguresAnswer(Answer):
    """``told_ms`` is the watermark: how far the slowest node has told."""

    now_ms: int
    told_ms: int
    days: int
    figures: tuple[FigureAnswer, ...]
    open: tuple[OpenLineAnswer, ...]


def metrics_router(
    callers: Callers, read: Callable[[], CommunityMetrics], figures: FigureReader | None = None
) -> APIRouter:
    """The ratios for whoever may see the board, and every figure for whoever may see those."""
    router = APIRouter(route_class=callers.route, prefix="/api/v1/metrics")
    calls = MetricsCalls(callers, read)
    add(
        router,
        "GET",
        "/community",
        calls.community,
        Says("The community's ratios", "figures", Who.READER, needs=Right.SEE_BOARD),
    )
    if figures is not None:
        every = FigureCalls(callers, figures)
        add(
            router,
            "GET",
            "/figures",
            every.figures,
            Says("Every figure", "figures", Who.READER, needs=Right.SEE_FIGURES),
        )
        one = Says("One figure, with all its lines", "figures", Who.READER, (404,), needs=Right.SEE_FIGURES)
        add(router, "GET", "/figures/{name}", every.figure, one)
    return router


class MetricsCalls:
    def __init__(self, callers: Callers, read: Callable[[], CommunityMetrics]) -> None:
        self._callers = callers
        self._read = read

    def community(self, request: Request) -> CommunityMetricsAnswer:
        """Registration by level of proof, coding, reconciled stays, spot checks, and what is open by age."""
        role = Role(self._callers.reads(request, Right.SEE_BOARD).user.role)
        found = self._read()
        return CommunityMetricsAnswer(
            as_of_ms=found.as_of_ms,
            ratios=tuple(shown_ratio(ratio, role) for ratio in found.ratios),
            spot_checks_low=found.spot_checks.low,
            spot_checks_high=found.spot_checks.high,
            open=tuple(
                OpenAnswer(kind=kind, severity=severity, age=age, count=count)
                for (kind, severity, age), count in found.open.items()
            ),
        )


class FigureCalls:
    def __init__(self, callers: Callers, reader: FigureReader) -> None:
        self._callers = callers
        self._reader = reader

    def figures(self, request: Request, days: Days = DAYS_USUAL) -> FiguresAnswer:
        """Every row of the table of figures; below the community officer none that speaks of fewer than ten people."""
        return self._answer(request, days, frozenset(SPECS))

    def figure(self, request: Request, name: FigureName, days: Days = DAYS_USUAL) -> FiguresAnswer:
        """One figure, with all its lines."""
        if name not in SPECS:
            raise NotFound("There is no figure of this name; /api/v1/metrics/figures names them.")
        return self._answer(request, days, frozenset({name}))

    def _answer(self, request: Request, days: int, names: frozenset[str]) -> FiguresAnswer:
        caller = self._callers.reads(request, Right.SEE_FIGURES)
        found = self._reader.figures(days, frozenset(SPECS[name].row for name in names))
        figures = shown(found.figures, few=Right.SEE_FEW in caller.rights)
        lines = found.open if "discrepancies_grave" in names else ()
        return FiguresAnswer(
            now_ms=found.now_ms,
            told_ms=found.told_ms,
            days=found.days,
            figures=tuple(_figure(one) for one in figures if one.name in names),
            open=tuple(OpenLineAnswer.model_validate(line) for line in lines),
        )


def _figure(figure: Figure) -> FigureAnswer:
    none = figure.hidden or figure.why is not None
    share = figure.share if figure.spec.shape in (Shape.SHARE, Shape.RATE) and not none else None
    return FigureAnswer(
        name=figure.name,
        row=figure.spec.row,
        shape=figure.spec.shape,
        part=figure.part,
        numerator=None if none else figure.numerator,
        denominator=None if none else figure.denominator,
        share=share,
        low=figure.low,
        high=figure.high,
        as_of_ms=figure.as_of_ms,
        hidden=figure.hidden,
        not_counted=figure.why or "",
    )


def shown_ratio(ratio: Ratio, role: Role) -> MetricAnswer:
    """As this role may see it."""
    hidden = role is Role.GUARD and 0 < ratio.denominator < FEW
    return MetricAnswer(
        name=ratio.name,
        numerator=0 if hidden else ratio.numerator,
        denominator=0 if hidden else ratio.denominator,
        as_of_ms=ratio.as_of_ms,
        hidden=hidden,
    )
