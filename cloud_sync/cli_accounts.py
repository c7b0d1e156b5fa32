"""``gatehouse-sync user …``: who may log in to the pages, as whom, and what an administrator does for who cannot."""

import sys
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.core.roles import Role

user_app = typer.Typer(help="Who may log in to the pages.", no_args_is_help=True)


@user_app.command("add")
def user_add(
    name: str,
    role: Annotated[Role, typer.Option(help="What this person may do.")] = Role.GUARD,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Add somebody who may log in; the password is asked for, or read as one line from stdin."""
    password = _new_password()
    with opened_books(config) as books:
        user = books.accounts.add(name, role, password, actor=who_types())
    typer.echo(f"{user.name}: {user.role}")


@user_app.command("list")
def user_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Everybody who may log in, with their role."""
    with opened_books(config) as books:
        for user in books.accounts.users():
            typer.echo(f"{user.name} {user.role}")


@user_app.command("password")
def user_password(name: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Give somebody a new password, asked for or read as one line from stdin; their open pages log out."""
    password = _new_password()
    with opened_books(config) as books:
        books.accounts.change(name, password=password, actor=who_types())
    typer.echo(f"{name}: new password")


@user_app.command("role")
def user_role(
    name: str,
    role: Annotated[Role, typer.Argument(help="What this person may do from now on.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let somebody do more or less; their open pages log out."""
    with opened_books(config) as books:
        user = books.accounts.change(name, role=role, actor=who_types())
    typer.echo(f"{user.name}: {user.role}")


@user_app.command("remove")
def user_remove(name: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Somebody left: no login any more; what they did stays on record under their name."""
    with opened_books(config) as books:
        books.accounts.remove(name, actor=who_types())
    typer.echo(f"{name}: removed")


@user_app.command("reset-second-factor")
def user_reset_second_factor(
    name: str,
    reason: Annotated[str, typer.Option(help="Why, such as a lost phone; it stands in the audit.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take code, recovery codes and passkeys from somebody who lost them; their open pages log out, the password stays."""
    with opened_books(config) as books:
        books.accounts.reset_second_factor(name, reason, actor=who_types())
    typer.echo(f"{name}: no second factor")


def _new_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
