"""``gatehouse-sync listing …``: units and operators on file, filing for an operator with papers, and the plate."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.compose import Books
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.roles import Role
from cloud_sync.errors import ConfigError, Refused
from cloud_sync.ports_model import FilingWish, OperatorWish, Person, RoomWish, UnitWish

listing_app = typer.Typer(
    help="Units, operators and listings: put on file, filed, looked at.", no_args_is_help=True
)

Listing = Annotated[str, typer.Argument(help="Its number, FY-…")]
Operator = Annotated[str, typer.Argument(help="The operator's id, such as OP-0001.")]


def _me() -> Person:
    """Whoever may type here holds the books; decisions about listings are for people with a login all the same."""
    return Person(who_types(), Role.ADMIN)


@listing_app.command("unit")
def unit(
    unit: Annotated[str, typer.Argument(help="The unit as the community writes it, such as 12-3-1201.")],
    building: Annotated[str, typer.Option(help="The building it is in.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in its history.")],
    grid: Annotated[str, typer.Option(help="The micro-grid it belongs to.")] = "",
    use: Annotated[str, typer.Option(help="self, long_let, short_let, vacant or unknown.")] = "unknown",
    ownership: Annotated[str, typer.Option(help="own, lease, shared or unknown.")] = "unknown",
    residents: Annotated[int, typer.Option(help="How many live there; no names.", min=-1)] = -1,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Enter a unit or correct it; each change is a line of its history."""
    with opened_books(config) as books:
        wish = UnitWish(unit, building, grid=grid, use=use, ownership=ownership)
        books.listings.put_unit(wish, reason, _me())
        if residents >= 0:
            books.listings.count_residents(unit, "resident", residents, _me())


