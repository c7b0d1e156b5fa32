"""The files: the same from the same seed, streamed, and read back by a check that notices what is wrong."""

import csv
import json
import shutil
import tracemalloc
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.errors import Refused
from cloud_sync.protocol.messages import EventBody
from cloud_sync.synth.check import check
from cloud_sync.synth.generate import Community
from cloud_sync.synth.reading import NotASynth, event_days, events, every, rows
from cloud_sync.synth.registry import MAKERS
from cloud_sync.synth.shape import DATASETS, DONGFANG, NANGUO
from cloud_sync.synth.wire import body_of

LAST_LINE = [
    "listings",
    "rooms",
    "beds",
    "operators",
    "access_points",
    "arrivals_per_day",
    "expected_per_day",
]


def write(out: Path, seed: int = 1, days: int = 5, name: str = "tiny", **changes: object) -> Path:
    dataset = replace(DATASETS[name], **changes)
    Community(dataset, dataset.shapes[0], seed, days, out).run(lambda _days, _events: None)
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("synth") / "made")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def bad(folder: Path) -> list[str]:
    return [verdict.what for verdict in check(folder).verdicts if not verdict.good]


# --- the same again ----------------------------------------------------------------------------------------------


def test_two_runs_are_the_same_bytes_and_another_seed_is_not(made, tmp_path):
    assert contents(write(tmp_path / "again")) == contents(made)
    other = contents(write(tmp_path / "other", seed=2))
    for name in ("listings.csv", "bookings/before.csv", "events/2026-01-02.jsonl", "truth/truth.csv"):
        assert other[name] != contents(made)[name]


def test_a_longer_run_begins_with_the_shorter_one(made, tmp_path):
    longer, shorter = contents(write(tmp_path / "longer", days=8)), contents(made)
    same = [name for name in shorter if name.startswith(("bookings/", "registrations/", "events/"))]
    assert len(same) > 12
    assert [name for name in same if longer[name] != shorter[name]] == []


def test_packed_events_are_the_same_bytes_too(tmp_path):
    one, other = (contents(write(tmp_path / name, days=1, name="wenjiang18")) for name in ("one", "other"))
    assert one == other
    assert "events/2026-01-01.jsonl.gz" in one


# --- what is in them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2, 8))
def test_every_seed_passes_every_check(tmp_path, seed):
    assert bad(write(tmp_path / "x", seed=seed)) == []


def test_a_day_of_dongfang_passes_and_has_its_totals(tmp_path):
    report = check(write(tmp_path / "x", seed=20210331, days=1, name="dongfang"))
    assert [verdict.what for verdict in report.verdicts if not verdict.good] == []
    assert report.figures["listings"] == 895
    assert report.figures["access_points"] == 51
    assert report.figures["expected_per_day"] == pytest.approx(0.95 * 0.97 * 1_500, rel=0.02)
    assert report.figures["arrivals_per_day"] == pytest.approx(report.figures["expected_per_day"], rel=0.01)


def test_the_manifest_marks_the_data_as_invented_and_says_what_cannot_be_scored(made):
    told = json.loads((made / "manifest.json").read_text())
    assert told["synthetic"] is True
    assert sorted(told["unscored"]) == ["D15", "D21", "D26"]
    assert set(told["files"]) == set(contents(made)) - {"manifest.json"}


def test_no_event_names_a_person(made):
    names = {row["name"] for row in every(made, "registrations")}
    numbers = {row["document_number"] for row in every(made, "registrations")}
    text = "".join(path.read_text() for path in event_days(made))
    assert names
    assert [word for word in names | numbers if word in text] == []


def test_nanguo_tells_both_gaps_by_name(tmp_path):
    report = check(write(tmp_path / "x", days=6, name="nanguo"))
    (gap,) = (v for v in report.verdicts if v.what == "registered of operating, of households")
    assert gap.found == "91/225 = 40.44%, 91/241 = 37.76%"
    assert [v.what for v in report.verdicts if not v.good] == []


