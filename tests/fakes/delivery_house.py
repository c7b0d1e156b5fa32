"""A community whose passes go out by the real distributor, to a node that answers when a test says so."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from cloud_sync.core.policy import HOUR_MS
from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.jobs import CaseWork
from cloud_sync.ports import User
from cloud_sync.protocol.messages import AuthAck
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import SqlCaseDesk
from cloud_sync.store.delivery_check import DeliveryCheck
from cloud_sync.store.pass_feed import StoredPassFeed
from cloud_sync.store.pass_lines import StoredPassLines
from cloud_sync.store.pass_sets import StoredPassSets
from cloud_sync.store.receipts import StoredDeliveries
from cloud_sync.store.tables import pass_set
from tests.fakes.community_house import NOON_MS, ZONE, Gate, SteppedClock, new_house, with_guest

HOME, NODE = "dongfang", "gate-1"
CHEN = User("chen", "officer")
HELLO_EVERY_MS = 30_000


class OnTheBus:
    """What was published goes nowhere; the node's answers are the test's."""

    session = 1

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.sent.append(topic)


@dataclass
class DeliveryHouse:
    """``beat`` is a second of the jobs; ``hours`` of the guest count from noon of the first day."""

    folder: Path
    database: str = ""
    hours: tuple[float, float] = (26, 70)  # tomorrow from 14:00, two nights
    answers: bool = True
    alive: bool = True

    def __post_init__(self) -> None:
        self.clock = SteppedClock()
        self.books = new_house(self.folder, self.clock, database=self.database)
        self.gate = Gate(self.books)
        self.link = with_guest(self.books, hours=self.hours)
        self.told = (0, "")
        self.restart()

    def restart(self) -> None:
        """The service's processes end and begin anew on the same books."""
        house, engine = self.books.house, self.books.engine
        sets, lines = StoredPassSets(engine, HOME), StoredPassLines(engine, HOME)
        feed = StoredPassFeed(house)
        signer = self.books.keys.signer
        self.distributor = Distributor(feed, sets, signer, OnTheBus(), self.clock, HOME, lines)
        self.check = DeliveryCheck(house)
        self.work = CaseWork(CaseIntake(house), self.clock, self.check)
        self.desk = SqlCaseDesk(house)
        self.reader = StoredDeliveries(engine, HOME)

    def beat(self) -> None:
        self.clock.step(ms=1_000)
        if self.alive:
            self.hello()
        self.distributor.tick()
        if self.answers:
            self.receipt()
        self.work()

    def beats(self, n: int) -> None:
        for _ in range(n):
            self.beat()

    def until(self, hour: int, minute: int = 0, *, day: int = 2) -> None:
        """May the ``day``th at this hour; the node says hello meanwhile, as it does."""
        moment = datetime(2026, 5, day, hour, minute, tzinfo=ZONE)
        self.clock.at_ms = round(moment.timestamp() * 1000) - 1_000
        self.beat()

    def hello(self) -> None:
        self.gate.says_hello(auth_ver=self.told[0], root=self.told[1])

    def newest(self) -> tuple[int, str]:
        with self.books.engine.connect() as db:
            row = db.execute(sa.select(pass_set.c.auth_ver, pass_set.c.root)).one()
        return row.auth_ver, row.root

    def receipt(self, version: tuple[int, str] | None = None) -> None:
        self.told = version or self.newest()
        self.gate.hears(AuthAck(auth_ver=self.told[0], root=self.told[1], applied_at=self.clock.now_ms()))

    def cases(self) -> list[tuple[str, str]]:
        """Open ones: kind and subject."""
        return [(line.case.kind, line.case.subject) for line in self.desk.queue(CHEN)]

    def doors(self) -> dict[str, bool]:
        """Of the one pass that is needed: which of its doors have it."""
        (one,) = self.reader.deliveries(self.clock.now_ms(), most=10).passes
        return {door.access_point: door.since_ms is not None for door in one.doors}

    def close(self) -> None:
        self.gate.close()
        self.books.close()


__all__ = ["CHEN", "HOUR_MS", "NODE", "NOON_MS", "DeliveryHouse"]
