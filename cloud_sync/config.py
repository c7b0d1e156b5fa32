"""What the owner writes: one TOML file, read once, refused as a whole with one clear sentence."""

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cloud_sync.core.accounts import HOUR_MS, MINUTE_MS, AccountRules, PasskeySite, SecondFactor
from cloud_sync.core.policy import CN_DEFAULT, PolicyProfile
from cloud_sync.core.roles import Role
from cloud_sync.errors import ConfigError
from cloud_sync.jurisdictions import policies, policy_of

Port = Annotated[int, Field(ge=1, le=65535)]


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CommunityConfig(Strict):
    """``[community]``: what it is called and which rules it lives under."""

    # The code is part of every topic and every key, so it is short and plain.
    code: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    name_zh: str = Field(min_length=1, max_length=80)
    name_en: str = Field(min_length=1, max_length=80)
    tz: str = "Asia/Shanghai"
    profile: str = CN_DEFAULT.name
    synthetic: bool = Field(False, description="Invented people only; refused by every real connector.")
    area: str = Field(
        "000000", pattern=r"^[0-9]{6}$", description="The six digits of its area, in every code it gives."
    )

    @field_validator("tz")
    @classmethod
    def _known_zone(cls, tz: str) -> str:
        try:
            ZoneInfo(tz)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{tz!r} is not a time zone such as Asia/Shanghai") from error
        return tz

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, name: str) -> str:
        if name not in policies():
            raise ValueError(f"{name!r} is not one of {', '.join(policies())}")
        return name

    @property
    def policy(self) -> PolicyProfile:
        return policy_of(self.profile)


class WebConfig(Strict):
    """``[web]``: where pages and HTTP interface listen; plain HTTP is for this machine only."""

    host: str = "127.0.0.1"
    port: Port = 8443
    tls: bool = True
    names: tuple[str, ...] = Field((), description="More names and addresses the local certificate serves.")
    cert_file: Path | None = None
    key_file: Path | None = None
    public_url: str = Field(
        "",
        description="How guests reach the pages, such as `https://gate.example`; links to guests begin with it.",
    )

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url and not url.startswith(("https://", "http://")):
            raise ValueError(f"{url!r} does not begin with https://")
        return url.rstrip("/")

    @property
    def pages_url(self) -> str:
        """How a phone reaches the pages, as far as this file tells."""
        name = self.names[0] if self.names else self.host
        return self.public_url or f"{'https' if self.tls else 'http'}://{name}:{self.port}"

    @property
    def serves_nodes(self) -> bool:
        """Whether a node on another machine could fetch something at ``pages_url``, and would know whose it is."""
        url = urlsplit(self.pages_url)
        return url.scheme == "https" and url.hostname not in ("127.0.0.1", "::1", "localhost")

    @model_validator(mode="after")
    def _both_or_none(self) -> "WebConfig":
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        return self


class BrokerConfig(Strict):
    """``[broker]``: the embedded one on loopback, or one that runs by itself."""

    embedded: bool = True
    host: str = "127.0.0.1"
    port: Port = 1883
    ca_file: Path | None = Field(None, description="TLS when given.")
    cert_file: Path | None = None
    key_file: Path | None = None
    folder: Path | None = Field(
        None,
        description="Where `broker-config` wrote what mosquitto reads; its lists of revoked and lost are kept new there.",
    )

    @model_validator(mode="after")
    def _embedded_is_plain(self) -> "BrokerConfig":
        if self.embedded and self.ca_file is not None:
            raise ValueError("the embedded broker speaks no TLS; set embedded = false for one that does")
        return self


class SinkConfig(Strict):
    """``[sink]``: several programs that store what gates tell, on one PostgreSQL and one broker."""

    name: str = Field(
        "",
        pattern=r"^[a-z0-9-]{0,16}$",
        description="One of several, each with a name of its own; empty: the only one.",
    )


