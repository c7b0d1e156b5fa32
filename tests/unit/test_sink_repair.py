"""``gatehouse-sync db``: looking changes nothing, and what is broken is named in one line."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloud_sync.store import tables
from cloud_sync.store.engine import open_database
from cloud_sync.store.repair import db_app
from cloud_sync.store.sink import SinkStore
from tests.fakes.wire_ledger import T0_MS, WireLedger, body, told

HOME = "dongfang"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database in which everything is as it should be."""
    path = tmp_path / "service.db"
    engine = open_database(path)
    with engine.begin() as db:
        node = {"community": HOME, "node": "n1", "name": "东门", "device_public_key": "", "registered_ms": 1}
        db.execute(tables.node.insert().values(**node))
        secret = {"community": HOME, "name": "ada", "password_hash": "argon", "role": "admin", "made_ms": 1}
        db.execute(tables.user.insert().values(**secret))
    gate = WireLedger()
    gate.record(*(body(x={"n": n}) for n in range(30)))
    sink = SinkStore(engine, HOME)
    sink.store([told(gate.batch(range(1, 31)))], T0_MS)
    sink.close()
    engine.dispose()
    return path


def run(path: Path, *words: str) -> Result:
    return CliRunner().invoke(db_app, ["--database", str(path), *words])


def break_it(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(sql)
        db.commit()


def test_tables_lists_every_table_with_its_rows(path: Path) -> None:
    lines = dict(line.split("\t") for line in run(path, "tables").stdout.splitlines())
    assert set(lines) == set(tables.metadata.tables)
    assert (lines["event"], lines["node"], lines["gap"]) == ("30", "1", "0")


def test_rows_are_json_lines_with_bodies_in_the_clear(path: Path) -> None:
    rows = [json.loads(line) for line in run(path, "rows", "event", "--limit", "3").stdout.splitlines()]
    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert json.loads(rows[0]["body"])["type"] == "access.granted"


def test_rows_can_be_csv(path: Path) -> None:
    rows = list(csv.DictReader(run(path, "rows", "node", "--csv").stdout.splitlines()))
    assert [row["name"] for row in rows] == ["东门"]


def test_what_would_let_somebody_in_is_hidden(path: Path) -> None:
    shown = run(path, "rows", "user").stdout
    assert json.loads(shown)["password_hash"] == "(hidden)"
    assert "argon" not in shown


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_export_writes_the_whole_table(path: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    assert "30 rows of event" in run(path, "export", "event", str(out)).stdout
    lines = out.read_text().splitlines()
    assert len(lines) == 30 + name.endswith(".csv")


def test_a_whole_database_has_no_findings(path: Path) -> None:
    result = run(path, "check")
    assert (result.exit_code, result.stdout) == (0, "no findings\n")


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        (
            "update event set body = x'7b7d' where seq = 7",
            "chain: n1 eeeeeeeeeeeeeeeeeeeeeeee: broken at seq 7 of 30",
        ),
        ("delete from event where seq = 30", "chain: n1 eeeeeeeeeeeeeeeeeeeeeeee: broken at seq 30 of 30"),
        ("update counter set n = 31", "counter: n1 access.granted: says 31, events say 30"),
        ("delete from mark", "mark: n1 eeeeeeeeeeeeeeeeeeeeeeee: events without a mark"),
        ("delete from node", "node: n1: has told events and is not registered"),
        (f"insert into gap values ('{HOME}', 'n1', 'f', 4, 6, 1)", "gap: n1 f: 4-6 has not arrived"),
        (
            f"insert into conflict values ('{HOME}', 'n1', 'f', 4, 'aa', 'bb', 1)",
            "conflict: n1 f: seq 4 is aa here and bb there",
        ),
        (
            f"insert into deadletter values ('{HOME}', 1, 'n1', null, null, x'00', 'why', 1)",
            "deadletter: n1: 1 could not be read",
        ),
    ],
)
def test_whatever_is_broken_is_named_in_one_line(path: Path, sql: str, finding: str) -> None:
    break_it(path, sql)
    result = run(path, "check")
    assert result.exit_code == 1
    assert finding in result.stdout.splitlines()


def test_the_proof_says_of_each_ledger_how_far_it_is_held(path: Path) -> None:
    result = run(path, "proof")
    assert (result.exit_code, result.stdout) == (
        0,
        "proof: n1 eeeeeeeeeeeeeeeeeeeeeeee: 1-30, 30 events, 0 declared lost, no anchor of the node yet\n",
    )


def test_a_chain_that_contradicts_what_its_node_signed_is_no_proof(path: Path) -> None:
    break_it(
        path,
        "insert into anchor (community, node, epoch, seq, h, at_ms, sig, device_key, stored_ms) "
        "select community, node, epoch, 7, 'ab', 1, '', '', 1 from mark",
    )
    result = run(path, "proof")
    assert result.exit_code == 1
    assert "at 7 the chain here is not what the node signed" in result.stdout
    assert run(path, "check").exit_code == 1


def test_vacuum_gives_space_back_and_keeps_everything(path: Path) -> None:
    break_it(path, "create table filler as select randomblob(500000) as x")
    break_it(path, "drop table filler")
    before = path.stat().st_size
    assert run(path, "vacuum").exit_code == 0
    assert path.stat().st_size < before
    assert run(path, "check").stdout == "no findings\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rows", "nowhere"], "There is no table 'nowhere'; 'db tables' lists them."),
        (["rows", "node", "--json", "--csv"], "Choose one of --json and --csv."),
        (["export", "node", "out.xlsx"], "out.xlsx: the name must end in .csv or .jsonl."),
        (
            ["export", "node", "/nowhere/out.csv"],
            "/nowhere/out.csv: cannot be written (No such file or directory).",
        ),
    ],
)
def test_wrong_input_is_one_sentence_on_stderr(path: Path, words: list[str], sentence: str) -> None:
    result = run(path, *words)
    assert (result.exit_code, result.stderr) == (2, sentence + "\n")


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("no database\n" * 200)
    for command in ("tables", "check", "vacuum"):
        result = run(tmp_path / "notes.db", command)
        assert result.exit_code == 2
        assert "it is not a database" in result.stderr
        assert result.stderr.count("\n") == 1
    assert run(tmp_path / "none.db", "tables").stderr.endswith("there is no such file.\n")


def test_the_file_may_come_from_the_command_this_is_mounted_in(path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(db_app, ["check"], obj=path).stdout == "no findings\n"
    assert "Which database?" in runner.invoke(db_app, ["check"]).stderr
