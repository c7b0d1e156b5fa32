"""What every measuring command of ``gatehouse-models`` does: open an engine for a while, and show how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.engine import FaceEngine
from models.plugins import open_face_engine

Begin = Callable[[str, int], Callable[[int], None]]  # (stage, steps) to what counts the steps done


@contextmanager
def opened_engine(name: str, models_dir: Path | None = None) -> Iterator[FaceEngine]:
    """The engine of this name, warm and proven.

    Raises:
        EngineError: it is not installed, or does not hold what it promises.
    """
    engine = open_face_engine(name, models_dir=models_dir)
    engine.warm_up()
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def shown_stages() -> Iterator[Begin]:
    """Bars on stderr, one a stage."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as shown:

        def begin(name: str, steps: int) -> Callable[[int], None]:
            task = shown.add_task(name, total=steps)
            return lambda done: shown.advance(task, done)

        yield begin
