"""Fifty-one doors from one list: every wrong row is answered, and nothing is written unless all are right."""

import csv
import json
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cloud_sync.cli import app
from cloud_sync.errors import ConfigError, Refused
from cloud_sync.store import tables
from edge.store.device_key import read_join
from tests.fakes.community_house import SteppedClock, new_house, public_key

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "access_points.csv"
CONFIG = """data_dir = "data"
[community]
code = "dongfang"
name_zh = "东方新城"
name_en = "Dongfang"
synthetic = true
[web]
tls = false
"""
HEAD = "access_point,kind,name_zh,name_en,node,node_name,public_key"
GOOD = f"AP-1,gate,南门,South,n-1,South,{public_key(1)}"


@pytest.fixture
def books(tmp_path):
    (tmp_path / "gatehouse-sync.toml").write_text(CONFIG)
    made = new_house(tmp_path, SteppedClock())
    yield made
    made.close()


@pytest.fixture
def add(books, tmp_path):
    def run(source, *words):
        path = tmp_path / "doors.csv"
        if isinstance(source, Path):
            path = source
        else:
            path.write_bytes(source if isinstance(source, bytes) else source.encode())
        asked = ["node", "add", "--csv", str(path), *words, "--config", str(tmp_path / "gatehouse-sync.toml")]
        done = CliRunner().invoke(app, asked)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    return run


def doors(books):
    with books.engine.connect() as db:
        return {row.access_point: row for row in db.execute(sa.select(tables.access_point)).all()}


def audit_rows(books):
    with books.engine.connect() as db:
        return db.execute(sa.select(sa.func.count()).select_from(tables.audit)).scalar_one()


def test_the_example_makes_fifty_one_doors_on_their_nodes_and_a_join_file_for_each_node(books, add, tmp_path):
    before = set(doors(books))
    joins = tmp_path / "joins"
    done = add(EXAMPLE, "--join-dir", str(joins))
    assert (done.exit_code, done.stdout.split(": ")[1][:33]) == (0, "51 access points on 47 nodes made")
    with EXAMPLE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    made = {name: row for name, row in doors(books).items() if name not in before}
    assert {name: row.node for name, row in made.items()} == {
        row["access_point"]: row["node"] for row in rows
    }
    kinds = [row.kind for row in made.values()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"gate": 8, "garage": 3, "unit": 40}
    assert not any(row.face_enabled for row in made.values())
    assert len(list(joins.iterdir())) == 47
    assert read_join(joins / "gate-south.json").node == "gate-south"
    told = json.loads((joins / "gate-south.json").read_text())["access_points"]
    assert sorted(door["access_point"] for door in told) == ["AP-south-in", "AP-south-out"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in joins.iterdir()} == {0o600}


def test_the_same_list_again_changes_nothing_and_a_corrected_name_only_that(books, add, tmp_path):
    joins = str(tmp_path / "joins")
    add(EXAMPLE, "--join-dir", joins)
    noted, first = audit_rows(books), doors(books)
    assert add(EXAMPLE, "--join-dir", joins).exit_code == 0
    assert (audit_rows(books), doors(books)) == (noted, first)
    renamed = EXAMPLE.read_text(encoding="utf-8").replace("南门进口", "南大门进口")
    assert add(renamed, "--join-dir", joins).exit_code == 0
    assert {name for name, row in doors(books).items() if row != first[name]} == {"AP-south-in"}


def test_a_dry_run_judges_everything_and_writes_nothing(books, add, tmp_path):
    before, noted = doors(books), audit_rows(books)
    done = add(EXAMPLE, "--dry-run", "--join-dir", str(tmp_path / "joins"))
    assert done.exit_code == 0
    assert "nothing was written" in done.stdout
    assert (doors(books), audit_rows(books), (tmp_path / "joins").exists()) == (before, noted, False)


