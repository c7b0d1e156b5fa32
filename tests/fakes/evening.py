"""An hour at two gates, told through the real sink, for the pages to show."""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from cloud_sync.ports import Dashboard, DashboardReader
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.read import StoredDashboard, day_of
from cloud_sync.store.registry import PassLine
from tests.fakes.web_house import (
    BOOKING_HEAD,
    FACE_DOOR,
    GATE,
    LISTING,
    LISTING_HEAD,
    ROOM,
    UNIT,
    WebHouse,
    door,
    utc_text,
)
from tests.fakes.wire_ledger import T0_MS

HOUR_MS = 3_600_000
EVENING_MS = T0_MS + 20 * HOUR_MS + 47 * 60_000 + 12_000  # 20:47:12 in the community
ROOMS = ("601", "602", "603", "604")
REGISTERED = ("B-601", "B-602", "B-603")


class HourlyReader(StoredDashboard):
    """The stored dashboard with arrivals by community hour, counted from the same presence table."""

    def __init__(self, engine: sa.Engine, zone: str) -> None:
        super().__init__(engine)
        self._zone = zone

    def dashboard(self, community_code: str, now: datetime) -> Dashboard:
        day = day_of(now, self._zone)
        first = tables.presence.c.first_entry_ms
        query = sa.select(first).where(
            tables.presence.c.community == community_code, first >= day.starts_ms, first < day.ends_ms
        )
        with self._engine.connect() as db:
            moments = db.execute(query).scalars().all()
        hours = [(moment - day.starts_ms) // HOUR_MS for moment in moments]
        counts = tuple(hours.count(hour) for hour in range(24))
        return replace(super().dashboard(community_code, now), arrivals_by_hour=counts)


def hourly(house: WebHouse) -> DashboardReader:
    return HourlyReader(reading(house.engine), "Asia/Shanghai")


def wall(minutes: float) -> str:
    """UTC text of a moment ``minutes`` before the evening's."""
    return utc_text(EVENING_MS - round(minutes * 60_000))


def expect_guests(house: WebHouse) -> dict[str, PassLine]:
    """Four bookings for today, three of them registered; the passes by booking."""
    doors = f"{GATE} {UNIT} {ROOM}"
    listed = [f"{LISTING},东方之家,7-1,OP-1,ACTIVE,8,R-{room},{room},{doors}\n" for room in ROOMS]
    booked = [f"tujia,B-{room},1,{LISTING},R-{room},2026-11-22T14:00,2026-11-24T12:00,1\n" for room in ROOMS]
    known = [f"tujia,{ref},测试,passport,XTS,SYN{ref[2:]}00,1990-01-31,2\n" for ref in REGISTERED]
    head = "source,external_ref,name,document_type,document_issuer,document_number,birth_date,proofing\n"
    files = [
        ("listings", LISTING_HEAD + "".join(listed)),
        *(("bookings", BOOKING_HEAD + one) for one in booked),
        ("registrations", head + "".join(known)),
    ]
    for kind, text in files:
        house.clock.now += 1  # passes made in one moment have no order
        assert house.bring(kind, text).count("rejected") == 0
    return dict(zip((f"B-{room}" for room in ROOMS), house.registry.passes(), strict=True))


def enter(
    house: WebHouse, who: PassLine, minutes: float, kind: str, place: str = GATE, node: str = "gate-1"
) -> None:
    """Granted and walked through, as the door machine writes it."""
    words = {
        "subject_ref": who.subject_ref,
        "pass_id": who.pass_id,
        "credential_kind": kind,
        "access_point": place,
    }
    house.tell("access.granted", node, decision="allow", direction="in", wall=wall(minutes), **words)
    house.tell("access.taken", node, direction="in", wall=wall(minutes - 0.1), **words)


def refuse(house: WebHouse, minutes: float, reason: str, kind: str, *, live: bool = True) -> None:
    words = {"decision": "deny", "reason": reason, "credential_kind": kind, "wall": wall(minutes)}
    house.tell("access.denied", live=live, **words)


def play(house: WebHouse) -> None:
    """Two guests home, one stranger, one whose stay is over, one without registration, one forced door."""
    now, house.clock.now = house.clock.now, house.clock.now - 6 * HOUR_MS  # they registered in the afternoon
    guests = expect_guests(house)
    house.clock.now = now
    enter(house, guests["B-601"], 198, "face")
    enter(house, guests["B-601"], 195, "face", ROOM, "building-7")
    refuse(house, 41, "CredentialNotFound", "face")
    enter(house, guests["B-602"], 33, "qr")
    refuse(house, 21, "CredentialExpired", "qr")
    house.tell("door.rex", wall=wall(20.5))
    refuse(house, 12, "x:NotRegistered", "qr", live=False)
    house.tell("door.forced", "building-7", access_point=UNIT, wall=wall(3))
    house.report("gate-1", [door(GATE, **FACE_DOOR)])
    rooms = [door(UNIT, alarm="FORCED", contact="open", camera="none"), door(ROOM, camera="none")]
    house.report("building-7", rooms)
    house.open_case("D23", "S1", UNIT)
    house.open_case("D14", "S4", "ST-01KB2M7Q")
