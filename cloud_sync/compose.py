"""The one room that knows every other: a configuration in, a running service out."""

import base64
import json
import os
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from cloud_sync.api.v1 import create_router
from cloud_sync.broker import EmbeddedBroker
from cloud_sync.config import SyncConfig
from cloud_sync.connectors.notify.post import Post
from cloud_sync.connectors.notify.ways import open_notifiers
from cloud_sync.connectors.webpush import VapidSender
from cloud_sync.core.commands import ENDED
from cloud_sync.distribute.commands import CommandDriver
from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.ingest.inbox import BrokerAddress, PahoInbox, Will
from cloud_sync.ingest.sink import Sink
from cloud_sync.jobs import (
    CASE_NEWS_EVERY_S,
    CASES_EVERY_S,
    COMMANDS_EVERY_S,
    FACES_EVERY_S,
    FEED_EVERY_S,
    PASSES_EVERY_S,
    POST_EVERY_S,
    RECONCILE_EVERY_S,
    WAKE_EVERY_S,
    Beat,
    CaseWork,
    PassWork,
    PolledFeed,
    ReconcileWork,
    SystemClock,
    WakeWork,
    face_driver,
)
from cloud_sync.ports import Clock, EventFeed
from cloud_sync.ports_commands import CommandView
from cloud_sync.protocol.messages import SinkState, encode
from cloud_sync.protocol.topics import sink_state, up_filter
from cloud_sync.store import audit, tables
from cloud_sync.store.accounts import SqlAccounts
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import CaseNews, SqlCaseDesk
from cloud_sync.store.commands import SqlCommands
from cloud_sync.store.engine import open_database
from cloud_sync.store.house import House
from cloud_sync.store.keys import SETUP_TOKEN, Keys, create_keys, load_keys, new_setup_token
from cloud_sync.store.morning import StoredMorning
from cloud_sync.store.notices import SqlOutbox
from cloud_sync.store.pass_sets import StoredPassSets
from cloud_sync.store.places import NodeJoin
from cloud_sync.store.push_store import SqlPushBook, vapid_key
from cloud_sync.store.read import StoredDashboard
from cloud_sync.store.reconcile_store import Reconciler
from cloud_sync.store.registry import SqlRegistry
from cloud_sync.store.sink import SinkStore
from cloud_sync.store.staging import Staging
from cloud_sync.store.vault import Vault
from cloud_sync.web.app import create_app
from cloud_sync.web.guest.faults import explain
from cloud_sync.web.serve import PageServer
from cloud_sync.web.services import GuestHelp, Services
from cloud_sync.web.tls import TlsFiles, ensure_local_authority

JOIN_VERSION = 1
COMMAND_LOOK_S = 0.1
# A command lives for 10 s; the running service then says that nobody answered, or does not run and says nothing.
COMMAND_LOOKS_MAX = 120

log = structlog.get_logger()


class Part(StrEnum):
    """What can run by itself; together they are the service."""

    BROKER = "broker"
    SINK = "sink"
    JOBS = "jobs"
    PAGES = "pages"


@dataclass(frozen=True, slots=True)
class Books:
    """The community's records, opened: enough for every command that needs no broker."""

    config: SyncConfig
    clock: Clock
    engine: sa.Engine
    keys: Keys
    house: House
    registry: SqlRegistry
    accounts: SqlAccounts
    reconciler: Reconciler
    outbox: SqlOutbox
    commands: SqlCommands

    def close(self) -> None:
        self.house.vault.close()
        self.engine.dispose()


def open_books(config: SyncConfig, clock: Clock | None = None) -> Books:
    """Open what ``set_up`` made.

    Raises:
        ConfigError: set-up was not done.
        StoreError: the database, the vault or a key cannot be used.
    """
    clock = clock or SystemClock()
    keys = load_keys(config.keys)
    engine = open_database(config.database)
    code = config.community.code

    def disclose(look: audit.Look) -> None:
        audit.disclose(engine, code, look, clock.now_ms())

    house = House(
        community=code,
        zone=ZoneInfo(config.community.tz),
        synthetic=config.community.synthetic,
        profile=config.community.policy,
        engine=engine,
        vault=Vault(config.vault, keys.vault, disclose),
        k_community=keys.k_community,
        pin_key=keys.pin,
        clock=clock,
        randomness=os.urandom,
    )
    return Books(
        config=config,
        clock=clock,
        engine=engine,
        keys=keys,
        house=house,
        registry=SqlRegistry(house, Staging(config.staging, keys.k_community)),
        accounts=SqlAccounts(engine, code, clock, config.keys / SETUP_TOKEN),
        reconciler=Reconciler(house),
        outbox=SqlOutbox(house),
        commands=SqlCommands(house, keys.commands),
    )


