"""The community's records for whoever integrates: read-only, page by page, and no person in them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from cloud_sync.api.callers import Callers
from cloud_sync.api.describing import Says, Who, add
from cloud_sync.api.shapes import Shape, shown
from cloud_sync.core.roles import Right
from cloud_sync.errors import NotFound
from cloud_sync.ports_api import Records

LIMIT_USUAL, LIMIT_MAX = 50, 200
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[
    str,
    Query(
        max_length=200,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="The `next` of the page before; without it the first page.",
    ),
]
LISTED = "FY-000001-7K3M9QXD-6"


class ListingLine(Shape):
    model_config = shown(listing=LISTED, unit="7-1-602", operator="OP-1", state="ACTIVE", max_guests=4)

    listing: str
    unit: str
    operator: str
    state: str
    max_guests: int


class StayLine(Shape):
    """``registered``: how many of ``headcount`` have proved who they are; ``arrived``: somebody of it came in."""

    model_config = shown(
        stay="ST-01HZY3Q5K8G7V0000000000001", listing=LISTED, room="R-602", state="EXPECTED",
        planned_in_ms=1_777_618_800_000, planned_out_ms=1_777_780_800_000, checked_out_ms=None,
        arrived=False, headcount=2, registered=0,
    )  # fmt: skip

    stay: str
    listing: str
    room: str
    state: str
    planned_in_ms: int
    planned_out_ms: int
    checked_out_ms: int | None
    arrived: bool
    headcount: int
    registered: int


class CaseLine(Shape):
    model_config = shown(
        case="AL-01HZY3Q5K8G7V0000000000001", family="alert", kind="forced_door", severity="S1", state="OPEN",
        owner_role="guard", opened_ms=1_777_000_000_000, last_seen_ms=1_777_000_000_000, count=1, node="gate-1",
        access_point="AP-dongfang-001",
    )  # fmt: skip

    case: str
    family: str
    kind: str
    severity: str
    state: str
    owner_role: str
    opened_ms: int
    last_seen_ms: int
    count: int
    node: str | None
    access_point: str | None


class NodeLine(Shape):
    """``drained_through_ms``: how far it has told everything."""

    model_config = shown(
        node="gate-1", online=True, head=812, acked=812, drained_through_ms=1_777_000_000_000,
        clock_state="TRUSTED", software="1.4.0", doors=2,
    )  # fmt: skip

    node: str
    online: bool
    head: int
    acked: int
    drained_through_ms: int
    clock_state: str
    software: str
    doors: int


class ListingPage(Shape):
    items: list[ListingLine]
    next: str | None


class StayPage(Shape):
    items: list[StayLine]
    next: str | None


class CasePage(Shape):
    items: list[CaseLine]
    next: str | None


class NodePage(Shape):
    items: list[NodeLine]
    next: str | None


def records_router(callers: Callers, records: Records) -> APIRouter:
    router = APIRouter(route_class=callers.route, prefix="/api/v1")
    calls = RecordCalls(callers, records)
    lists: list[tuple[str, Callable[..., object], Right, str]] = [
        ("/listings", calls.listings, Right.SEE_LISTINGS, "Every listing of the community"),
        ("/stays", calls.stays, Right.SEE_BOARD, "Every stay: expected, in house, over"),
        ("/cases", calls.cases, Right.SEE_ALL_CASES, "Every case: alarms, discrepancies, matters"),
        ("/nodes", calls.nodes, Right.SEE_BOARD, "Every gate node"),
    ]
    for path, call, needs, summary in lists:
        add(router, "GET", path, call, Says(summary, "register", Who.READER, (404,), needs=needs))
    return router


class RecordCalls:
    def __init__(self, callers: Callers, records: Records) -> None:
        self._callers = callers
        self._records = records

    def listings(self, request: Request, limit: Limit = LIMIT_USUAL, cursor: Cursor = "") -> ListingPage:
        """In the order of their codes."""
        self._callers.reads(request, Right.SEE_LISTINGS)
        items, more = _page(self._records.listings, "listing", limit, cursor)
        return ListingPage(items=[ListingLine.model_validate(one) for one in items], next=more)

    def stays(self, request: Request, limit: Limit = LIMIT_USUAL, cursor: Cursor = "") -> StayPage:
        """In the order in which they were booked."""
        self._callers.reads(request, Right.SEE_BOARD)
        items, more = _page(self._records.stays, "stay", limit, cursor)
        return StayPage(items=[StayLine.model_validate(one) for one in items], next=more)

    def cases(self, request: Request, limit: Limit = LIMIT_USUAL, cursor: Cursor = "") -> CasePage:
        """In the order of their ids; whom a case is about is on the pages."""
        self._callers.reads(request, Right.SEE_ALL_CASES)
        items, more = _page(self._records.cases, "case", limit, cursor)
        return CasePage(items=[CaseLine.model_validate(one) for one in items], next=more)

    def nodes(self, request: Request, limit: Limit = LIMIT_USUAL, cursor: Cursor = "") -> NodePage:
        """In the order of their names."""
        self._callers.reads(request, Right.SEE_BOARD)
        items, more = _page(self._records.nodes, "node", limit, cursor)
        return NodePage(items=[NodeLine.model_validate(one) for one in items], next=more)


def _page(
    read: Callable[..., Sequence[Any]], key: str, limit: int, cursor: str
) -> tuple[Sequence[Any], str | None]:
    """One more than asked for is read: it says whether there is a next page."""
    found = read(after=_after(key, cursor), most=limit + 1)
    more = len(found) > limit
    return found[:limit], _cursor(key, getattr(found[limit - 1], key)) if more else None


def _cursor(key: str, last: str) -> str:
    return urlsafe_b64encode(f"{key}\n{last}".encode()).decode().rstrip("=")


def _after(key: str, cursor: str) -> str:
    if not cursor:
        return ""
    try:
        said = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:  # no base64, or no text
        said = ""
    of, _, last = said.partition("\n")
    if of != key or not last.isprintable():
        raise NotFound("This cursor leads nowhere; begin without one.")
    return last
