"""``gatehouse-sync registry …``: a community's spreadsheets laid beside its registry, and what people decide about rows."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.core.columns import Kind
from cloud_sync.core.roll import Bucket
from cloud_sync.errors import ConfigError
from cloud_sync.ports_imports import ImportSummary, Matter, RowResult
from cloud_sync.store.registry_import import RegistryImport

REJECTED = 1  # some rows wait for a person; the others are done
SHOWN = 50  # lines on a terminal; --report has them all
RUNS = 20
REPORT_HEAD = ("sheet", "line", "bucket", "reason", "unit", "detail")

registry_app = typer.Typer(
    help="Lay a community's spreadsheet beside the registry; people decide about what differs.",
    no_args_is_help=True,
)

Id = Annotated[str, typer.Argument(help="The row's id, as the work list prints it.")]
KindOption = Annotated[Kind, typer.Option(help="What its rows are about.")]


@registry_app.command("import")
def bring(
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8, UTF-16, GBK, GB 18030) or .xlsx.")],
    kind: KindOption = Kind.HOUSEHOLDS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every row and keep nothing.")] = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="This file is the registry: what matches nothing is taken in.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write what became of every row to this CSV; no names in it.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put every row in exactly one bucket; exit code 1 says that some wait for a person or a better file.

    The same file again changes nothing.  Nobody's access is touched.
    """
    with opened_books(config) as books, _reported(report) as write:
        one = RegistryImport(books.house, file, kind, actor=who_types(), adopt=adopt)
        shown = _Shown()

        def tell(row: RowResult) -> None:
            write(row)
            shown.tell(row)

        summary = one.run(dry_run=dry_run, tell=tell)
    shown.end()
    _echo_summary(summary)
    waits = summary.rows - summary.counts[Bucket.EXACT] - summary.adopted
    if waits:
        raise typer.Exit(REJECTED)


@registry_app.command("runs")
def runs(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """The files that were imported, newest first."""
    with opened_books(config) as books:
        for run in books.imports.runs(RUNS):
            counts = " ".join(f"{bucket}={run.counts[bucket]}" for bucket in Bucket)
            typer.echo(f"{run.run} {run.kind} {run.rows} rows {counts} by {run.by}: {run.file}")


@registry_app.command("worklist")
def worklist(
    bucket: Annotated[
        Bucket | None, typer.Option(help="Only these; rejected ones only if asked for.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="How many rows to print.")] = SHOWN,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Rows nobody has decided about yet; no names: ``registry show`` opens one."""
    with opened_books(config) as books:
        for matter in books.imports.open_matters(bucket, most):
            typer.echo(_line(matter))
        waiting = books.imports.waiting()
    typer.echo("waiting: " + ", ".join(f"{n} {name}" for name, n in waiting.items()))


@registry_app.command("show")
def show(
    row: Id,
    purpose: Annotated[str, typer.Option(help="Why you look; it is written down beside your name.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Open one row: its cells as they came, beside who is recorded there."""
    with opened_books(config) as books:
        opened = books.imports.open_matter(row, actor=who_types(), purpose=purpose)
    typer.echo(_line(opened.matter))
    for heading, cell in opened.row.items():
        typer.echo(f"  {heading}: {cell}")
    if opened.recorded:
        typer.echo(f"  recorded there: {opened.recorded}")
    if opened.matter.may:
        typer.echo(f"  decide: {', '.join(opened.matter.may)}")


@registry_app.command("decide")
def decide(
    row: Id,
    decision: Annotated[
        str,
        typer.Argument(
            help="same (the row is who is recorded), keep (the registry is right), add or replace."
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit, so no names.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Decide about one row, in your name and with a reason; nobody's access changes."""
    with opened_books(config) as books:
        books.imports.decide(row, decision, actor=who_types(), reason=reason)
    typer.echo(f"{row}: {decision}")


class _Shown:
    """The first rows that are not exact, on the terminal."""

    def __init__(self) -> None:
        self._left = 0

    def tell(self, row: RowResult) -> None:
        if row.bucket is Bucket.EXACT:
            return
        self._left += 1
        if self._left <= SHOWN:
            where = f"{row.sheet} line {row.line}".strip()
            typer.echo(" ".join(f"{where}: {row.bucket} ({row.reason}) {row.unit} {row.detail}".split()))

    def end(self) -> None:
        if self._left > SHOWN:
            typer.echo(f"… and {self._left - SHOWN} more; --report FILE.csv has every row")


def _echo_summary(summary: ImportSummary) -> None:
    for one in summary.skipped:
        typer.echo(f"sheet {one.sheet!r}: no headings, {one.rows} rows not read")
    counts = ", ".join(f"{summary.counts[bucket]} {bucket}" for bucket in Bucket)
    did = "dry run, nothing kept" if summary.dry_run else f"{summary.changed} changed"
    adopted = f", {summary.adopted} taken in" if summary.adopted else ""
    share = f"{100 * summary.matched / summary.rows:.1f} %" if summary.rows else "no rows"
    typer.echo(
        f"{summary.run} {summary.kind}: {summary.rows} rows: {counts}; matched {summary.matched}/{summary.rows} "
        f"({share}); {did}{adopted}"
    )


def _line(matter: Matter) -> str:
    where = f"{matter.file} {matter.sheet}".strip()
    return f"{matter.id} {matter.bucket} ({matter.reason}) {matter.unit or '-'} {where} line {matter.line}"


@contextmanager
def _reported(path: Path | None) -> Iterator[Callable[[RowResult], None]]:
    if path is None:
        yield lambda _row: None
        return
    try:
        file = path.open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise ConfigError(str(path), f"cannot be written ({error.strerror})", "Give another path") from error
    with file:
        write = csv.writer(file).writerow
        write(REPORT_HEAD)
        yield lambda row: write((row.sheet, row.line, row.bucket, row.reason, row.unit, row.detail))
