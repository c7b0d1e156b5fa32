"""The web application of one community, put together from the ports it is given."""

from collections.abc import Sequence
from pathlib import Path

import structlog
from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles

from cloud_sync.ports_cases import CaseDesk
from cloud_sync.web.accounts import AccountPages
from cloud_sync.web.arrive import ArrivePages
from cloud_sync.web.boards import BoardPages
from cloud_sync.web.breaches import BreachPages
from cloud_sync.web.bulletins import BulletinPages
from cloud_sync.web.discrepancies import DiscrepancyPages
from cloud_sync.web.faults import Faults
from cloud_sync.web.figures import FiguresPages
from cloud_sync.web.fleet import FleetPages
from cloud_sync.web.forecast import ForecastPages
from cloud_sync.web.guest.faults import GuestFaults
from cloud_sync.web.guest.pages import GuestPages
from cloud_sync.web.guest.shown import Printer
from cloud_sync.web.headers import BodyLimit, SecureHeaders
from cloud_sync.web.hub import LiveHub
from cloud_sync.web.listings.complaints import ComplaintPages
from cloud_sync.web.listings.operators import OperatorBookPages
from cloud_sync.web.listings.pages import ListingPages
from cloud_sync.web.listings.verify import VerifyPages
from cloud_sync.web.live import LivePages
from cloud_sync.web.morning import MorningPages
from cloud_sync.web.operator.pages import OperatorPages
from cloud_sync.web.own_account import OwnAccountPages
from cloud_sync.web.pack.pages import PackPages
from cloud_sync.web.plan import PlanPages
from cloud_sync.web.privacy import PrivacyPages
from cloud_sync.web.registry import RegistryPages
from cloud_sync.web.services import Services
from cloud_sync.web.staff.arrived import PassesPages
from cloud_sync.web.staff.desk import Desk
from cloud_sync.web.staff.doors import DoorPages
from cloud_sync.web.staff.field import FieldPages
from cloud_sync.web.staff.inbox import InboxPages
from cloud_sync.web.staff.live import StaffLive
from cloud_sync.web.staff.matters import MatterPages, StatusPages
from cloud_sync.web.staff.minors import MinorPages
from cloud_sync.web.staff.pages import StaffPages
from cloud_sync.web.staff.preview import PreviewPages
from cloud_sync.web.staff.proving import ProvePages
from cloud_sync.web.staff.push import PushPages
from cloud_sync.web.staff.roll import RollPages
from cloud_sync.web.staff.shift import ShiftPages
from cloud_sync.web.staff.zones import ZonePages
from cloud_sync.web.upstream import UpstreamPages
from cloud_sync.web.wall import WallPages

STATIC = Path(__file__).parent / "static"
VENDOR_FILES = (
    "htmx.min.js",
    "sse.min.js",
    "echarts.simple.min.js",
    "nacl-fast.min.js",
    "qrcode.js",
)

log = structlog.get_logger(__name__)


def missing_libraries() -> list[str]:
    """Browser libraries that set-up has not brought yet; without them pages show the truth but do not move."""
    return [name for name in VENDOR_FILES if not (STATIC / "vendor" / name).is_file()]


def create_app(services: Services, *, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """The pages, and beside them whatever ``routers`` the composition adds (the HTTP interface)."""
    hub = LiveHub(services.feed, services.case_feed)
    app = FastAPI(
        title="Gatehouse",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.live = hub
    for router in routers:
        app.include_router(router)
    accounts = AccountPages(services.accounts, services.own_account)
    for pages in (accounts, BoardPages(services), LivePages(services, hub)):
        app.include_router(pages.router)
    if services.own_account is not None:
        app.include_router(OwnAccountPages(services, services.own_account).router)
    app.include_router(FleetPages(services).router)
    app.include_router(WallPages(services).router)
    app.include_router(GuestPages(services).router)
    app.include_router(ArrivePages(services).router)
    if services.morning is not None:
        app.include_router(MorningPages(services, services.morning).router)
    if services.figures is not None:
        app.include_router(FiguresPages(services, services.figures).router)
        app.include_router(PackPages(services, services.figures).router)
        app.include_router(DiscrepancyPages(services, services.figures).router)
    if services.forecast is not None:
        app.include_router(ForecastPages(services, services.forecast).router)
    if services.plan is not None:
        app.include_router(PlanPages(services, services.plan).router)
    if services.upstream is not None:
        app.include_router(UpstreamPages(services, services.upstream).router)
    if services.imports is not None:
        app.include_router(RegistryPages(services, services.imports).router)
    if services.listings is not None:
        app.include_router(ListingPages(services, services.listings).router)
    if services.operator is not None:
        app.include_router(OperatorPages(services, services.operator).router)
    if services.operators is not None:
        app.include_router(OperatorBookPages(services, services.operators).router)
    if services.verifier is not None:
        app.include_router(VerifyPages(services, services.verifier).router)
    if services.complaints is not None:
        app.include_router(ComplaintPages(services, services.complaints).router)
    if services.cases is not None:
        _add_staff(app, services, services.cases, hub)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(BodyLimit)
    app.add_middleware(SecureHeaders)
    Faults(services.accounts, GuestFaults(Printer(services))).install(app)
    missing = missing_libraries()
    if missing:
        log.warning("browser_libraries_missing", files=missing, remedy="run tools/web_assets.py")
    return app


def _add_staff(app: FastAPI, services: Services, cases: CaseDesk, hub: LiveHub) -> None:
    """The gate staff's pages; doors only where commands can be sent, waking only where it is switched on."""
    desk = Desk(services, cases)
    app.include_router(StaffPages(desk).router)
    app.include_router(ProvePages(desk).router)
    app.include_router(MinorPages(desk).router)
    app.include_router(StaffLive(services, hub).router)
    if services.matters is not None:
        app.include_router(MatterPages(desk, services.matters).router)
        app.include_router(StatusPages(services, services.matters).router)
    if services.field_desk is not None:
        app.include_router(FieldPages(desk, services.field_desk).router)
    if services.previews is not None:
        app.include_router(PreviewPages(desk, services.previews).router)
    if services.shifts is not None:
        app.include_router(ShiftPages(desk, services.shifts).router)
    if services.departments is not None:
        app.include_router(InboxPages(desk, services.departments).router)
    if services.commands is not None:
        app.include_router(DoorPages(desk, services.commands).router)
    if services.zones is not None and services.zone_commands is not None:
        app.include_router(ZonePages(desk, services.zones, services.zone_commands).router)
    if services.deliveries is not None:
        app.include_router(PassesPages(desk, services.deliveries).router)
    if services.morning is not None:
        app.include_router(RollPages(desk, services.morning).router)
    if services.privacy is not None:
        app.include_router(PrivacyPages(desk, services.privacy).router)
        app.include_router(BreachPages(desk, services.privacy).router)
    if services.bulletins is not None:
        app.include_router(BulletinPages(desk, services.bulletins).router)
    if services.push is not None:
        app.include_router(PushPages(desk, services.push).router)
