"""A community behind the pages, on the real store: sink, dashboard reader, accounts, registry.  Only gates are played."""

import base64
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from cloud_sync.api.v1 import create_router
from cloud_sync.core.accounts import HOUR_MS, AccountRules, PasskeySite
from cloud_sync.core.codes import listing_code
from cloud_sync.core.policy import CN_DEFAULT
from cloud_sync.ingest.feed import Feed
from cloud_sync.ports import ImportReport
from cloud_sync.protocol.messages import DoorHealth, Lag, State, Supply
from cloud_sync.store import tables
from cloud_sync.store.accounts import SqlAccounts
from cloud_sync.store.engine import open_database
from cloud_sync.store.factor_key import FactorKey
from cloud_sync.store.house import House
from cloud_sync.store.keys import SETUP_TOKEN, CommunitySigner, new_setup_token
from cloud_sync.store.morning import StoredMorning
from cloud_sync.store.own_account import SqlOwnAccount
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from cloud_sync.store.read import StoredDashboard
from cloud_sync.store.registry import SqlRegistry
from cloud_sync.store.sink import SinkStore
from cloud_sync.store.staging import Staging
from cloud_sync.store.vault import Vault
from cloud_sync.store.worklist import SqlImportDesk
from cloud_sync.web.app import create_app
from cloud_sync.web.guest.faults import explain
from cloud_sync.web.serve import PageServer
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import FORM_COOKIE
from tests.fakes.wire_ledger import T0_MS, WireLedger, body, told

COMMUNITY = "dongfang"
ADMIN = "chen"
PASSWORD = "a quiet evening at the gate"
GATE, UNIT, ROOM = "AP-dongfang-001", "AP-dongfang-002", "AP-dongfang-003"
LISTING = listing_code("000001", "7K3M9QXD")
NODE_KEY = base64.b64encode(bytes(range(32))).decode()

FACE_DOOR = {
    "face": "on",
    "engine": "yunet-sface",
    "gallery_n": 41,
    "threshold": 0.497,
    "threshold_note": "measured on 128,000 pairs; for N = 41",
    "expected_fpir": 0.0008,
    "face_mode": "one_to_n",
    "tail": "indicative",
    "verified_by": "simulated",
}


@dataclass
class SteppedClock:
    now: int = T0_MS + 60_000

    def now_ms(self) -> int:
        return self.now


def utc_text(moment_ms: int) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def door(access_point: str, **more: object) -> DoorHealth:
    words = {"mode": "LOCKED", "contact": "closed", "alarm": "NORMAL", "camera": "OK", "lock": "OK", **more}
    return DoorHealth(access_point=access_point, **words)


