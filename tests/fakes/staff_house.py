"""The community of ``web_house`` with cases, commands and people who work at its gate; jobs run when a test says so."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.jobs import Beat, CaseWork
from cloud_sync.ports_commands import CommandView
from cloud_sync.protocol.messages import CmdAck
from cloud_sync.store.bulletins import SqlBulletins
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import CaseNews, SqlCaseDesk
from cloud_sync.store.commands import SqlCommands
from cloud_sync.store.departments import SqlDepartments
from cloud_sync.store.field_tasks import SqlField
from cloud_sync.store.matters import SqlMatters
from cloud_sync.store.previews import SqlPreviews
from cloud_sync.store.privacy_desk import SqlPrivacy
from cloud_sync.store.receipts import StoredDeliveries
from cloud_sync.store.shifts import SqlShifts
from cloud_sync.web.services import Services
from tests.fakes.web_house import COMMUNITY, GATE, PASSWORD, WebHouse, door, log_in, visiting
from tests.fakes.wire_ledger import told

GUARD, OTHER_GUARD, OFFICER = "li", "wang", "zhao"
NODE_PAGES = {"gate-1": "http://192.168.7.20:8080"}
ROLES = {GUARD: "guard", OTHER_GUARD: "guard", OFFICER: "officer"}


class CommandKey:
    """A signing key of this test's own."""

    kid = "test-1"

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(os.urandom(32))
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


@dataclass
class StaffHouse(WebHouse):
    """Call ``sort_out`` for a beat of the jobs, or run ``at_work`` around a test with a browser."""

    def __post_init__(self) -> None:
        super().__post_init__()
        books = self.books = self._house()
        self.work = CaseWork(CaseIntake(books), self.clock)
        self.desk, self.news = SqlCaseDesk(books), CaseNews(books)
        self.commands = SqlCommands(books, CommandKey())
        self.preview_key = CommandKey()
        self.intercom = {GATE: "sip:east-gate@intercom.example"}

    @property
    def services(self) -> Services:
        return replace(
            super().services,
            cases=self.desk,
            case_feed=self.news,
            commands=self.commands,
            intercom=self.intercom,
            deliveries=StoredDeliveries(self.engine, COMMUNITY),
            privacy=SqlPrivacy(self.books),
            bulletins=SqlBulletins(self.books),
            departments=SqlDepartments(self.books),
            matters=SqlMatters(self.books),
            field_desk=SqlField(self.books),
            shifts=SqlShifts(self.books),
            previews=SqlPreviews(self.books, self.preview_key, NODE_PAGES),
        )

    def open_up(self) -> None:
        """Two nodes that have said hello, and three people."""
        self.add_nodes()
        self.report("gate-1", [door(GATE)])
        self.report("building-7", [])
        for name, role in ROLES.items():
            self.accounts.add(name, role, PASSWORD, actor="test")

    def sort_out(self) -> None:
        """One beat of the jobs a second later, told to open pages."""
        self.clock.now += 1000
        self.work()
        self.news()

    def alarm(self, type_: str, **more: object) -> str:
        """An alarm as a gate tells it, and its case."""
        self.tell(type_, **more)
        self.sort_out()
        return next((line.case.id for line in self.desk.queue(self.user(OFFICER))), "")

    def user(self, name: str):
        return next(user for user in self.accounts.users() if user.name == name)

    def answer(self, command: CommandView, state: str, why: str = "") -> None:
        """What the node says to a command."""
        self.sink.store([told(CmdAck(id=command.id, state=state, why=why), command.node)], self.clock.now)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The jobs beat by themselves, as in the running service."""
        lock = threading.Lock()

        def beat() -> None:
            with lock:
                self.work()
                self.news()

        jobs = Beat("cases", 0.1, beat)
        jobs.start()
        try:
            yield
        finally:
            jobs.stop()
            assert jobs.join()
            assert jobs.fault is None


@contextmanager
def logged_in(house: StaffHouse, name: str, **words: str) -> Iterator[httpx.Client]:
    with visiting(house.app(), **{"accept-language": "en", **words}) as client:
        assert log_in(client, name=name).status_code == 303
        yield client
