"""``gatehouse-sync retention``, ``hold``, ``audit`` and ``subject``: what is kept, proved, and handed out."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.compose import Books
from cloud_sync.core.breach import Step, steps_left
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.retention import Proof
from cloud_sync.errors import ConfigError, Refused, StoreError
from cloud_sync.store.chains import prove_chains
from cloud_sync.store.house import House
from cloud_sync.store.privacy_desk import SqlPrivacy
from cloud_sync.store.retention import day_of, prove_retention, run_retention

NOT_KEPT = 1
retention_app = typer.Typer(help="How long records are kept, and the proof of it.", no_args_is_help=True)
hold_app = typer.Typer(
    help="Legal holds: what is kept beyond its clock, and until when.", no_args_is_help=True
)
audit_app = typer.Typer(help="The chains of who changed what and who looked at whom.", no_args_is_help=True)
subject_app = typer.Typer(help="What a person may ask for.", no_args_is_help=True)

breach_app = typer.Typer(help="A lost node held faces: what has to be done.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why, in one line without names; it is kept.")]
BreachName = Annotated[str, typer.Argument(help="As 'breach list' names it.")]
BreachStep = Annotated[str, typer.Argument(help="A step of it, as 'breach show' names it.")]
Note = Annotated[str, typer.Option(help="What was done, in one line without names of guests; it is kept.")]
Guest = Annotated[str, typer.Option(help="Whom of the party, by subject reference; without it who booked.")]
AsOf = Annotated[
    str, typer.Option(help="As if it were then (2027-01-31T03:00+08:00); of invented people only.")
]


@dataclass(frozen=True, slots=True)
class _StoppedClock:
    at_ms: int

    def now_ms(self) -> int:
        return self.at_ms


# --- retention ---------------------------------------------------------------------------------------------------


@retention_app.command("run")
def run(config: ConfigOption = DEFAULT_CONFIG, as_of: AsOf = "") -> None:
    """Do the night's work now: end what has run out, and print the proof. Exit code 1 when something is too old."""
    with opened_books(config) as books:
        _say(run_retention(_house(books, as_of), (books.registry.staged(),)))


@retention_app.command("report")
def report(config: ConfigOption = DEFAULT_CONFIG, as_of: AsOf = "") -> None:
    """Print the proof as things stand now; changes nothing. Exit code 1 when something is too old."""
    with opened_books(config) as books:
        _say(prove_retention(_house(books, as_of), asides=(books.registry.staged(),)))


def _house(books: Books, as_of: str) -> House:
    """The books, told another time where that harms nobody."""
    if not as_of:
        return books.house
    if not books.house.synthetic:
        raise ConfigError("--as-of", "these are real people", "Leave it away; the clocks run by themselves")
    try:
        moment = datetime.fromisoformat(as_of)
    except ValueError as error:
        raise ConfigError("--as-of", f"{as_of!r} is not a time", "Write 2027-01-31T03:00+08:00") from error
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=books.house.zone)
    return replace(books.house, clock=_StoppedClock(round(zoned.timestamp() * 1000)))


def _say(proof: tuple[Proof, ...]) -> None:
    for line in proof:
        typer.echo(
            f"{line.clock:<16} {line.keep_ms // DAY_MS:>5} d  oldest {day_of(line.oldest_ms):<10}  "
            f"overdue {line.overdue}  held {line.held}  removed {line.removed}"
        )
    late = sum(line.overdue for line in proof)
    typer.echo(f"overdue: {late}")
    if late:
        raise typer.Exit(NOT_KEPT)


# --- holds -------------------------------------------------------------------------------------------------------


