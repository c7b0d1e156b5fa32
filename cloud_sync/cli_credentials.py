"""``gatehouse-sync day-code …``, ``card …`` and ``visitor …``: what staff put into people's hands."""

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import Annotated

import segno
import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.compose import Books
from cloud_sync.core.rights import VISIT_MAX_MIN
from cloud_sync.errors import ConfigError, NotFound, Refused, StoreError
from cloud_sync.protocol.bundle import LIFE_MAX_MIN
from cloud_sync.protocol.pin import read_of_decimal
from cloud_sync.store.bundles import SignedPass
from cloud_sync.store.day_codes import DayCode
from cloud_sync.store.visitors import VisitWish

NOT_ALL_TAKEN, BASE_TEN = 1, 10
CARDS_MAX = 10_000

day_code_app = typer.Typer(help="Codes on paper, for a day at most, with a PIN.", no_args_is_help=True)
card_app = typer.Typer(help="Cards for passes.", no_args_is_help=True)
visitor_app = typer.Typer(help="People who come for minutes or hours.", no_args_is_help=True)

PassId = Annotated[str, typer.Argument(help="The pass's id; 'gatehouse-sync passes' lists them.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit beside your name, so no names.")]
Svg = Annotated[Path | None, typer.Option(help="Draw the code into this file, for printing.")]


@day_code_app.command("issue")
def day_code_issue(
    pass_id: PassId,
    reason: Reason,
    hours: Annotated[
        int, typer.Option(min=1, max=LIFE_MAX_MIN // 60, help="How long it lives; a day at most.")
    ] = 24,
    svg: Svg = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Sign a code for a pass; prints it and its PIN, once.  Hand the two over separately."""
    with opened_books(config) as books:
        made = books.registry.day_code(pass_id, minutes=hours * 60, actor=who_types(), reason=reason)
        _print(books, made, svg)


@visitor_app.command("admit")
def visitor_admit(
    door: Annotated[
        list[str], typer.Option(help="A gate or unit door, or @gate, @unit, @garage; repeatable.")
    ],
    minutes: Annotated[int, typer.Option(min=1, help="How long from now.")],
    reason: Reason,
    unit: Annotated[str, typer.Option(help="The dwelling they visit, as the register of units has it.")] = "",
    as_: Annotated[str, typer.Option("--as", help=f"One of {', '.join(VISIT_MAX_MIN)}.")] = "day_visitor",
    svg: Svg = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """A pass from now on, carried as a signed code; an emergency's comes with a PIN."""
    with opened_books(config) as books:
        wish = VisitWish(as_, tuple(door), minutes, reason, unit)
        _print(books, books.registry.admit(wish, actor=who_types()), svg)


@card_app.command("add")
def card_add(
    pass_id: PassId,
    reader: Annotated[
        bool, typer.Option("--reader", help="Hold the card to the reader at this desk, one that types.")
    ] = False,
    card_base: Annotated[
        int, typer.Option(help="10 or 16: how that reader types; as card_base of the doors' readers.")
    ] = 10,
    card_bits: Annotated[int, typer.Option(min=8, max=128, help="Bits of a number it types in tens.")] = 32,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Give a pass a card.  The number is asked for, or read as a line from stdin, so that no list keeps it."""
    with opened_books(config) as books:
        typed = str(
            typer.prompt(
                "Hold the card to the reader" if reader else "Card number", err=True, hide_input=True
            )
        )
        if reader and card_base == BASE_TEN:
            typed = read_of_decimal(typed.strip(), card_bits) or ""  # which is then said to be none
        books.registry.enrol_card(pass_id, typed, actor=who_types())
    typer.echo(f"{pass_id} has a card")


@card_app.command("import")
def card_import(file: Path, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Cards by CSV with the columns pass_id and card; every row is answered, exit code 1 when some were not taken."""
    taken, refused = 0, 0
    with opened_books(config) as books:
        for line, row in _rows(file):
            try:
                books.registry.enrol_card(row["pass_id"].strip(), row["card"], actor=who_types())
                taken += 1
            except (Refused, NotFound) as error:
                refused += 1
                typer.echo(f"line {line}: {row['pass_id']}: {error}")
    typer.echo(f"cards: {taken} taken, {refused} rejected")
    if refused:
        raise typer.Exit(NOT_ALL_TAKEN)


@card_app.command("withdraw")
def card_withdraw(pass_id: PassId, reason: Reason, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """A card was lost or given back; it opens nothing any more."""
    with opened_books(config) as books:
        books.registry.withdraw_card(pass_id, actor=who_types(), reason=reason)
    typer.echo(f"{pass_id} has no card")


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(file), f"cannot be read ({error})", "Give the path of a CSV file in UTF-8"
        ) from error
    reader = csv.DictReader(io.StringIO(text))
    missing = {"pass_id", "card"} - set(reader.fieldnames or ())
    rows = [(number, row) for number, row in enumerate(reader, start=2)]
    if missing or len(rows) > CARDS_MAX or any(None in row.values() for _, row in rows):
        raise ConfigError(str(file), f"is no list of up to {CARDS_MAX} cards", "Columns: pass_id, card")
    return rows


def _print(books: Books, made: SignedPass | DayCode, svg: Path | None) -> None:
    signed = made.signed if isinstance(made, DayCode) else made
    until = datetime.fromtimestamp(signed.expires_ms / 1000, books.house.zone)
    typer.echo(f"{signed.pass_id} until {until:%Y-%m-%d %H:%M} at {' '.join(signed.doors)}")
    typer.echo(signed.text)
    if isinstance(made, DayCode):
        typer.echo(f"PIN {made.pin}")
    if svg is not None:
        try:
            segno.make(signed.text, error="m", micro=False).save(str(svg), kind="svg", scale=6, border=4)
        except OSError as error:
            raise StoreError(f"{svg}: the code cannot be written ({error.strerror}).") from error
