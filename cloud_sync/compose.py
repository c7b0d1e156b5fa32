"""The one room that knows every other: a configuration in, a running service out."""

import base64
import json
import os
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from cloud_sync.config import SyncConfig
from cloud_sync.connectors.notify.letter import Sender
from cloud_sync.connectors.notify.post import Post
from cloud_sync.connectors.notify.ways import open_notifiers
from cloud_sync.connectors.upstream.courier import Courier
from cloud_sync.connectors.upstream.ways import installed, open_upstream
from cloud_sync.core.commands import ENDED
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.identity.authority import open_authority
from cloud_sync.identity.book import SqlCertificates
from cloud_sync.identity.rotate import finish_rotation
from cloud_sync.jobs import (
    SystemClock,
)
from cloud_sync.ports import Clock
from cloud_sync.ports_commands import CommandView
from cloud_sync.ports_guest import Contact
from cloud_sync.protocol.identity import Claim
from cloud_sync.protocol.zones import encode_membership
from cloud_sync.protocol.zones import signing_bytes as zone_signing_bytes
from cloud_sync.store import audit, tables
from cloud_sync.store.accounts import SqlAccounts
from cloud_sync.store.commands import SqlCommands
from cloud_sync.store.complaints import SqlComplaints
from cloud_sync.store.engine import open_database
from cloud_sync.store.factor_key import FactorKey
from cloud_sync.store.house import House
from cloud_sync.store.keys import SETUP_TOKEN, Keys, claim_folder, create_keys, load_keys, new_setup_token
from cloud_sync.store.listing_desk import SqlListings
from cloud_sync.store.notices import SqlOutbox
from cloud_sync.store.operator_desk import SqlOperatorDesk
from cloud_sync.store.own_account import SqlOwnAccount
from cloud_sync.store.places import NodeJoin
from cloud_sync.store.previews import SqlPreviews
from cloud_sync.store.push_store import SqlPushBook, vapid_key
from cloud_sync.store.reconcile_store import Reconciler
from cloud_sync.store.registry import SqlRegistry
from cloud_sync.store.staging import Staging
from cloud_sync.store.upstream_queue import Recipient, SqlSubmissions
from cloud_sync.store.vault import Vault
from cloud_sync.store.worklist import SqlImportDesk
from cloud_sync.store.zone_commands import SqlZoneCommands
from cloud_sync.store.zones import SqlZones
from cloud_sync.web.language import guest_languages
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
    own_account: SqlOwnAccount
    reconciler: Reconciler
    outbox: SqlOutbox
    commands: SqlCommands
    zones: SqlZones
    zone_commands: SqlZoneCommands
    certificates: SqlCertificates
    imports: SqlImportDesk
    listings: SqlListings
    complaints: SqlComplaints
    operators: SqlOperatorDesk

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
    finish_rotation(config.keys)
    keys = load_keys(config.keys)
    engine = open_database(config.books)
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
        signer=keys.signer,
        clock=clock,
        randomness=os.urandom,
        channels=frozenset(config.notify),
        languages=frozenset(lang.value for lang in guest_languages()),
        liaison=_liaison(config),
    )
    zones = SqlZones(house)
    token_file, factors = config.keys / SETUP_TOKEN, FactorKey(keys.vault)
    accounts = SqlAccounts(engine, code, clock, token_file, factors, config.accounts.rules)
    listings = SqlListings(house, config.community.area)
    return Books(
        config=config,
        clock=clock,
        engine=engine,
        keys=keys,
        house=house,
        registry=SqlRegistry(house, Staging(config.staging, keys.k_community)),
        accounts=accounts,
        own_account=SqlOwnAccount(engine, code, clock, accounts, config.passkey_site),
        reconciler=Reconciler(house),
        outbox=SqlOutbox(house),
        commands=SqlCommands(house, keys.commands),
        zones=zones,
        zone_commands=SqlZoneCommands(house, zones, keys.commands, keys.confirm),
        certificates=SqlCertificates(house, open_authority(config.keys, clock.now_ms())),
        imports=SqlImportDesk(house),
        listings=listings,
        operators=SqlOperatorDesk(house, listings, accounts),
        complaints=SqlComplaints(house),
    )


