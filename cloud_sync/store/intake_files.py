"""Every file that ``gatehouse-sync import`` takes, by its kind: the records of ``imports`` and what else communities receive."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from cloud_sync.errors import ConfigError, Refused
from cloud_sync.ports import FeedKind, ImportReport
from cloud_sync.store import imports
from cloud_sync.store.imports import Form
from cloud_sync.store.intake_census import CENSUS
from cloud_sync.store.intake_found import ADVERTISEMENTS, COMPLAINTS, INSPECTIONS
from cloud_sync.store.intake_register import LISTING_STATES, OPERATORS, ROOMS
from cloud_sync.store.intake_reports import REPORTS, RETURNS
from cloud_sync.store.intake_units import GRIDS, UNITS, VERIFICATIONS
from cloud_sync.store.intake_visitors import VISITORS

_FEEDS: Mapping[FeedKind, Form] = {
    "advertisements": ADVERTISEMENTS,
    "census": CENSUS,
    "complaints": COMPLAINTS,
    "grids": GRIDS,
    "inspections": INSPECTIONS,
    "listing_states": LISTING_STATES,
    "operators": OPERATORS,
    "reports": REPORTS,
    "returns": RETURNS,
    "rooms": ROOMS,
    "units": UNITS,
    "verifications": VERIFICATIONS,
    "visitors": VISITORS,
}
FORMS: Mapping[str, Form] = MappingProxyType(
    {str(kind): form for kind, form in [*imports.FORMS.items(), *_FEEDS.items()]}
)


class TakesFiles(Protocol):
    def import_file(self, kind: str, data: bytes, *, actor: str) -> ImportReport: ...


class IntakeBooks(Protocol):
    """As much of a community's opened books as taking a file needs."""

    @property
    def registry(self) -> TakesFiles: ...


def form_of(kind: str) -> Form:
    """Raises Refused for a kind that nobody takes."""
    form = FORMS.get(kind)
    if form is None:
        raise Refused("import", f"{kind[:40]!r} cannot be imported; say one of {', '.join(sorted(FORMS))}.")
    return form


def take_file(books: IntakeBooks, kind: str, path: Path, *, actor: str) -> ImportReport:
    """Take one file of any kind; every row is answered, and the same file again changes nothing.

    Raises:
        ConfigError: the file cannot be opened.
        Refused: no such kind, or the file as a whole cannot be read; nothing was changed.
    """
    return books.registry.import_file(kind, data_of(kind, path), actor=actor)


def data_of(kind: str, path: Path) -> bytes:
    """What stands in a file of a kind that is taken here; nothing of the community has to be open for it.

    Raises:
        ConfigError: the file cannot be opened.
        Refused: no such kind.
    """
    form_of(kind)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be read ({error.strerror})", "Give the path of a CSV file or a spreadsheet"
        ) from error
