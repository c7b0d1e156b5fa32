"""``gatehouse-sync synth``: write a community that does not exist, and say whether it came out as planned."""

import json
import time
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import EVENTS, TellDays, day_bars
from cloud_sync.errors import Refused
from cloud_sync.synth.factors import NEW_YEAR
from cloud_sync.synth.parties import RoomsUsedUp
from cloud_sync.synth.registry import MAKERS, Made, Order
from cloud_sync.synth.shape import DAYS_MAX
from cloud_sync.synth.verdict import Verdict

SOMETHING_IS_WRONG = 1
SEED_MAX = 2**63 - 1


def synth(
    dataset: Annotated[str, typer.Argument(help=f"Which one: {', '.join(MAKERS)}.")],
    out: Annotated[Path, typer.Option(help="An empty or new folder for the files.")],
    seed: Annotated[
        int, typer.Option(help="Another number makes another community of the same size.")
    ] = 20210331,
    days: Annotated[
        int | None, typer.Option(help="How many days; without it, as long as the data set is meant to be.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="The first day, like 2026-01-01.")] = None,
) -> None:
    """Write a synthetic community with a table of what is wrong in it; exit code 1 if a check of it fails."""
    maker = MAKERS.get(dataset)
    if maker is None:
        raise Refused("synth", f"there is no data set {dataset[:40]!r}; known are {', '.join(MAKERS)}.")
    _check(out, seed, days)
    began = time.monotonic()
    with day_bars(EVENTS) as bars:
        try:
            made = maker(Order(dataset, seed, days, _day(start), out, partial(_tell, bars)))
        except (RoomsUsedUp, OSError) as error:
            raise Refused("synth", f"{error}; nothing in {out} may be used.") from error
    _print(made, time.monotonic() - began)


def _tell(bars: TellDays, name: str, done: int, days: int, events: int) -> None:
    bars(name, done, days, events=events)


def _check(out: Path, seed: int, days: int | None) -> None:
    if days is not None and not 1 <= days <= DAYS_MAX:
        raise Refused("synth", f"--days is a number from 1 to {DAYS_MAX}.")
    if not 0 <= seed <= SEED_MAX:
        raise Refused("synth", f"--seed is a number from 0 to {SEED_MAX}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Refused("synth", f"{out} is there already and not an empty folder; name another.")


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refused("synth", f"--start {text[:20]!r} is not a day such as 2026-01-01.") from None
    # The factors of a run need the new year's day of every year it touches.
    if not min(NEW_YEAR) <= day.year < max(NEW_YEAR) - DAYS_MAX // 365:
        last = max(NEW_YEAR) - DAYS_MAX // 365 - 1
        raise Refused(
            "synth",
            f"--start lies outside {min(NEW_YEAR)} to {last}, for which the spring festival is known.",
        )
    return day


def _print(made: Made, seconds: float) -> None:
    for name, verdicts in made.tables:
        typer.echo(f"\n{name}")
        _table(verdicts)
    rate = made.events / max(seconds, 1e-3)
    typer.echo(
        f"\n{made.events:,} events, written and read again in {seconds:,.1f} s: {rate:,.0f} a second",
        err=True,
    )
    failed = sum(not verdict.good for _, verdicts in made.tables for verdict in verdicts)
    figures = {name: int(value) if value == int(value) else value for name, value in made.figures.items()}
    typer.echo(json.dumps(figures))
    if failed:
        raise typer.Exit(SOMETHING_IS_WRONG)


def _table(verdicts: tuple[Verdict, ...]) -> None:
    wide = max(len(verdict.what) for verdict in verdicts)
    for verdict in verdicts:
        wanted = f"  (wanted: {verdict.wanted})" if verdict.wanted not in ("", verdict.found) else ""
        typer.echo(f"{'ok  ' if verdict.good else 'BAD '} {verdict.what:<{wide}}  {verdict.found}{wanted}")
