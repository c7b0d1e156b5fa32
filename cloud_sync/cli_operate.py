"""``gatehouse-sync backup``, ``restore``, ``new-generation`` and ``doctor``: what whoever operates the service types."""

from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption
from cloud_sync.config import SyncConfig, load
from cloud_sync.errors import ConfigError
from cloud_sync.jobs import SystemClock
from cloud_sync.store.backup import make_backup, renew_generation, renew_generation_of, restore
from cloud_sync.store.backup_clock import KEEP_DAYS_MOST, end_old_backups

REMEDY = (
    "Copy that database with pg_dump, and vault.db, staging.db, keys, tls and bus of data_dir beside it; once all are back "
    "in place, run 'gatehouse-sync new-generation'"
)
BACKUP_FOLDER = "A new or empty folder; what is in it opens every door, so lock it away."


def _in_a_file(config: SyncConfig) -> SyncConfig:
    """The configuration, when its books stand in a file.

    Raises:
        ConfigError: they stand in PostgreSQL.
    """
    if config.database_url:
        raise ConfigError(
            "database_url", "the books stand in PostgreSQL, which is not copied from here", REMEDY
        )
    return config


def back_up(
    folder: Annotated[Path, typer.Argument(help=BACKUP_FOLDER)],
    config: ConfigOption = DEFAULT_CONFIG,
    keep_days: Annotated[
        int | None,
        typer.Option(
            min=1, max=KEEP_DAYS_MOST, help="Then delete the backups beside it that are older than this."
        ),
    ] = None,
) -> None:
    """Copy all databases, keys and certificates as they stand at one moment; the service may run."""
    settings = _in_a_file(load(config))
    made = make_backup(settings.data_dir, folder, settings.community.code, SystemClock().now_ms())
    size = sum(entry.size for entry in made.files)
    typer.echo(
        f"{folder}: {len(made.files)} files, {size:,} bytes, {made.events:,} events, as of {made.made}"
    )
    if keep_days is not None:
        for name in end_old_backups(folder, settings.community.code, SystemClock().now_ms(), keep_days):
            typer.echo(f"ended: {name}")
    if settings.archive.folder is not None:
        typer.echo(f"not in it: the events that left for {settings.archive.folder}; copy that folder too.")


def bring_back(
    folder: Annotated[Path, typer.Argument(help="A folder that 'backup' wrote.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put a backup in place of the data there is (moved aside); every gate then sends what the backup lacks."""
    settings = _in_a_file(load(config))
    done = restore(settings.data_dir, folder, settings.community.code, SystemClock().now_ms())
    typer.echo(
        f"restored: {done.manifest.events:,} events as of {done.manifest.made}; generation {done.generation}"
    )
    if done.before is not None:
        typer.echo(
            f"what stood there before: {done.before} (it holds persons: delete it when you are content)"
        )
    typer.echo(
        "bookings, consents and erasures made since then are not in it: import and erase them again; what has run out "
        "since then ends with the next night, or now by 'retention run'."
    )


def new_generation(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say that the database came back by other means than 'restore'; every gate then sends what it lacks."""
    settings = load(config)
    if settings.database_url:
        generation = renew_generation_of(settings.books, settings.community.code)
    else:
        generation = renew_generation(settings.data_dir)
    typer.echo(f"generation {generation}")


def doctor(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say in plain words what is wrong here; changes nothing, exit code 1 when something is."""
    from cloud_sync.doctor import examine  # it knows the pages, which no other command loads

    found = list(examine(load(config), SystemClock().now_ms()))
    for finding in found:
        typer.echo(str(finding))
    wrong = sum(finding.level != "good" for finding in found)
    typer.echo(f"{wrong} of {len(found)} to be looked at" if wrong else "nothing is wrong")
    if wrong:
        raise typer.Exit(1)
