"""The officer's register: every listing with its state, one listing with its whole file, what waits, and one unit."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.codes import listing_code_fault
from cloud_sync.core.conduct import Rule
from cloud_sync.core.dossier import CHECKLIST, Answer
from cloud_sync.core.lifecycles import ListingState
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import Session
from cloud_sync.ports_model import ListingDesk, Person
from cloud_sync.web import words as codes
from cloud_sync.web.accounts import go
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import language_of
from cloud_sync.web.listings import shown, words
from cloud_sync.web.listings.plate import PLATE_NAME, plate_pdf
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions, check_form
from cloud_sync.web.texts import texts

CONFLICT = 409
MORE_MAX, DAYS_MAX = 99, 366  # of what is typed; what may be approved the desk says
CENTS = 100
LISTING_PATTERN = r"^FY-[0-9]{6}-[0-9A-Z]{8}-[0-9A-Z]$"
Code = Annotated[str, Path(pattern=LISTING_PATTERN)]
UnitId = Annotated[str, Path(max_length=64)]
Id = Annotated[str, Path(pattern=r"^(PT|SN|FN)-[0-9A-Z]{26}$")]
ExceptionId = Annotated[str, Path(pattern=r"^CX-[0-9A-Z]{26}$")]
Word = Annotated[str, Form(max_length=64)]
Text = Annotated[str, Form(max_length=500)]
State = Annotated[str, Query(max_length=16)]


@dataclass(frozen=True, slots=True)
class Asked:
    session: Session
    chrome: Chrome
    by: Speaker
    now_ms: int

    @property
    def person(self) -> Person:
        return Person(self.session.user.name, self.session.user.role)

    @property
    def now(self) -> str:
        return self.by.clock(self.now_ms)


class ListingPages:
    def __init__(self, services: Services, desk: ListingDesk) -> None:
        self._services = services
        self._desk = desk
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        for path, page in (
            ("/listings", self.register),
            ("/listings/queue", self.queue),
            ("/listings/{code}", self.listing),
            ("/listings/{code}/plate.pdf", self.plate),
            ("/units/{unit}", self.unit),
        ):
            self.router.add_api_route(path, page, methods=["GET"])
        for path, form in (
            ("/listings/queue/points/{id_}", self.decide_points),
            ("/listings/queue/sanctions/{id_}", self.decide_sanction),
            ("/listings/queue/findings/{id_}", self.decide_finding),
            ("/listings/{code}/assign", self.assign),
            ("/listings/{code}/decide", self.decide),
            ("/listings/{code}/documents", self.documents),
            ("/listings/{code}/inspect", self.inspect),
            ("/listings/{code}/doors", self.doors),
            ("/listings/{code}/exceptions", self.approve_exception),
            ("/listings/{code}/exceptions/{exception}/end", self.end_exception),
            ("/listings/{code}/points", self.propose_points),
            ("/listings/{code}/sanctions", self.propose_sanction),
            ("/units/{unit}/findings", self.report_unit),
        ):
            self.router.add_api_route(path, form, methods=["POST"])

    # --- looking ------------------------------------------------------------------------------------------------

    def register(self, request: Request, state: State = "") -> Response:
        asked = self._asked(request)
        rows, by = self._desk.rows(), asked.by
        counted = Counter(row.state for row in rows)
        page = shown.RegisterPage(
            asked.chrome,
            by.clock(asked.now_ms),
            tuple(shown.line_of(row, by, asked.now_ms) for row in rows if not state or row.state == state),
            tuple(
                (one.value, codes.say(words.STATES, one, by.say), counted[one])
                for one in ListingState
                if counted[one]
            ),
            state,
            self._services.figures is not None,
            self._services.complaints is not None,
            self._services.operators is not None and may(asked.person.role, Right.REVIEW_LISTING),
        )
        return answer(request, "listings/register.html", page)

    def queue(self, request: Request) -> Response:
        return self._queue(request, self._asked(request))

    def listing(self, request: Request, code: Code) -> Response:
        return self._listing(request, self._asked(request), code)

    def unit(self, request: Request, unit: UnitId) -> Response:
        return self._unit(request, self._asked(request), unit)

    def plate(self, request: Request, code: Code) -> Response:
        """The plate, once there is a code; before it would be a plate without a listing."""
        asked = self._asked(request)
        view = self._desk.listing(code, asked.person)
        if view.coded_ms is None and view.row.state not in {ListingState.ACTIVE, ListingState.LAPSED}:
            raise NotFound(f"listing {code} has no code yet, and so no plate.")
        base = self._services.pages_url or str(request.base_url).rstrip("/")
        made = plate_pdf(code, f"{base}/verify/{code}", self._services.name_zh, self._services.name_en)
        headers = {"content-disposition": f'inline; filename="{PLATE_NAME.format(code=code)}"'}
        return Response(made, media_type="application/pdf", headers=headers)

    # --- deciding -----------------------------------------------------------------------------------------------

    def assign(self, request: Request, code: Code, csrf: Word = "", reviewer: Word = "") -> Response:
        return self._do(request, code, csrf, lambda by: self._desk.assign(code, reviewer, by))

    def decide(
        self, request: Request, code: Code, csrf: Word = "", event: Word = "", reason: Text = ""
    ) -> Response:
        return self._do(request, code, csrf, lambda by: self._desk.decide(code, event, reason, by), reason)

    def documents(
        self, request: Request, code: Code, csrf: Word = "", document: Word = "", state: Word = ""
    ) -> Response:
        return self._do(request, code, csrf, lambda by: self._desk.declare(code, document, state, by))

    async def inspect(self, request: Request, code: Code) -> Response:
        """One field for each item; what is no answer counts as none."""
        form = await request.form()
        known = {one.value for one in Answer}
        answers = {
            item.id: Answer(str(form[item.id])) for item in CHECKLIST if str(form.get(item.id, "")) in known
        }
        csrf = str(form.get("csrf", ""))
        return await run_in_threadpool(
            self._do, request, code, csrf, lambda by: self._desk.inspect(code, answers, by)
        )

    def doors(
        self, request: Request, code: Code, csrf: Word = "", room: Word = "", doors: Text = ""
    ) -> Response:
        wanted = tuple(doors.split())
        return self._do(request, code, csrf, lambda by: self._desk.set_doors(room, wanted, by))

    def approve_exception(
        self,
        request: Request,
        code: Code,
        csrf: Word = "",
        more: Annotated[int, Form(ge=1, le=MORE_MAX)] = 1,
        days: Annotated[int, Form(ge=0, le=DAYS_MAX)] = 0,
        reason: Text = "",
    ) -> Response:
        def do(by: Person) -> object:
            return self._desk.approve_exception(code, more, days, reason, by)

        return self._do(request, code, csrf, do, reason)

    def end_exception(
        self, request: Request, code: Code, exception: ExceptionId, csrf: Word = "", reason: Text = ""
    ) -> Response:
        return self._do(
            request, code, csrf, lambda by: self._desk.end_exception(exception, reason, by), reason
        )

    def propose_points(
        self, request: Request, code: Code, csrf: Word = "", rule: Word = "", evidence: Text = ""
    ) -> Response:
        def do(by: Person) -> object:
            return self._desk.propose_points(code, rule, tuple(evidence.split()), by)

        return self._do(request, code, csrf, do)

    def propose_sanction(
        self,
        request: Request,
        code: Code,
        csrf: Word = "",
        tier: Annotated[int, Form(ge=1, le=4)] = 1,
        rule: Word = "",
        reason: Text = "",
        yuan: Annotated[int, Form(ge=0, le=1_000_000)] = 0,
    ) -> Response:
        def do(by: Person) -> object:
            return self._desk.propose_sanction(code, tier, rule, reason, by, cents=yuan * CENTS)

        return self._do(request, code, csrf, do, reason)

    def decide_points(
        self, request: Request, id_: Id, csrf: Word = "", event: Word = "", reason: Text = ""
    ) -> Response:
        return self._settle(request, csrf, lambda by: self._desk.decide_points(id_, event, reason, by))

    def decide_sanction(
        self, request: Request, id_: Id, csrf: Word = "", event: Word = "", reason: Text = ""
    ) -> Response:
        return self._settle(request, csrf, lambda by: self._desk.decide_sanction(id_, event, reason, by))

    def decide_finding(
        self, request: Request, id_: Id, csrf: Word = "", event: Word = "", reason: Text = ""
    ) -> Response:
        return self._settle(request, csrf, lambda by: self._desk.decide_finding(id_, event, reason, by))

    def report_unit(
        self, request: Request, unit: UnitId, csrf: Word = "", kind: Word = "", note: Text = ""
    ) -> Response:
        asked = self._asked(request)
        check_form(asked.session.csrf, csrf)
        try:
            self._desk.report_unit(unit, kind, note, asked.person)
        except Refused as refused:
            return self._unit(request, asked, unit, _why(refused, asked))
        return go("/listings/queue")

    # --- within -------------------------------------------------------------------------------------------------

    def _asked(self, request: Request) -> Asked:
        session = self._sessions.need_right(request, Right.SEE_LISTINGS)
        by = Speaker(texts(language_of(request)), self._services.zone)
        place = by.name(self._services.name_zh, self._services.name_en)
        chrome = chrome_of(request, user=session.user.name, csrf=session.csrf, place=place)
        return Asked(session, chrome, by, self._services.clock.now_ms())

    def _do(
        self, request: Request, code: str, csrf: str, deed: Callable[[Person], object], typed: str = ""
    ) -> Response:
        """Do it and show the listing; a refusal is said over the page as it stands."""
        asked = self._asked(request)
        check_form(asked.session.csrf, csrf)
        try:
            deed(asked.person)
        except Refused as refused:
            return self._listing(request, asked, code, _why(refused, asked), typed)
        return go(f"/listings/{code}")

    def _settle(self, request: Request, csrf: str, deed: Callable[[Person], object]) -> Response:
        asked = self._asked(request)
        check_form(asked.session.csrf, csrf)
        try:
            deed(asked.person)
        except Refused as refused:
            return self._queue(request, asked, _why(refused, asked))
        return go("/listings/queue")

    def _queue(self, request: Request, asked: Asked, problem: str = "") -> Response:
        role = asked.person.role
        page = shown.queue_shown(
            asked.chrome, self._desk.queue(), asked.by, asked.now_ms, role, self._rules(), problem
        )
        return answer(request, "listings/queue.html", page, CONFLICT if problem else 200)

    def _listing(
        self, request: Request, asked: Asked, code: str, problem: str = "", typed: str = ""
    ) -> Response:
        if listing_code_fault(code) is not None:
            raise NotFound(f"{code} {listing_code_fault(code)}.")
        view = self._desk.listing(code, asked.person)
        users = self._services.accounts.users()
        reviewers = tuple(user.name for user in users if may(user.role, Right.REVIEW_LISTING))
        role = asked.person.role
        page = shown.listing_shown(
            asked.chrome, view, asked.by, asked.now_ms, role, reviewers, self._rules(), problem, typed
        )
        return answer(request, "listings/listing.html", page, CONFLICT if problem else 200)

    def _rules(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self._desk.rules()}

    def _unit(self, request: Request, asked: Asked, unit: str, problem: str = "") -> Response:
        role = asked.person.role
        page = shown.unit_shown(asked.chrome, self._desk.unit(unit), asked.by, asked.now_ms, role, problem)
        return answer(request, "listings/unit.html", page, CONFLICT if problem else 200)


def _why(refused: Refused, asked: Asked) -> str:
    return asked.by.say(words.REFUSALS.get(refused.rule, words.REFUSED))
