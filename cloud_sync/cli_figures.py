"""``gatehouse-sync figures …``: the weekly pack for a mailbox or a folder."""

from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.config import load
from cloud_sync.store.figures import StoredFigures
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import Lang
from cloud_sync.web.pack.lines import FORMS, PACK_NAME, pack_of
from cloud_sync.web.pack.pages import made
from cloud_sync.web.texts import texts

figures_app = typer.Typer(help="The community's figures.", no_args_is_help=True)


@figures_app.callback()
def about() -> None:
    """The community's figures."""


@figures_app.command("week")
def week(
    week: Annotated[str, typer.Argument(metavar="WEEK", help="As ISO 8601 counts them: 2026-W49.")],
    folder: Annotated[Path, typer.Option("--folder", help="Where the two files are written.")] = Path(),
    lang: Annotated[Lang, typer.Option("--lang", help="The language of the pack.")] = Lang.ZH,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the figures of a week as PDF and as a workbook; prints their names."""
    place = load(config).community
    with opened_books(config) as books:
        by = Speaker(texts(lang), books.house.zone)
        for form in FORMS:
            found = StoredFigures(books.house).week(week, form, actor=who_types(), role="staff")
            pack = pack_of(week, found, by, by.name(place.name_zh, place.name_en), few=True)
            path = folder / PACK_NAME.format(week=week, form=form)
            path.write_bytes(made(pack, form, by))
            typer.echo(path)