def _liaison(config: SyncConfig) -> Contact | None:
    by, to = config.staff.liaison_by, config.staff.liaison_to
    if by and by not in config.notify:
        raise ConfigError(
            "staff.liaison_by", f"there is no table [notify.{by}]", "Add it, or leave this empty"
        )
    return Contact(by, to) if by else None


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
        ensure_community(books)
        token = None if books.accounts.has_admin() else new_setup_token(config.keys)
    finally:
        books.close()
    files = tls_files(config)
    return SetUp(token, files.ca if files and not config.web.cert_file else None)


def ensure_community(books: Books) -> None:
    """The community's own row; whether it is synthetic is decided once, for all its people would change meaning."""
    wanted, table = books.config.community, tables.community
    claim_folder(books.config.keys, wanted.code)
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


def tls_files(config: SyncConfig) -> TlsFiles | None:
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
        **_zone_part(books, node),
        "pin_key": base64.b64encode(books.keys.pin).decode(),
        "pages_url": config.web.pages_url,
        "pages_ca": _pages_ca(config),
        "broker": {
            "host": broker.host,
            "port": broker.port,
            "ca_pem": broker.ca_file.read_text() if broker.ca_file else None,
        },
        "bus": _bus(books, node),
        "consent_texts": dict(books.house.profile.consent_texts),
        "access_points": books.registry.doors_of(node),
    }
    return json.dumps(text, ensure_ascii=False, indent=2).encode() + b"\n"


def _pages_ca(config: SyncConfig) -> str | None:
    """Whom to trust at ``pages_url``; None: a certificate of somebody's that machines trust anyhow, or plain HTTP."""
    files = None if config.web.cert_file is not None else tls_files(config)
    return None if files is None else files.ca.read_text()


def _zone_part(books: Books, node: str) -> dict[str, object]:
    """Whose second signature counts, and to which zones the node's doors belong, in the community's own hand."""
    confirm, config = books.keys.confirm, books.config
    said = encode_membership(config.community.code, node, books.zones.of_node(node))
    signature = books.keys.signer.sign(zone_signing_bytes(said))
    return {
        "confirm_keys": [{"kid": confirm.kid, "key": base64.b64encode(confirm.public_key).decode()}],
        "zones": {"said": said.decode(), "sig": base64.b64encode(signature).decode()},
    }


def _bus(books: Books, node: str) -> dict[str, str] | None:
    """The node's certificate and whom to trust on the bus; None where the broker is of another authority, or plain."""
    broker, authority = books.config.broker, books.certificates.authority.pem
    if broker.ca_file is None or broker.ca_file.read_bytes().strip() != authority.strip():
        return None
    cert = books.certificates.newest(node)
    return None if cert is None else {"ca": authority.decode(), "cert": cert}


def add_node(books: Books, join: NodeJoin, out: Path, *, actor: str, claim: Claim | None = None) -> None:
    """Register a node, honour its claim to a certificate, and write its join file.

    Raises:
        Refused: the join or the claim does not hold.
        StoreError: the file cannot be written.
    """
    if claim is not None:
        books.certificates.check(join.node, claim, join.public_key)
    books.registry.add_node(join, actor=actor)
    if claim is not None:
        books.certificates.honour(join.node, claim, actor=actor)
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
    """What carries messages to guests and operators.

    Raises:
        ConfigError: a table of ``[notify]`` cannot be.
    """
    config = books.config
    sender = Sender(ZoneInfo(config.community.tz), pages_url(config), config.guest.phone)
    return Post(books.outbox, open_notifiers(config.notify), books.clock, sender)


def courier_of(books: Books) -> Courier:
    """What carries reports to authorities.

    Raises:
        ConfigError: a table of ``[upstream]`` cannot be.
    """
    recipients = {name: Recipient(way.shape, way.rule) for name, way in installed().items()}
    return Courier(SqlSubmissions(books.house, recipients), open_upstream(books.config.upstream))


def push_book(books: Books) -> SqlPushBook | None:
    """Who asked to be woken; None while waking is switched off."""
    if not books.config.staff.push:
        return None
    return SqlPushBook(books.house, vapid_key(books.config.keys).application_key)


def previews_of(books: Books) -> SqlPreviews | None:
    """Tickets to look through a camera; None while no node's own address is written down."""
    addresses = books.config.staff.preview
    return SqlPreviews(books.house, books.keys.commands, addresses) if addresses else None
