"""Ways of writing to guests, found by their entry points and opened with their own table of the configuration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from cloud_sync.errors import ConfigError, Refused
from cloud_sync.ports_guest import Notice, Notifier

GROUP = "gatehouse.notifiers"
SECRET_MAX = 4096


class WaySettings(BaseModel):
    """The keys of one way; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Way:
    """One plug-in: what the owner may write for it, and how it is opened from that."""

    settings: type[WaySettings]
    open: Callable[[Any], Notifier]


def installed() -> dict[str, Way]:
    return {point.name: point.load() for point in sorted(entry_points(group=GROUP), key=lambda one: one.name)}


def open_notifiers(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Notifier]:
    """Every way the configuration has a table for; nothing is contacted yet.

    Raises:
        ConfigError: no such plug-in, or its table cannot be.
    """
    if not tables:
        return {}
    ways = installed()
    return {name: _open(name, table, ways) for name, table in tables.items()}


def _open(name: str, table: Mapping[str, Any], ways: Mapping[str, Way]) -> Notifier:
    way = ways.get(name)
    if way is None:
        raise ConfigError(f"notify.{name}", "no such way is installed", f"Installed: {', '.join(ways)}")
    try:
        return way.open(way.settings.model_validate(dict(table)))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(("notify", name, *(str(part) for part in first["loc"])))
        raise ConfigError(key, first["msg"].removeprefix("Value error, "), "Correct it") from error


def refuse_synthetic(notice: Notice) -> None:
    """Invented people have no addresses: what is sent for them reaches somebody else (domain.md invariant 16)."""
    if notice.synthetic:
        raise Refused("notify.synthetic", "a synthetic community writes to nobody; print a sheet instead.")


def read_secret(path: Path | None) -> str:
    """A password or token from its own file.

    Raises:
        ConfigError: it cannot be read, or is no single line.
    """
    if path is None:
        return ""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "the secret cannot be read", "Give the path of a text file") from error
    if not text or len(text) > SECRET_MAX or not text.isprintable():
        raise ConfigError(str(path), "is not one line of text", "Write the secret and nothing else")
    return text
