"""``gatehouse-sync tokens …``: what programs show at the HTTP interface instead of a login."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.ports_api import TokenLine, TokenWish
from cloud_sync.store.api_tokens import DAYS_MAX, SqlTokens

tokens_app = typer.Typer(help="Tokens of programs for the HTTP interface.", no_args_is_help=True)


@tokens_app.command("make")
def tokens_make(
    name: Annotated[str, typer.Argument(help="What this token is called here.")],
    user: Annotated[
        str, typer.Option(help="The login it speaks for; it may nothing that this person may not.")
    ],
    scope: Annotated[
        list[str] | None, typer.Option(help="A right it has, such as SEE_BOARD; repeatable.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="How long it is good for.")] = 90,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make a token and print it, this once."""
    with opened_books(config) as books:
        wish = TokenWish(name, user, tuple(dict.fromkeys(scope or ())), days)
        typer.echo(SqlTokens(books.house).make(wish, actor=who_types()))


@tokens_app.command("list")
def tokens_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every token: how it begins, for whom, its rights, when it ends, when it was last used, and who made it."""
    with opened_books(config) as books:
        for line in SqlTokens(books.house).listed():
            typer.echo(_said(line))


@tokens_app.command("revoke")
def tokens_revoke(
    name: Annotated[str, typer.Argument(help="What the token is called here.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End a token; it opens nothing any more."""
    with opened_books(config) as books:
        SqlTokens(books.house).revoke(name, actor=who_types())
    typer.echo(f"{name}: revoked")


def _said(line: TokenLine) -> str:
    used = _utc(line.used_ms) if line.used_ms is not None else "never"
    over = f" revoked {_utc(line.revoked_ms)} by {line.revoked_by}" if line.revoked_ms is not None else ""
    return (
        f"{line.name} {line.shown}... {line.user} {','.join(line.scopes)} until {_utc(line.ends_ms)} "
        f"used {used} made {_utc(line.made_ms)} by {line.made_by}{over}"
    )


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