def test_a_fire_releases_every_door_of_its_building(tmp_path):
    out = write(tmp_path / "x", days=2, name="fire", shapes=(NANGUO,))
    seen = [event for path in event_days(out) for event in events(path) if event["type"].startswith("fire.")]
    doors = {
        row["access_point"] for row in rows(out, "access_points.csv") if row["name_zh"].startswith("4栋")
    }
    assert doors
    assert {event["access_point"] for event in seen if event["type"] == "fire.release"} == doors
    assert {event["access_point"] for event in seen if event["type"] == "fire.reset"} == doors


def test_wrong_clocks_are_written_as_the_nodes_had_them(tmp_path):
    script = tuple(replace(fault, nodes="nanguo-001") for fault in DATASETS["clockhell"].script or ())
    out = write(tmp_path / "x", days=2, name="clockhell", shapes=(NANGUO,), script=script[:2])
    late = [event for event in events(event_days(out)[1]) if "wall" in event]
    gone = [event["at"] - event["wall"] for event in late]
    assert max(gone) > 50 * 365 * 86_400_000  # 1970
    assert -7_200_000 in gone  # two hours ahead


# --- the check notices -------------------------------------------------------------------------------------------


@pytest.fixture
def copy(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "copy"))


def edit(path: Path, change) -> None:
    with path.open(newline="") as file:
        table = list(csv.reader(file))
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(change(table))


MISCHIEF = {
    "truth rows are those injected": ("truth/truth.csv", lambda t: t[:-1]),
    "beds": ("rooms.csv", lambda t: [*t[:-1], [*t[-1][:3], "9", *t[-1][4:]]]),
    "rooms": ("rooms.csv", lambda t: t[:-1]),
    "access points": ("access_points.csv", lambda t: t[:-1]),
    "arrivals a day": ("truth/stays.csv", lambda t: t[:-6]),
    "D16 counted again from the files (12)": (
        "advertisements.csv",
        lambda t: [t[0], *[[*row[:3], "FY-0"] for row in t[1:]]],
    ),
    "documents belong to nobody and are well formed": (
        "registrations/before.csv",
        lambda t: [t[0], *[[*row[:4], "51" + row[4][2:], *row[5:]] for row in t[1:]]],
    ),
    "phones and addresses reach nobody": (
        "registrations_at/before.csv",
        lambda t: [t[0], *[[*row[:3], "13800138000", *row[4:]] for row in t[1:]]],
    ),
}


@pytest.mark.parametrize("what", MISCHIEF)
def test_the_check_notices(copy, what):
    name, change = MISCHIEF[what]
    edit(copy / name, change)
    assert {"files are those of the manifest", what} <= set(bad(copy))


def test_the_check_notices_a_line_that_is_gone(copy):
    path = event_days(copy)[1]
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:100] + lines[101:]))
    found = bad(copy)
    assert "events" in found
    assert any(what.startswith("missing numbers are D22") for what in found)


def test_a_folder_without_a_finished_run_is_not_checked(tmp_path):
    with pytest.raises(NotASynth, match=r"has no manifest\.json of a finished run"):
        check(tmp_path)


# --- memory ------------------------------------------------------------------------------------------------------


def test_what_is_remembered_does_not_grow_with_the_days(tmp_path):
    def peak(days: int) -> int:
        tracemalloc.start()
        write(tmp_path / str(days), days=days)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(90) < 1.5 * peak(30)


# --- the command -------------------------------------------------------------------------------------------------


def said(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["synth", *words])
    if isinstance(done.exception, Refused):
        return 2, str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def test_the_last_line_is_one_json_object(tmp_path):
    code, text = said("tiny", "--seed", "4", "--out", str(tmp_path / "x"))
    assert code == 0
    figures = json.loads(text.splitlines()[-1])
    assert list(figures) == LAST_LINE
    assert (figures["listings"], figures["rooms"], figures["beds"]) == (12, 40, 56)
    assert "BAD" not in text
    assert json.loads((tmp_path / "x" / "manifest.json").read_text())["seed"] == 4


