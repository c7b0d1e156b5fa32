"""API version 1 as a router; the composition adds it to the application of the pages."""

from base64 import b64encode
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from starlette.concurrency import run_in_threadpool

from cloud_sync.api.problems import Explain, ProblemRoute, for_guests
from cloud_sync.api.shapes import (
    BundleAnswer,
    BundleRequest,
    CodeKeyAnswer,
    CodeKeyRequest,
    ConsentAnswer,
    ConsentRequest,
    DashboardAnswer,
    ImportAnswer,
    ImportRow,
    Pulse,
)
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import Refused
from cloud_sync.ports import (
    SESSION_COOKIE,
    Accounts,
    Clock,
    DashboardReader,
    ImportKind,
    ImportReport,
    Registry,
    Session,
)

CSRF_HEADER = "x-csrf-token"

GuestToken = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{16,128}$")]
Purpose = Annotated[str, Path(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


def create_router(
    *,
    community: str,
    reader: DashboardReader,
    accounts: Accounts,
    registry: Registry,
    clock: Clock,
    explain: Explain,
) -> APIRouter:
    """Staff calls need the session cookie (and its token to write); guest calls need the guest's token.

    ``explain`` finds the words for what a guest is refused.
    """
    router = APIRouter(route_class=ProblemRoute)
    staff = StaffCalls(community, reader, accounts, registry, clock)
    router.add_api_route("/api/v1/imports/{kind}", staff.bring, methods=["POST"])
    router.add_api_route("/api/v1/dashboard", staff.dashboard, methods=["GET"])
    router.add_api_route("/healthz", staff.pulse, methods=["GET"])
    router.include_router(_guest_calls(GuestCalls(registry), explain))
    return router


def _guest_calls(calls: "GuestCalls", explain: Explain) -> APIRouter:
    router = APIRouter(prefix="/api/v1/guest/{token}", route_class=for_guests(explain))
    router.add_api_route("/code-key", calls.code_key, methods=["POST"])
    router.add_api_route("/bundle", calls.bundle, methods=["POST"])
    router.add_api_route("/consents", calls.consent, methods=["POST"], status_code=201)
    router.add_api_route("/consents/{purpose}", calls.withdraw, methods=["DELETE"], status_code=204)
    return router


class StaffCalls:
    def __init__(
        self,
        community: str,
        reader: DashboardReader,
        accounts: Accounts,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._community = community
        self._reader = reader
        self._accounts = accounts
        self._registry = registry
        self._clock = clock

    async def bring(self, kind: ImportKind, request: Request) -> ImportAnswer:
        """Take one CSV file and answer for every row of it."""
        session = await run_in_threadpool(self._session, request, Right.IMPORT)
        sent = request.headers.get(CSRF_HEADER, "")
        if not compare_digest(session.csrf.encode(), sent.encode()):
            raise Refused("csrf", f"Send the session's token in the header {CSRF_HEADER}.")
        data = await request.body()
        report = await run_in_threadpool(self._registry.import_csv, kind, data, actor=session.user.name)
        return _import_answer(report)

    def dashboard(self, request: Request) -> DashboardAnswer:
        """The numbers of the first page, each with numerator, denominator and as-of time."""
        self._session(request, Right.SEE_BOARD)
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        return DashboardAnswer.model_validate(self._reader.dashboard(self._community, now))

    def pulse(self) -> Pulse:
        """200 while the database answers; 503 with a sentence when it does not."""
        self._accounts.has_users()
        return Pulse()

    def _session(self, request: Request, right: Right) -> Session:
        token = request.cookies.get(SESSION_COOKIE)
        session = self._accounts.session(token) if token else None
        if session is None:
            raise HTTPException(401, "Log in first; this call needs the session cookie of the pages.")
        if not may(session.user.role, right):
            raise Refused(f"role.{right.name}", f"The role {session.user.role} may not: {right.value}.")
        return session


class GuestCalls:
    """The token in the address is the guest's whole authority: it speaks for one stay."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def code_key(self, token: GuestToken, wish: CodeKeyRequest) -> CodeKeyAnswer:
        """Bind the phone's key to the guest's pass."""
        credential, pass_id = self._registry.bind_code_key(token, wish.subject_ref, wish.raw)
        return CodeKeyAnswer(credential=credential, pass_id=pass_id)

    def bundle(self, token: GuestToken, wish: BundleRequest) -> BundleAnswer:
        """The pass itself for the phone that is bound, for a gate without news."""
        signed, expires_ms = self._registry.phone_bundle(token, wish.subject_ref)
        return BundleAnswer(signed=b64encode(signed).decode(), expires_ms=expires_ms)

    def consent(self, token: GuestToken, wish: ConsentRequest) -> ConsentAnswer:
        consent = self._registry.give_consent(
            token,
            wish.purpose,
            wish.text_version,
            wish.language,
            wish.channel,
            guardian_ref=wish.guardian_ref,
        )
        return ConsentAnswer(consent=consent)

    def withdraw(self, token: GuestToken, purpose: Purpose) -> None:
        """Withdrawing twice is fine; it never costs the guest the way in by code."""
        self._registry.withdraw_consent(token, purpose)


def _import_answer(report: ImportReport) -> ImportAnswer:
    counts = {status: report.count(status) for status in ("new", "updated", "unchanged", "rejected")}
    rows = [ImportRow.model_validate(row) for row in report.rows]
    return ImportAnswer(kind=report.kind, counts=counts, rows=rows)