@dataclass
class WebHouse:
    """Everything ``create_app`` needs, and the two gates that report to it."""

    folder: Path
    clock: SteppedClock = field(default_factory=SteppedClock)
    passkey_site: PasskeySite | None = None

    def __post_init__(self) -> None:
        self.engine = open_database(self.folder / "sync.db")
        self.setup_token = new_setup_token(self.folder)
        rules = AccountRules(idle_ms=12 * HOUR_MS)  # tests step over hours at once
        books = (self.engine, COMMUNITY, self.clock)
        self.accounts = SqlAccounts(*books, self.folder / SETUP_TOKEN, FactorKey(os.urandom(32)), rules)
        self.own_account = SqlOwnAccount(*books, self.accounts, self.passkey_site)
        self.vault = Vault(self.folder / "vault.db", os.urandom(32), lambda _look: None)
        self.house = self._house()
        self.imports = SqlImportDesk(self.house)
        self.registry = SqlRegistry(self.house, Staging(self.folder / "staging.db", os.urandom(32)))
        self.reader, self.feed = StoredDashboard(self.engine), Feed()
        self.sink = SinkStore(self.engine, COMMUNITY)
        self.ledgers = {"gate-1": WireLedger("gate-1"), "building-7": WireLedger("building-7")}
        self._make_community()

    def _house(self) -> House:
        zone = ZoneInfo("Asia/Shanghai")
        return House(
            COMMUNITY,
            zone,
            True,
            CN_DEFAULT,
            self.engine,
            self.vault,
            os.urandom(32),
            self.clock,
            os.urandom,
            pin_key=bytes(range(32)),
            signer=CommunitySigner(Ed25519PrivateKey.generate()),
        )

    def _make_community(self) -> None:
        row = {"name_zh": "东方社区", "name_en": "Dongfang community", "tz": "Asia/Shanghai"}
        with self.engine.begin() as db:
            db.execute(
                sa.insert(tables.community).values(
                    community=COMMUNITY, profile="cn-default", synthetic=1, **row
                )
            )

    @property
    def services(self) -> Services:
        stored = (self.reader, self.feed, self.accounts, self.registry, self.clock)
        more = {"morning": StoredMorning(self.engine), "own_account": self.own_account}
        return Services(COMMUNITY, *stored, imports=self.imports, **more)

    def app(self) -> FastAPI:
        router = create_router(
            community=COMMUNITY,
            reader=self.reader,
            accounts=self.accounts,
            registry=self.registry,
            clock=self.clock,
            explain=explain,
        )
        return create_app(self.services, routers=[router])

    def add_admin(self) -> None:
        self.accounts.create_first_admin(ADMIN, PASSWORD, self.setup_token)

    def add_nodes(self) -> None:
        gate = (AccessPointSpec(GATE, "gate", "东门", "East gate"),)
        rooms = (
            AccessPointSpec(UNIT, "unit", "7 栋 1 单元", "Building 7, entrance 1"),
            AccessPointSpec(ROOM, "room", "7-1-602", "7-1-602"),
        )
        self.registry.add_node(NodeJoin("gate-1", "东门 East gate", NODE_KEY, gate))
        self.registry.add_node(NodeJoin("building-7", "7 栋 Building 7", NODE_KEY, rooms))

    def report(
        self,
        node: str,
        doors: Sequence[DoorHealth],
        *,
        faults: Sequence[str] = (),
        supply: Supply | None = None,
    ) -> None:
        """Hello and health, as a gate sends them every half minute."""
        ledger = self.ledgers[node]
        state = State(
            on=True, e=ledger.epoch, boot_id="b1", doors=list(doors), faults=list(faults), supply=supply
        )
        wall = utc_text(self.clock.now_ms())
        hello = ledger.hello(acked=ledger.head, wall=wall, sw="1.4.0", lag=Lag(free_mb=11_800))
        self.sink.store([told(hello), told(state, node)], self.clock.now_ms())

    def tell(self, type_: str, node: str = "gate-1", *, live: bool = True, **more: object) -> str:
        """One event through the real sink, to the pages after its commit; its key in the page, empty where none shows it."""
        ledger = self.ledgers[node]
        ledger.record(body(type_, **{"access_point": GATE, **more}))
        stored = self.sink.store([told(ledger.batch([ledger.head], live=live))], self.clock.now_ms())
        self.feed.tell(stored.lines)
        if not stored.lines:
            return ""
        (line,) = stored.lines
        return f"{line.stored_ms}/{line.node}/{line.epoch}/{line.seq}"

    def open_case(self, kind: str, severity: str, subject: str) -> None:
        """A discrepancy as reconciliation would leave it."""
        values = {"id": f"{kind}-{subject}", "kind": kind, "severity": severity, "subject": subject}
        now = self.clock.now_ms()
        with self.engine.begin() as db:
            db.execute(
                sa.insert(tables.discrepancy).values(
                    community=COMMUNITY,
                    window_ms=now,
                    state="open",
                    opened_ms=now,
                    updated_ms=now,
                    evidence="[]",
                    **values,
                )
            )

    def bring(self, kind: str, text: str) -> ImportReport:
        return self.registry.import_csv(kind, text.encode(), actor="test")

    def guest_link(self) -> str:
        """A booked guest's token."""
        self.bring("listings", LISTING_CSV)
        self.bring("bookings", BOOKING_CSV)
        return self.registry.guest_link("tujia", "B-1")

    def close(self) -> None:
        self.sink.close()
        self.vault.close()
        self.engine.dispose()


@contextmanager
def visiting(app: FastAPI, **words: str) -> Iterator[httpx.Client]:
    """A browser without scripts at the real server on loopback; redirects are not followed."""
    with PageServer(app, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        client.headers.update(words)
        yield client


def log_in(client: httpx.Client, *, name: str = ADMIN, password: str = PASSWORD) -> httpx.Response:
    client.get("/login")
    form = {"csrf": client.cookies[FORM_COOKIE], "name": name, "password": password}
    return client.post("/login", data=form)


LISTING_HEAD = "listing,name,unit,operator,state,max_guests,room,label,access_points\n"
BOOKING_HEAD = "source,external_ref,external_revision,listing,room,arrival,departure,headcount\n"
LISTING_CSV = LISTING_HEAD + f"{LISTING},东方 602,7-1-602,OP-1,ACTIVE,4,R-602,602,{GATE} {UNIT} {ROOM}\n"
BOOKING_CSV = BOOKING_HEAD + f"tujia,B-1,1,{LISTING},R-602,2026-11-22T14:00,2026-11-24T12:00,1\n"