@hold_app.command("add")
def add(
    kind: Annotated[str, typer.Argument(help="booking or clock.")],
    ref: Annotated[str, typer.Argument(help="'SOURCE NUMBER' of a booking, or the name of a clock.")],
    reason: Reason,
    days: Annotated[int, typer.Option(help="When it ends; a year at most.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep these records beyond their clock; prints the hold."""
    if kind not in ("booking", "clock"):
        raise Refused("hold.scope", "a hold is on a booking or on a clock.")
    with opened_books(config) as books:
        typer.echo(SqlPrivacy(books.house).hold(kind, ref, reason=reason, days=days, actor=who_types()))


@hold_app.command("list")
def show(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every hold that holds: id, what, until, author, reason."""
    with opened_books(config) as books:
        for one in SqlPrivacy(books.house).holds():
            typer.echo(
                f"{one.hold} {one.kind} {one.ref} until {day_of(one.until_ms)} {one.author}: {one.reason}"
            )


@hold_app.command("lift")
def lift(
    hold: Annotated[str, typer.Argument(help="As 'hold list' names it.")],
    reason: Reason,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End a hold before its day."""
    with opened_books(config) as books:
        SqlPrivacy(books.house).lift(hold, reason=reason, actor=who_types())


# --- chains ------------------------------------------------------------------------------------------------------


@audit_app.command("verify")
def verify(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Follow every chain from its beginning through every head that was signed. Exit code 1 when one is broken."""
    with opened_books(config) as books:
        proofs = prove_chains(books.house, books.keys.signer.public_key)
    for proof in proofs:
        typer.echo(proof.line())
    if any(proof.problem for proof in proofs):
        raise typer.Exit(NOT_KEPT)


# --- subjects ----------------------------------------------------------------------------------------------------


@subject_app.command("export")
def export(
    source: str,
    ref: str,
    reason: Reason,
    out: Annotated[Path, typer.Option(help="A new ZIP file, readable by its owner only.")],
    guest: Guest = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Everything about one person of a booking, under every stay of the same document; look at the document first."""
    from cloud_sync.web.guest.export_file import zip_of  # it knows the pages, which no other command loads

    with opened_books(config) as books:
        held = books.registry.export_subject(source, ref, guest or None, actor=who_types(), reason=reason)
        packed = zip_of(held, books.house.zone)
    try:
        out.touch(mode=0o600, exist_ok=False)
        out.write_bytes(packed)
    except OSError as error:
        raise StoreError(f"{out}: cannot be written ({error.strerror}); name a new file.") from error
    typer.echo(f"{out}: {held['face']['said']}")


@subject_app.command("erase")
def erase(
    source: str,
    ref: str,
    reason: Reason,
    guest: Guest = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End what nothing orders to keep, once the stay is over; the rest ends by its own clock."""
    with opened_books(config) as books:
        ended = books.registry.erase_subject(source, ref, guest or None, actor=who_types(), reason=reason)
    typer.echo(f"{ended} consents ended; nodes that held a face are told")


# --- lost nodes with faces ---------------------------------------------------------------------------------------


@breach_app.command("list")
def breaches(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every lost node with faces: the list's id, node, day, people, and how many steps are left."""
    with opened_books(config) as books:
        for one in SqlPrivacy(books.house).breaches():
            left = len(steps_left(one.done))
            typer.echo(
                f"{one.breach} {one.node} {day_of(one.told_ms)} {one.faces.enrolled} people, at most "
                f"{one.faces.at_most}, {f'{left} steps left' if left else 'everything is done'}"
            )


@breach_app.command("show")
def breach_show(breach: BreachName, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """The steps of one list: who did each and how, or that it is still to do."""
    with opened_books(config) as books:
        view = SqlPrivacy(books.house).breach(breach)
    typer.echo(f"{view.node}: faces of {view.faces.enrolled} people, of {view.faces.at_most} at most")
    for step in Step:
        done = view.done.get(step)
        said = f"{day_of(done.at_ms)} {done.by}: {done.note}" if done else "to do"
        typer.echo(f"{step:<10} {said}")


@breach_app.command("done")
def breach_done(
    breach: BreachName, step: BreachStep, note: Note, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """One step is done, in the name of who types; the last one closes the list."""
    with opened_books(config) as books:
        SqlPrivacy(books.house).tick_breach(breach, step, note=note, actor=who_types())


def add_to(app: typer.Typer) -> None:
    for name, group in (
        ("retention", retention_app),
        ("hold", hold_app),
        ("audit", audit_app),
        ("subject", subject_app),
        ("breach", breach_app),
    ):
        app.add_typer(group, name=name)
