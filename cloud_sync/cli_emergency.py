"""``gatehouse-sync emergency``: declared by two people, with an end; what it asks is gone the night after."""

from datetime import datetime
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.core.emergency import EMERGENCY_FIELDS, Emergency, EmergencyWish
from cloud_sync.errors import ConfigError
from cloud_sync.store import emergencies
from cloud_sync.store.house import House, acting

STAFF = "staff"
emergency_app = typer.Typer(
    help="A declared emergency lets further fields be asked, until its end.", no_args_is_help=True
)


EmergencyName = Annotated[str, typer.Argument(help="As 'emergency list' names it.")]


@emergency_app.command("propose")
def propose(
    purpose: Annotated[str, typer.Option(help="What for, in one line; guests read it.")],
    basis: Annotated[str, typer.Option(help="The law or order it rests on; guests read it.")],
    until: Annotated[str, typer.Option(help="When it ends: 2026-12-31T00:00+08:00, within 90 days.")],
    field: Annotated[list[str], typer.Option(help=f"One of {', '.join(EMERGENCY_FIELDS)}; repeatable.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Propose one; nothing is asked until somebody else approves it within a day. Prints its id."""
    with opened_books(config) as books:
        wish = EmergencyWish(purpose, basis, tuple(field), _moment(books.house, until))
        with acting(books.house, who_types(), STAFF) as act:
            typer.echo(emergencies.propose(act, wish))


@emergency_app.command("approve")
def approve(emergency: EmergencyName, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """As the second person: from now on its fields may be asked, until its end."""
    with opened_books(config) as books, acting(books.house, who_types(), STAFF) as act:
        typer.echo(_line(books.house, emergencies.approve(act, emergency)))


@emergency_app.command("end")
def end(
    emergency: EmergencyName,
    reason: Annotated[str, typer.Option(help="Why, in one line without names; it is kept.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Before its day; its fields are refused from now on, and what was taken is erased tonight."""
    with opened_books(config) as books, acting(books.house, who_types(), STAFF) as act:
        emergencies.end(act, emergency, reason)


@emergency_app.command("list")
def show(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every one: id, state, until, fields, by whom, purpose and legal basis."""
    with opened_books(config) as books, acting(books.house, who_types(), STAFF) as act:
        for one in emergencies.listed(act):
            typer.echo(_line(books.house, one))


def _line(house: House, one: Emergency) -> str:
    now_ms = house.clock.now_ms()
    state = (
        "active" if one.is_active(now_ms) else "waits for a second person" if one.waits(now_ms) else "over"
    )
    until = datetime.fromtimestamp(one.over_ms / 1000, house.zone).isoformat(timespec="minutes")
    by = f"{one.proposed_by}, {one.approved_by or 'nobody yet'}"
    return f"{one.id} {state} until {until} {' '.join(one.fields)} ({by}): {one.purpose}; {one.basis}"


def _moment(house: House, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError("--until", f"{text!r} is not a time", "Write 2026-12-31T00:00+08:00") from error
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=house.zone)
    return round(zoned.timestamp() * 1000)