class ArchiveConfig(Strict):
    """``[archive]``: when old events leave the database for Parquet files, and when these end."""

    folder: Path | None = Field(None, description="Where the files are written; without it nothing leaves.")
    # Reconciliation judges the last month from the table itself.
    hot_days: int = Field(35, ge=35, le=180, description="How long events stay in the database.")
    keep_days: int = Field(
        90,
        ge=35,
        le=180,
        description="How long after its newest event was stored a file is kept; a guest's clock is 90 days.",
    )

    @model_validator(mode="after")
    def _files_outlive_the_table(self) -> "ArchiveConfig":
        if self.keep_days < self.hot_days:
            raise ValueError(
                "keep_days is shorter than hot_days: files would end as soon as they are written"
            )
        return self


class MetricsConfig(Strict):
    """``[metrics]``: where a Prometheus of the local network may read numbers; nobody is asked for a password."""

    host: str = Field("127.0.0.1", description="An address of this machine in the local network.")
    port: Port | None = Field(None, description="Off without one.")

    @field_validator("host")
    @classmethod
    def _local(cls, host: str) -> str:
        try:
            address = ipaddress.ip_address(host)
        except ValueError as error:
            raise ValueError(f"{host!r} is not an address such as 127.0.0.1 or 192.168.1.10") from error
        if address.is_unspecified or not (address.is_loopback or address.is_private):
            raise ValueError(f"{host} is not an address of the local network alone")
        return host


class GuestConfig(Strict):
    """``[guest]``: what the community itself says to its guests."""

    phone: str = Field("", max_length=40, description="Whom a guest calls, day and night.")
    way_in_zh: str = Field("", max_length=600, description="How to find the door, in Chinese.")
    way_in_en: str = Field("", max_length=600, description="The same in English.")
    rules_zh: tuple[str, ...] = Field(
        (), description="House rules in Chinese; a change is shown to guests anew."
    )
    rules_en: tuple[str, ...] = Field((), description="The same in English.")


class StaffConfig(Strict):
    """``[staff]``: what the gate staff's page needs to know."""

    intercom: dict[str, Annotated[str, Field(pattern=r"^(tel|sips?):[^\s<>\"']{1,200}$")]] = Field(
        {}, description="How to talk to whoever stands at a door: access point = `tel:` or `sip:` address."
    )
    preview: dict[str, Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,100}/?$")]] = Field(
        {},
        description="Where browsers on the site reach a node's own pages, to look through its camera while a button is held: node = `http://` address; empty: nobody looks.",
    )
    push: bool = Field(
        False,
        description="Browsers may be woken for alarms; the service then calls their makers' push services.",
    )
    push_contact: str = Field(
        "", max_length=200, description="An e-mail address push services may write to; needed for `push`."
    )

    liaison_by: str = Field(
        "",
        max_length=32,
        description="How the police liaison is told of a suspicion: a table of `[notify]`; empty: staff call.",
    )
    liaison_to: str = Field("", max_length=254, description="The liaison's address there.")

    @model_validator(mode="after")
    def _push_has_a_contact(self) -> "StaffConfig":
        if self.push and "@" not in self.push_contact:
            raise ValueError("push needs push_contact, an e-mail address")
        return self


class AccountsConfig(Strict):
    """``[accounts]``: how long a login lasts, and who needs more than a password."""

    second_factor: SecondFactor = Field(
        SecondFactor.ASK,
        description="`ask` says so on the first page of whoever has none; `require` lets them no further; `off` says nothing.",
    )
    second_factor_roles: tuple[Role, ...] = Field(
        (Role.OFFICER, Role.ADMIN), description="The roles that this is about; everybody may set one up."
    )
    idle_minutes: int = Field(
        120,
        ge=5,
        le=720,
        description="A login that nothing was asked with for so long is over; a live page asks by itself.",
    )
    session_hours: int = Field(12, ge=1, le=24, description="And every login after so long.")
    passkey_url: str = Field(
        "",
        description="The address at which staff open the pages, if it is not that of `[web]`; passkeys are bound to its name.",
    )

    @field_validator("passkey_url")
    @classmethod
    def _has_a_name(cls, url: str) -> str:
        if url and _site(url) is None:
            raise ValueError(
                f"{url!r} is not an address such as https://gate.example, with a name and no number"
            )
        return url

    @property
    def rules(self) -> AccountRules:
        return AccountRules(
            self.idle_minutes * MINUTE_MS,
            self.session_hours * HOUR_MS,
            self.second_factor,
            frozenset(self.second_factor_roles),
        )