def test_wrong_words_are_answered_in_one_sentence(tmp_path):
    new, file = str(tmp_path / "x"), tmp_path / "file"
    file.write_text("")
    for words, sentence in {
        ("nowhere", "--out", new): f"there is no data set 'nowhere'; known are {', '.join(MAKERS)}.",
        ("tiny", "--out", new, "--days", "0"): "--days is a number from 1 to 1100.",
        ("tiny", "--out", new, "--seed", "-1"): "--seed is a number from 0 to 9223372036854775807.",
        ("tiny", "--out", new, "--start", "soon"): "--start 'soon' is not a day such as 2026-01-01.",
        ("tiny", "--out", str(file)): f"{file} is there already and not an empty folder; name another.",
        (
            "tiny",
            "--out",
            str(tmp_path),
        ): f"{tmp_path} is there already and not an empty folder; name another.",
    }.items():
        assert said(*words) == (2, sentence)
    assert said("tiny", "--out", new, "--start", "1999-01-01")[0] == 2
    assert not (tmp_path / "x").exists()


def test_a_failed_check_is_exit_code_one(tmp_path, monkeypatch):
    monkeypatch.setattr("cloud_sync.synth.check.WITHIN", -1.0)
    monkeypatch.setattr("cloud_sync.synth.check.SURPRISE_MIN", 2.0)
    code, text = said("tiny", "--out", str(tmp_path / "x"))
    assert code == 1
    assert "BAD  arrival hours, chi-square" in text


def test_another_first_day_is_another_window(tmp_path):
    code, text = said("tiny", "--out", str(tmp_path / "x"), "--start", "2026-10-01", "--days", "3")
    assert code == 0
    assert json.loads(text.splitlines()[-1])["expected_per_day"] > 1.5 * DONGFANG.arrivals / 100
    assert rows(tmp_path / "x", "truth/stays.csv").__next__()["day"] == date(2026, 10, 1).isoformat()


# --- on the bus --------------------------------------------------------------------------------------------------


def test_every_line_is_an_event_the_bus_understands(made):
    known = {field.encode_name for field in msgspec.structs.fields(EventBody)}
    kinds, passes = set(), 0
    for path in event_days(made):
        for line in events(path):
            body = body_of(line, boot_id="b", booted_ms=0, pass_of=lambda who: (f"P {who}", 3, f"SJ {who}"))
            assert set(body) <= known
            decoded = msgspec.json.decode(msgspec.json.encode(body), type=EventBody)
            kinds.add(decoded.type)
            passes += decoded.pass_id is not None
            assert (decoded.pass_id is None) == ("who" not in line)
    assert {"access.taken", "access.denied", "access.granted"} <= kinds
    assert passes > 1_000


def test_a_line_keeps_the_time_its_node_believed():
    line = {"at": 1_767_200_000_123, "node": "n", "seq": 1, "access_point": "a", "type": "access.taken"}
    trusted = body_of(line, boot_id="b", booted_ms=1_767_100_000_000, pass_of=lambda _who: None)
    assert (trusted["wall"], trusted["mono_ms"]) == ("2025-12-31T16:53:20.123Z", 100_000_123)
    wrong = body_of(
        {**line, "wall": 5, "clock_state": "UNTRUSTED"}, boot_id="b", booted_ms=0, pass_of=lambda _who: None
    )
    assert (wrong["wall"], wrong["clock_state"]) == ("1970-01-01T00:00:00.005Z", "UNTRUSTED")
    hosted = body_of(
        {**line, "host": "x 1 0"}, boot_id="b", booted_ms=0, pass_of=lambda who: ("P", 1, f"SJ {who}")
    )
    assert hosted["x"] == {"host": "SJ x 1 0"}
    assert "pass_id" not in hosted
