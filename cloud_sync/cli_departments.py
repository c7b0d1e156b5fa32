"""``gatehouse-sync department …``: the offices that can be whistled to, and who answers for them."""

from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.ports_cases import Department
from cloud_sync.store.departments import SqlDepartments

department_app = typer.Typer(help="Departments that can be asked about a case.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Its id in small letters, such as fire.")]


@department_app.command("put")
def put(
    department: Id,
    zh: Annotated[str, typer.Option(help="Its name in Chinese.")],
    en: Annotated[str, typer.Option(help="Its name in English.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Enter a department, or correct its names."""
    with opened_books(config) as books:
        SqlDepartments(books.house).put(Department(department, zh, en), actor=who_types())


@department_app.command("join")
def join(
    department: Id,
    user: Annotated[str, typer.Argument(help="A login with the role department.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """This login answers for this department from now."""
    with opened_books(config) as books:
        SqlDepartments(books.house).join(department, user, actor=who_types())


@department_app.command("list")
def list_departments(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every department."""
    with opened_books(config) as books:
        for one in SqlDepartments(books.house).all():
            typer.echo(f"{one.id} {one.name_zh} {one.name_en}")
