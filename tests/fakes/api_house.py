"""The composed service with its pages and its HTTP interface on loopback, a few records, and a token of each kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import sqlalchemy as sa

from cloud_sync.compose import Books, Part, set_up
from cloud_sync.config import CommunityConfig, SyncConfig, WebConfig
from cloud_sync.core.roles import MAY, Role
from cloud_sync.ports_api import TokenWish
from cloud_sync.service import Service
from cloud_sync.store import tables
from cloud_sync.store.api_tokens import SqlTokens
from cloud_sync.store.booking_desk import SqlBookingDesk
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from tests.fakes.far_sides import free_port
from tests.fakes.web_house import (
    BOOKING_HEAD,
    GATE,
    LISTING,
    LISTING_CSV,
    NODE_KEY,
    PASSWORD,
    ROOM,
    UNIT,
    log_in,
)

CLIENT_S = 60
OFFICER = "the-officer"


class ApiHouse:
    def __init__(self, folder: Path) -> None:
        community = CommunityConfig(code="dongfang", name_zh="东方", name_en="Dongfang", synthetic=True)
        self.config = SyncConfig(
            data_dir=folder / "data", community=community, web=WebConfig(tls=False, port=free_port())
        )
        set_up(self.config)
        self.service = Service(self.config, (Part.PAGES,))
        for role in Role:
            self.books.accounts.add(f"the-{role}", role, PASSWORD, actor="test")
        assert self.service.pages is not None
        self.service.pages.start()
        self.url = self.service.pages.url
        self.tokens = SqlTokens(self.books.house)

    @property
    def books(self) -> Books:
        assert self.service.books is not None
        return self.service.books

    def token(self, name: str, *scopes: str, user: str = OFFICER, days: int = 1) -> str:
        return self.tokens.make(TokenWish(name, user, scopes, days), actor="test")

    def token_for_everything(self, name: str) -> str:
        return self.token(name, *sorted(right.name for right in MAY[Role.OFFICER]))

    def key(self, name: str = "tujia") -> str:
        return SqlBookingDesk(self.books.house).make_key(name, "bookings", name, actor="test")

    @contextmanager
    def calling(self, token: str = "") -> Iterator[httpx.Client]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(base_url=self.url, headers=headers, timeout=CLIENT_S) as client:
            yield client

    @contextmanager
    def logged_in(self, role: Role = Role.OFFICER) -> Iterator[httpx.Client]:
        """A browser's cookies, and the header that goes with a call that writes."""
        with self.calling() as client:
            assert log_in(client, name=f"the-{role}", password=PASSWORD).status_code == 303
            client.headers["x-csrf-token"] = client.get("/api/v1/session").json()["csrf"]
            yield client

    def fill(self, bookings: int) -> None:
        """A listing, and stays one after the other in its room."""
        rows = "".join(
            f"tujia,B-{n},1,{LISTING},R-602,2027-{1 + n // 28:02}-{1 + n % 28:02}T14:00,"
            f"2027-{1 + n // 28:02}-{1 + n % 28:02}T20:00,1\n"
            for n in range(bookings)
        )
        doors = (
            AccessPointSpec(GATE, "gate", "东门", "East gate"),
            AccessPointSpec(UNIT, "unit", "7 栋 1 单元", "Building 7, entrance 1"),
            AccessPointSpec(ROOM, "room", "7-1-602", "7-1-602"),
        )
        self.books.registry.add_node(NodeJoin("gate-1", "东门 East gate", NODE_KEY, doors))
        for kind, text in (("listings", LISTING_CSV), ("bookings", BOOKING_HEAD + rows)):
            report = self.books.registry.import_csv(kind, text.encode(), actor="test")  # type: ignore[arg-type]
            assert not report.count("rejected"), report.rows

    def count(self, table: sa.Table) -> int:
        with self.books.engine.connect() as db:
            return int(db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())

    def audited(self, action: str) -> list[tuple[str, str, str | None, str | None]]:
        """(actor, object, after, reason) of every row of this action."""
        row = tables.audit.c
        with self.books.engine.connect() as db:
            found = db.execute(
                sa.select(row.actor, row.object, row.after, row.reason).where(row.action == action)
            )
            return [tuple(one) for one in found]

    def close(self) -> None:
        self.service.stop()
