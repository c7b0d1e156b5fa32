"""``gatehouse-sync webhooks …``: programs that are told what happened, by signed deliveries."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.core.webhooks import KINDS
from cloud_sync.store.webhooks import SqlWebhooks

webhooks_app = typer.Typer(help="Programs that are told what happened.", no_args_is_help=True)
Hook = Annotated[str, typer.Argument(help="The webhook's id, as 'webhooks list' says it.")]


@webhooks_app.command("make")
def webhooks_make(
    url: Annotated[str, typer.Argument(help="Where deliveries are posted: https, or http on this machine.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(sorted(KINDS))}; repeatable.  Without it: all."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Tell a program from now on; prints the webhook's id and its secret, this once."""
    with opened_books(config) as books:
        made, secret = SqlWebhooks(books.house).make(url, kind or (), actor=who_types())
    typer.echo(made)
    typer.echo(secret)


@webhooks_app.command("list")
def webhooks_list(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every webhook: where, of what, how many deliveries wait, and how many are dead."""
    with opened_books(config) as books:
        for line in SqlWebhooks(books.house).lines():
            ended = f" ended {_utc(line.ended_ms)}" if line.ended_ms is not None else ""
            typer.echo(
                f"{line.webhook} {line.url} {','.join(line.kinds)} waiting={line.waiting} dead={line.dead} "
                f"made {_utc(line.made_ms)} by {line.made_by}{ended}"
            )


@webhooks_app.command("end")
def webhooks_end(hook: Hook, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Tell this program no more; what waits is dropped."""
    with opened_books(config) as books:
        SqlWebhooks(books.house).end(hook, actor=who_types())
    typer.echo(f"{hook}: ended")


@webhooks_app.command("test")
def webhooks_test(hook: Hook, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Queue one delivery of the type test; the running service sends it."""
    with opened_books(config) as books:
        typer.echo(SqlWebhooks(books.house).test(hook, actor=who_types()))


@webhooks_app.command("deliveries")
def webhooks_deliveries(hook: Hook, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """The newest hundred deliveries of a webhook, and what the far side said."""
    with opened_books(config) as books:
        for line in SqlWebhooks(books.house).deliveries(hook):
            said = f"{line.delivery} {line.kind} {line.state} tried={line.attempts} {_utc(line.made_ms)} {line.receipt}"
            typer.echo(said.rstrip())


@webhooks_app.command("again")
def webhooks_again(
    delivery: Annotated[str, typer.Argument(help="A dead delivery, as 'webhooks deliveries' names it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send a dead delivery again, under the same id."""
    with opened_books(config) as books:
        SqlWebhooks(books.house).again(delivery, actor=who_types())
    typer.echo(f"{delivery}: queued")


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
