"""What a person who typed a command is told when it cannot be done."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from models.engine import EngineError


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """An engine's error is its sentence on stderr and exit status 1, never a traceback."""
    try:
        yield
    except EngineError as error:
        Console(stderr=True, soft_wrap=True).print(str(error), markup=False, highlight=False)
        raise typer.Exit(1) from error
