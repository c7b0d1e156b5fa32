"""``gatehouse-sync intake …``, ``return …`` and ``walk-in``: who may bring bookings, daily returns, guests without a booking."""

from datetime import UTC, datetime
from typing import Annotated, cast, get_args

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.errors import NotFound, Refused
from cloud_sync.feeding import FeedWork
from cloud_sync.ports_booking import KeyKind, WalkIn
from cloud_sync.store.booking_desk import SqlBookingDesk
from cloud_sync.store.feeds import SqlFeeds

intake_app = typer.Typer(
    help="Keys of programs that bring bookings or returns, and calendars.", no_args_is_help=True
)
return_app = typer.Typer(help="Operators' daily returns.", no_args_is_help=True)

MISSING = 1  # exit code of 'return missing' where one is


@intake_app.command("key")
def intake_key(
    name: Annotated[str, typer.Argument(help="What this key is called here.")],
    subject: Annotated[
        str, typer.Argument(help="The source whose bookings it brings, or the operator it files for.")
    ],
    kind: Annotated[str, typer.Option(help="bookings or returns")] = "bookings",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make a key and print it, this once."""
    if kind not in get_args(KeyKind):
        raise Refused("intake.kind", f"{kind!r} is not one of {', '.join(get_args(KeyKind))}.")
    with opened_books(config) as books:
        desk = SqlBookingDesk(books.house)
        typer.echo(desk.make_key(name, cast("KeyKind", kind), subject, actor=who_types()))


@intake_app.command("end")
def intake_end(name: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """End a key; it opens nothing any more."""
    with opened_books(config) as books:
        SqlBookingDesk(books.house).end_key(name, actor=who_types())
    typer.echo(f"{name}: ended")


@intake_app.command("keys")
def intake_keys(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every key: name, kind, whose, since when, and whether it has ended."""
    with opened_books(config) as books:
        for key in SqlBookingDesk(books.house).given_keys():
            ended = f" ended {_utc(key.ended_ms)}" if key.ended_ms else ""
            typer.echo(f"{key.name} {key.kind} {key.subject} {_utc(key.made_ms)}{ended}")


@intake_app.command("booking")
def intake_booking(source: str, ref: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """How a booking stands, and every revision that was told of it, the newest first."""
    with opened_books(config) as books:
        held = SqlBookingDesk(books.house).look(source, ref)
    typer.echo(
        f"{held.source} {held.external_ref} {held.state} revision {held.revision} stay {held.stay_state}"
    )
    typer.echo(
        f"{held.room} {_utc(held.arrival_ms)} {_utc(held.departure_ms)} registered {held.registered}/{held.headcount}"
    )
    for one in held.tellings:
        typer.echo(
            f"  revision {one.revision} {one.effect} told {one.times} times since {_utc(one.first_ms)}"
        )


@intake_app.command("feeds")
def intake_feeds(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every calendar of the configuration, when it was last read well, and what is wrong with it."""
    with opened_books(config) as books:
        feeds = SqlFeeds(books.house)
        for feed in books.config.booking_feeds:
            state = feeds.state(feed.name)
            good = _utc(state.good_ms) if state.good_ms else "never"
            typer.echo(f"{feed.name} {feed.room} read {good} misses={state.misses} {state.fault}".rstrip())


@intake_app.command("read")
def intake_read(feed: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Read one calendar now; prints what it changed."""
    with opened_books(config) as books:
        wanted = [one for one in books.config.booking_feeds if one.name == feed]
        if not wanted:
            raise NotFound(f"the configuration has no calendar {feed}.")
        feeds = SqlFeeds(books.house)
        done = FeedWork(feeds, books.config, books.clock).read(wanted[0])
        state = feeds.state(feed)
    if done is None or state.misses:
        typer.echo(state.fault or "nothing changed")
        return
    for said in done.said:
        typer.echo(said)
    typer.echo(f"{done.taken} taken, {done.cancelled} cancelled, {done.refused} refused")


@return_app.command("file")
def return_file(
    operator: str,
    day: Annotated[str, typer.Argument(help="Such as 2026-05-01.")],
    guests: Annotated[int | None, typer.Option(min=0, help="How many guests there were.")] = None,
    nil: Annotated[bool, typer.Option("--nil", help="There were none.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """File an operator's return for a day; filed again, the newer number stands."""
    if nil == (guests is not None):
        raise Refused("return", "say either --guests N or --nil.")
    with opened_books(config) as books:
        filed = SqlBookingDesk(books.house).file_return(operator, day, guests or 0, actor=who_types())
    said = "nil" if filed.guests == 0 else f"{filed.guests} guests"
    typer.echo(f"{filed.operator} {filed.day}: {said} ({filed.status})")


@return_app.command("missing")
def return_missing(
    days: Annotated[int, typer.Option(min=1, max=31, help="How far back.")] = 7,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Returns whose time is over and that nobody filed; exit code 1 says that there are some."""
    with opened_books(config) as books:
        missing = SqlBookingDesk(books.house).missing_returns(days=days)
    for one in missing:
        typer.echo(f"{one.operator} {one.day} due {_utc(one.due_ms)}")
    if missing:
        raise typer.Exit(MISSING)


def walk_in(
    room: str,
    until: Annotated[
        str, typer.Argument(help="The departure, such as 2026-05-02T12:00, in the community's time.")
    ],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit, so no names.")],
    headcount: Annotated[int, typer.Option(min=1, max=99, help="How many people.")] = 1,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """A stay from now on for somebody without a booking; prints what to give to 'prove' for each person."""
    with opened_books(config) as books:
        made = SqlBookingDesk(books.house).walk_in(WalkIn(room, until, headcount, reason), actor=who_types())
    typer.echo(f"{made.source} {made.external_ref}")


def luggage(
    source: str,
    ref: str,
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit, so no names.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """One way back within two hours of a cancellation during the stay: prints a code for gate and unit door; go along to the room."""
    with opened_books(config) as books:
        made = SqlBookingDesk(books.house).reenter(source, ref, actor=who_types(), reason=reason)
    typer.echo(made.text)
    typer.echo(f"{made.pass_id} until {_utc(made.expires_ms)} {' '.join(made.doors)}")


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
