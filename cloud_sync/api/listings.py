"""Listings for an operator's program: file, declare, acknowledge, submit, look, leave, appeal."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import Field

from cloud_sync.api.callers import Callers
from cloud_sync.api.describing import Says, Who, add
from cloud_sync.api.shapes import LINE, Reason, Shape, Wish, shown
from cloud_sync.core.roles import Right
from cloud_sync.ports_complaints import ComplaintDesk
from cloud_sync.ports_model import Filing, FilingWish, Person, RoomWish

Code = Annotated[str, Path(pattern=r"^FY-[0-9]{6}-[0-9A-Z]{8}-[0-9A-Z]$")]
Id = Annotated[str, Path(pattern=r"^(PT|SN)-[0-9A-Z]{26}$")]
Operator = Annotated[str, Path(min_length=1, max_length=64, pattern=LINE)]
Small = Annotated[int, Field(ge=0, le=9_999)]


class RoomRequest(Wish):
    model_config = shown(label="602", beds=2, max_guests=2)

    label: str = Field(max_length=16, pattern=LINE)
    beds: Small
    max_guests: Small


class FilingRequest(Wish):
    model_config = shown(
        operator="OP-1", unit="7-1-602", name="Riverside 602", max_guests=2,
        rooms=[{"label": "602", "beds": 2, "max_guests": 2}], ownership="lease", area_m2=60,
    )  # fmt: skip

    operator: str = Field(max_length=64, pattern=LINE)
    unit: str = Field(max_length=64, pattern=LINE)
    name: str = Field(max_length=80, pattern=LINE)
    max_guests: Small
    rooms: list[RoomRequest] = Field(max_length=30)
    ownership: Literal["own", "lease", "shared"] = "own"
    area_m2: int = Field(0, ge=0, le=10_000)
    platform_refs: list[Annotated[str, Field(max_length=200, pattern=LINE)]] = Field([], max_length=20)


class DocumentRequest(Wish):
    model_config = shown(document="ownership", state="declared")

    document: str = Field(max_length=32, pattern=LINE)
    state: Literal["declared", "absent"]


class LetterRequest(Wish):
    model_config = shown(kind="covenant", version=1, language="zh")

    kind: str = Field(max_length=32, pattern=LINE)
    version: int = Field(ge=0, le=1_000_000)
    language: Literal["zh", "en"]


class ReasonRequest(Wish):
    model_config = shown(reason="sold")

    reason: Reason


class SessionAnswer(Shape):
    """``csrf``: what every call that writes sends in the header ``x-csrf-token``; empty for a token, which needs none."""

    model_config = shown(user="chen", role="officer", csrf="")

    user: str
    role: str
    csrf: str


class FiledAnswer(Shape):
    model_config = shown(listing="FY-000001-7K3M9QXD-6")

    listing: str


class StateAnswer(Shape):
    model_config = shown(state="FILED")

    state: str


class ListingAnswer(Shape):
    """``missing``: ids of documents, letters and risk items that still stand against the code."""

    model_config = shown(
        listing="FY-000001-7K3M9QXD-6", state="FILED", reason="", reviewer="", decide_by_ms=None, coded_ms=None,
        points=12, band="A", missing=["ownership"],
    )  # fmt: skip

    listing: str
    state: str
    reason: str
    reviewer: str
    decide_by_ms: int | None
    coded_ms: int | None
    points: int
    band: str
    missing: tuple[str, ...]


class ComplaintAnswer(Shape):
    """What somebody complained of at the plate; the words stay with the community."""

    model_config = shown(
        complaint="CP-01HZY3Q5K8G7V0000000000001",
        topic="noise",
        made_ms=1_777_000_000_000,
        state="OPEN",
        answer="",
    )

    complaint: str
    topic: str
    made_ms: int
    state: str
    answer: str


def listing_router(callers: Callers, listings: Filing, complaints: ComplaintDesk) -> APIRouter:
    """Every call needs somebody who may file listings."""
    router = APIRouter(route_class=callers.route, prefix="/api/v1")
    calls = ListingCalls(callers, listings, complaints)
    told = "listings"
    writes, reads = Who.WRITER, Who.READER
    none, own = (404,), Right.FILE_LISTING
    add(router, "GET", "/session", calls.session, Says("Who is asking", "who", reads))
    file = Says("File a listing", told, writes, none, status=201, needs=own)
    add(router, "POST", "/listings", calls.file, file)
    look = Says("How a listing of one's own stands", told, reads, none, needs=own)
    add(router, "GET", "/listings/{code}", calls.listing, look)
    complained = Says("What was complained of at its plate", told, reads, none, needs=own)
    add(router, "GET", "/listings/{code}/complaints", calls.complaints, complained)
    declare = Says("Declare a document", told, writes, none, status=204, needs=own)
    add(router, "POST", "/listings/{code}/documents", calls.declare, declare)
    submit = Says("Submit a listing for review", told, writes, none, needs=own)
    add(router, "POST", "/listings/{code}/submit", calls.submit, submit)
    leave = Says("Give a listing up", told, writes, none, needs=own)
    add(router, "POST", "/listings/{code}/leave", calls.leave, leave)
    letter = Says("Acknowledge a letter", told, writes, none, status=204, needs=own)
    add(router, "POST", "/operators/{operator}/letters", calls.letter, letter)
    appeal = Says("Appeal against points or a sanction", told, writes, none, needs=own)
    add(router, "POST", "/conduct/{id_}/appeal", calls.appeal, appeal)
    return router


class ListingCalls:
    def __init__(self, callers: Callers, listings: Filing, complaints: ComplaintDesk) -> None:
        self._callers = callers
        self._listings = listings
        self._complaints = complaints

    def session(self, request: Request) -> SessionAnswer:
        """Who is logged in, and the token of this session for calls that write."""
        caller = self._callers.who(request)
        return SessionAnswer(user=caller.user.name, role=caller.user.role, csrf=caller.csrf)

    def file(self, wish: FilingRequest, request: Request) -> FiledAnswer:
        """A draft with a number of its own; no code before the community approves it."""
        rooms = tuple(RoomWish(room.label, room.beds, room.max_guests) for room in wish.rooms)
        filed = FilingWish(
            wish.operator,
            wish.unit,
            wish.name,
            wish.max_guests,
            rooms,
            wish.ownership,
            wish.area_m2,
            tuple(wish.platform_refs),
        )
        return FiledAnswer(listing=self._listings.file(filed, self._person(request, writes=True)))

    def declare(self, code: Code, wish: DocumentRequest, request: Request) -> None:
        """A document is there, or is said to be absent."""
        self._listings.declare(code, wish.document, wish.state, self._person(request, writes=True))

    def letter(self, operator: Operator, wish: LetterRequest, request: Request) -> None:
        """The operator has read this version of a letter."""
        by = self._person(request, writes=True)
        self._listings.acknowledge(operator, wish.kind, wish.version, wish.language, by)

    def submit(self, code: Code, request: Request) -> StateAnswer:
        """FILED, or a refusal that names everything that is missing."""
        return StateAnswer(state=self._listings.submit(code, self._person(request, writes=True)))

    def leave(self, code: Code, wish: ReasonRequest, request: Request) -> StateAnswer:
        """The listing is given up; a reason is asked for."""
        return StateAnswer(state=self._listings.leave(code, wish.reason, self._person(request, writes=True)))

    def appeal(self, id_: Id, wish: ReasonRequest, request: Request) -> StateAnswer:
        """Against points or a sanction, once."""
        return StateAnswer(state=self._listings.appeal(id_, wish.reason, self._person(request, writes=True)))

    def listing(self, code: Code, request: Request) -> ListingAnswer:
        """State, band, and what still stands against the code."""
        view = self._listings.listing(code, self._person(request, writes=False))
        lacks = view.missing
        return ListingAnswer(
            listing=code,
            state=view.row.state,
            reason=view.reason,
            reviewer=view.row.reviewer,
            decide_by_ms=view.row.decide_by_ms,
            coded_ms=view.coded_ms,
            points=view.row.standing.left,
            band=view.row.standing.band,
            missing=(*lacks.documents, *lacks.letters, *lacks.items),
        )

    def complaints(self, code: Code, request: Request) -> tuple[ComplaintAnswer, ...]:
        """What was complained of at this listing's plate: what waits first, then the newest."""
        self._listings.listing(code, self._person(request, writes=False))  # whose it is not, is refused
        return tuple(
            ComplaintAnswer(
                complaint=one.complaint,
                topic=one.topic,
                made_ms=one.made_ms,
                state=one.state,
                answer=one.answer,
            )
            for one in self._complaints.complaints(code)
        )

    def _person(self, request: Request, *, writes: bool) -> Person:
        ask = self._callers.writes if writes else self._callers.reads
        caller = ask(request, Right.FILE_LISTING)
        return Person(caller.user.name, caller.user.role)
