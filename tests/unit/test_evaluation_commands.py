"""``gatehouse-models evaluate`` and ``calibrate`` from a folder to a report and a table."""

import json
import stat
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.calibration_file import parse_calibration
from models.cli import app
from models.evaluation.bounds import independent
from models.evaluation.calibrate import TriedAt, verified
from tests.fakes.photo_folder import pairs_list, photo_folder

RUN = CliRunner()
PHOTOS = [6] * 25 + [3] * 15 + [1] * 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = photo_folder(tmp_path_factory.mktemp("data"), PHOTOS)
    pairs_list(made, PHOTOS)
    made.with_name("people-noise.txt").write_text("p0003\tp0004\t0.9\n")
    return made


def said(*arguments: object, status: int = 0) -> str:
    done = RUN.invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert done.exit_code == status, done.output + done.stderr
    return " ".join((done.output + done.stderr).split())


@pytest.fixture(scope="module")
def report(folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out")
    said("evaluate", "--engine", "synthetic", "--data", folder, "--out", out, "--draws", 3)
    return out


def test_the_page_begins_with_what_it_does_not_say(report):
    first, second, *_ = (report / "report.md").read_text().split("\n\n")
    assert first == "# synthetic on people"
    assert "What this does not say" in second
    assert "not measured" in second


def test_a_rate_without_enough_false_positives_is_not_resolvable(report):
    page = (report / "report.md").read_text()
    assert "not resolvable" in page
    points = [point for run in figures(report)["openset"] for point in run["points"]]
    assert {point["resolvable"] for point in points} == {False}, "50 strangers cannot show 1 %"


def figures(report: Path) -> dict:
    return json.loads((report / "report.json").read_text())["figures"]


def test_every_rate_in_the_record_has_its_bounds(report):
    found: list[dict] = []

    def walk(value):
        if isinstance(value, dict):
            found.extend([value] if "hi95" in value else [])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(figures(report))
    assert len(found) > 50
    assert all(rate["lo95"] <= rate["value"] + 1e-12 <= rate["hi95"] + 2e-12 for rate in found)
    assert all(rate["hi95"] > 0.0 for rate in found if rate["trials"])


def test_no_name_of_a_person_leaves_the_folder_of_data(report):
    for name in ("report.md", "report.json"):
        text = (report / name).read_text()
        assert "p0003" not in text
        assert "p0010" not in text


def test_the_protocols_that_cannot_be_run_say_why(report):
    assert "transfer: fewer than" in (report / "report.md").read_text()
    assert figures(report)["not_run"]


def test_pictures_are_drawn_and_vectors_are_private(report):
    assert (report / "scores.png").read_bytes().startswith(b"\x89PNG")
    (kept, *_) = (report / "cache").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_the_same_seed_and_files_give_the_same_figures(folder, report, tmp_path):
    said("evaluate", "--engine", "synthetic", "--data", folder, "--out", tmp_path, "--draws", 3)
    assert figures(tmp_path) == figures(report)


def test_only_what_was_asked_for_is_run(folder, tmp_path):
    said(
        "evaluate",
        "--engine",
        "synthetic",
        "--data",
        folder,
        "--out",
        tmp_path,
        "--only",
        "verification",
        "--no-pictures",
    )
    assert figures(tmp_path)["verification"] is not None
    assert figures(tmp_path)["openset"] == []
    assert not list(tmp_path.glob("*.png"))


def test_without_matplotlib_one_sentence_says_what_to_do(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    text = said(
        "evaluate",
        "--engine",
        "synthetic",
        "--data",
        folder,
        "--out",
        tmp_path,
        "--only",
        "verification",
        status=1,
    )
    assert "Install matplotlib" in text
    assert "--no-pictures" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--data", "/nowhere/at/all"), "there is no such folder"),
        (("--data", "{folder}", "--only", "verify"), "no protocol is named 'verify'"),
        (("--data", "{folder}", "--out", "{folder}/p0001/p0001_0001.png"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(folder, tmp_path, arguments, sentence):
    given = [part.format(folder=folder) for part in arguments]
    out = () if "--out" in given else ("--out", tmp_path)
    text = said("evaluate", "--engine", "synthetic", *given, *out, status=1)
    assert sentence in text
    assert "Traceback" not in text


def test_calibrate_writes_a_table_that_a_door_can_read(folder, tmp_path):
    target = tmp_path / "own.toml"
    text = said("calibrate", "--engine", "synthetic", "--data", folder, "--out", target, "--draws", 2)
    record, _ = parse_calibration(target.read_bytes(), "own.toml")
    assert (record.engine_id, record.data.identities) == ("synthetic", 100)
    assert record.data.noise_list_sha256 is not None
    assert record.policy[0].impostor_identities == 99, "one of the two names on the noise list is left out"
    assert record.verified_by == "real"
    assert "not resolvable" in text
    assert "p00" not in target.read_text()
    assert "one .toml file" in said(
        "calibrate", "--engine", "synthetic", "--data", folder, "--out", tmp_path, status=1
    )


def tried(
    n: int, named: int, *, simulated: int = 0, attempts: int = 1000, alike: float | None = None
) -> TriedAt:
    return TriedAt(1, 1, n, simulated, independent(named, attempts), alike, attempts)


def test_a_table_is_verified_as_far_as_its_promise_held():
    assert verified([tried(100, 9), tried(420, 19), tried(1000, 21)], 2000) == (420, "real")
    assert verified([tried(100, 9), tried(1000, 2, attempts=100)], 2000) == (100, "real")
    assert verified([tried(100, 50)], 2000) == (100, "real")


def test_made_rows_count_for_what_they_are_worth():
    made = tried(5000, 15, simulated=4000, alike=0.5)
    assert made.corrected == pytest.approx(0.015 / 0.6)
    assert not made.holds
    assert verified([tried(1000, 9), made], 2000) == (1000, "real")
    assert verified([tried(1000, 9), tried(5000, 10, simulated=4000, alike=0.6)], 2000) == (5000, "simulated")
