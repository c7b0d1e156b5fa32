"""``gatehouse-sync invite`` and ``notices``: send a guest their link, and see what became of it."""

from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.compose import pages_url, post_of
from cloud_sync.errors import ConfigError
from cloud_sync.store.notices import Invitation, NoticeLine

NOT_SENT = 1  # it waits for another try, or will never be taken; the line says which


def invite(
    source: str,
    ref: str,
    by: Annotated[
        str, typer.Option(help="A way the configuration has a table for: email, webhook, sms, sheet.")
    ],
    to: Annotated[str, typer.Option(help="The guest's address; a sheet needs none.")] = "",
    lang: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send a guest a fresh link; the previous one stops working.  What is not taken now, the service tries again."""
    with opened_books(config) as books:
        post = post_of(books)
        if by not in books.config.notify:
            known = ", ".join(books.config.notify) or "none"
            raise ConfigError(f"notify.{by}", "there is no such table", f"Tables there: {known}")
        wish = Invitation(source, ref, by, to, lang, pages_url(books.config))
        notice = books.outbox.invite(wish, actor=who_types())
        post(notice)
        line = books.outbox.line(notice)
    typer.echo(_said(line))
    if line.state != "SENT":
        raise typer.Exit(NOT_SENT)


def notices(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every message to guests and operators: id, stay or operator, way, state, tries, receipt or problem.  No address, no link."""
    with opened_books(config) as books:
        for line in books.outbox.lines():
            typer.echo(_said(line))


def _said(line: NoticeLine) -> str:
    told = line.receipt or line.problem
    return f"{line.notice} {line.whom} {line.channel} {line.state} tries={line.attempts} {told}".rstrip()