@listing_app.command("operator")
def operator(
    operator: Operator,
    kind: Annotated[str, typer.Option(help="person or company.")] = "person",
    user: Annotated[str, typer.Option(help="The login that speaks for it.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Enter an operator; name, phone and document number are asked for, or read as lines from stdin, and sealed."""
    asked = (("name", "Name"), ("phone", "Phone"), ("document_number", "Document number or USCC"))
    sealed = {name: str(typer.prompt(question, default="", err=True)) for name, question in asked}
    with opened_books(config) as books:
        books.listings.put_operator(OperatorWish(operator, kind, user, sealed), _me())


@listing_app.command("login")
def login(
    operator: Operator,
    name: Annotated[str, typer.Argument(help="What this person logs in with.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """A login for an operator's own pages and for no other operator's; the password is asked for, or a line from stdin."""
    password = str(typer.prompt("Password", hide_input=sys.stdin.isatty(), err=True))
    with opened_books(config) as books:
        books.operators.give_login(operator, name, password, _me())


@listing_app.command("contact")
def contact(
    operator: Operator,
    by: Annotated[str, typer.Option(help="A way the configuration has a table for; empty: its page alone.")],
    lang: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Where an operator is told at once what happens to its listings; the address is asked for, and sealed."""
    address = str(typer.prompt("Address", default="", err=True)) if by else ""
    with opened_books(config) as books:
        if by and by not in books.config.notify:
            known = ", ".join(books.config.notify) or "none"
            raise ConfigError(f"notify.{by}", "there is no such table", f"Tables there: {known}")
        books.operators.set_contact(operator, by, address, lang, _me())


@listing_app.command("operator-leaves")
def operator_leaves(
    operator: Operator,
    reason: Annotated[str, typer.Option(help="Why; it stands in its history.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """The operator lets nothing here any more; three years later nothing is known of it."""
    with opened_books(config) as books:
        books.listings.operator_leaves(operator, reason, _me())


@listing_app.command("staff")
def staff(
    operator: Operator,
    ref: Annotated[str, typer.Argument(help="The person's reference in the staff file.")],
    role: Annotated[str, typer.Option(help="What they do, such as cleaner.")],
    days: Annotated[int, typer.Option(help="For how many days from now.", min=1, max=3660)] = 365,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Somebody of the staff file works for this operator."""
    with opened_books(config) as books:
        now_ms = books.clock.now_ms()
        until_ms = now_ms + days * DAY_MS
        books.listings.put_staff(operator, ref, role, _me(), from_ms=now_ms, until_ms=until_ms)


@listing_app.command("interest")
def interest(
    user: Annotated[str, typer.Argument(help="The login of who is close to the operator.")],
    operator: Operator,
    kind: Annotated[str, typer.Option(help="relative, partner, landlord, employer or other.")] = "other",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """From now on this person judges nothing of that operator."""
    with opened_books(config) as books:
        books.listings.flag_interest(user, operator, kind, _me())


@listing_app.command("duty")
def duty(
    user: Annotated[str, typer.Argument(help="A login.")],
    role: Annotated[Role, typer.Option(help="The role it is for.")],
    scope: Annotated[str, typer.Option(help="community, grid:…, building:… or operator:…")],
    days: Annotated[int, typer.Option(help="For how many days from now.", min=1, max=3660)] = 365,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """A role with dates and a place; who has any acts only within one.  Prints its id."""
    with opened_books(config) as books:
        now_ms = books.clock.now_ms()
        until_ms = now_ms + days * DAY_MS
        typer.echo(books.listings.give_duty(user, role, scope, _me(), from_ms=now_ms, until_ms=until_ms))


@listing_app.command("file")
def file(
    operator: Operator,
    unit: Annotated[str, typer.Option(help="A unit of the register.")],
    name: Annotated[str, typer.Option(help="What it is called.")],
    room: Annotated[list[str], typer.Option(help="label:beds:guests, such as 301:2:2; once for each.")],
    max_guests: Annotated[int, typer.Option(help="The most guests at once.", min=1)],
    ownership: Annotated[str, typer.Option(help="own, lease or shared.")] = "own",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """File a listing for an operator who comes with papers; prints its number.  Whoever files it does not review it."""
    rooms = tuple(_room(text) for text in room)
    with opened_books(config) as books:
        wish = FilingWish(operator, unit, name, max_guests, rooms, ownership)
        typer.echo(books.listings.file(wish, _me()))


def _room(text: str) -> RoomWish:
    label, _, numbers = text.partition(":")
    beds, _, guests = numbers.partition(":")
    if not (beds.isdecimal() and guests.isdecimal()):
        raise ConfigError("--room", f"{text!r} cannot be read", "Say label:beds:guests, such as 301:2:2")
    return RoomWish(label, int(beds), int(guests))


@listing_app.command("document")
def document(
    listing: Listing,
    kind: Annotated[str, typer.Argument(help="Such as ownership or floor_plan.")],
    state: Annotated[str, typer.Argument(help="declared, seen or absent.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Note how a document stands; no picture of it is kept."""
    with opened_books(config) as books:
        books.listings.declare(listing, kind, state, _me())


@listing_app.command("acknowledge")
def acknowledge(
    operator: Operator,
    kind: Annotated[str, typer.Argument(help="commitment or covenant.")],
    version: Annotated[int, typer.Option(help="Which version of the text.", min=1)] = 1,
    language: Annotated[str, typer.Option(help="zh or en: the text they signed.")] = "zh",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep that the operator has acknowledged this text."""
    with opened_books(config) as books:
        books.listings.acknowledge(operator, kind, version, language, _me())


@listing_app.command("submit")
def submit(listing: Listing, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Submit a draft; prints the state, or everything that is missing."""
    with opened_books(config) as books:
        typer.echo(books.listings.submit(listing, _me()))


@listing_app.command("deposit")
def deposit(
    operator: Operator,
    kind: Annotated[str, typer.Argument(help="paid or refunded.")],
    yuan: Annotated[int, typer.Argument(help="How many yuan.", min=1)],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """One line of the deposit ledger; prints the balance.  Deductions are sanctions, confirmed by two people."""
    with opened_books(config) as books:
        typer.echo(f"{books.listings.pay_deposit(operator, kind, yuan * 100, _me()) / 100:.2f}")


@listing_app.command("rules")
def rules(
    file: Annotated[
        Path | None, typer.Argument(help="A CSV file of rules; without it they are listed.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """The catalogue of rules: bring the community's own, or list what holds.  A rule that changes is a new version."""
    with opened_books(config) as books:
        if file is None:
            for rule in books.listings.rules():
                typer.echo(
                    f"{rule.id} v{rule.version} {rule.points} points, tier {rule.tier}: {rule.zh} / {rule.en}"
                )
            return
        try:
            data = file.read_bytes()
        except OSError as error:
            raise ConfigError(
                str(file), f"cannot be read ({error.strerror})", "Give the path of a CSV file"
            ) from error
        counted = books.listings.take_rules(data, _me())
    typer.echo(", ".join(f"{n} {word}" for word, n in counted.items()))


@listing_app.command("bands")
def bands(
    start: Annotated[int, typer.Option(help="How many points a listing starts with.")],
    green: Annotated[int, typer.Option(help="Green from how many on.")],
    blue: Annotated[int, typer.Option(help="Blue from how many on.")],
    yellow: Annotated[int, typer.Option(help="Yellow from how many on; below it is red.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Another table of bands, from now on; prints its version."""
    with opened_books(config) as books:
        typer.echo(books.listings.put_bands(start, green, blue, yellow, _me()))


@listing_app.command("list")
def list_listings(
    state: Annotated[str, typer.Option(help="Only this state.")] = "", config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Every listing: number, state, unit, operator, points, band."""
    with opened_books(config) as books:
        for row in books.listings.rows(state):
            standing = row.standing
            typer.echo(f"{row.listing} {row.state} {row.unit} {row.operator} {standing.left} {standing.band}")


@listing_app.command("show")
def show(listing: Listing, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """One listing: its state, what is missing for a code, and its history."""
    with opened_books(config) as books:
        view = books.listings.listing(listing, _me())
    lacks = view.missing
    typer.echo(f"{listing} {view.row.state} guests inside: {view.in_house}")
    if lacks.documents or lacks.letters or lacks.items:
        typer.echo(f"missing: {' '.join((*lacks.documents, *lacks.letters, *lacks.items))}")
    for step in view.history:
        at = datetime.fromtimestamp(step.at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
        change = " → ".join(part for part in (step.before, step.after) if part)
        typer.echo(f"{at} {step.action} {change} {step.actor} {step.reason}".rstrip())


@listing_app.command("plate")
def plate(
    listing: Listing,
    out: Annotated[Path, typer.Argument(help="The PDF to write.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """The plate of a coded listing as PDF, to be printed and put up at the door."""
    from cloud_sync.web.listings.plate import plate_pdf

    with opened_books(config) as books:
        if books.listings.verify(listing) == "not_valid":
            raise Refused("listing.plate", f"listing {listing} has no valid code; there is no plate for it.")
        made = plate_pdf(listing, _address(books, listing), *_names(books))
    try:
        out.write_bytes(made)
    except OSError as error:
        raise ConfigError(str(out), f"cannot be written ({error.strerror})", "Give another path") from error


def _address(books: Books, listing: str) -> str:
    return f"{books.config.web.pages_url}/verify/{listing}"


def _names(books: Books) -> tuple[str, str]:
    return books.config.community.name_zh, books.config.community.name_en
