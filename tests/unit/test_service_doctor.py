"""The service's doctor: each thing that can be wrong is made wrong, and said with what to do; it changes nothing."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from cloud_sync import doctor
from cloud_sync.doctor import DAY_MS, MINUTE_MS, examine
from cloud_sync.store.backup import LAST, hold
from cloud_sync.store.engine import steps
from cloud_sync.web.tls import ensure_local_authority
from tests.fakes.community_house import NAME_CANARIES, NOON_MS, Gate, config_in, new_house, with_guest


@pytest.fixture
def house(tmp_path):
    books = new_house(tmp_path)
    with_guest(books)
    gate = Gate(books)
    gate.tells("access.granted")
    gate.says_hello(acked=1)
    yield books, gate
    gate.close()
    books.close()


@pytest.fixture
def config(house):
    return house[0].config


def said(config, now_ms=NOON_MS):
    return [str(finding) for finding in examine(config, now_ms)]


def about(config, where, now_ms=NOON_MS):
    return [str(one) for one in examine(config, now_ms) if one.where.endswith(where)]


def tree(folder):
    return {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "-shm" not in path.name
    }


def test_it_changes_nothing_and_names_nobody(config):
    before = tree(config.data_dir)
    text = "\n".join(said(config))
    assert tree(config.data_dir) == before
    assert not [name for name in NAME_CANARIES if name in text]


def test_what_is_as_it_should_be_is_said_too(config):
    assert any("1 events stored" in line for line in said(config))
    (node,) = about(config, "node gate-1")
    assert node.startswith("good")


def test_a_service_that_runs_is_told_from_one_that_does_not(config):
    assert about(config, "service")[0].startswith("bad")
    let_go = hold(config.data_dir)
    assert about(config, "service") == ["good service: runs."]
    let_go()
    assert about(config, "service")[0].startswith("bad")


def test_a_broker_nobody_listens_at_is_named_with_its_address(config):
    away = config.model_copy(
        update={"broker": config.broker.model_copy(update={"embedded": False, "port": 9})}
    )
    (broker,) = about(away, "broker")
    assert broker.startswith("bad")
    assert "127.0.0.1:9 cannot be reached" in broker


@pytest.mark.parametrize(
    ("age_ms", "level", "word"),
    [(None, "look", "none was ever made"), (DAY_MS, "good", "the newest"), (8 * DAY_MS, "look", "Run")],
)
def test_a_backup_has_an_age(config, age_ms, level, word):
    if age_ms is not None:
        (config.data_dir / LAST).write_text(json.dumps({"made_ms": NOON_MS - age_ms}))
    (line,) = about(config, "backup")
    assert line.startswith(level)
    assert word in line


def test_books_in_postgresql_are_copied_by_others_and_that_is_no_fault(tmp_path):
    away = config_in(tmp_path, database="postgresql://gatehouse@127.0.0.1:1/nowhere")
    (line,) = about(away, "backup")
    assert line.startswith("good")
    assert "pg_dump" in line


@pytest.mark.parametrize(
    ("days", "level"), [(0, "good"), (380, "look"), (400, "bad")], ids=["fresh", "soon", "over"]
)
def test_a_certificate_ends(config, days, level):
    safe = config.model_copy(update={"web": config.web.model_copy(update={"tls": True})})
    ensure_local_authority(safe.tls, ["localhost"])
    made_ms = round((safe.tls / "cert.pem").stat().st_mtime * 1000)
    (line,) = about(safe, "cert.pem", made_ms + days * DAY_MS)
    assert line.startswith(level)


def test_a_key_others_may_read_is_said(config):
    (config.keys / "vault.key").chmod(0o644)
    (line,) = about(config, "keys")
    assert line.startswith("bad")
    assert "chmod 600" in line


def test_a_full_disk_is_said(config, monkeypatch):
    usage = shutil.disk_usage(config.data_dir)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: usage._replace(free=400_000_000))
    assert any("400 MB left" in line for line in about(config, "data"))


def test_a_folder_that_is_not_there_and_a_restore_that_was_interrupted_are_said(config, tmp_path):
    (config.data_dir / ".restoring").mkdir()
    assert any("restore was interrupted" in line for line in about(config, "data"))
    gone = config_in(tmp_path / "elsewhere")
    assert any("is not there" in line for line in said(gone))


def test_a_damaged_a_newer_and_an_older_database_are_told_apart(house, config):
    path = config.data_dir / "community.db"
    house[1].close()
    house[0].close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"pragma user_version = {len(steps()) + 1}")
    assert "newer service" in about(config, "community.db")[0]
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma user_version = 1")
    older = about(config, "community.db")[0]
    assert older.startswith("look")
    assert "Back it up first" in older
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma user_version").fetchone() == (1,), "it was brought up by being looked at"
    path.write_bytes(b"no database at all, whatever it is called" * 100)
    assert about(config, "community.db")[0].startswith("bad")
    path.unlink()
    assert "restore" in about(config, "community.db")[0]
    assert not path.exists()


# --- the nodes ---------------------------------------------------------------------------------------------------


def line_of(house, **changes):
    books, _gate = house
    (line,) = doctor.StoredDashboard(books.engine).nodes("dongfang", NOON_MS)
    return replace(line, **changes)


def troubles(house, now_ms=NOON_MS, **changes):
    return [str(one) for one in doctor.node_findings(line_of(house, **changes), now_ms)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hello_ms": 0}, "has never been heard"),
        ({"online": False}, "silent since 2026-05-01 04:00Z"),
        ({"drained_through_ms": NOON_MS - 3 * DAY_MS}, "still sending what it recorded since 2026-04-28"),
        ({"missing": 7}, "7 events inside gaps"),
        ({"clock_state": "UNTRUSTED"}, "its clock is UNTRUSTED"),
        ({"pass_set": "behind"}, "does not hold the newest passes"),
        ({"wire": 99}, "wire version 99"),
        ({"faults": ("AP-1: the lock does not answer",)}, "the lock does not answer"),
    ],
)
def test_what_a_node_lacks_is_one_sentence(house, changes, words):
    (line,) = troubles(house, **changes)
    assert words in line
    assert not line.startswith("good")


def test_a_silent_node_is_not_blamed_for_what_it_cannot_help(house):
    changes = {"online": False, "pass_set": "behind", "faults": ("old",), "drained_through_ms": 0}
    assert len(troubles(house, **changes)) == 1


def test_a_machine_whose_clock_stands_in_the_past_is_told(config):
    assert about(config, "clock", NOON_MS) == []
    (line,) = about(config, "clock", NOON_MS - 10 * MINUTE_MS)
    assert "10 min before" in line


def test_conflicts_gaps_losses_and_what_nobody_could_read_are_counted(house):
    books, _gate = house
    totals = doctor.StoredTotals(books.engine, "dongfang").totals()
    assert list(doctor.total_findings(totals)) == []
    odd = replace(totals, conflicts=1, missing=2, lost=3, dead_letters=4, erasures_owed=5)
    lines = [str(one) for one in doctor.total_findings(odd)]
    assert [line.split()[2] for line in lines] == ["1", "2", "3", "4", "5"]
