"""``gatehouse-sync reconcile …``: judge, see what is open, tell evidence, and check on the spot."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.core.discrepancies import KINDS, PROPOSALS, Step
from cloud_sync.core.evidence import BODIES
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.spot_check import Share
from cloud_sync.errors import Refused
from cloud_sync.store import tables
from cloud_sync.store.evidence_store import EvidenceBook
from cloud_sync.store.follow_ups import waiting
from cloud_sync.store.reconcile_store import Reconciler
from cloud_sync.store.spot_checks import Draw, SpotChecks

LINES_MAX = 1_000

reconcile_app = typer.Typer(
    help="Judge the books against each other; without a word, everything now.", invoke_without_command=True
)
spot_app = typer.Typer(help="Checks on the spot that nobody can steer.", no_args_is_help=True)
reconcile_app.add_typer(spot_app, name="spot-check")

Subject = Annotated[
    str, typer.Argument(help="What it is about: a stay, a pass, a unit, a listing, an operator, a door.")
]
Name = Annotated[str, typer.Argument(help="The draw's name.")]


@reconcile_app.callback()
def judge(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Judge everything now; prints how many findings that made."""
    if context.invoked_subcommand is None:
        with opened_books(config) as books:
            typer.echo(books.reconciler.run_full() + books.reconciler.run_chains())


@reconcile_app.command("sweep")
def sweep(
    days: Annotated[int, typer.Option(min=1, max=365, help="Stays that ended within so many days.")] = 30,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Judge everything of the last days; prints how many findings that made.  A second sweep prints 0."""
    with opened_books(config) as books:
        typer.echo(Reconciler(books.house, days * DAY_MS).run_full())


@reconcile_app.command("show")
def show(
    kind: Annotated[str, typer.Option(help="One of D01 to D26; all where it is not said.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """What is open, or undecided because a door has not told yet: one line each, oldest first."""
    if kind and kind not in KINDS:
        raise Refused("reconcile.kind", f"{kind} is not one of {', '.join(KINDS)}.")
    table = tables.discrepancy
    with opened_books(config) as books, books.engine.connect() as db:
        query = sa.select(table).where(table.c.community == books.house.community)
        if kind:
            query = query.where(table.c.kind == kind)
        if not everything:
            query = query.where(table.c.state != "closed")
        for row in db.execute(query.order_by(table.c.opened_ms, table.c.id).limit(LINES_MAX)):
            typer.echo(_line(row))


@reconcile_app.command("follow-ups")
def follow_ups(
    proposals: Annotated[bool, typer.Option("--proposals", help="Only what a named person decides.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """What open discrepancies ask for and nobody has taken up: one line each, oldest first."""
    with opened_books(config) as books:
        for one in waiting(books.house, PROPOSALS if proposals else Step):
            typer.echo(
                f"{one.discrepancy} {one.step} {one.kind} {one.subject} operator={one.operator or '-'}"
            )


@reconcile_app.command("tell")
def tell(
    subject: Annotated[
        str, typer.Argument(help="What it is about: a stay, a unit, a listing, an operator …")
    ],
    type_: Annotated[str, typer.Argument(metavar="TYPE", help=f"One of {', '.join(BODIES)}.")],
    key: Annotated[str, typer.Argument(help="A name of yours for it; told again, it replaces.")],
    said: Annotated[str, typer.Argument(metavar="JSON", help="The fields of the type.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Tell evidence that no book of the service holds."""
    with opened_books(config) as books:
        EvidenceBook(books.house).tell(subject, type_, key, _fields(said), actor=who_types())


@reconcile_app.command("end")
def end(
    subject: Subject,
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="The type it was told as.")],
    key: Annotated[str, typer.Argument(help="The name it was told under.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say that what was told is so no longer."""
    with opened_books(config) as books:
        EvidenceBook(books.house).end(subject, type_, key, actor=who_types())


@spot_app.command("promise")
def promise(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make a seed and print its commitment: publish that line before the draw."""
    with opened_books(config) as books:
        made = SpotChecks(books.house).promise(actor=who_types())
    typer.echo(f"{made.name} commitment={made.commitment}")


@spot_app.command("draw")
def draw(
    name: Name,
    size: Annotated[int, typer.Option(min=1, max=500, help="How many stays are visited.")] = 20,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Draw from the stays in house now; prints the seed, the list's hash and the stays."""
    with opened_books(config) as books:
        _echo(SpotChecks(books.house).begin(name, size, actor=who_types()))


@spot_app.command("visited")
def visited(
    name: Name,
    stay: Annotated[str, typer.Argument(help="One of those drawn.")],
    found: Annotated[int, typer.Option(min=0, max=100, help="People the check found.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write down what a check found; more than are registered opens D05."""
    with opened_books(config) as books:
        SpotChecks(books.house).visited(name, stay, found, actor=who_types())


@spot_app.command("show")
def show_draw(name: Name, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """A draw with its seed and list, what was found, and the share of all draws with its 95 % interval."""
    with opened_books(config) as books:
        checks = SpotChecks(books.house)
        _echo(checks.read(name))
        typer.echo(f"every draw: {_share(checks.estimate())}")


def _line(row: Any) -> str:
    when = datetime.fromtimestamp(row.opened_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
    evidence = ",".join(json.loads(row.evidence)[:3])
    return f"{row.id} {row.kind} {row.severity} {row.state} {row.subject} {when} {evidence}"


def _fields(said: str) -> dict[str, Any]:
    try:
        fields = json.loads(said)
    except json.JSONDecodeError as error:
        raise Refused("evidence.json", f"the fields are no JSON ({error}).") from error
    if not isinstance(fields, dict):
        raise Refused("evidence.json", 'the fields are a JSON object, like {"matter": "noise"}.')
    return fields


def _echo(made: Draw) -> None:
    typer.echo(f"{made.name} commitment={made.commitment}")
    if made.seed:
        typer.echo(f"seed={made.seed} population={made.population} list={made.population_hash}")
    for visit in made.visits:
        found = "not visited" if visit.found is None else f"found {visit.found}"
        typer.echo(f"{visit.place} {visit.stay} registered {visit.registered} {found}")
    typer.echo(_share(made.share))


def _share(share: Share) -> str:
    return f"fully registered {share.good} of {share.of}, 95 % {share.low:.3f} to {share.high:.3f}"
