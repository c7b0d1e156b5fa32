"""``gatehouse-models evaluate`` and ``calibrate``: the same protocols from the command line."""

import os
import time
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.engine import EngineError
from models.evaluation import report
from models.evaluation.calibrate import calibrate as write_table
from models.evaluation.dataset import load_dataset
from models.evaluation.pictures import draw_pictures
from models.evaluation.run import DRAWS, PROTOCOLS, evaluate, known, prepare
from models.measuring import opened_engine, shown_stages
from models.one_sentence import in_one_sentence

EngineOption = Annotated[str, typer.Option("--engine", help="An installed engine's name.")]
DataOption = Annotated[
    Path, typer.Option("--data", help="A folder with one subfolder of photos per person, or its parent.")
]
ModelsDirOption = Annotated[
    Path | None, typer.Option("--models-dir", help="Looked at before the carrier packages.")
]
PopulationOption = Annotated[
    str | None, typer.Option(help="Who these people are, in the words every report and door page repeats.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Same seed and files, same figures.")]


@in_one_sentence()
def run_evaluation(
    engine: EngineOption,
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="Where report, pictures and kept vectors go.")],
    only: Annotated[
        str, typer.Option("--only", help=f"Protocols with commas between: {', '.join(PROTOCOLS)}.")
    ] = ",".join(PROTOCOLS),
    draws: Annotated[int, typer.Option(min=1, help="Galleries drawn per figure.")] = DRAWS,
    seed: SeedOption = 0,
    population: PopulationOption = None,
    pictures: Annotated[bool, typer.Option(help="Draw the curves; needs matplotlib.")] = True,
    models_dir: ModelsDirOption = None,
) -> None:
    """Measure an engine on a folder of photos: report.md, report.json and pictures, every rate with its bounds."""
    protocols = known([name.strip() for name in only.split(",") if name.strip()])
    held = load_dataset(data, population=population)
    with shown_stages() as stages, opened_engine(engine, models_dir) as opened:
        job = prepare(opened, held, _cache(out), draws=draws, seed=seed, stages=stages)
        figures = evaluate(job, protocols)
        info = opened.info
    made = report.Made(_now(), _by(), os.getloadavg()[0], draws, seed)
    drawn = draw_pictures(out, f"{info.engine_id} on {held.name}", figures) if pictures else []
    report.write_json(out / "report.json", info, held, made, figures)
    report.write_markdown(out / "report.md", info, held, made, figures, drawn)
    Console(soft_wrap=True).print(f"written: {out / 'report.md'}, report.json, {len(drawn)} pictures")


@in_one_sentence()
def run_calibration(
    engine: EngineOption,
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="The table to write, a .toml file.")],
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder of kept vectors; else beside the table.")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Galleries drawn to try the table.")] = DRAWS,
    seed: SeedOption = 0,
    population: PopulationOption = None,
    models_dir: ModelsDirOption = None,
) -> None:
    """Measure an engine's error rates and write the table a door reads its threshold from."""
    if out.suffix != ".toml" or out.is_dir():
        raise EngineError(f"--out {out}: a table is one .toml file. Name the file to write.")
    held = load_dataset(data, population=population)
    with shown_stages() as stages, opened_engine(engine, models_dir) as opened:
        job = prepare(opened, held, cache or _cache(out.parent), draws=draws, seed=seed, stages=stages)
        text, lines = write_table(job, at=_now()[:10], by=_by())
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise EngineError(f"--out {out}: cannot be written ({error.strerror}). Name another file.") from error
    for line in (*lines, f"written: {out}"):
        Console(soft_wrap=True).print(line, markup=False, highlight=False)


def _cache(out: Path) -> Path:
    """The folder of kept vectors, readable by its owner only."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "cache").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EngineError(
            f"--out {out}: cannot be written ({error.strerror}). Name another folder."
        ) from error
    return out / "cache"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _by() -> str:
    return f"gatehouse-models {metadata.version('gatehouse')}"
