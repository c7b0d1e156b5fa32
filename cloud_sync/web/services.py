"""What the pages are given: ports of the service, and nothing they could reach behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cloud_sync.ports import Accounts, Clock, Dashboard, DashboardReader, EventFeed, Registry
from cloud_sync.ports_accounts import OwnAccount
from cloud_sync.ports_bulletins import BulletinDesk
from cloud_sync.ports_cases import CaseDesk, CaseFeed, DepartmentDesk, PushBook
from cloud_sync.ports_commands import Commands
from cloud_sync.ports_complaints import ComplaintDesk
from cloud_sync.ports_delivery import DeliveryReader
from cloud_sync.ports_field import FieldDesk, MatterDesk
from cloud_sync.ports_figures import FigureReader
from cloud_sync.ports_forecast import ForecastReader
from cloud_sync.ports_imports import ImportDesk
from cloud_sync.ports_model import ListingDesk, Verifier
from cloud_sync.ports_morning import MorningReader
from cloud_sync.ports_operator import OperatorBook, OperatorDesk
from cloud_sync.ports_plan import PlanReader
from cloud_sync.ports_preview import PreviewDesk
from cloud_sync.ports_privacy import PrivacyDesk
from cloud_sync.ports_shifts import ShiftDesk
from cloud_sync.ports_upstream import UpstreamReader
from cloud_sync.ports_zones import ZoneBook, ZoneCommands

# Community days and hours are counted in its own zone; this is where the first communities are.
DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class GuestHelp:
    """What only the community can say to its guests; where it says nothing, the pages have plain words of their own."""

    phone: str = ""
    way_in_zh: str = ""
    way_in_en: str = ""
    rules_zh: tuple[str, ...] = ()
    rules_en: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Services:
    """One community's ports; every call may come from any worker thread."""

    community: str
    reader: DashboardReader
    feed: EventFeed
    accounts: Accounts
    registry: Registry
    clock: Clock
    zone: ZoneInfo = DEFAULT_ZONE
    own_account: OwnAccount | None = (
        None  # without it nobody changes their own way in, and there are no passkeys
    )
    cases: CaseDesk | None = None  # without it there is no staff page
    departments: DepartmentDesk | None = None  # without it nobody is whistled to
    matters: MatterDesk | None = None  # without it staff take down no matters
    field_desk: FieldDesk | None = None  # without it nobody is sent to look
    previews: PreviewDesk | None = None  # without it nobody looks through a camera
    shifts: ShiftDesk | None = None  # without it nobody signs a shift over
    case_feed: CaseFeed | None = None
    commands: Commands | None = None  # without it doors are shown and not moved
    zones: ZoneBook | None = None
    zone_commands: ZoneCommands | None = None  # without both there is no page for zones
    push: PushBook | None = None  # off by default
    # How to talk to whoever stands at a door: access point -> tel: or sip: address.
    intercom: Mapping[str, str] = field(default_factory=dict)
    guest: GuestHelp = GuestHelp()
    morning: MorningReader | None = None  # without it there is no morning page
    figures: FigureReader | None = None  # without it there is no page of figures
    forecast: ForecastReader | None = None  # without it there is no page of coming days
    plan: PlanReader | None = None  # without it there is no plan of the community
    upstream: UpstreamReader | None = None  # without it there is no page of reports to authorities
    deliveries: DeliveryReader | None = None  # without it nobody is shown whose pass is at which door
    imports: ImportDesk | None = None  # without it there is no page for spreadsheets
    complaints: ComplaintDesk | None = None  # without it a plate takes none
    privacy: PrivacyDesk | None = None  # without it there is no page for retention, copies and traces
    bulletins: BulletinDesk | None = None  # without it there is no page for notices to guests
    listings: ListingDesk | None = None  # without it there is no register of listings
    operator: OperatorDesk | None = None  # without it operators have no pages
    operators: OperatorBook | None = None  # without it no officer makes a login for one
    ways: tuple[str, ...] = ()  # how people can be written to: the tables of [notify]
    verifier: Verifier | None = None  # without it nobody can ask what a code on a plate is worth
    name_zh: str = ""  # what the community is called, over every page of its staff
    name_en: str = ""
    pages_url: str = ""  # how a phone reaches the pages; empty: as whoever asks did

    def dashboard(self) -> Dashboard:
        """The community as it stands now, in its own time of day."""
        now = datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC).astimezone(self.zone)
        return self.reader.dashboard(self.community, now)
