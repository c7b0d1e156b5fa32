"""API version 1 as a router; the composition adds it to the application of the pages."""

from base64 import b64encode
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool

from cloud_sync.api.callers import Callers
from cloud_sync.api.describing import Says, Who, add
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
from cloud_sync.core.roles import Right
from cloud_sync.ports import (
    Accounts,
    Clock,
    DashboardReader,
    ImportKind,
    ImportReport,
    Registry,
)

CSV = {
    "required": True,
    "content": {
        "text/csv": {
            "schema": {"type": "string"},
            "example": (
                "source,external_ref,external_revision,listing,room,arrival,departure,headcount\n"
                "tujia,B-1,1,FY-000001-7K3M9QXD-6,R-602,2026-05-01T15:00,2026-05-03T12:00,2\n"
            ),
        }
    },
}
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
    callers: Callers | None = None,
) -> APIRouter:
    """Staff calls need the session cookie (and its token to write); guest calls need the guest's token.

    ``explain`` finds the words for what a guest is refused.
    """
    callers = callers or Callers(accounts)
    staff = StaffCalls(community, reader, accounts, registry, clock, callers)
    router = APIRouter(route_class=callers.route)
    bring = Says("Import a file of records", "bookings", Who.WRITER, needs=Right.IMPORT, body=CSV)
    add(router, "POST", "/api/v1/imports/{kind}", staff.bring, bring)
    board = Says("The numbers of the first page", "figures", Who.READER, needs=Right.SEE_BOARD)
    add(router, "GET", "/api/v1/dashboard", staff.dashboard, board)
    beat = APIRouter(route_class=ProblemRoute)
    add(beat, "GET", "/healthz", staff.pulse, Says("Whether the service works", "service", Who.ANYBODY))
    router.include_router(beat)
    router.include_router(_guest_calls(GuestCalls(registry), explain))
    return router


def _guest_calls(calls: "GuestCalls", explain: Explain) -> APIRouter:
    router = APIRouter(prefix="/api/v1/guest/{token}", route_class=for_guests(explain))
    key = Says("Bind the phone's key", "guest", Who.GUEST)
    add(router, "POST", "/code-key", calls.code_key, key)
    bundle = Says("The pass itself, for a gate without news", "guest", Who.GUEST)
    add(router, "POST", "/bundle", calls.bundle, bundle)
    consent = Says("Give a consent", "guest", Who.GUEST, status=201)
    add(router, "POST", "/consents", calls.consent, consent)
    withdraw = Says("Withdraw a consent", "guest", Who.GUEST, status=204)
    add(router, "DELETE", "/consents/{purpose}", calls.withdraw, withdraw)
    return router


class StaffCalls:
    def __init__(
        self,
        community: str,
        reader: DashboardReader,
        accounts: Accounts,
        registry: Registry,
        clock: Clock,
        callers: Callers,
    ) -> None:
        self._community = community
        self._reader = reader
        self._accounts = accounts
        self._registry = registry
        self._clock = clock
        self._callers = callers

    async def bring(self, kind: ImportKind, request: Request) -> ImportAnswer:
        """Take one CSV file and answer for every row of it."""
        caller = await run_in_threadpool(self._callers.writes, request, Right.IMPORT)
        data = await request.body()
        report = await run_in_threadpool(self._registry.import_csv, kind, data, actor=caller.user.name)
        return _import_answer(report)

    def dashboard(self, request: Request) -> DashboardAnswer:
        """The numbers of the first page, each with numerator, denominator and as-of time."""
        self._callers.reads(request, Right.SEE_BOARD)
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        return DashboardAnswer.model_validate(self._reader.dashboard(self._community, now))

    def pulse(self) -> Pulse:
        """200 while the database answers; 503 with a sentence when it does not."""
        self._accounts.has_users()
        return Pulse()


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
        """To one purpose, in the words of one version."""
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
