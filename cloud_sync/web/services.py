"""What the pages are given: ports of the service, and nothing they could reach behind them."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cloud_sync.ports import Accounts, Clock, DashboardReader, EventFeed, Registry

# Community days and hours are counted in its own zone; this is where the first communities are.
DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")


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