def _site(url: str) -> PasskeySite | None:
    """What passkeys are bound to; browsers take a name reached over TLS, or this machine's own."""
    where = urlsplit(url)
    host = where.hostname or ""
    numbers = ":" in host or host.replace(".", "").isdigit()
    if (
        not host
        or numbers
        or not (where.scheme == "https" or (where.scheme == "http" and host == "localhost"))
    ):
        return None
    usual = {"https": 443, "http": 80}[where.scheme]
    port = "" if where.port in (None, usual) else f":{where.port}"
    return PasskeySite(host, f"{where.scheme}://{host}{port}")


class FeedConfig(Strict):
    """``[[booking_feeds]]``: the calendar (iCal) of one room at one platform."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="How it is called here.")
    url: str = Field(
        max_length=1000,
        repr=False,
        description="Its address; whoever knows it can read it, so keep this file private.",
    )
    listing: str = Field(max_length=64, description="The listing that the room belongs to.")
    room: str = Field(max_length=64, description="The room whose calendar it is.")
    source: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._:-]{0,64}$",
        description="What its bookings' source is called; empty: the name.",
    )
    headcount: int = Field(1, ge=1, le=99, description="How many people; a calendar does not say.")
    check_in: str = Field(
        "15:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Whole days arrive at this hour."
    )
    check_out: str = Field(
        "12:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="And leave at this one."
    )
    every_s: int = Field(600, ge=60, le=86_400, description="How often it is asked for.")
    blocked: tuple[str, ...] = Field(
        ("not available", "blocked", "closed", "不可用"),
        description="Words in an entry's title by which the platform says that it is no booking.",
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        where = urlsplit(url)
        near = where.hostname in ("127.0.0.1", "::1", "localhost")
        if not where.hostname or not (where.scheme == "https" or (where.scheme == "http" and near)):
            raise ValueError("the address does not begin with https://")
        return url


class SyncConfig(Strict):
    """The whole file; relative paths are taken from the folder it stands in."""

    data_dir: Path
    community: CommunityConfig
    web: WebConfig = WebConfig()
    broker: BrokerConfig = BrokerConfig()
    sink: SinkConfig = SinkConfig()
    archive: ArchiveConfig = ArchiveConfig()
    guest: GuestConfig = GuestConfig()
    staff: StaffConfig = StaffConfig()
    accounts: AccountsConfig = AccountsConfig()
    metrics: MetricsConfig = MetricsConfig()
    notify: dict[str, dict[str, Any]] = Field(
        {},
        description="One table for each way of writing to guests, named as its plug-in, such as `[notify.email]`.",
    )
    upstream: dict[str, dict[str, Any]] = Field(
        {},
        description="One table for each recipient of reports, named as its plug-in, such as `[upstream.csv_drop]`.",
    )
    booking_feeds: tuple[FeedConfig, ...] = Field((), description="One table for each room's calendar.")
    reconcile_every_s: int = Field(
        900,
        ge=10,
        le=86_400,
        description="What time alone changes, such as an overstay; what is touched does not wait.",
    )
    database_url: str = Field(
        "",
        description="PostgreSQL instead of a file in `data_dir`, such as `postgresql://gatehouse@db.lan/gatehouse`.",
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, url: str) -> str:
        if url and not url.startswith(("postgresql://", "postgres://")):
            raise ValueError("the address does not begin with postgresql://")
        return url

    @field_validator("booking_feeds")
    @classmethod
    def _names_differ(cls, feeds: tuple[FeedConfig, ...]) -> tuple[FeedConfig, ...]:
        names = [feed.name for feed in feeds]
        if len(set(names)) != len(names):
            raise ValueError("two calendars have one name")
        return feeds

    @model_validator(mode="after")
    def _several_share_a_server(self) -> "SyncConfig":
        if self.sink.name and (not self.database_url or self.broker.embedded):
            raise ValueError(
                "a named sink is one of several: it needs database_url and broker.embedded = false"
            )
        return self

    @property
    def passkey_site(self) -> PasskeySite | None:
        """None where the pages are opened by a number: there are no passkeys then."""
        return _site(self.accounts.passkey_url or self.web.pages_url)

    @property
    def database(self) -> Path:
        """The file; not used while ``database_url`` is given."""
        return self.data_dir / "community.db"

    @property
    def books(self) -> str:
        """What ``open_database`` takes."""
        return self.database_url or str(self.database)

    @property
    def vault(self) -> Path:
        return self.data_dir / "vault.db"

    @property
    def staging(self) -> Path:
        return self.data_dir / "staging.db"

    @property
    def keys(self) -> Path:
        return self.data_dir / "keys"

    @property
    def bus(self) -> Path:
        """The service's own certificates for the bus."""
        return self.data_dir / "bus"

    @property
    def tls(self) -> Path:
        return self.data_dir / "tls"


