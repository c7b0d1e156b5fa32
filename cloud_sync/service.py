"""The running service: the parts of ``compose`` started together.

It stands apart because every command of ``gatehouse-sync`` opens the books and only one serves: pages, broker and bus are
loaded by that one.
"""

import threading
from collections.abc import Callable, Collection
from zoneinfo import ZoneInfo

import structlog
from fastapi import APIRouter

from cloud_sync.api.bookings import booking_router
from cloud_sync.api.callers import Callers
from cloud_sync.api.describing import describe
from cloud_sync.api.listings import listing_router
from cloud_sync.api.metrics import metrics_router
from cloud_sync.api.nodes import node_router
from cloud_sync.api.records import records_router
from cloud_sync.api.v1 import create_router
from cloud_sync.api.zones import zone_router
from cloud_sync.archiving import ARCHIVE_EVERY_S, archive_work
from cloud_sync.broker import EmbeddedBroker
from cloud_sync.compose import (
    Books,
    Part,
    courier_of,
    ensure_community,
    open_books,
    post_of,
    previews_of,
    push_book,
    tls_files,
)
from cloud_sync.config import SyncConfig
from cloud_sync.connectors.hooks import HookPost
from cloud_sync.connectors.webpush import VapidSender
from cloud_sync.distribute.commands import CommandDriver
from cloud_sync.distribute.snapshots import Distributor
from cloud_sync.distribute.zones import ZoneDriver
from cloud_sync.feeding import FEEDS_EVERY_S, FeedWork
from cloud_sync.garbage import collect_seldom
from cloud_sync.identity.broker_files import service_files
from cloud_sync.identity.work import IDENTITY_EVERY_S, identity_work
from cloud_sync.ingest.inbox import BrokerAddress, PahoInbox, Will
from cloud_sync.ingest.sink import Sink
from cloud_sync.jobs import (
    BULLETINS_EVERY_S,
    CASE_NEWS_EVERY_S,
    CASES_EVERY_S,
    COMMANDS_EVERY_S,
    FACES_EVERY_S,
    FEED_EVERY_S,
    FIELD_EVERY_S,
    GUARDIANS_EVERY_S,
    HOOKS_EVERY_S,
    PASSES_EVERY_S,
    POST_EVERY_S,
    PROPOSALS_EVERY_S,
    RECONCILE_EVERY_S,
    UPSTREAM_EVERY_S,
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
from cloud_sync.metrics import MetricsServer, Sources
from cloud_sync.ports import Clock, EventFeed
from cloud_sync.protocol.messages import SinkState, encode
from cloud_sync.protocol.topics import shared_up_filter, sink_group, sink_state, up_filter
from cloud_sync.retaining import RETENTION_EVERY_S, retention_work
from cloud_sync.store.api_answers import SqlAnswers
from cloud_sync.store.api_records import StoredRecords
from cloud_sync.store.api_tokens import SqlTokens
from cloud_sync.store.backup import hold, last_backup_ms
from cloud_sync.store.booking_desk import SqlBookingDesk
from cloud_sync.store.bulletin_letters import write_letters
from cloud_sync.store.bulletins import SqlBulletins
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.cases_store import CaseNews, SqlCaseDesk
from cloud_sync.store.community_metrics import community_metrics
from cloud_sync.store.delivery_check import DeliveryCheck
from cloud_sync.store.departments import SqlDepartments
from cloud_sync.store.feeds import SqlFeeds
from cloud_sync.store.field_tasks import SqlField
from cloud_sync.store.figures import StoredFigures
from cloud_sync.store.forecast import StoredForecast
from cloud_sync.store.guardians import tell_guardians
from cloud_sync.store.matters import SqlMatters
from cloud_sync.store.morning import StoredMorning
from cloud_sync.store.pass_feed import StoredPassFeed
from cloud_sync.store.pass_lines import StoredPassLines
from cloud_sync.store.pass_sets import StoredPassSets
from cloud_sync.store.plan import StoredPlan
from cloud_sync.store.privacy_desk import SqlPrivacy
from cloud_sync.store.proposing import propose_all
from cloud_sync.store.push_store import vapid_key
from cloud_sync.store.read import StoredDashboard
from cloud_sync.store.read_totals import StoredTotals
from cloud_sync.store.receipts import StoredDeliveries
from cloud_sync.store.shifts import SqlShifts
from cloud_sync.store.sink import SinkStore
from cloud_sync.store.snapshot_pull import StoredSnapshots
from cloud_sync.store.upstream_read import StoredUpstream, tallies
from cloud_sync.store.webhooks import SqlWebhooks
from cloud_sync.web.app import create_app
from cloud_sync.web.guest.faults import explain
from cloud_sync.web.serve import PageServer
from cloud_sync.web.services import GuestHelp, Services

log = structlog.get_logger()


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
        self.metrics: MetricsServer | None = None
        try:
            self._build(frozenset(parts), clock or SystemClock())
        except BaseException:
            self.stop()
            raise

    def _build(self, parts: frozenset[Part], clock: Clock) -> None:
        if parts - {Part.BROKER}:
            self._closers.append(hold(self._config.data_dir))
            self.books = open_books(self._config, clock)
            self._closers.append(self.books.close)
            ensure_community(self.books)
            self._sources = _sources(self.books)
        if Part.BROKER in parts and self._config.broker.embedded:
            broker = EmbeddedBroker(self._config.broker.port, self._config.broker.host)
            broker.start()
            self._closers.append(broker.stop)
        if self.books is not None and parts & {Part.SINK, Part.JOBS}:
            self._build_bus(self.books, parts)
        if self.books is not None and Part.PAGES in parts:
            self._build_pages(self.books)
        if self.books is not None and Part.SINK in parts and self._config.metrics.port is not None:
            self.metrics = MetricsServer(self._sources, self._config.metrics.host, self._config.metrics.port)
            self._closers.append(self.metrics.close)

    def _build_bus(self, books: Books, parts: frozenset[Part]) -> None:
        code = self._config.community.code
        hears = Part.SINK in parts
        post = _sinks_post(self._config, books) if hears else _jobs_post(self._config)
        self._closers.append(post.close)
        self._sources.inbox = post
        if hears:
            store = SinkStore(books.engine, code)
            self._closers.append(store.close)
            self.sink = self._sources.sink = Sink(post, store, books.clock, code)
            self._starters.append(self.sink.start)
            self._closers.append(self.sink.stop)
        if Part.JOBS in parts:
            self._build_jobs(books, post)

    def _build_jobs(self, books: Books, post: PahoInbox) -> None:
        code = self._config.community.code
        distributor = Distributor(
            StoredPassFeed(books.house),
            StoredPassSets(books.engine, code),
            books.keys.signer,
            post,
            books.clock,
            code,
            StoredPassLines(books.engine, code),
            pull=self._config.web.serves_nodes,
        )
        hold_ms = books.house.profile.overstay_hold_ms
        passes = PassWork(books.registry, distributor, books.clock, hold_ms)
        reconcile = ReconcileWork(books.reconciler, books.clock, self._config.reconcile_every_s * 1000)
        commands = CommandDriver(books.commands, post, books.clock, code)
        self._sources.passes, self._sources.commands = distributor.counters, commands.counters
        self._beat(Beat("commands", COMMANDS_EVERY_S, commands.tick))
        zones = ZoneDriver(books.zone_commands, post, books.clock, code)
        self._beat(Beat("zones", COMMANDS_EVERY_S, zones.tick))
        self._beat(Beat("passes", PASSES_EVERY_S, passes))
        self._beat(Beat("faces", FACES_EVERY_S, face_driver(books.house, books.keys.signer, post).tick))
        identity = identity_work(books.certificates, post, books.clock, self._config)
        self._beat(Beat("identity", IDENTITY_EVERY_S, identity))
        self._beat(Beat("post", POST_EVERY_S, post_of(books)))
        self._beat(Beat("webhooks", HOOKS_EVERY_S, HookPost(SqlWebhooks(books.house), books.clock)))
        self._beat(Beat("upstream", UPSTREAM_EVERY_S, courier_of(books)))
        self._beat(Beat("reconcile", RECONCILE_EVERY_S, reconcile))
        self._beat(Beat("proposals", PROPOSALS_EVERY_S, lambda: propose_all(books.house)))
        self._beat(Beat("guardians", GUARDIANS_EVERY_S, lambda: tell_guardians(books.house)))
        self._beat(Beat("bulletins", BULLETINS_EVERY_S, lambda: write_letters(books.house)))
        night = retention_work(books.house, (books.registry.staged(),))
        self._beat(Beat("retention", RETENTION_EVERY_S, night))
        archive = archive_work(books.engine, books.clock, self._config)
        if archive is not None:
            self._beat(Beat("archive", ARCHIVE_EVERY_S, archive))
        if self._config.booking_feeds:
            feeds = FeedWork(SqlFeeds(books.house), self._config, books.clock)
            self._beat(Beat("feeds", FEEDS_EVERY_S, feeds))
        self._build_cases(books)

    def _build_cases(self, books: Books) -> None:
        """Alarms become cases, and wake who asked for it, whether or not the pages run here."""
        work = CaseWork(CaseIntake(books.house), books.clock, DeliveryCheck(books.house))
        self._beat(Beat("cases", CASES_EVERY_S, work))
        self._beat(Beat("field", FIELD_EVERY_S, SqlField(books.house).miss))
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
        figures = StoredFigures(books.house)
        services = Services(
            community=code,
            reader=reader,
            feed=self._feed(books, reader),
            accounts=books.accounts,
            own_account=books.own_account,
            registry=books.registry,
            clock=books.clock,
            zone=ZoneInfo(self._config.community.tz),
            guest=_guest_help(self._config),
            cases=SqlCaseDesk(books.house),
            case_feed=self._case_feed(books),
            departments=SqlDepartments(books.house),
            matters=SqlMatters(books.house),
            field_desk=SqlField(books.house),
            shifts=SqlShifts(books.house),
            previews=previews_of(books),
            commands=books.commands,
            zones=books.zones,
            zone_commands=books.zone_commands,
            push=push_book(books),
            intercom=self._config.staff.intercom,
            morning=StoredMorning(books.engine),
            figures=figures,
            forecast=StoredForecast(books.house),
            plan=StoredPlan(books.engine),
            privacy=SqlPrivacy(books.house),
            bulletins=SqlBulletins(books.house),
            deliveries=StoredDeliveries(books.engine, code),
            upstream=StoredUpstream(books.house),
            imports=books.imports,
            listings=books.listings,
            operator=books.operators,
            operators=books.operators,
            ways=tuple(self._config.notify),
            verifier=books.listings,
            complaints=books.complaints,
            name_zh=self._config.community.name_zh,
            name_en=self._config.community.name_en,
            pages_url=self._config.web.pages_url,
        )
        app = create_app(services, routers=self._interface(books, reader, figures))
        describe(app)
        web = self._config.web
        self.pages = PageServer(app, web.host, web.port, tls_files(self._config))
        self._starters.append(self.pages.start)
        self._closers.append(self.pages.close)

    def _interface(
        self, books: Books, reader: StoredDashboard, figures: StoredFigures
    ) -> tuple[APIRouter, ...]:
        """Version 1 of the HTTP interface."""
        callers = Callers(books.accounts, SqlTokens(books.house), SqlAnswers(books.house))
        api = create_router(
            community=self._config.community.code,
            reader=reader,
            accounts=books.accounts,
            registry=books.registry,
            clock=books.clock,
            explain=explain,
            callers=callers,
        )
        zones = zone_router(callers, books.zone_commands)
        nodes = node_router(StoredSnapshots(books.house))
        bookings = booking_router(SqlBookingDesk(books.house), callers)
        listings = listing_router(callers, books.listings, books.complaints)
        metrics = metrics_router(callers, lambda: community_metrics(books.house), figures)
        records = records_router(callers, StoredRecords(books.engine, self._config.community.code))
        return api, zones, nodes, bookings, listings, records, metrics

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
            collect_seldom()
            ended.wait()
        log.info("service_stopped")


def _sources(books: Books) -> Sources:
    """What the metrics are read from; whoever is built later adds itself."""
    code, folder = books.config.community.code, books.config.data_dir
    return Sources(
        code,
        StoredDashboard(books.engine),
        StoredTotals(books.engine, code),
        books.clock,
        last_backup_ms=lambda: last_backup_ms(folder),
        upstream=lambda: tallies(books.engine, code),
    )


def _sinks_post(config: SyncConfig, books: Books) -> PahoInbox:
    """Alone it hears everything and says when it goes; as one of several it takes its share and leaves others on."""
    code, name = config.community.code, config.sink.name
    if name:
        group = sink_group(books.keys.k_community)
        address = _address(config, f"sync-{code}-{name}", hears=True)
        return PahoInbox(address, (shared_up_filter(code, group),))
    will = Will(sink_state(code), encode(SinkState(on=False)))
    return PahoInbox(_address(config, f"sync-{code}", hears=True), (up_filter(code),), will)


def _jobs_post(config: SyncConfig) -> PahoInbox:
    """The jobs only speak."""
    return PahoInbox(_address(config, f"sync-{config.community.code}-jobs", hears=False), ())


def _address(config: SyncConfig, client_id: str, *, hears: bool) -> BrokerAddress:
    broker = config.broker
    cert, key = service_files(broker.cert_file, broker.key_file, hears=hears)
    return BrokerAddress(
        host=broker.host,
        port=broker.port,
        client_id=client_id,
        ca_file=str(broker.ca_file) if broker.ca_file else None,
        cert_file=str(cert) if cert else None,
        key_file=str(key) if key else None,
    )


def _guest_help(config: SyncConfig) -> GuestHelp:
    guest = config.guest
    return GuestHelp(guest.phone, guest.way_in_zh, guest.way_in_en, guest.rules_zh, guest.rules_en)