# --- set-up --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a person has to know after set-up: shown once."""

    setup_token: str | None  # None when an administrator exists
    authority: Path | None  # what browsers have to be told to trust


def set_up(config: SyncConfig) -> SetUp:
    """Make folder, keys, database, vault and certificate; what is there already stays as it is."""
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            "data_dir", f"{config.data_dir} cannot be made ({error.strerror})", "Give another folder"
        ) from error
    create_keys(config.keys)
    books = open_books(config)
    try:
        _ensure_community(books)
        token = None if books.accounts.has_admin() else new_setup_token(config.keys)
    finally:
        books.close()
    files = _tls_files(config)
    return SetUp(token, files.ca if files and not config.web.cert_file else None)


def _ensure_community(books: Books) -> None:
    """The community's own row; whether it is synthetic is decided once, for all its people would change meaning."""
    wanted, table = books.config.community, tables.community
    values = {
        "name_zh": wanted.name_zh,
        "name_en": wanted.name_en,
        "tz": wanted.tz,
        "profile": wanted.profile,
    }
    with books.engine.begin() as connection:
        mine = table.c.community == wanted.code
        held = connection.execute(sa.select(table).where(mine)).one_or_none()
        if held is None:
            synthetic = int(wanted.synthetic)
            connection.execute(sa.insert(table).values(community=wanted.code, synthetic=synthetic, **values))
        elif bool(held.synthetic) != wanted.synthetic:
            raise ConfigError(
                "community.synthetic",
                f"this community was set up with synthetic = {str(bool(held.synthetic)).lower()}",
                "Put it back, or set up another data_dir",
            )
        else:
            connection.execute(sa.update(table).where(mine).values(**values))


def _tls_files(config: SyncConfig) -> TlsFiles | None:
    web = config.web
    if not web.tls:
        return None
    if web.cert_file is not None and web.key_file is not None:
        return TlsFiles(ca=web.cert_file, cert=web.cert_file, key=web.key_file)
    names = dict.fromkeys(("localhost", "127.0.0.1", web.host, *web.names))
    return ensure_local_authority(config.tls, list(names))


# --- nodes join ------------------------------------------------------------------------------------------------


def join_file(books: Books, node: str) -> bytes:
    """What a registered node has to know: whom to trust, where the broker is, and which doors are its own (JSON)."""
    config, signer, commander = books.config, books.keys.signer, books.keys.commands
    broker = config.broker
    text = {
        "v": JOIN_VERSION,
        "community": config.community.code,
        "name_zh": config.community.name_zh,
        "name_en": config.community.name_en,
        "tz": config.community.tz,
        "synthetic": config.community.synthetic,
        "tenant": config.community.code,
        "node": node,
        "community_key": base64.b64encode(signer.public_key).decode(),
        "kid": signer.kid,
        "command_keys": [{"kid": commander.kid, "key": base64.b64encode(commander.public_key).decode()}],
        "pin_key": base64.b64encode(books.keys.pin).decode(),
        "pages_url": config.web.pages_url,
        "broker": {
            "host": broker.host,
            "port": broker.port,
            "ca_pem": broker.ca_file.read_text() if broker.ca_file else None,
        },
        "consent_texts": dict(books.house.profile.consent_texts),
        "access_points": books.registry.doors_of(node),
    }
    return json.dumps(text, ensure_ascii=False, indent=2).encode() + b"\n"


def add_node(books: Books, join: NodeJoin, out: Path, *, actor: str) -> None:
    """Register a node and write its join file.

    Raises:
        Refused: the join does not hold.
        StoreError: the file cannot be written.
    """
    books.registry.add_node(join, actor=actor)
    write_join_file(books, join.node, out)