def load(path: Path) -> SyncConfig:
    """The configuration in ``path``.

    Raises:
        ConfigError: not there, not TOML, an unknown key, or a value that cannot be; one sentence says which.
    """
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be read ({error.strerror})", "Give the path of the configuration"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"is not TOML ({error})", "Correct that place") from error
    try:
        return _from_folder(SyncConfig.model_validate(read), path.resolve().parent)
    except ValidationError as error:
        raise _first_mistake(error) from error


def _from_folder(config: SyncConfig, folder: Path) -> SyncConfig:
    def at(path: Path | None) -> Path | None:
        return folder / path if path is not None else None

    web = config.web.model_copy(
        update={"cert_file": at(config.web.cert_file), "key_file": at(config.web.key_file)}
    )
    files = ("ca_file", "cert_file", "key_file", "folder")
    broker = config.broker.model_copy(update={name: at(getattr(config.broker, name)) for name in files})
    notify, upstream = (
        {
            name: {key: _beside(folder, key, value) for key, value in table.items()}
            for name, table in of.items()
        }
        for of in (config.notify, config.upstream)
    )
    archive = config.archive.model_copy(update={"folder": at(config.archive.folder)})
    update = {
        "archive": archive,
        "data_dir": folder / config.data_dir,
        "web": web,
        "broker": broker,
        "notify": notify,
        "upstream": upstream,
    }
    return config.model_copy(update=update)


def _beside(folder: Path, key: str, value: Any) -> Any:
    """Files and folders of a plug-in's table are taken from the configuration's folder, like all others."""
    is_path = isinstance(value, str) and key.endswith(("_file", "folder"))
    return str(folder / value) if is_path else value


def _first_mistake(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "configuration"
    if first["type"] == "extra_forbidden":
        return ConfigError(key, "this key is not known", f"Known here are {', '.join(_known(first['loc']))}")
    problem = first["msg"].removeprefix("Value error, ")
    remedy = "Add it" if first["type"] == "missing" else "Correct it"
    return ConfigError(key, problem[:1].lower() + problem[1:], remedy)


def _known(where: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at the place of an unknown one."""
    model: Any = SyncConfig
    for part in where[:-1]:
        model = model.model_fields[str(part)].annotation
    return sorted(model.model_fields)
