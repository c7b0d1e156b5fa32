"""``gatehouse-sync command …``: one signed command to one door, in the name of whoever types."""

from pathlib import Path
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


@command_app.command("release")
def command_release(
    door: Door, reason: Reason, wait: Wait = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Open the door for one passage."""
    _command("release", door, reason, config, wait=wait)


@command_app.command("lock")
def command_lock(
    door: Door, reason: Reason, wait: Wait = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Back to normal: locked, and open to whoever has a pass."""
    _command("lock", door, reason, config, wait=wait)


@command_app.command("unlock")
def command_unlock(
    door: Door, reason: Reason, wait: Wait = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Leave the door unlocked until it is locked again."""
    _command("unlock", door, reason, config, wait=wait)


@command_app.command("block")
def command_block(
    door: Door, reason: Reason, wait: Wait = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Lock the door for everybody, passes included; the way out stays free."""
    _command("block", door, reason, config, wait=wait)


@command_app.command("lockdown")
def command_lockdown(
    door: Door, reason: Reason, wait: Wait = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Nobody gets in by anything; the way out stays free."""
    _command("lockdown", door, reason, config, wait=wait)


@command_app.command("lockdown-release")
def command_lockdown_release(
    door: Door, reason: Reason, wait: Wait = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """End a lockdown; where the door wants two people, the second within a minute."""
    _command("lockdown_release", door, reason, config, wait=wait)


@command_app.command("lockopen")
def command_lockopen(
    door: Door, reason: Reason, wait: Wait = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Open the door for an evacuation; it stays open until somebody ends it."""
    _command("lockopen", door, reason, config, wait=wait)


@command_app.command("lockopen-release")
def command_lockopen_release(
    door: Door, reason: Reason, wait: Wait = False, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """End an evacuation; the door locks as soon as it is shut."""
    _command("lockopen_release", door, reason, config, wait=wait)


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
