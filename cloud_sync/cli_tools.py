"""What every command of ``gatehouse-sync`` needs: the configuration's path, the books, and who is typing."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.compose import Books, open_books
from cloud_sync.config import load

CONFIG_VARIABLE = "GATEHOUSE_SYNC_CONFIG"
DEFAULT_CONFIG = Path("gatehouse-sync.toml")

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar=CONFIG_VARIABLE, help="The configuration file.")
]


@contextmanager
def opened_books(config: Path) -> Iterator[Books]:
    """The community's records for the length of one command."""
    books = open_books(load(config))
    try:
        yield books
    finally:
        books.close()


def who_types() -> str:
    """The account on this machine; it stands in every audit row."""
    return f"cli:{getpass.getuser()}"
