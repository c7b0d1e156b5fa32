"""A real set-up community in a folder, with a clock that is stepped by hand."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from cloud_sync.compose import Books, open_books, set_up
from cloud_sync.config import CommunityConfig, SyncConfig, WebConfig
from cloud_sync.core.codes import listing_code, mod11_2
from cloud_sync.core.policy import HOUR_MS
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from cloud_sync.store.sink import SinkStore
from tests.fakes.wire_ledger import WireLedger, body, told

ZONE = ZoneInfo("Asia/Shanghai")
NOON_MS = round(datetime(2026, 5, 1, 12, tzinfo=ZONE).timestamp() * 1000)
CODE = listing_code("000001", "7K3M9QXD")
ROOM = f"{CODE}-301"
GATE, DOOR = "AP-dongfang-001", "AP-dongfang-301"
NAME, NUMBER = "金丝雀测试", "00000119900131000"
NAME_CANARIES = (NAME, NUMBER)


@dataclass(slots=True)
class SteppedClock:
    at_ms: int = NOON_MS

    def now_ms(self) -> int:
        return self.at_ms

    def step(self, *, hours: float = 0, ms: int = 0) -> None:
        self.at_ms += round(hours * HOUR_MS) + ms


def config_in(folder: Path, *, synthetic: bool = True, database: str = "") -> SyncConfig:
    """``database``: PostgreSQL's address; anything else leaves the books in the folder."""
    community = CommunityConfig(code="dongfang", name_zh="东方新城", name_en="Dongfang", synthetic=synthetic)
    url = database if database.startswith("postgresql://") else ""
    return SyncConfig(
        data_dir=folder / "data", community=community, web=WebConfig(tls=False), database_url=url
    )


def public_key(fill: int = 7) -> str:
    return base64.b64encode(bytes([fill]) * 32).decode()


def new_house(
    folder: Path, clock: SteppedClock | None = None, *, synthetic: bool = True, database: str = ""
) -> Books:
    """Set up, with one node that owns a gate and a room door."""
    config = config_in(folder, synthetic=synthetic, database=database)
    set_up(config)
    books = open_books(config, clock or SteppedClock())
    doors = (
        AccessPointSpec(GATE, "gate", "南门", "South gate"),
        AccessPointSpec(DOOR, "room", "301室", "Room 301"),
    )
    books.registry.add_node(NodeJoin("gate-1", "South", public_key(), doors))
    return books


def local(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZONE).strftime("%Y-%m-%dT%H:%M:%S")


def csv_of(rows: list[dict[str, object]]) -> bytes:
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def listing_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "listing": CODE,
        "name": "云居",
        "unit": "1-301",
        "operator": "OP-1",
        "state": "ACTIVE",
        "max_guests": 2,
        "room": ROOM,
        "label": "301",
        "access_points": f"{GATE} {DOOR}",
    }
    return {**row, **changes}


def booking_row(
    ref: str = "1001", *, hours: tuple[float, float] = (-1, 20), **changes: object
) -> dict[str, object]:
    arrival, departure = (local(NOON_MS + round(hour * HOUR_MS)) for hour in hours)
    row: dict[str, object] = {
        "source": "xc",
        "external_ref": ref,
        "external_revision": 1,
        "listing": CODE,
        "room": ROOM,
        "arrival": arrival,
        "departure": departure,
        "headcount": 2,
        "state": "confirmed",
    }
    return {**row, **changes}


def resident_id(stem: str = NUMBER) -> str:
    return stem + mod11_2(stem)


def registration_row(ref: str = "1001", **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "source": "xc",
        "external_ref": ref,
        "name": NAME,
        "document_type": "resident_id",
        "document_number": resident_id(),
        "birth_date": "1990-01-31",
        "proofing": 4,
        "guardian_contact": "",
        "relation": "",
    }
    return {**row, **changes}


def take(books: Books, kind: str, *rows: dict[str, object]) -> list[str]:
    """Import rows; returns each row's status."""
    report = books.registry.import_csv(kind, csv_of(list(rows)), actor="test")
    return [row.status for row in report.rows]


def with_guest(books: Books, *, registered: bool = True, hours: tuple[float, float] = (-1, 20)) -> str:
    """A listing, a booking and, if wanted, its registration; returns a guest token."""
    take(books, "listings", listing_row())
    take(books, "bookings", booking_row(hours=hours))
    if registered:
        take(books, "registrations", registration_row())
    return books.registry.guest_link("xc", "1001")


def rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Gate:
    """The node gate-1 as the service's real sink hears it."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.ledger = WireLedger("gate-1")
        self.sink = SinkStore(books.engine, books.config.community.code)

    def write(self, type_: str, **more: object) -> None:
        """One event now, into the ledger only."""
        words = {"wall": rfc3339(self.books.clock.now_ms()), "access_point": GATE, **more}
        self.ledger.record(body(type_, **words))

    def tells(self, type_: str, **more: object) -> None:
        """One event now, sent at once."""
        self.write(type_, **more)
        self.hears(self.ledger.batch([self.ledger.head]))

    def says_hello(self, **more: object) -> None:
        self.hears(self.ledger.hello(wall=rfc3339(self.books.clock.now_ms()), **more))

    def hears(self, message: object) -> None:
        self.sink.store([told(message, "gate-1")], self.books.clock.now_ms())

    def close(self) -> None:
        self.sink.close()
