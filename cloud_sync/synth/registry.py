"""What can be made by name.  A maker of other data adds its name to ``MAKERS`` and answers in the same words."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from cloud_sync.synth.check import check
from cloud_sync.synth.generate import Community
from cloud_sync.synth.shape import DATASETS, DataSet
from cloud_sync.synth.verdict import Verdict

Progress = Callable[[str, int, int, int], None]  # (community, days done, of so many, events so far)
ADDED_UP = ("listings", "rooms", "beds", "operators", "access_points", "arrivals_per_day", "expected_per_day")


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked for; None where the data set's own figure stands."""

    name: str
    seed: int
    days: int | None
    start: date | None
    out: Path
    progress: Progress


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it: a table for each part, and the figures of all parts together."""

    tables: tuple[tuple[str, tuple[Verdict, ...]], ...]
    figures: dict[str, float]
    events: int


Maker = Callable[[Order], Made]


def community(order: Order) -> Made:
    """Write the communities of a data set and check what was written.

    Raises:
        RoomsUsedUp: the shape asks for more guests than it has beds.
    """
    dataset = asked(order)
    days = order.days or dataset.days
    tables: list[tuple[str, tuple[Verdict, ...]]] = []
    figures = dict.fromkeys(ADDED_UP, 0.0)
    events = 0
    for shape in dataset.shapes:
        out = order.out if len(dataset.shapes) == 1 else order.out / shape.code

        def tell(done: int, so_far: int, code: str = shape.code) -> None:
            order.progress(code, done, days, so_far)

        events += Community(dataset, shape, order.seed, days, out).run(tell).events
        report = check(out)
        tables.append((shape.code, report.verdicts))
        figures = {name: round(value + report.figures[name], 3) for name, value in figures.items()}
    return Made(tuple(tables), figures, events)


def asked(order: Order) -> DataSet:
    dataset = DATASETS[order.name]
    return replace(dataset, start=order.start or dataset.start)


MAKERS: dict[str, Maker] = dict.fromkeys(DATASETS, community)
