"""``gatehouse-models``: which model files are here, whether an engine can be trusted, which threshold a door gets."""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.attacks.commands import run_attack_clip, run_attacks
from models.calibration import DoorThreshold, ThresholdRefused, door_threshold
from models.engine import EngineInfo, WeightsMismatch, WeightsMissing
from models.evaluation.commands import run_calibration, run_evaluation
from models.manifest import ModelRecord, find_weights, shipped_models
from models.one_sentence import in_one_sentence
from models.plugins import open_face_engine

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

EngineOption = Annotated[str, typer.Option("--engine", help="An installed engine's name.")]
ModelsDirOption = Annotated[
    Path | None, typer.Option("--models-dir", help="Looked at before the carrier packages.")
]
# What the self-test's golden vectors depend on.
RUNTIMES = ("numpy", "opencv-python-headless", "dlib-bin", "face-recognition-ng")


@app.command("list")
def list_models(models_dir: ModelsDirOption = None) -> None:
    """Every model of the manifest: licence, whether its file is here, whether it is the measured one."""
    table = Table("model", "role", "licence", "from", "file")
    for record in shipped_models():
        source = record.carrier.distribution if record.carrier else str(record.path)
        table.add_row(record.id, record.role, record.licence, source, _state(record, models_dir))
    Console().print(table)


def _state(record: ModelRecord, models_dir: Path | None) -> str:
    try:
        find_weights(record, models_dir)
    except WeightsMissing:
        return "not found"
    except WeightsMismatch:
        return "wrong sha256"
    return "found, sha256 right"


@app.command()
def check(engine: EngineOption, models_dir: ModelsDirOption = None) -> None:
    """Load an engine and run its self-test."""
    with in_one_sentence():
        opened = open_face_engine(engine, models_dir=models_dir)
        seconds = opened.warm_up()
        info = opened.info
        opened.close()
    table = Table(show_header=False)
    table.add_row("engine", info.engine_id)
    table.add_row("self-test", f"passed, loaded in {seconds:.2f} s")
    table.add_row("licences", info.licence)
    table.add_row("embedder sha256", info.model_sha256)
    table.add_row("calibration", _calibration_line(info))
    for name, version in _versions():
        table.add_row(name, version)
    Console().print(table)


def _calibration_line(info: EngineInfo) -> str:
    table = info.calibration
    return "none: 1:N is refused" if table is None else f"{table.label}; {table.limits}"


def _versions() -> Iterator[tuple[str, str]]:
    for name in RUNTIMES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


@app.command()
def threshold(
    engine: EngineOption,
    n: Annotated[int, typer.Option("--n", min=0, help="People the door holds.")],
    fpir: Annotated[
        float, typer.Option(min=1e-9, max=0.999, help="Share of strangers named that is bearable.")
    ] = 1e-3,
    k: Annotated[int, typer.Option(min=1, help="Enrolment images in a template.")] = 3,
    m: Annotated[int, typer.Option(min=1, help="Door frames in the mean.")] = 3,
) -> None:
    """The threshold a door gets, and what it rests on."""
    with in_one_sentence():
        info = open_face_engine(engine).info
        found = door_threshold(info.calibration, fpir=fpir, n=n, k=k, m=m)
    if isinstance(found, ThresholdRefused):
        Console(stderr=True, soft_wrap=True).print(found.reason_sentence, markup=False, highlight=False)
        raise typer.Exit(1)
    _print_threshold(found, info)


def _print_threshold(found: DoorThreshold, info: EngineInfo) -> None:
    table = Table(show_header=False)
    table.add_row("t", f"{found.t:.4f} ({info.score})")
    table.add_row("margin", f"{found.margin:.2f}")
    table.add_row("table", f"{found.threshold_id} ({found.tail})")
    table.add_row("expected FPIR", f"{found.expected_fpir:.2g}")
    table.add_row("note", found.note)
    table.add_row("rests on", _calibration_line(info))
    Console().print(table)


app.command("evaluate")(run_evaluation)
app.command("calibrate")(run_calibration)
app.command("attacks")(run_attacks)
app.command("attack-clip")(run_attack_clip)


def main() -> None:
    """The console script ``gatehouse-models``."""
    app()
