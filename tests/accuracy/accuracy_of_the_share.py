"""What the engines reach on the development share, through the code a node runs.

Run by ``make accuracy`` only: the photos lie outside the project, and the first run takes half an hour.  The
reports stay in ``.cache/accuracy``, with the vectors, and are never committed.
"""

import json
import os
from pathlib import Path

import pytest

from models.calibration import shipped_calibration
from models.evaluation.commands import run_evaluation
from models.plugins import open_face_engine

ROOT = Path(__file__).parents[2]
FACES = Path(os.environ.get("FACES") or ROOT / "../shared/faces")
OUT = ROOT / ".cache/accuracy"
ENGINES = ("yunet-sface", "face_recognition")
ABSENT = (
    "make accuracy: there is no folder {faces}, and without photos of known people nothing can be measured. "
    "Put the development share there, or name another folder of the same layout: make accuracy FACES=/path/to/faces"
)

Record = dict


@pytest.fixture(scope="session")
def reports() -> dict[str, Record]:
    """The record of each engine; vectors are kept from run to run."""
    if not FACES.is_dir():
        pytest.exit(ABSENT.format(faces=FACES), returncode=2)
    os.nice(10)  # whoever measures is not in a hurry, and others work beside
    found = {}
    for engine in ENGINES:
        run_evaluation(engine=engine, data=FACES, out=OUT / engine)
        found[engine] = json.loads((OUT / engine / "report.json").read_text())
    (OUT / "summary.md").write_text(summary(found))
    return found


@pytest.fixture(scope="session")
def sface(reports) -> Record:
    return reports["yunet-sface"]["figures"]


def text(rate: Record) -> str:
    return f"{100 * rate['value']:.2f} % ({100 * rate['lo95']:.2f}-{100 * rate['hi95']:.2f})"


def run_at(figures: Record, k: int, m: int, n: int, *, simulated: bool = False) -> Record:
    """The open-set run of this policy and size; the simulated ones stand apart."""
    (found,) = [
        run
        for run in figures["openset"]
        if (run["k"], run["m"], run["n"], bool(run["simulated_rows"])) == (k, m, n, simulated)
    ]
    return found


def at_one_percent(run: Record) -> Record:
    return next(point for point in run["points"] if point["fpir"] == 0.01)


def path_at(figures: Record, n: int, fpir: float) -> Record:
    (found,) = [
        one
        for one in figures["path"]
        if (one["n"], one["fpir_wanted"], one["simulated_rows"], one["checked"]) == (n, fpir, 0, True)
    ]
    return found


def summary(reports: dict[str, Record]) -> str:
    """Both engines side by side, with the sentence that belongs to every figure."""
    limits = next(iter(reports.values()))["data"]["limits"]
    rows = [f"{limits}\n", "| figure | " + " | ".join(reports) + " |", "|" + " --- |" * (len(reports) + 1)]

    def row(name: str, cell) -> None:
        rows.append(
            f"| {name} | " + " | ".join(cell(record["figures"]) for record in reports.values()) + " |"
        )

    row(
        "verification",
        lambda f: f"{text(f['verification']['accuracy'])}, {f['verification']['errors']} errors",
    )
    for k, m in ((1, 1), (3, 1), (3, 2)):
        row(f"FNIR at FPIR 1 %, N = 1,000, ({k}, {m})", lambda f, k=k, m=m: _fnir(run_at(f, k, m, 1000)))
    row(
        "FNIR at FPIR 1 %, N = 5,248 simulated, (3, 2)",
        lambda f: _fnir(run_at(f, 3, 2, 5248, simulated=True)),
    )
    for what in ("fnir", "fpir", "fpir_one_photo", "ambiguous", "misattribution"):
        row(
            f"shipped rule, N = 1,000, f = 1 %: {what}",
            lambda f, what=what: text(path_at(f, 1000, 0.01)[what]),
        )
    return "\n".join(rows) + "\n"


def _fnir(run: Record) -> str:
    point = at_one_percent(run)
    return text(point["fnir"]) if point["resolvable"] else "not resolvable"


def test_verification_errs_on_less_than_one_pair_in_a_hundred(sface):
    found = sface["verification"]
    assert found["pairs"] == 1847
    assert found["accuracy"]["value"] >= 0.99, f"{found['errors']} errors"


def test_one_photo_and_one_frame_miss_few_of_a_thousand(sface):
    point = at_one_percent(run_at(sface, 1, 1, 1000))
    assert point["resolvable"]
    assert point["fnir"]["value"] <= 0.055, text(point["fnir"])


def test_three_photos_and_two_frames_miss_hardly_anybody(sface):
    point = at_one_percent(run_at(sface, 3, 2, 1000))
    assert point["resolvable"]
    assert point["fnir"]["value"] <= 0.010, text(point["fnir"])


def test_the_largest_gallery_of_the_share_is_measured(sface):
    largest = max(run["n"] for run in sface["openset"] if not run["simulated_rows"])
    assert largest >= 2300
    assert at_one_percent(run_at(sface, 1, 1, largest))["resolvable"]


def test_five_thousand_people_are_simulated_and_say_so(sface):
    run = run_at(sface, 3, 2, 5248, simulated=True)
    assert run["simulated_rows"] > 4000
    assert "(simulated" in (OUT / "yunet-sface/report.md").read_text()
    info = open_face_engine("yunet-sface").info
    table = shipped_calibration(info.engine_id, info.model_sha256)
    assert table is not None
    assert table.verified_by == ("simulated" if table.verified_n == 5248 else "real")


def test_a_rate_without_three_expected_false_positives_is_not_resolvable(sface):
    for run in sface["openset"]:
        for point in run["points"]:
            assert point["resolvable"] == (point["fpir"] * run["stranger_attempts"] >= 3)
    assert "not resolvable" in (OUT / "yunet-sface/report.md").read_text()


@pytest.mark.parametrize("fpir", [0.01, 0.001])
def test_the_shipped_rule_names_nobody_as_somebody_else(sface, fpir):
    found = path_at(sface, 1000, fpir)
    assert found["misattribution"]["value"] == 0.0
    assert 0.0 < found["misattribution"]["hi95"] < 0.03
    assert found["fnir"]["value"] <= 0.01, text(found["fnir"])
    assert found["fpir"]["value"] <= 0.01, text(found["fpir"])
    assert found["fpir_one_photo"]["value"] <= 0.01, text(found["fpir_one_photo"])


def test_a_table_of_one_half_predicts_the_strangers_of_the_other(sface):
    single = [one for one in sface["transfer"] if (one["k"], one["m"]) == (1, 1)]
    assert len({one["n"] for one in single}) == 3
    assert {tail for one in single for tail in one["tails"]} == {"measured"}
    for one in single:
        assert 0.5 <= one["ratio"] <= 2.0, f"N = {one['n']}: {one['ratio']:.2f}"


@pytest.mark.parametrize("engine", ENGINES)
def test_each_report_begins_with_its_limits_and_holds_no_name(reports, engine):
    page = (OUT / engine / "report.md").read_text()
    assert page.split("\n\n")[1].startswith("**What this does not say.**")
    names = {path.name for path in (FACES / "lfw-dev").iterdir()} if (FACES / "lfw-dev").is_dir() else set()
    assert not [name for name in names if name in page]
    assert reports[engine]["figures"]["verification"]["accuracy"]["value"] > 0.97
