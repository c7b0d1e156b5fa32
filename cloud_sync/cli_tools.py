"""What every command of ``gatehouse-sync`` needs: the configuration's path, the books, and who is typing."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from cloud_sync.compose import Books, open_books
from cloud_sync.config import load

CONFIG_VARIABLE = "GATEHOUSE_SYNC_CONFIG"
DEFAULT_CONFIG = Path("gatehouse-sync.toml")

EVENTS = "{task.fields[events]:,} events"
STAYS_AND_EVENTS = "{task.fields[stays]:,} stays, {task.fields[events]:,} events"

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


class TellDays(Protocol):
    """How far the bar of this name is, and what was counted so far."""

    def __call__(self, name: str, done: int, days: int, **counted: Any) -> None: ...


@contextmanager
def day_bars(said: str) -> Iterator[TellDays]:
    """A bar on stderr for each name that is told; ``said`` is how what was counted is said.  Nothing where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("days"),
        TextColumn(said), TimeRemainingColumn(),
    )  # fmt: skip
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as shown:

        def tell(name: str, done: int, days: int, **counted: Any) -> None:
            if name not in bars:
                bars[name] = shown.add_task(name, total=days, **counted)
            shown.update(bars[name], completed=done, **counted)

        yield tell