def write_join_file(books: Books, node: str, out: Path) -> None:
    """Readable by its owner only: it holds the key that PINs are checked with."""
    try:
        out.touch(mode=0o600)
        out.chmod(0o600)
        out.write_bytes(join_file(books, node))
    except OSError as error:
        raise StoreError(f"{out}: the join file cannot be written ({error.strerror}).") from error


# --- commands --------------------------------------------------------------------------------------------------


def wait_for_command(books: Books, command_id: str) -> CommandView:
    """How a command ended, or how it stands when its time is over: an answer is on its way for so long, no longer."""
    pause = threading.Event()
    for _ in range(COMMAND_LOOKS_MAX):
        view = books.commands.state(command_id)
        if view.state in ENDED:
            return view
        pause.wait(COMMAND_LOOK_S)
    return books.commands.state(command_id)


# --- writing to guests -------------------------------------------------------------------------------------------


def pages_url(config: SyncConfig) -> str:
    """How guests reach the pages: as configured, else this machine's own address."""
    web = config.web
    scheme = "https" if web.tls else "http"
    return web.public_url or f"{scheme}://{web.names[0] if web.names else web.host}:{web.port}"


def post_of(books: Books) -> Post:
    """What carries messages to guests.

    Raises:
        ConfigError: a table of ``[notify]`` cannot be.
    """
    config = books.config
    return Post(books.outbox, open_notifiers(config.notify), books.clock, ZoneInfo(config.community.tz))


def _guest_help(config: SyncConfig) -> GuestHelp:
    guest = config.guest
    return GuestHelp(guest.phone, guest.way_in_zh, guest.way_in_en, guest.rules_zh, guest.rules_en)


def push_book(books: Books) -> SqlPushBook | None:
    """Who asked to be woken; None while waking is switched off."""
    if not books.config.staff.push:
        return None
    return SqlPushBook(books.house, vapid_key(books.config.keys).application_key)


# --- the running service ---------------------------------------------------------------------------------------


