"""Bookings in, and operators' daily returns, for programs: a key in the header says which source or operator speaks.

A walk-in is a person's deed: it needs the session of the pages, as everything staff do.
"""

from collections.abc import Callable
from hmac import compare_digest
from typing import Annotated, Literal

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request, Response
from pydantic import Field

from cloud_sync.api.problems import ProblemRoute
from cloud_sync.api.shapes import Shape
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import Refused
from cloud_sync.ports import SESSION_COOKIE, Accounts, Session
from cloud_sync.ports_booking import BookingDesk, KeyKind, Told, WalkIn

CSRF_HEADER = "x-csrf-token"
BATCH_MAX = 200
REVISION_MAX = 10**12 - 1

Ref = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
Day = Annotated[str, Path(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Days = Annotated[int, Query(ge=1, le=31)]
Bearer = Annotated[str, Header(alias="authorization", max_length=200)]
Word = Annotated[str, Field(min_length=1, max_length=64)]
Moment = Annotated[
    str, Field(min_length=16, max_length=40, description="2026-05-01T15:00, or with an offset.")
]


class BookingRequest(Shape):
    """One revision of one booking."""

    revision: int = Field(ge=0, le=REVISION_MAX, description="The source's own; the highest one decides.")
    listing: Word
    room: Word
    arrival: Moment
    departure: Moment
    headcount: int = Field(1, ge=1, le=99)
    state: Literal["confirmed", "cancelled"] = "confirmed"


class BatchBooking(BookingRequest):
    external_ref: Word


class BatchRequest(Shape):
    bookings: list[BatchBooking] = Field(min_length=1, max_length=BATCH_MAX)


class TakenAnswer(Shape):
    external_ref: str
    status: Literal["new", "updated", "unchanged", "rejected"]
    said: str


class TellingAnswer(Shape):
    revision: int
    effect: str
    times: int
    first_ms: int


class BookingAnswer(Shape):
    source: str
    external_ref: str
    revision: int
    state: str
    version: int
    stay_state: str
    listing: str
    room: str
    arrival_ms: int
    departure_ms: int
    headcount: int
    registered: int
    tellings: list[TellingAnswer]


class WalkInRequest(Shape):
    room: Word
    departure: Moment
    headcount: int = Field(1, ge=1, le=99)
    reason: str = Field(min_length=1, max_length=200)


class WalkInAnswer(Shape):
    source: str
    external_ref: str
    stay: str


class ReturnRequest(Shape):
    guests: int = Field(ge=0, le=9_999, description="0 is a nil return.")


class ReturnAnswer(Shape):
    operator: str
    day: str
    guests: int
    version: int
    status: Literal["new", "updated", "unchanged"]


class MissingAnswer(Shape):
    operator: str
    day: str
    due_ms: int


def booking_router(desk: BookingDesk, accounts: Accounts) -> APIRouter:
    router = APIRouter(route_class=ProblemRoute, prefix="/api/v1")
    calls = BookingCalls(desk, accounts)
    routes: list[tuple[str, Callable[..., object], str]] = [
        ("/bookings", calls.batch, "POST"),
        ("/bookings/{external_ref}", calls.put, "PUT"),
        ("/bookings/{external_ref}", calls.look, "GET"),
        ("/walk-ins", calls.walk_in, "POST"),
        ("/returns/missing", calls.missing, "GET"),
        ("/returns/{day}", calls.file, "PUT"),
    ]
    for path, call, method in routes:
        router.add_api_route(path, call, methods=[method])
    return router


class BookingCalls:
    def __init__(self, desk: BookingDesk, accounts: Accounts) -> None:
        self._desk = desk
        self._accounts = accounts

    def put(
        self, external_ref: Ref, wish: BookingRequest, response: Response, authorization: Bearer = ""
    ) -> TakenAnswer:
        """Tell one revision; safe to repeat.  201 for a booking nobody had told before."""
        source = self._whose(authorization, "bookings")
        (taken,) = self._desk.take(source, [_told(external_ref, wish)], actor=f"api:{source}")
        if taken.status == "rejected":
            raise Refused("booking", taken.said)
        response.status_code = 201 if taken.status == "new" else 200
        return TakenAnswer.model_validate(taken)

    def batch(self, wish: BatchRequest, authorization: Bearer = "") -> list[TakenAnswer]:
        """Tell many; each is answered by itself, in the order given."""
        source = self._whose(authorization, "bookings")
        told = [_told(one.external_ref, one) for one in wish.bookings]
        return [
            TakenAnswer.model_validate(one) for one in self._desk.take(source, told, actor=f"api:{source}")
        ]

    def look(self, external_ref: Ref, authorization: Bearer = "") -> BookingAnswer:
        """How the booking stands, and what was told of it; never who the guests are."""
        source = self._whose(authorization, "bookings")
        return BookingAnswer.model_validate(self._desk.look(source, external_ref))

    def walk_in(self, request: Request, wish: WalkInRequest) -> WalkInAnswer:
        """A stay from now on for somebody at the desk; each person is proved afterwards."""
        session = self._session(request, Right.PROVE)
        sent = request.headers.get(CSRF_HEADER, "")
        if not compare_digest(session.csrf.encode(), sent.encode()):
            raise Refused("csrf", f"Send the session's token in the header {CSRF_HEADER}.")
        made = self._desk.walk_in(WalkIn(**wish.model_dump()), actor=session.user.name)
        return WalkInAnswer.model_validate(made)

    def file(
        self, day: Day, wish: ReturnRequest, response: Response, authorization: Bearer = ""
    ) -> ReturnAnswer:
        """The operator's return for one day; 0 guests is a nil return.  Safe to repeat, and a newer number stands."""
        operator = self._whose(authorization, "returns")
        filed = self._desk.file_return(operator, day, wish.guests, actor=f"api:{operator}")
        response.status_code = 201 if filed.status == "new" else 200
        return ReturnAnswer.model_validate(filed)

    def missing(self, request: Request, days: Days = 7) -> list[MissingAnswer]:
        """Returns whose time is over and that nobody filed; for whoever works with discrepancies."""
        self._session(request, Right.SEE_ALL_CASES)
        return [MissingAnswer.model_validate(one) for one in self._desk.missing_returns(days=days)]

    def _whose(self, authorization: str, kind: KeyKind) -> str:
        scheme, _, key = authorization.partition(" ")
        subject = self._desk.whose(key.strip(), kind) if scheme.lower() == "bearer" and key else None
        if subject is None:
            raise HTTPException(401, f"Send a key for {kind} in the header Authorization: Bearer KEY.")
        return subject

    def _session(self, request: Request, right: Right) -> Session:
        token = request.cookies.get(SESSION_COOKIE)
        session = self._accounts.session(token) if token else None
        if session is None:
            raise HTTPException(401, "Log in first; this call needs the session cookie of the pages.")
        if not may(session.user.role, right):
            raise Refused(f"role.{right.name}", f"The role {session.user.role} may not: {right.value}.")
        return session


def _told(external_ref: str, wish: BookingRequest) -> Told:
    return Told(
        external_ref=external_ref,
        revision=wish.revision,
        listing=wish.listing,
        room=wish.room,
        arrival=wish.arrival,
        departure=wish.departure,
        headcount=wish.headcount,
        state=wish.state,
    )
