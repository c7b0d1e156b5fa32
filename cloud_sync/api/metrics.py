"""The community's ratios for programs: numerator, denominator and as-of time of each (domain.md §12)."""

from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Request

from cloud_sync.api.problems import ProblemRoute
from cloud_sync.api.shapes import Shape
from cloud_sync.core.community_metrics import CommunityMetrics, Ratio
from cloud_sync.core.roles import Right, Role, may
from cloud_sync.errors import Refused
from cloud_sync.ports import SESSION_COOKIE, Accounts

FEW = 10  # fewer people than that are nobody's business below the community officer


class MetricAnswer(Shape):
    """``hidden``: too few to be shown to whoever asked; numerator and denominator are 0 then."""

    name: str
    numerator: int
    denominator: int
    as_of_ms: int
    hidden: bool


class OpenAnswer(Shape):
    kind: str
    severity: str
    age: str
    count: int


class CommunityMetricsAnswer(Shape):
    as_of_ms: int
    ratios: tuple[MetricAnswer, ...]
    spot_checks_low: float
    spot_checks_high: float
    open: tuple[OpenAnswer, ...]


def metrics_router(accounts: Accounts, read: Callable[[], CommunityMetrics]) -> APIRouter:
    """One call, for whoever may see the board."""
    router = APIRouter(route_class=ProblemRoute)
    calls = MetricsCalls(accounts, read)
    router.add_api_route("/api/v1/metrics/community", calls.community, methods=["GET"])
    return router


class MetricsCalls:
    def __init__(self, accounts: Accounts, read: Callable[[], CommunityMetrics]) -> None:
        self._accounts = accounts
        self._read = read

    def community(self, request: Request) -> CommunityMetricsAnswer:
        """Registration by level of proof, coding, reconciled stays, spot checks, and what is open by age."""
        role = self._role(request)
        found = self._read()
        return CommunityMetricsAnswer(
            as_of_ms=found.as_of_ms,
            ratios=tuple(shown(ratio, role) for ratio in found.ratios),
            spot_checks_low=found.spot_checks.low,
            spot_checks_high=found.spot_checks.high,
            open=tuple(
                OpenAnswer(kind=kind, severity=severity, age=age, count=count)
                for (kind, severity, age), count in found.open.items()
            ),
        )

    def _role(self, request: Request) -> Role:
        token = request.cookies.get(SESSION_COOKIE)
        session = self._accounts.session(token) if token else None
        if session is None:
            raise HTTPException(401, "Log in first; this call needs the session cookie of the pages.")
        if not may(session.user.role, Right.SEE_BOARD):
            raise Refused("role.SEE_BOARD", f"The role {session.user.role} may not: {Right.SEE_BOARD.value}.")
        return Role(session.user.role)


def shown(ratio: Ratio, role: Role) -> MetricAnswer:
    """As this role may see it."""
    hidden = role is Role.GUARD and 0 < ratio.denominator < FEW
    return MetricAnswer(
        name=ratio.name,
        numerator=0 if hidden else ratio.numerator,
        denominator=0 if hidden else ratio.denominator,
        as_of_ms=ratio.as_of_ms,
        hidden=hidden,
    )
