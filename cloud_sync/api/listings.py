"""Listings for an operator's program: file, declare, acknowledge, submit, look, leave, appeal."""

from hmac import compare_digest
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import Field

from cloud_sync.api.problems import ProblemRoute
from cloud_sync.api.shapes import Shape
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import Refused
from cloud_sync.ports import SESSION_COOKIE, Accounts, Session
from cloud_sync.ports_complaints import ComplaintDesk
from cloud_sync.ports_model import Filing, FilingWish, Person, RoomWish

CSRF_HEADER = "x-csrf-token"
Code = Annotated[str, Path(pattern=r"^FY-[0-9]{6}-[0-9A-Z]{8}-[0-9A-Z]$")]
Id = Annotated[str, Path(pattern=r"^(PT|SN)-[0-9A-Z]{26}$")]
Operator = Annotated[str, Path(max_length=64)]


class RoomRequest(Shape):
    label: str = Field(max_length=16)
    beds: int
    max_guests: int


class FilingRequest(Shape):
    operator: str = Field(max_length=64)
    unit: str = Field(max_length=64)
    name: str = Field(max_length=80)
    max_guests: int
    rooms: tuple[RoomRequest, ...] = Field(max_length=30)
    ownership: Literal["own", "lease", "shared"] = "own"
    area_m2: int = Field(0, ge=0, le=10_000)
    platform_refs: tuple[str, ...] = Field((), max_length=20)


class DocumentRequest(Shape):
    document: str = Field(max_length=32)
    state: Literal["declared", "absent"]


class LetterRequest(Shape):
    kind: str = Field(max_length=32)
    version: int
    language: Literal["zh", "en"]


class ReasonRequest(Shape):
    reason: str = Field(min_length=1, max_length=200)


class SessionAnswer(Shape):
    """``csrf``: what every call that writes sends in the header ``x-csrf-token``."""

    user: str
    role: str
    csrf: str


class FiledAnswer(Shape):
    listing: str


class StateAnswer(Shape):
    state: str


class ListingAnswer(Shape):
    """``missing``: ids of documents, letters and risk items that still stand against the code."""

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

    complaint: str
    topic: str
    made_ms: int
    state: str
    answer: str


def listing_router(accounts: Accounts, listings: Filing, complaints: ComplaintDesk) -> APIRouter:
    """Every call needs the session cookie of somebody who may file listings; a call that writes, its token too."""
    router = APIRouter(route_class=ProblemRoute, prefix="/api/v1")
    calls = ListingCalls(accounts, listings, complaints)
    router.add_api_route("/session", calls.session, methods=["GET"])
    router.add_api_route("/listings", calls.file, methods=["POST"], status_code=201)
    router.add_api_route("/listings/{code}", calls.listing, methods=["GET"])
    router.add_api_route("/listings/{code}/complaints", calls.complaints, methods=["GET"])
    router.add_api_route("/listings/{code}/documents", calls.declare, methods=["POST"], status_code=204)
    router.add_api_route("/listings/{code}/submit", calls.submit, methods=["POST"])
    router.add_api_route("/listings/{code}/leave", calls.leave, methods=["POST"])
    router.add_api_route("/operators/{operator}/letters", calls.letter, methods=["POST"], status_code=204)
    router.add_api_route("/conduct/{id_}/appeal", calls.appeal, methods=["POST"])
    return router


class ListingCalls:
    def __init__(self, accounts: Accounts, listings: Filing, complaints: ComplaintDesk) -> None:
        self._accounts = accounts
        self._listings = listings
        self._complaints = complaints

    def session(self, request: Request) -> SessionAnswer:
        """Who is logged in, and the token of this session for calls that write."""
        session = self._session(request)
        return SessionAnswer(user=session.user.name, role=session.user.role, csrf=session.csrf)

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
            wish.platform_refs,
        )
        return FiledAnswer(listing=self._listings.file(filed, self._person(request, writes=True)))

    def declare(self, code: Code, wish: DocumentRequest, request: Request) -> None:
        self._listings.declare(code, wish.document, wish.state, self._person(request, writes=True))

    def letter(self, operator: Operator, wish: LetterRequest, request: Request) -> None:
        by = self._person(request, writes=True)
        self._listings.acknowledge(operator, wish.kind, wish.version, wish.language, by)

    def submit(self, code: Code, request: Request) -> StateAnswer:
        """FILED, or a refusal that names everything that is missing."""
        return StateAnswer(state=self._listings.submit(code, self._person(request, writes=True)))

    def leave(self, code: Code, wish: ReasonRequest, request: Request) -> StateAnswer:
        return StateAnswer(state=self._listings.leave(code, wish.reason, self._person(request, writes=True)))

    def appeal(self, id_: Id, wish: ReasonRequest, request: Request) -> StateAnswer:
        return StateAnswer(state=self._listings.appeal(id_, wish.reason, self._person(request, writes=True)))

    def listing(self, code: Code, request: Request) -> ListingAnswer:
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

    def _session(self, request: Request) -> Session:
        token = request.cookies.get(SESSION_COOKIE)
        session = self._accounts.session(token) if token else None
        if session is None:
            raise HTTPException(401, "Log in first; this call needs the session cookie of the pages.")
        return session

    def _person(self, request: Request, *, writes: bool) -> Person:
        session = self._session(request)
        if not may(session.user.role, Right.FILE_LISTING):
            raise Refused("role.FILE_LISTING", f"The role {session.user.role} may not file listings.")
        sent = request.headers.get(CSRF_HEADER, "")
        if writes and not compare_digest(session.csrf.encode(), sent.encode()):
            raise Refused("csrf", f"Send the session's token in the header {CSRF_HEADER}.")
        return Person(session.user.name, session.user.role)
