"""Passes of a ``web_house`` on their way to its two nodes: the real distributor, and receipts when a test says so."""

import sqlalchemy as sa

from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.protocol.messages import AuthAck
from cloud_sync.store.pass_feed import StoredPassFeed
from cloud_sync.store.pass_lines import StoredPassLines
from cloud_sync.store.pass_sets import StoredPassSets
from cloud_sync.store.tables import pass_set
from tests.fakes.community_house import csv_of, registration_row
from tests.fakes.delivery_house import OnTheBus
from tests.fakes.web_house import BOOKING_CSV, COMMUNITY, LISTING_CSV, WebHouse
from tests.fakes.wire_ledger import told


class Delivery:
    """One registered guest of room 602, whose way leads by both nodes."""

    def __init__(self, house: WebHouse) -> None:
        self.house = house
        house.bring("listings", LISTING_CSV)
        house.bring("bookings", BOOKING_CSV)
        row = registration_row("B-1", source="tujia")
        report = house.bring("registrations", csv_of([row]).decode())
        assert [one.status for one in report.rows] == ["new"], report
        books, engine = house._house(), house.engine
        self._distributor = Distributor(
            StoredPassFeed(books),
            StoredPassSets(engine, COMMUNITY),
            books.signer,
            OnTheBus(),
            house.clock,
            COMMUNITY,
            StoredPassLines(engine, COMMUNITY),
        )

    def send(self) -> None:
        self._distributor.tick()

    def receipt(self, node: str) -> None:
        with self.house.engine.connect() as db:
            row = db.execute(sa.select(pass_set).where(pass_set.c.node == node)).one()
        now = self.house.clock.now_ms()
        ack = AuthAck(auth_ver=row.auth_ver, root=row.root, applied_at=now)
        self.house.sink.store([told(ack, node)], now)
