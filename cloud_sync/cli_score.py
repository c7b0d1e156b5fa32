"""``gatehouse-sync score``: play a synthetic community through the service, and count what it found."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import STAYS_AND_EVENTS, TellDays, day_bars
from cloud_sync.errors import Refused
from cloud_sync.garbage import collect_seldom
from cloud_sync.score.folder import Folder
from cloud_sync.score.run import run
from cloud_sync.synth.parties import RoomsUsedUp
from cloud_sync.synth.registry import MAKERS, Order
from cloud_sync.synth.shape import DAYS_MAX

GOAL_MISSED = 1


def score(
    dataset: Annotated[str, typer.Argument(help=f"Which one: {', '.join(MAKERS)}.")],
    seed: Annotated[
        int, typer.Option(help="Another number makes another community of the same size.")
    ] = 20210331,
    days: Annotated[
        int | None, typer.Option(help="How many days; without it, as long as the data set is meant to be.")
    ] = None,
    database_url: Annotated[str, typer.Option(help="PostgreSQL instead of a file; an empty database.")] = "",
    from_: Annotated[
        Path | None, typer.Option("--from", help="A folder that 'synth' wrote; nothing is made.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="A new folder for data and books, kept afterwards.")
    ] = None,
) -> None:
    """Bookings, registrations and every event through intake, broker, sink and reconciliation, then against the truth; exit code 1 if a goal is missed."""
    if dataset not in MAKERS:
        raise Refused("score", f"there is no data set {dataset[:40]!r}; known are {', '.join(MAKERS)}.")
    if days is not None and not 1 <= days <= DAYS_MAX:
        raise Refused("score", f"--days is a number from 1 to {DAYS_MAX}.")
    if keep is not None and keep.exists():
        raise Refused("score", f"{keep} is there already; name another folder.")
    with _workplace(keep) as home, day_bars(STAYS_AND_EVENTS) as bars:
        source = from_ if from_ is not None else _made(dataset, seed, days, home / "data")
        collect_seldom()
        done = run(Folder(source), home / "service", database_url, partial(_tell, bars))
    typer.echo("\n".join(done.lines))
    typer.echo(json.dumps(done.figures, ensure_ascii=False))
    if done.figures["verdict"] != "reached":
        raise typer.Exit(GOAL_MISSED)


def _tell(bars: TellDays, done: int, days: int, stays: int, events: int) -> None:
    bars("played", done, days, stays=stays, events=events)


def _made(dataset: str, seed: int, days: int | None, out: Path) -> Path:
    try:
        made = MAKERS[dataset](Order(dataset, seed, days, None, out, lambda *_: None))
    except (RoomsUsedUp, OSError) as error:
        raise Refused("score", f"{error}; the data could not be made.") from error
    bad = next((one for _, verdicts in made.tables for one in verdicts if not one.good), None)
    if bad is not None and days is None:
        raise Refused("score", f"the data did not come out as planned: {bad.what} {bad.found}.")
    return out


@contextmanager
def _workplace(keep: Path | None) -> Iterator[Path]:
    """A folder for data and books; gone afterwards unless it was named."""
    if keep is not None:
        keep.mkdir(parents=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="gatehouse-score-") as made:
        yield Path(made)
