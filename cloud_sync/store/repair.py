"""``gatehouse-sync db …``: look at the database, take things out of it, prove that it is whole.

sqlite-utils does the looking; nothing here changes a row, and only ``vacuum`` writes at all.
"""

import csv
import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO

import typer

from cloud_sync.errors import StoreError, SyncError
from cloud_sync.store.engine import driver, open_database, store_error
from cloud_sync.store.lean import Database
from cloud_sync.store.proof import proofs
from cloud_sync.store.repair_check import findings

ROWS_DEFAULT = 20
ROWS_MAX = 1_000_000  # an export of everything a reference site records in two weeks
# What would let somebody in is not for a terminal's scroll-back.
SECRET = {"password_hash", "token_hash", "guest_token_hash", "csrf"}
HIDDEN = "(hidden)"

db_app = typer.Typer(
    name="db", help="Look at, export, check and tidy the service's database.", no_args_is_help=True
)

Row = dict[str, Any]


@db_app.callback()
def database(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option("--database", envvar="GATEHOUSE_DATABASE", help="The database file."),
    ] = None,
) -> None:
    """The file comes from the option, or from the command this is mounted in (``ctx.obj``: a Path, or an address)."""
    if file is None and isinstance(context.obj, str):
        if context.invoked_subcommand not in ("check", "proof"):
            _give_up("Only 'db check' and 'db proof' look into PostgreSQL; psql does the rest.")
        return
    chosen = file or (context.obj if isinstance(context.obj, Path) else None)
    if chosen is None:
        _give_up("Which database? Name it with --database FILE.")
    if not chosen.is_file():
        _give_up(f"{chosen}: there is no such file.")
    context.obj = chosen


@db_app.command("tables")
def tables(context: typer.Context) -> None:
    """Every table with its number of rows."""
    with _open(context) as db:
        for table in sorted(db.tables, key=lambda table: str(table.name)):
            if str(table.name).startswith("sqlite_"):
                continue  # SQLite's own
            typer.echo(f"{table.name}\t{table.count}")


@db_app.command("rows")
def rows(
    context: typer.Context,
    table: str,
    limit: Annotated[int, typer.Option(min=1, max=ROWS_MAX)] = ROWS_DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line (default).")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma separated, with a header.")] = False,
) -> None:
    """Rows of one table, in the order they are stored."""
    if as_json and as_csv:
        _give_up("Choose one of --json and --csv.")
    with _open(context) as db:
        _write(_rows(db, table, limit), sys.stdout, as_csv=as_csv)


@db_app.command("export")
def export(context: typer.Context, table: str, file: Path) -> None:
    """One whole table into FILE: .csv, or .jsonl with one object a line."""
    if file.suffix not in (".csv", ".jsonl"):
        _give_up(f"{file}: the name must end in .csv or .jsonl.")
    with _open(context) as db:
        found = _rows(db, table, ROWS_MAX)
        try:
            with file.open("w", newline="", encoding="utf-8") as out:
                count = _write(found, out, as_csv=file.suffix == ".csv")
        except OSError as error:
            _give_up(f"{file}: cannot be written ({error.strerror}).")
    typer.echo(f"{count} rows of {table} written to {file}")


@db_app.command("proof")
def proof(context: typer.Context) -> None:
    """For every ledger of every node: how far it is held, what is declared lost, and up to where its node has signed.

    The exit code is 1 where a chain contradicts what its node signed.
    """
    try:
        engine = open_database(context.obj)
        found = list(proofs(engine))
        engine.dispose()
    except SyncError as error:
        _give_up(str(error))
    for one in found:
        typer.echo(one.line())
    if any(one.broken is not None for one in found):
        raise typer.Exit(1)


@db_app.command("check")
def check(context: typer.Context) -> None:
    """Prove the database whole: pages, chains, anchors, counters and marks. One line per finding; none is good."""
    try:
        engine = open_database(context.obj)
        found = list(findings(engine))
        engine.dispose()
    except SyncError as error:
        _give_up(str(error))
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(1)
    typer.echo("no findings")


@db_app.command("vacuum")
def vacuum(context: typer.Context) -> None:
    """Give free pages back to the disk."""
    path: Path = context.obj
    before = path.stat().st_size
    try:
        engine = open_database(path)
        with closing(driver(engine)) as db:
            db.execute("vacuum")
            db.execute("pragma wal_checkpoint(truncate)")
        engine.dispose()
    except sqlite3.Error as error:
        _give_up(str(store_error(path, error)))
    except StoreError as error:
        _give_up(str(error))
    typer.echo(f"{before} -> {path.stat().st_size} bytes")


# --- helpers ------------------------------------------------------------------------------------------------


class _Reading:
    """Opened read-only: looking can never change what is looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Database:
        self._connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            self._connection.execute("select 1 from sqlite_master limit 1")
        except sqlite3.Error as error:
            self._connection.close()
            _give_up(str(store_error(self._path, error)))
        return Database(self._connection)

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()


def _open(context: typer.Context) -> _Reading:
    return _Reading(context.obj)


def _rows(db: Database, table: str, limit: int) -> Iterator[Row]:
    if table not in db.table_names():
        _give_up(f"There is no table {table!r}; 'db tables' lists them.")
    return (_shown(row) for row in db[table].rows_where(limit=limit))


def _shown(row: Row) -> Row:
    return {name: HIDDEN if name in SECRET else _plain(value) for name, value in row.items()}


def _plain(value: object) -> object:
    """Bodies are JSON text in a blob; other bytes are shown as hex."""
    if not isinstance(value, bytes):
        return value
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return text if text.isprintable() else value.hex()


def _write(found: Iterable[Row], out: TextIO, *, as_csv: bool) -> int:
    count = 0
    writer: csv.DictWriter[str] | None = None
    for row in found:
        count += 1
        if not as_csv:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            continue
        if writer is None:
            writer = csv.DictWriter(out, fieldnames=list(row))
            writer.writeheader()
        writer.writerow(row)
    return count


def _give_up(sentence: str) -> NoReturn:
    """One sentence on stderr, exit code 2."""
    typer.echo(sentence, err=True)
    raise typer.Exit(2)
