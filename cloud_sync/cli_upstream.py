"""``gatehouse-sync upstream …``: reports to authorities, and what a person does about one that needs them."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.connectors.upstream.alloggiati_web import AlloggiatiWeb
from cloud_sync.connectors.upstream.ways import open_upstream
from cloud_sync.core.lifecycles_upstream import NEEDS_A_PERSON, SubmissionState
from cloud_sync.errors import NotFound, Refused, StoreError
from cloud_sync.ports_upstream import DisclosureLine, SubmissionLine
from cloud_sync.store.upstream_read import StoredUpstream, send_again, settle

LISTED_MAX = 200
NEED = 1  # the exit code of a list in which something waits for a person

upstream_app = typer.Typer(
    help="Reports to authorities: what was told, what waits, and what needs a person.", no_args_is_help=True
)

Id = Annotated[str, typer.Argument(help="The report's id, US-…")]
Reason = Annotated[str, typer.Option(help="Why, in one line without names; it goes on record.")]


@upstream_app.command("list")
def list_reports(
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Reports that wait or need a person, newest first; exit code 1 when one needs a person."""
    states = () if every else (*sorted(NEEDS_A_PERSON), SubmissionState.QUEUED, SubmissionState.SENT)
    with opened_books(config) as books:
        reader = StoredUpstream(books.house)
        if reader.synthetic:
            typer.echo("this community is synthetic: nothing is ever reported of its people.")
        lines = reader.lines(most=LISTED_MAX, states=states)
        waiting = sum(one.count for one in reader.tallies() if one.state in NEEDS_A_PERSON)
    for line in lines:
        typer.echo(sentence(line))
    if waiting:
        typer.echo(f"{waiting} need a person: 'upstream show', then 'upstream retry' or 'upstream settle'.")
        raise typer.Exit(NEED)


@upstream_app.command("show")
def show(submission: Id, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """One report: how it stands, and every telling with the fields that left; never their values."""
    with opened_books(config) as books:
        reader = StoredUpstream(books.house)
        line = reader.line(submission)
        told = reader.disclosures_about(submission)
    typer.echo(sentence(line))
    typer.echo(
        f"  registration {line.registration}, due {_when(line.due_ms)}, known there as {line.reference}"
    )
    for one in told:
        typer.echo(f"  {disclosure(one)}")


@upstream_app.command("retry")
def retry(
    submission: Id,
    reason: Reason,
    not_there: Annotated[
        bool,
        typer.Option(help="You looked in the recipient's own pages, and it is not there: send it anew."),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send a refused or dead report again, with all its tries."""
    with opened_books(config) as books:
        send_again(books.house, submission, reason, actor=who_types(), looked=not_there)


@upstream_app.command("settle")
def settle_report(
    submission: Id,
    receipt: Annotated[str, typer.Option(help="The recipient's number of it, as you read it there.")],
    reason: Reason,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say that the recipient has a dead report, with the number you read in its own pages."""
    with opened_books(config) as books:
        settle(books.house, submission, receipt, reason, actor=who_types())


@upstream_app.command("day-receipt")
def day_receipt(
    day: Annotated[str, typer.Argument(help="A past day such as 2026-05-01; the portal keeps thirty.")],
    out: Annotated[Path, typer.Option(help="Where the PDF goes; it names guests.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Fetch Alloggiati Web's own receipt of one day, which the law has hosts keep for five years."""
    with opened_books(config) as books:
        if StoredUpstream(books.house).synthetic:
            raise Refused("upstream.synthetic", "a synthetic community reports to nobody.")
        portal = open_upstream(books.config.upstream).get("alloggiati_web")
    if not isinstance(portal, AlloggiatiWeb):
        raise NotFound("there is no table [upstream.alloggiati_web] in the configuration.")
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise Refused("upstream.day", f"{day!r} is not a day such as 2026-05-01.") from None
    pdf = portal.day_receipt(wanted)
    try:
        out.touch(mode=0o600)
        out.write_bytes(pdf)
    except OSError as error:
        raise StoreError(f"{out}: the receipt cannot be written ({error.strerror}).") from error


def sentence(line: SubmissionLine) -> str:
    """One line: ``US-… lodging_report submit ACKED, 1 sent, receipt LR-7``."""
    parts = [f"{line.id} {line.connector} {line.op} {line.state}, {line.sends} sent"]
    if line.receipt:
        parts.append(f"receipt {line.receipt}")
    if line.next_ms is not None:
        parts.append(f"next {_when(line.next_ms)}")
    if line.problem:
        parts.append(line.problem)
    return ", ".join(parts)


def disclosure(line: DisclosureLine) -> str:
    came = line.outcome or "no answer on record"
    number = f" {line.receipt}" if line.receipt else ""
    fields = " ".join(line.fields) or "no field of a person"
    return f"{_when(line.at_ms)} to {line.recipient}: {fields}; {came}{number}"


def _when(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%MZ}"
