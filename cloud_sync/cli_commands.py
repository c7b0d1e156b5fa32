"""``gatehouse-sync command …``: one signed command to one door, in the name of whoever types."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.compose import wait_for_command
from cloud_sync.core.commands import CommandState

NOT_DONE = 1

command_app = typer.Typer(help="Signed commands to one door, in your name.", no_args_is_help=True)

Door = Annotated[str, typer.Argument(help="The door's id.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit beside your name.")]
Wait = Annotated[bool, typer.Option("--wait", help="Say what became of it; exit code 1 unless it was done.")]


# What each does, as the help says it.
OPS: Mapping[str, str] = MappingProxyType(
    {
        "release": "Open the door for one passage.",
        "lock": "Back to normal: locked, and open to whoever has a pass.",
        "unlock": "Leave the door unlocked until it is locked again.",
        "block": "Lock the door for everybody, passes included; the way out stays free.",
        "lockdown": "Nobody gets in by anything; the way out stays free.",
        "lockdown_release": "End a lockdown; where the door wants two people, the second within a minute.",
        "lockopen": "Open the door for an evacuation; it stays open until somebody ends it.",
        "lockopen_release": "End an evacuation; the door locks as soon as it is shut.",
    }
)


def _add(op: str, means: str) -> None:
    def run(door: Door, reason: Reason, wait: Wait = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
        _command(op, door, reason, config, wait=wait)

    command_app.command(op.replace("_", "-"), help=means)(run)


for _op, _means in OPS.items():
    _add(_op, _means)


def _command(op: str, door: str, reason: str, config: Path, *, wait: bool) -> None:
    with opened_books(config) as books:
        command_id = books.commands.issue(door, op, actor=who_types(), reason=reason)
        if not wait:
            typer.echo(command_id)
            return
        view = wait_for_command(books, command_id)
    typer.echo(f"{view.id} {view.state} {view.why}".rstrip())
    if view.state != CommandState.DONE:
        raise typer.Exit(NOT_DONE)
