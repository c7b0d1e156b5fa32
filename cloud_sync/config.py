"""What the owner writes: one TOML file, read once, refused as a whole with one clear sentence."""

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cloud_sync.core.policy import CN_DEFAULT, PROFILES, PolicyProfile
from cloud_sync.errors import ConfigError

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
        if name not in PROFILES:
            raise ValueError(f"{name!r} is not one of {', '.join(PROFILES)}")
        return name

    @property
    def policy(self) -> PolicyProfile:
        return PROFILES[self.profile]


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

    @model_validator(mode="after")
    def _embedded_is_plain(self) -> "BrokerConfig":
        if self.embedded and self.ca_file is not None:
            raise ValueError("the embedded broker speaks no TLS; set embedded = false for one that does")
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
    push: bool = Field(
        False,
        description="Browsers may be woken for alarms; the service then calls their makers' push services.",
    )
    push_contact: str = Field(
        "", max_length=200, description="An e-mail address push services may write to; needed for `push`."
    )

    @model_validator(mode="after")
    def _push_has_a_contact(self) -> "StaffConfig":
        if self.push and "@" not in self.push_contact:
            raise ValueError("push needs push_contact, an e-mail address")
        return self


class SyncConfig(Strict):
    """The whole file; relative paths are taken from the folder it stands in."""

    data_dir: Path
    community: CommunityConfig
    web: WebConfig = WebConfig()
    broker: BrokerConfig = BrokerConfig()
    guest: GuestConfig = GuestConfig()
    staff: StaffConfig = StaffConfig()
    metrics: MetricsConfig = MetricsConfig()
    notify: dict[str, dict[str, Any]] = Field(
        {},
        description="One table for each way of writing to guests, named as its plug-in, such as `[notify.email]`.",
    )
    reconcile_every_s: int = Field(
        900, ge=10, le=86_400, description="The full sweep; what is touched does not wait."
    )

    @property
    def database(self) -> Path:
        return self.data_dir / "community.db"

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
    files = ("ca_file", "cert_file", "key_file")
    broker = config.broker.model_copy(update={name: at(getattr(config.broker, name)) for name in files})
    notify = {
        name: {key: _beside(folder, key, value) for key, value in table.items()}
        for name, table in config.notify.items()
    }
    update = {"data_dir": folder / config.data_dir, "web": web, "broker": broker, "notify": notify}
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
