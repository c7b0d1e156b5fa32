"""What the stories share: a community with two rooms, its pages and interface, a gate that tells, and the case jobs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cloud_sync.api.bookings import booking_router
from cloud_sync.api.callers import Callers
from cloud_sync.protocol.messages import PassRow
from cloud_sync.store import tables
from cloud_sync.store.booking_desk import SqlBookingDesk
from cloud_sync.store.case_intake import CaseIntake
from tests.fakes.community_house import (
    CODE,
    DOOR,
    GATE,
    Gate,
    booking_row,
    listing_row,
    local,
    registration_row,
    take,
)
from tests.fakes.guest_house import GuestHouse
from tests.fakes.web_house import visiting

ROOM_2, DOOR_2 = f"{CODE}-302", "AP-dongfang-302"


@dataclass
class Community(GuestHouse):
    """A listing with two rooms; ``profile`` as in the guest's house."""

    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        from cloud_sync.store.places import AccessPointSpec

        self.registry.add_access_point("gate-1", AccessPointSpec(DOOR_2, "room", "302室", "Room 302"))
        take(
            self.books,
            "listings",
            listing_row(max_guests=4, room=ROOM_2, label="302", access_points=f"{GATE} {DOOR_2}"),
        )
        self.desk = SqlBookingDesk(self.books.house)
        self.gate = Gate(self.books)

    def app(self) -> Any:
        made = super().app()
        made.include_router(booking_router(self.desk, Callers(self.books.accounts)))
        return made

    # --- what happens ------------------------------------------------------------------------------------------

    def registers(self, ref: str = "1001", **changes: object) -> str:
        (status,) = take(self.books, "registrations", registration_row(ref, **changes))
        return status

    def comes_in(self, row: PassRow, door: str = GATE) -> None:
        self.gate.tells("access.granted", pass_id=row.pass_id, access_point=door, credential_kind="qr")
        self.gate.tells("access.taken", pass_id=row.pass_id, access_point=door, direction="in")
        self.time_goes()

    def goes_out(self, row: PassRow) -> None:
        self.gate.tells("access.taken", pass_id=row.pass_id, direction="out")
        self.time_goes()

    def time_goes(self, hours: float = 0) -> None:
        """Step the clock, then do what the jobs do."""
        before = self.clock.now_ms()
        self.clock.step(hours=hours)
        self.registry.advance_time(since_ms=before)
        self.books.reconciler.run_touched()
        self.books.reconciler.run_full()
        CaseIntake(self.books.house).look_around()

    # --- what is so --------------------------------------------------------------------------------------------

    def stay(self, ref: str = "1001") -> Any:
        stay, booking = tables.stay, tables.booking
        joined = sa.select(stay).join(booking, booking.c.booking == stay.c.booking)
        with self.books.engine.connect() as db:
            return db.execute(joined.where(booking.c.external_ref == ref)).one()

    def passes(self, ref: str = "1001") -> list[Any]:
        with self.books.engine.connect() as db:
            found = sa.select(tables.pass_).where(tables.pass_.c.stay == self.stay(ref).stay)
            return list(db.execute(found.order_by(tables.pass_.c.pass_id)))

    def registrations(self, ref: str = "1001") -> list[Any]:
        table = tables.registration
        with self.books.engine.connect() as db:
            return list(db.execute(sa.select(table).where(table.c.stay == self.stay(ref).stay)))

    def open(self, kind: str) -> list[Any]:
        table = tables.discrepancy
        with self.books.engine.connect() as db:
            return list(db.execute(sa.select(table).where(table.c.kind == kind, table.c.state == "open")))

    def at(self, hours: float) -> str:
        return local(self.clock.now_ms() + round(hours * 3_600_000))

    def end(self) -> None:
        self.gate.close()
        self.close()


@pytest.fixture
def community(tmp_path: Path) -> Iterator[Community]:
    """Whose guests are proved by the files of the staff."""
    made = Community(tmp_path, profile="cn-default")
    yield made
    made.end()


@pytest.fixture
def at_home(tmp_path: Path) -> Iterator[Community]:
    """Where a guest's own declaration is enough."""
    made = Community(tmp_path, profile="cn-self", headcount=3)
    yield made
    made.end()


__all__ = ["DOOR", "DOOR_2", "GATE", "ROOM_2", "Community", "at_home", "booking_row", "community", "visiting"]