class Service:
    """The parts named, started together and ended together; ``with`` it, or ``start`` and ``stop``."""

    def __init__(
        self, config: SyncConfig, parts: Collection[Part] = tuple(Part), clock: Clock | None = None
    ) -> None:
        """Everything is opened and every port is bound, nothing runs yet.

        Raises:
            ConfigError: set-up was not done, or a port is taken.
            StoreError: the database, the vault or a key cannot be used.
        """
        self._config = config
        self._closers: list[Callable[[], object]] = []
        self._starters: list[Callable[[], object]] = []
        self.books: Books | None = None
        self.pages: PageServer | None = None
        self.sink: Sink | None = None
        try:
            self._build(frozenset(parts), clock or SystemClock())
        except BaseException:
            self.stop()
            raise

    def _build(self, parts: frozenset[Part], clock: Clock) -> None:
        if parts - {Part.BROKER}:
            self.books = open_books(self._config, clock)
            self._closers.append(self.books.close)
            _ensure_community(self.books)
        if Part.BROKER in parts and self._config.broker.embedded:
            broker = EmbeddedBroker(self._config.broker.port, self._config.broker.host)
            broker.start()
            self._closers.append(broker.stop)
        if self.books is not None and parts & {Part.SINK, Part.JOBS}:
            self._build_bus(self.books, parts)
        if self.books is not None and Part.PAGES in parts:
            self._build_pages(self.books)

    def _build_bus(self, books: Books, parts: frozenset[Part]) -> None:
        code = self._config.community.code
        hears = Part.SINK in parts
        will = Will(sink_state(code), encode(SinkState(on=False))) if hears else None
        name = f"sync-{code}" if hears else f"sync-{code}-jobs"
        post = PahoInbox(_address(self._config, name), (up_filter(code),) if hears else (), will)
        self._closers.append(post.close)
        if hears:
            store = SinkStore(books.engine, code)
            self._closers.append(store.close)
            self.sink = Sink(post, store, books.clock, code)
            self._starters.append(self.sink.start)
            self._closers.append(self.sink.stop)
        if Part.JOBS in parts:
            self._build_jobs(books, post)

    def _build_jobs(self, books: Books, post: PahoInbox) -> None:
        code = self._config.community.code
        distributor = Distributor(
            books.registry,
            StoredPassSets(books.engine, code),
            books.keys.signer,
            post,
            books.clock,
            code,
        )
        hold_ms = books.house.profile.overstay_hold_ms
        passes = PassWork(books.registry, distributor, books.clock, hold_ms)
        reconcile = ReconcileWork(books.reconciler, books.clock, self._config.reconcile_every_s * 1000)
        commands = CommandDriver(books.commands, post, books.clock, code)
        self._beat(Beat("commands", COMMANDS_EVERY_S, commands.tick))
        self._beat(Beat("passes", PASSES_EVERY_S, passes))
        self._beat(Beat("faces", FACES_EVERY_S, face_driver(books.house, books.keys.signer, post).tick))
        self._beat(Beat("post", POST_EVERY_S, post_of(books)))
        self._beat(Beat("reconcile", RECONCILE_EVERY_S, reconcile))
        self._build_cases(books)

    def _build_cases(self, books: Books) -> None:
        """Alarms become cases, and wake who asked for it, whether or not the pages run here."""
        self._beat(Beat("cases", CASES_EVERY_S, CaseWork(CaseIntake(books.house), books.clock)))
        book = push_book(books)
        if book is not None:
            key = vapid_key(self._config.keys)
            sender = VapidSender(key.private_pem, key.public_pem, self._config.staff.push_contact)
            news = CaseNews(books.house)
            self._beat(Beat("wake", WAKE_EVERY_S, WakeWork(news, book, sender)))

    def _beat(self, beat: Beat) -> None:
        self._starters.append(beat.start)
        self._closers.append(beat.join)
        self._closers.append(beat.stop)

    def _build_pages(self, books: Books) -> None:
        reader = StoredDashboard(books.engine)
        code = self._config.community.code
        services = Services(
            community=code,
            reader=reader,
            feed=self._feed(books, reader),
            accounts=books.accounts,
            registry=books.registry,
            clock=books.clock,
            zone=ZoneInfo(self._config.community.tz),
            guest=_guest_help(self._config),
            cases=SqlCaseDesk(books.house),
            case_feed=self._case_feed(books),
            commands=books.commands,
            push=push_book(books),
            intercom=self._config.staff.intercom,
            morning=StoredMorning(books.engine),
            name_zh=self._config.community.name_zh,
            name_en=self._config.community.name_en,
            pages_url=self._config.web.pages_url,
        )
        api = create_router(
            community=code,
            reader=reader,
            accounts=books.accounts,
            registry=books.registry,
            clock=books.clock,
            explain=explain,
        )
        app = create_app(services, routers=(api,))
        web = self._config.web
        self.pages = PageServer(app, web.host, web.port, _tls_files(self._config))
        self._starters.append(self.pages.start)
        self._closers.append(self.pages.close)

    def _feed(self, books: Books, reader: StoredDashboard) -> EventFeed:
        if self.sink is not None:
            return self.sink
        feed = PolledFeed(reader, self._config.community.code, books.clock)
        self._beat(Beat("feed", FEED_EVERY_S, feed))
        return feed

    def _case_feed(self, books: Books) -> CaseNews:
        news = CaseNews(books.house)
        self._beat(Beat("case-news", CASE_NEWS_EVERY_S, news))
        return news

    def start(self) -> None:
        """Everything runs when this returns."""
        for start in self._starters:
            start()
        log.info("service_started", url=self.pages.url if self.pages else None)

    def stop(self) -> None:
        """End everything, last started first; safe to call twice."""
        while self._closers:
            self._closers.pop()()

    def __enter__(self) -> "Service":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def run(self, ended: threading.Event) -> None:
        """Serve until ``ended`` is set."""
        with self:
            ended.wait()
        log.info("service_stopped")


def _address(config: SyncConfig, client_id: str) -> BrokerAddress:
    broker = config.broker
    return BrokerAddress(
        host=broker.host,
        port=broker.port,
        client_id=client_id,
        ca_file=str(broker.ca_file) if broker.ca_file else None,
        cert_file=str(broker.cert_file) if broker.cert_file else None,
        key_file=str(broker.key_file) if broker.key_file else None,
    )
