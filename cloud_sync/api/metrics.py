"""The community's figures for programs: name, numerator, denominator and as-of time of each (domain.md §12)."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request

from cloud_sync.api.problems import ProblemRoute
from cloud_sync.api.shapes import Shape as Answer
from cloud_sync.core.community_metrics import CommunityMetrics, Ratio
from cloud_sync.core.figures import DAYS_MAX, DAYS_USUAL, FEW, SPECS, Figure, Shape, shown
from cloud_sync.core.roles import Right, Role, may
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import SESSION_COOKIE, Accounts
from cloud_sync.ports_figures import FigureReader

Days = Annotated[int, Query(ge=1, le=DAYS_MAX, description="Of the last so many days.")]


class MetricAnswer(Answer):
    """``hidden``: too few to be shown to whoever asked; numerator and denominator are 0 then."""

    name: str
    numerator: int
    denominator: int
    as_of_ms: int
    hidden: bool


class OpenAnswer(Answer):
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
    accounts: Accounts, read: Callable[[], CommunityMetrics], figures: FigureReader | None = None
) -> APIRouter:
    """The ratios for whoever may see the board, and every figure for whoever may see those."""
    router = APIRouter(route_class=ProblemRoute)
    calls = MetricsCalls(accounts, read)
    router.add_api_route("/api/v1/metrics/community", calls.community, methods=["GET"])
    if figures is not None:
        every = FigureCalls(calls, figures)
        router.add_api_route("/api/v1/metrics/figures", every.figures, methods=["GET"])
        router.add_api_route("/api/v1/metrics/figures/{name}", every.figure, methods=["GET"])
    return router


class MetricsCalls:
    def __init__(self, accounts: Accounts, read: Callable[[], CommunityMetrics]) -> None:
        self._accounts = accounts
        self._read = read

    def community(self, request: Request) -> CommunityMetricsAnswer:
        """Registration by level of proof, coding, reconciled stays, spot checks, and what is open by age."""
        role = self.role(request, Right.SEE_BOARD)
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

    def role(self, request: Request, right: Right) -> Role:
        """Whose cookie it is; 401 without one, and a refusal for a role that may not."""
        token = request.cookies.get(SESSION_COOKIE)
        session = self._accounts.session(token) if token else None
        if session is None:
            raise HTTPException(401, "Log in first; this call needs the session cookie of the pages.")
        if not may(session.user.role, right):
            raise Refused(f"role.{right.name}", f"The role {session.user.role} may not: {right.value}.")
        return Role(session.user.role)


class FigureCalls:
    def __init__(self, calls: MetricsCalls, reader: FigureReader) -> None:
        self._calls = calls
        self._reader = reader

    def figures(self, request: Request, days: Days = DAYS_USUAL) -> FiguresAnswer:
        """Every row of the table of figures; below the community officer none that speaks of fewer than ten people."""
        return self._answer(request, days, frozenset(SPECS))

    def figure(self, request: Request, name: str, days: Days = DAYS_USUAL) -> FiguresAnswer:
        """One figure, with all its lines."""
        if name not in SPECS:
            raise NotFound("There is no figure of this name; /api/v1/metrics/figures names them.")
        return self._answer(request, days, frozenset({name}))

    def _answer(self, request: Request, days: int, names: frozenset[str]) -> FiguresAnswer:
        role = self._calls.role(request, Right.SEE_FIGURES)
        found = self._reader.figures(days, frozenset(SPECS[name].row for name in names))
        figures = shown(found.figures, few=may(role, Right.SEE_FEW))
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
