"""``gatehouse-sync booking …``, ``prove`` and ``dry-run``: what staff do about one stay or one door by hand."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.compose import Books
from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import Refused
from cloud_sync.ports_guest import FormAnswer
from cloud_sync.ports_staff import PROOFING_OF, Proof, ProofMethod
from cloud_sync.store.rows import RowFault, moment_ms

booking_app = typer.Typer(
    help="Change a booking by hand; nodes hold it within seconds.", no_args_is_help=True
)
dry_run_app = typer.Typer(help="Doors that only take notes.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why; it stands in the audit, so no names.")]
Until = Annotated[
    str, typer.Argument(help="The new departure, such as 2026-05-02T12:00, in the community's time.")
]
DAYS_MAX = 90


def _departure(books: Books, until: str) -> int:
    try:
        return moment_ms(until, "UNTIL", books.house)
    except RowFault as fault:
        raise Refused("booking", f"{fault}.") from None


def _held_departure(books: Books, source: str, ref: str) -> int:
    return books.registry.party(source, ref, privy=True).planned_out_ms


@booking_app.command("cancel")
def booking_cancel(source: str, ref: str, reason: Reason, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Cancel: before arrival nobody comes in; somebody inside keeps the way out.  Prints the stay's state."""
    with opened_books(config) as books:
        typer.echo(books.registry.cancel_booking(source, ref, actor=who_types(), reason=reason))


@booking_app.command("extend")
def booking_extend(
    source: str, ref: str, until: Until, reason: Reason, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Depart later; the same codes and PIN go on.  Prints the stay's state."""
    with opened_books(config) as books:
        departure_ms = _departure(books, until)
        if departure_ms < _held_departure(books, source, ref):
            raise Refused("booking", "that is earlier than the departure on record; say 'booking shorten'.")
        typer.echo(books.registry.move_departure(source, ref, departure_ms, actor=who_types(), reason=reason))


@booking_app.command("shorten")
def booking_shorten(
    source: str, ref: str, until: Until, reason: Reason, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Depart earlier.  Prints the stay's state."""
    with opened_books(config) as books:
        departure_ms = _departure(books, until)
        if departure_ms > _held_departure(books, source, ref):
            raise Refused("booking", "that is later than the departure on record; say 'booking extend'.")
        typer.echo(books.registry.move_departure(source, ref, departure_ms, actor=who_types(), reason=reason))


@booking_app.command("move")
def booking_move(
    source: str, ref: str, room: str, reason: Reason, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Another room; the old one's door stops opening.  Prints the stay's state."""
    with opened_books(config) as books:
        typer.echo(books.registry.move_room(source, ref, room, actor=who_types(), reason=reason))


def prove(
    source: str,
    ref: str,
    reason: Reason,
    by_call: Annotated[
        bool, typer.Option("--by-call", help="Seen on a call, level 3; without it in person, level 4.")
    ] = False,
    document_type: Annotated[str, typer.Option(help="Such as resident_id or passport.")] = "resident_id",
    nationality: Annotated[str, typer.Option(help="For a passport: three letters, such as FRA.")] = "",
    minor: Annotated[bool, typer.Option("--minor", help="Under age: the guardian is asked for too.")] = False,
    member: Annotated[str, typer.Option(help="Whose place in the party; without it the next free one.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Prove a guest you have seen with their document: verifies the registration and arms the pass, room included.

    Name, number and birth date are asked for, or read as lines from stdin, so that no list of commands keeps them.
    """
    method: ProofMethod = "live-video" if by_call else "staff"
    with opened_books(config) as books:
        form = {
            "name": _asked("Name"),
            "document_type": document_type,
            "document_number": _asked("Document number"),
            "birth_date": _asked("Birth date (1990-01-31)"),
            "nationality": nationality,
            "guardian_contact": _asked("Guardian's contact") if minor else "",
            "relation": _asked("Guardian's relation") if minor else "",
        }
        proof = Proof(source, ref, method, reason, form, subject_ref=member)
        done = books.registry.prove(proof, actor=who_types())
    if isinstance(done, FormAnswer):
        raise Refused("prove", f"{'; '.join(f'{name}: {fault}' for name, fault in done.faults.items())}.")
    typer.echo(f"{done.pass_id} {done.pass_state} level={PROOFING_OF[method]} {' '.join(done.doors)}")


def _asked(question: str) -> str:
    return str(typer.prompt(question, err=True))


@dry_run_app.command("report")
def dry_run_report(
    access_point: str,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX)] = 7,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """What a door on trial would have denied: how often, for which reason, by which kind of credential and class."""
    with opened_books(config) as books:
        since_ms = books.clock.now_ms() - days * DAY_MS
        report = books.registry.dry_run_report(access_point, since_ms=since_ms)
    typer.echo(f"{access_point} {_utc(report.since_ms)} to {_utc(report.until_ms)}")
    typer.echo(f"would deny {report.would_deny} of {report.asked} asked")
    for line in report.denials:
        typer.echo(f"{line.count:6d} {line.reason} {line.credential_kind} {line.cls or 'nobody known'}")


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
