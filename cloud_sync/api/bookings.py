"""Bookings in, and operators' daily returns, for programs: a key in the header says which source or operator speaks.

A walk-in is a person's deed: it needs the session of the pages, as everything staff do.
"""

from typing import Annotated, Literal, get_args

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import Field

from cloud_sync.api.callers import CHALLENGE, Callers, bearer_of
from cloud_sync.api.describing import Says, Who, add
from cloud_sync.api.shapes import LINE, Reason, Shape, Wish, shown
from cloud_sync.core.roles import Right
from cloud_sync.errors import Refused
from cloud_sync.ports_booking import BookingDesk, KeyKind, Told, WalkIn

BATCH_MAX = 200
REVISION_MAX = 10**12 - 1

Ref = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
Day = Annotated[str, Path(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Days = Annotated[int, Query(ge=1, le=31)]
Word = Annotated[str, Field(min_length=1, max_length=64, pattern=LINE)]
Moment = Annotated[
    str, Field(min_length=16, max_length=40, pattern=LINE, description="2026-05-01T15:00, or with an offset.")
]
BOOKED = {
    "revision": 1,
    "listing": "FY-000001-7K3M9QXD-6",
    "room": "R-602",
    "arrival": "2026-05-01T15:00",
    "departure": "2026-05-03T12:00",
    "headcount": 2,
}


class BookingRequest(Wish):
    """One revision of one booking."""

    model_config = shown(**BOOKED)

    revision: int = Field(ge=0, le=REVISION_MAX, description="The source's own; the highest one decides.")
    listing: Word
    room: Word
    arrival: Moment
    departure: Moment
    headcount: int = Field(1, ge=1, le=99)
    state: Literal["confirmed", "cancelled"] = "confirmed"


class BatchBooking(BookingRequest):
    model_config = shown(external_ref="B-1", **BOOKED)

    external_ref: Word


class BatchRequest(Wish):
    model_config = shown(bookings=[{"external_ref": "B-1", **BOOKED}])

    bookings: list[BatchBooking] = Field(min_length=1, max_length=BATCH_MAX)


class TakenAnswer(Shape):
    model_config = shown(external_ref="B-1", status="new", said="")

    external_ref: str
    status: Literal["new", "updated", "unchanged", "rejected"]
    said: str


class TellingAnswer(Shape):
    revision: int
    effect: str
    times: int
    first_ms: int


class BookingAnswer(Shape):
    model_config = shown(
        source="tujia", external_ref="B-1", revision=1, state="confirmed", version=1, stay_state="EXPECTED",
        listing="FY-000001-7K3M9QXD-6", room="R-602", arrival_ms=1_777_618_800_000,
        departure_ms=1_777_780_800_000, headcount=2, registered=0,
        tellings=[{"revision": 1, "effect": "applied", "times": 1, "first_ms": 1_777_000_000_000}],
    )  # fmt: skip

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


class WalkInRequest(Wish):
    model_config = shown(room="R-602", departure="2026-05-03T12:00", headcount=1, reason="came to the desk")

    room: Word
    departure: Moment
    headcount: int = Field(1, ge=1, le=99)
    reason: Reason


class WalkInAnswer(Shape):
    model_config = shown(source="walk-in", external_ref="W-5f0c1b2a3d", stay="ST-01HZY3Q5K8G7V0000000000001")

    source: str
    external_ref: str
    stay: str


class ReturnRequest(Wish):
    model_config = shown(guests=12)

    guests: int = Field(ge=0, le=9_999, description="0 is a nil return.")


class ReturnAnswer(Shape):
    model_config = shown(operator="OP-1", day="2026-05-01", guests=12, version=1, status="new")

    operator: str
    day: str
    guests: int
    version: int
    status: Literal["new", "updated", "unchanged"]


class MissingAnswer(Shape):
    model_config = shown(operator="OP-1", day="2026-05-01", due_ms=1_777_694_400_000)

    operator: str
    day: str
    due_ms: int


def booking_router(desk: BookingDesk, callers: Callers) -> APIRouter:
    calls = BookingCalls(desk, callers)
    programs = APIRouter(route_class=callers.route_for(calls.known), prefix="/api/v1")
    new = {201: "Nobody had told it before."}
    tell = Says("Tell one revision of a booking", "bookings", Who.PROGRAM, also=new)
    add(programs, "PUT", "/bookings/{external_ref}", calls.put, tell)
    look = Says("How a booking stands", "bookings", Who.PROGRAM, (404,))
    add(programs, "GET", "/bookings/{external_ref}", calls.look, look)
    add(programs, "POST", "/bookings", calls.batch, Says("Tell many bookings", "bookings", Who.PROGRAM))
    people = APIRouter(route_class=callers.route, prefix="/api/v1")
    add(
        people,
        "POST",
        "/walk-ins",
        calls.walk_in,
        Says("Take in somebody at the desk", "bookings", Who.WRITER, (404,), needs=Right.PROVE),
    )
    missing = Says("Daily returns that nobody filed", "bookings", Who.READER, needs=Right.SEE_ALL_CASES)
    add(people, "GET", "/returns/missing", calls.missing, missing)
    people.add_api_route("/returns/missing", calls.no_day, methods=["PUT"], include_in_schema=False)
    filed = Says("File the return of one day", "bookings", Who.PROGRAM, (404,), also=new)
    add(programs, "PUT", "/returns/{day}", calls.file, filed)
    router = APIRouter()
    router.include_router(people)
    router.include_router(programs)
    return router


class BookingCalls:
    def __init__(self, desk: BookingDesk, callers: Callers) -> None:
        self._desk = desk
        self._callers = callers

    def put(
        self, external_ref: Ref, wish: BookingRequest, request: Request, response: Response
    ) -> TakenAnswer:
        """Tell one revision; safe to repeat.  201 for a booking nobody had told before."""
        source = self._whose(request, "bookings")
        (taken,) = self._desk.take(source, [_told(external_ref, wish)], actor=f"api:{source}")
        if taken.status == "rejected":
            raise Refused("booking", taken.said)
        response.status_code = 201 if taken.status == "new" else 200
        return TakenAnswer.model_validate(taken)

    def batch(self, wish: BatchRequest, request: Request) -> list[TakenAnswer]:
        """Tell many; each is answered by itself, in the order given."""
        source = self._whose(request, "bookings")
        told = [_told(one.external_ref, one) for one in wish.bookings]
        return [
            TakenAnswer.model_validate(one) for one in self._desk.take(source, told, actor=f"api:{source}")
        ]

    def look(self, external_ref: Ref, request: Request) -> BookingAnswer:
        """How the booking stands, and what was told of it; never who the guests are."""
        source = self._whose(request, "bookings")
        return BookingAnswer.model_validate(self._desk.look(source, external_ref))

    def walk_in(self, request: Request, wish: WalkInRequest) -> WalkInAnswer:
        """A stay from now on for somebody at the desk; each person is proved afterwards."""
        caller = self._callers.writes(request, Right.PROVE)
        made = self._desk.walk_in(WalkIn(**wish.model_dump()), actor=caller.user.name)
        return WalkInAnswer.model_validate(made)

    def file(self, day: Day, wish: ReturnRequest, request: Request, response: Response) -> ReturnAnswer:
        """The operator's return for one day; 0 guests is a nil return.  Safe to repeat, and a newer number stands."""
        operator = self._whose(request, "returns")
        filed = self._desk.file_return(operator, day, wish.guests, actor=f"api:{operator}")
        response.status_code = 201 if filed.status == "new" else 200
        return ReturnAnswer.model_validate(filed)

    def missing(self, request: Request, days: Days = 7) -> list[MissingAnswer]:
        """Returns whose time is over and that nobody filed; for whoever works with discrepancies."""
        self._callers.reads(request, Right.SEE_ALL_CASES)
        return [MissingAnswer.model_validate(one) for one in self._desk.missing_returns(days=days)]

    def no_day(self) -> None:
        """What is missing can be asked for and not filed; without this it would be taken for a day."""
        raise HTTPException(405, "This address does not take that kind of request.", {"allow": "GET"})

    def known(self, request: Request) -> None:
        """Raises 401 where no key is shown that anything is opened by."""
        key = bearer_of(request)
        if not key or all(self._desk.whose(key, kind) is None for kind in get_args(KeyKind)):
            raise _no_key("bookings or returns")

    def _whose(self, request: Request, kind: KeyKind) -> str:
        key = bearer_of(request)
        subject = self._desk.whose(key, kind) if key else None
        if subject is None:
            raise _no_key(kind)
        return subject


def _no_key(kind: str) -> HTTPException:
    return HTTPException(401, f"Send a key for {kind} in the header Authorization: Bearer KEY.", CHALLENGE)


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
