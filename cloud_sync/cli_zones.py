"""``gatehouse-sync zone …``: which doors are a zone, and what two people tell all of them."""

import threading
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.compose import COMMAND_LOOK_S, COMMAND_LOOKS_MAX, Books
from cloud_sync.ports_zones import ZoneCommandView

NOT_ALL = 1

zone_app = typer.Typer(help="Zones of doors, and commands of two people to all of one.", no_args_is_help=True)

Zone = Annotated[str, typer.Argument(help="The zone's id; site is every door.")]
Id = Annotated[str, typer.Argument(help="The command's id.")]
Wait = Annotated[
    bool, typer.Option("--wait", help="Say what became of it; exit code 1 unless every door did it.")
]


@zone_app.command("put")
def put(
    zone: Zone,
    door: Annotated[list[str], typer.Option(help="A door of it; give it once for each.")],
    zh: Annotated[str, typer.Option(help="Its name in Chinese.")],
    en: Annotated[str, typer.Option(help="Its name in English.")],
    kind: Annotated[str, typer.Option(help="fire, building or other.")] = "building",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make a zone, or say anew which doors it has; prints the nodes that need a new join file."""
    with opened_books(config) as books:
        nodes = books.zones.put(zone, kind=kind, name_zh=zh, name_en=en, doors=door, actor=who_types())
    _echo_nodes(nodes)


@zone_app.command("remove")
def remove(zone: Zone, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Forget a zone; prints the nodes that need a new join file."""
    with opened_books(config) as books:
        nodes = books.zones.remove(zone, actor=who_types())
    _echo_nodes(nodes)


@zone_app.command("list")
def list_zones(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every zone and its doors."""
    with opened_books(config) as books:
        for view in books.zones.all():
            typer.echo(f"{view.zone} {view.kind} {' '.join(view.doors)}")


@zone_app.command("propose")
def propose(
    zone: Zone,
    op: Annotated[str, typer.Argument(help="What all of its doors shall do, like lockdown or lockopen.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit beside your name.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Propose it; nothing happens until another person has said the same, within a minute.  Prints its id."""
    with opened_books(config) as books:
        typer.echo(books.zone_commands.propose(zone, op, actor=who_types(), reason=reason))


@zone_app.command("second")
def second(command_id: Id, wait: Wait = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say the same as somebody else: it is signed for both of you and sent."""
    with opened_books(config) as books:
        books.zone_commands.second(command_id, actor=who_types())
        if wait:
            _tell(wait_for_zone(books, command_id))


@zone_app.command("show")
def show(command_id: Id, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """What became of it, and at which doors it did not."""
    with opened_books(config) as books:
        _tell(books.zone_commands.state(command_id))


def wait_for_zone(books: Books, command_id: str) -> ZoneCommandView:
    """How it ended, or how it stands when its time is over."""
    pause = threading.Event()
    for _ in range(COMMAND_LOOKS_MAX):
        view = books.zone_commands.state(command_id)
        if view.ended:
            return view
        pause.wait(COMMAND_LOOK_S)
    return books.zone_commands.state(command_id)


def sentence(view: ZoneCommandView) -> str:
    """One line: ``34 of 36 doors did it; 2 are silent``."""
    tally = view.tally
    parts = [f"{tally.did} of {tally.of} doors did it"]
    for number, words in (
        (tally.silent, "silent"),
        (tally.refused, "refused"),
        (tally.failed, "failed"),
        (tally.open, "not answered yet"),
    ):
        if number:
            parts.append(f"{number} {words}")
    return "; ".join(parts)


def _tell(view: ZoneCommandView) -> None:
    if not view.results:
        typer.echo(f"{view.id} {view.state}")
        raise typer.Exit(NOT_ALL)
    typer.echo(sentence(view))
    for result in view.results:
        if result.state != "DONE":
            typer.echo(f"  {result.access_point} ({result.node}) {result.state} {result.why}".rstrip())
    if view.tally.did < view.tally.of:
        raise typer.Exit(NOT_ALL)


def _echo_nodes(nodes: list[str]) -> None:
    for node in nodes:
        typer.echo(f"{node}: write its join file again and give it to the node, then restart it")
