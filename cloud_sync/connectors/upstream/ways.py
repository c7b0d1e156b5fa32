"""Recipients of reports, found by their entry points and opened with their own table of the configuration."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cloud_sync.core.reporting import ReportRule, Shape
from cloud_sync.errors import ConfigError, Refused
from cloud_sync.ports_upstream import Connector, Report

GROUP = "gatehouse.upstream"
SECRET_MAX = 4096
NOBODY = "00"  # the region of resident ids that belong to nobody (core.codes)


class UpstreamSettings(BaseModel):
    """What every recipient's table may say; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AddressSettings(UpstreamSettings):
    """A recipient that is called over HTTP."""

    url: str = Field(
        pattern=r"^https?://[^/\s@]+",
        description="Where the recipient takes reports; there is no default, so that nobody sends by accident.",
    )
    rehearsal: bool = Field(
        False,
        description="True: the recipient is a stand-in on this very machine, and the log says so.  Without it no "
        "address of this machine is taken, and nothing but `https`.",
    )
    within_s: float = Field(20.0, gt=0, le=60, description="How long one call may take.")

    @model_validator(mode="after")
    def _place(self) -> "AddressSettings":
        fault = place_fault(self.url, rehearsal=self.rehearsal)
        if fault:
            raise ValueError(fault)
        return self


@dataclass(frozen=True, slots=True)
class Way:
    """One plug-in: what the owner may write for it, how it is opened, what may leave by it and on which law."""

    settings: type[UpstreamSettings]
    open: Callable[[Any], Connector]
    shape: Shape
    rule: ReportRule


def installed() -> dict[str, Way]:
    return {point.name: point.load() for point in sorted(entry_points(group=GROUP), key=lambda one: one.name)}


def open_upstream(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Connector]:
    """Every recipient the configuration has a table for; nothing is contacted yet.

    Raises:
        ConfigError: no such plug-in, or its table cannot be.
    """
    if not tables:
        return {}
    ways = installed()
    return {name: _open(name, table, ways) for name, table in tables.items()}


def _open(name: str, table: Mapping[str, Any], ways: Mapping[str, Way]) -> Connector:
    way = ways.get(name)
    if way is None:
        raise ConfigError(
            f"upstream.{name}", "no such connector is installed", f"Installed: {', '.join(ways)}"
        )
    try:
        return way.open(way.settings.model_validate(dict(table)))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(("upstream", name, *(str(part) for part in first["loc"])))
        raise ConfigError(key, first["msg"].removeprefix("Value error, "), "Correct it") from error


# --- what no connector may be talked out of ------------------------------------------------------------------------


def permit(report: Report, url: str = "", *, rehearsal: bool = True) -> None:
    """Called by every connector before anything leaves, whoever calls it with whatever (domain.md invariant 16).

    Raises:
        Refused: invented people, or an address that these settings may not have.
    """
    if report.synthetic:
        raise Refused("upstream.synthetic", "a synthetic community reports to nobody.")
    kind, number = report.values.get("document_type"), report.values.get("document_number", "")
    if kind == "resident_id" and number.startswith(NOBODY):
        raise Refused("upstream.nobody", "this document belongs to nobody; it is not reported.")
    fault = place_fault(url, rehearsal=rehearsal) if url else ""
    if fault:
        raise Refused("upstream.place", f"{fault}.")


def place_fault(url: str, *, rehearsal: bool) -> str:
    """Why this address may not be; a rehearsal stays on this machine, and nothing real goes to it or goes in the clear."""
    where = urlsplit(url)
    here = _is_loopback(where.hostname or "")
    if rehearsal:
        return "" if here else "a rehearsal goes to an address of this machine (127.0.0.1) only"
    if here:
        return "an address of this machine is a stand-in; say rehearsal = true"
    return "" if where.scheme == "https" else "what is told of people goes over https:// only"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def read_secret(path: Path) -> str:
    """A password or key from its own file.

    Raises:
        ConfigError: it cannot be read, or is no single line.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "the secret cannot be read", "Give the path of a text file") from error
    if not text or len(text) > SECRET_MAX or not text.isprintable():
        raise ConfigError(str(path), "is not one line of text", "Write the secret and nothing else")
    return text


def missing(report: Report, shape: Shape) -> list[str]:
    """Fields that everybody needs in this operation and that are not there."""
    always = (field for field in shape.fields.get(report.op, ()) if field.needed and field.when == "always")
    return [field.name for field in always if not report.values.get(field.name)]


def allowed(report: Report, shape: Shape) -> dict[str, str]:
    """The values that may leave in this operation, whoever put others beside them."""
    names = {field.name for field in shape.fields.get(report.op, ())}
    return {name: value for name, value in sorted(report.values.items()) if name in names and value}


def printable(text: str, values: Mapping[str, str], most: int = 200) -> str:
    """What a recipient said, on one line and without what we told it: a complaint may quote a name."""
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    for value in sorted((value for value in values.values() if len(value) > 1), key=len, reverse=True):
        line = line.replace(value, "…")
    return line[:most]
