"""``gatehouse-sync archive``: old events into files by hand, and the proof that files are whole."""

from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books
from cloud_sync.config import SyncConfig
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import ConfigError
from cloud_sync.store.archive import archive, check_files

archive_app = typer.Typer(help="Old events in Parquet files.", no_args_is_help=True)


@archive_app.command("run")
def run(
    config: ConfigOption = DEFAULT_CONFIG,
    days: Annotated[
        int | None, typer.Option(min=35, help="Older than this; without it [archive] hot_days.")
    ] = None,
) -> None:
    """Move old events into files now; prints how many, the files, and the ledgers that had to stay."""
    with opened_books(config) as books:
        hot_days = days or books.config.archive.hot_days
        before_ms = books.clock.now_ms() - hot_days * DAY_MS
        done = archive(books.engine, books.config.community.code, before_ms, _folder(books.config))
    typer.echo(f"{done.events} events in {len(done.files)} files")
    for line in (*done.files, *done.kept):
        typer.echo(line)


@archive_app.command("check")
def check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Prove every file: complete, and its hash chain unbroken. One line per finding; none is good."""
    with opened_books(config) as books:
        found = list(check_files(books.engine, books.config.community.code, _folder(books.config)))
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(1)
    typer.echo("no findings")


def _folder(config: SyncConfig) -> Path:
    if config.archive.folder is None:
        raise ConfigError("archive.folder", "it is not set", "Name the folder for the files")
    return config.archive.folder
