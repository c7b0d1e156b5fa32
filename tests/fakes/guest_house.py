"""A set-up community with one booked stay, its pages, and a guest's link: everything real but the gates."""

from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI

from cloud_sync.api.v1 import create_router
from cloud_sync.compose import Books, open_books, set_up
from cloud_sync.config import CommunityConfig, SyncConfig, WebConfig
from cloud_sync.core.policy import DAY_MS
from cloud_sync.ingest.feed import Feed
from cloud_sync.protocol.messages import PassRow
from cloud_sync.store.places import AccessPointSpec, NodeJoin, PiaRecord
from cloud_sync.store.read import StoredDashboard
from cloud_sync.web.app import create_app
from cloud_sync.web.guest.faults import explain
from cloud_sync.web.services import GuestHelp, Services
from tests.fakes.community_house import (
    DOOR,
    GATE,
    NOON_MS,
    SteppedClock,
    booking_row,
    listing_row,
    public_key,
    resident_id,
    take,
)

ADULT, CHILD = resident_id("00000119900131000"), resident_id("00000120150131000")
FORM = {"name": "金丝雀测试", "document_type": "resident_id", "document_number": ADULT}
COMPANION = {
    "name": "Canary Testbird",
    "document_type": "passport",
    "document_number": "X1234567",
    "nationality": "FRA",
    "birth_date": "1988-05-04",
}
PHONE = "028 0000 0000"


@dataclass
class GuestHouse:
    """``link`` is what a guest was sent; ``profile`` decides whether typing is proof enough."""

    folder: Path
    profile: str = "cn-self"
    synthetic: bool = True
    clock: SteppedClock = field(default_factory=lambda: SteppedClock(NOON_MS))
    headcount: int = 1
    face: bool = True

    def __post_init__(self) -> None:
        community = CommunityConfig(
            code="dongfang",
            name_zh="东方新城",
            name_en="Dongfang",
            synthetic=self.synthetic,
            profile=self.profile,
        )
        config = SyncConfig(data_dir=self.folder / "data", community=community, web=WebConfig(tls=False))
        set_up(config)
        self.books: Books = open_books(config, self.clock)
        self.registry = self.books.registry
        self._furnish()
        self.token = self.registry.guest_link("xc", "1001")

    def _furnish(self) -> None:
        doors = (
            AccessPointSpec(GATE, "gate", "南门", "South gate"),
            AccessPointSpec(DOOR, "room", "301室", "Room 301"),
        )
        self.registry.add_node(NodeJoin("gate-1", "South", public_key(), doors))
        if self.face:
            review_ms = self.clock.now_ms() + 300 * DAY_MS
            pia = PiaRecord("doors", "short", "small", "sealed", "chen", review_ms, synthetic=self.synthetic)
            self.registry.enable_face(GATE, self.registry.record_pia(pia), "chen")
        take(self.books, "listings", listing_row(max_guests=3))
        take(self.books, "bookings", booking_row(headcount=self.headcount))

    def read_notice(self) -> None:
        """As a guest who has gone past the first page."""
        self.registry.read_notice(self.token, self.books.house.profile.registration_notice, "rules-0")

    def rows(self) -> list[PassRow]:
        return self.registry.rows_for("gate-1")

    def app(self) -> FastAPI:
        books = self.books
        help_ = GuestHelp(
            phone=PHONE, way_in_zh="进南门后左转。", way_in_en="Turn left behind the south gate."
        )
        reader = StoredDashboard(books.engine)
        services = Services(
            "dongfang", reader, Feed(), books.accounts, books.registry, self.clock, guest=help_
        )
        api = create_router(
            community="dongfang",
            reader=reader,
            accounts=books.accounts,
            registry=books.registry,
            clock=self.clock,
            explain=explain,
        )
        return create_app(services, routers=(api,))

    def close(self) -> None:
        self.books.close()