WRONG = {
    f"AP 2,gate,门,Door,n-2,,{public_key(2)}": "row 3: access_point 'AP 2' may have letters",
    f"AP-2,tower,门,Door,n-2,,{public_key(2)}": "row 3: kind 'tower' is not one of gate, unit, room, garage.",
    f"AP-2,gate,,Door,n-2,,{public_key(2)}": "row 3: name_zh is empty.",
    "AP-2,gate,门,Door,n-2,,c2hvcnQ=": "row 3: public_key is not base64 of 32 bytes",
    f"AP-1,gate,门,Door,n-2,,{public_key(2)}": "row 3: access point AP-1 stands in row 2 already.",
    f"AP-2,gate,门,Door,n-1,,{public_key(9)}": "row 3: public_key of node n-1 is another one than in row 2.",
    "AP-2,gate,门,Door,n-2,,": "row 3: node n-2 is not registered and has no public_key here",
    f"AP-2,gate,门,Door,gate-1,,{public_key(99)}": "row 3: node gate-1 is registered with another key",
    f"AP-2,gate,门,Door,n-2,{public_key(2)}": "row 3: has 6 cells, the first line names 7 columns.",
    f'"AP-2,gate,门,Door,n-2,,{public_key(2)}': "row 3: a quotation mark is not closed.",
}


@pytest.mark.parametrize("line", WRONG, ids=WRONG.values())
def test_a_wrong_row_is_answered_in_one_sentence_with_its_number_and_the_right_rows_wait(
    line, books, add, tmp_path
):
    before, noted = doors(books), audit_rows(books)
    done = add(f"{HEAD}\n{GOOD}\n{line}\n", "--join-dir", str(tmp_path / "joins"))
    sentence, verdict = done.stderr.splitlines()
    assert sentence.startswith(WRONG[line])
    assert verdict.endswith("1 wrong row(s); nothing was written.")
    assert (done.exit_code, doors(books), audit_rows(books)) == (2, before, noted)
    assert not (tmp_path / "joins").exists()


def test_every_wrong_row_is_told_in_the_order_of_the_file(books, add):
    lines = "\n".join([HEAD, *WRONG])
    told = [line.split(":")[0] for line in add(lines, "--dry-run").stderr.splitlines()[:-1]]
    assert told == [f"row {number}" for number in range(2, len(WRONG) + 2) if number != 6]


def test_chinese_headings_in_gbk_are_understood_and_keys_come_from_the_join_requests(books, add, tmp_path):
    asked = tmp_path / "asked"
    asked.mkdir()
    (asked / "n-5.json").write_text(json.dumps({"node": "n-5", "public_key": public_key(5)}))
    text = "门编号,类型,中文名,英文名,节点\nAP-5,车库,一号车库,Garage 1,n-5\n"
    done = add(text.encode("gbk"), "--requests", str(asked), "--join-dir", str(tmp_path / "joins"))
    assert done.exit_code == 0, done.stderr
    door = doors(books)["AP-5"]
    assert (door.kind, door.name_zh, door.node) == ("garage", "一号车库", "n-5")
    (asked / "n-5.json").write_text(json.dumps({"node": "n-6", "public_key": public_key(5)}))
    with pytest.raises(ConfigError, match="is the request of node n-6"):
        add(text.encode("gbk"), "--requests", str(asked), "--dry-run")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the list is empty"),
        (HEAD, "the list has headings and no doors"),
        (f"{HEAD},colour\n{GOOD},red", "the column 'colour' is not known"),
        ("access_point,kind\nAP-1,gate", "the column name_zh, name_en, node is missing"),
        (f"{HEAD},door\n{GOOD},AP-1", "a column stands twice"),
        (b"\xff\xff\xff", "neither UTF-8 nor GBK"),
    ],
)
def test_a_file_that_is_no_list_is_refused_whole(text, sentence, books, add):
    with pytest.raises(Refused, match=sentence):
        add(text, "--dry-run")


def test_options_of_one_node_and_of_a_list_do_not_mix(books, add, tmp_path):
    with pytest.raises(ConfigError, match="needs --join-dir"):
        add(EXAMPLE)
    with pytest.raises(ConfigError, match="a list brings its own"):
        add(EXAMPLE, "--dry-run", "--name", "South")
    with pytest.raises(ConfigError, match="cannot be read"):
        add(tmp_path / "nowhere.csv", "--dry-run")
