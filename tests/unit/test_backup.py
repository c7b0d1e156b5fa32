"""Backups: one moment of everything, proved by a manifest; and a way back that no service can be in the way of."""

import json
import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing

import pytest

from cloud_sync import cli_operate
from cloud_sync.compose import open_books
from cloud_sync.core.policy import DAY_MS
from cloud_sync.doctor import database_findings
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.store import backup
from cloud_sync.store.backup import (
    MANIFEST,
    hold,
    last_backup_ms,
    make_backup,
    renew_generation,
    renew_generation_of,
    restore,
)
from cloud_sync.store.backup_clock import end_old_backups
from tests.fakes.community_house import NAME_CANARIES, NOON_MS, Gate, config_in, new_house, with_guest

HOME = "dongfang"


@pytest.fixture
def house(tmp_path):
    books = new_house(tmp_path)
    with_guest(books)
    gate = Gate(books)
    for _ in range(20):
        gate.tells("access.granted")
    yield books, gate
    gate.close()
    books.close()


@pytest.fixture
def data(house):
    return house[0].config.data_dir


def rows(path, query):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def test_a_backup_of_a_running_service_is_whole_and_only_its_owner_s(house, data, tmp_path):
    target = tmp_path / "copy"
    made = make_backup(data, target, HOME, NOON_MS)
    assert made.events == 20
    assert {entry.name for entry in made.files} >= {
        "community.db",
        "vault.db",
        "staging.db",
        "keys/vault.key",
    }
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert all(path.stat().st_mode & 0o77 == 0 for path in target.rglob("*.db"))
    assert all(path.stat().st_mode & 0o77 == 0 for path in (target / "keys").glob("*.key"))
    assert rows(target / "community.db", "select count(*) from event") == [(20,)]
    assert not list(target.rglob("*-wal"))
    assert last_backup_ms(data) == NOON_MS


def test_no_person_stands_in_the_manifest(house, data, tmp_path):
    make_backup(data, tmp_path / "copy", HOME, NOON_MS)
    text = (tmp_path / "copy" / "manifest.json").read_text()
    assert not [name for name in NAME_CANARIES if name in text]


def test_what_is_written_meanwhile_is_in_no_copy_or_in_every_copy(house, data, tmp_path):
    """The gate tells while the copies are made: each is one moment, and its counters agree with its events."""
    _books, gate = house
    ended = threading.Event()

    def tell():
        while not ended.is_set():
            gate.tells("access.denied")

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        for n in range(5):
            make_backup(data, tmp_path / f"copy-{n}", HOME, NOON_MS)
    finally:
        ended.set()
        teller.join(20)
    for n in range(5):
        path = tmp_path / f"copy-{n}" / "community.db"
        events = rows(path, "select count(*) from event")
        assert events == rows(path, "select sum(n) from counter") == rows(path, "select upto from mark")


def test_a_folder_that_is_not_empty_is_no_place_for_a_backup(house, data, tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "letter.txt").write_text("mine")
    with pytest.raises(StoreError, match="not empty"):
        make_backup(data, tmp_path / "copy", HOME, NOON_MS)
    assert last_backup_ms(data) is None


def test_a_damaged_database_is_not_backed_up_as_if_it_were_whole(house, data, tmp_path):
    books, gate = house
    gate.close()
    books.close()
    path = data / "vault.db"
    raw = bytearray(path.read_bytes())
    raw[4096 : 4096 + 64] = os.urandom(64)
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="damaged"):
        make_backup(data, tmp_path / "copy", HOME, NOON_MS)


# --- the way back ----------------------------------------------------------------------------------------------


@pytest.fixture
def copy(house, data, tmp_path):
    make_backup(data, tmp_path / "copy", HOME, NOON_MS)
    return tmp_path / "copy"


def test_what_is_restored_is_what_was_backed_up_with_another_generation(house, data, copy):
    books, gate = house
    gate.tells("access.denied")
    before = gate.sink.sink_gen()
    passes = books.registry.passes()
    done = restore(data, copy, HOME, NOON_MS)
    assert done.generation != before
    assert rows(data / "community.db", "select sink_gen from sink_meta") == [(done.generation,)]
    assert rows(data / "community.db", "select count(*) from event") == [(20,)]
    assert rows(done.before / "community.db", "select count(*) from event") == [(21,)]
    again = open_books(config_in(data.parent), books.clock)
    assert again.registry.passes() == passes
    again.close()


def test_an_old_log_is_never_played_into_the_restored_database(house, data, copy):
    _books, gate = house
    gate.tells("access.denied")
    assert (data / "community.db-wal").stat().st_size > 0
    done = restore(data, copy, HOME, NOON_MS)
    assert not (data / "community.db-wal").exists()
    assert (done.before / "community.db-wal").exists()


def test_nothing_is_restored_under_a_running_service(house, data, copy):
    let_go = hold(data)
    with pytest.raises(ConfigError, match="the service runs"):
        restore(data, copy, HOME, NOON_MS)
    with pytest.raises(ConfigError, match="the service runs"):
        renew_generation(data)
    let_go()
    assert restore(data, copy, HOME, NOON_MS).manifest.events == 20


def test_a_service_does_not_start_on_half_a_restore(house, data, copy, monkeypatch):
    def fails(_path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "change_generation", fails)
    with pytest.raises(StoreError, match="not finished"):
        restore(data, copy, HOME, NOON_MS)
    with pytest.raises(ConfigError, match="interrupted half-way"):
        hold(data)
    monkeypatch.undo()
    restore(data, copy, HOME, NOON_MS)
    hold(data)()


@pytest.mark.parametrize("name", ["community.db", "vault.db", "keys/vault.key"])
def test_one_changed_byte_and_nothing_is_restored(house, data, copy, name):
    path = copy / name
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(StoreError, match="not what was backed up"):
        restore(data, copy, HOME, NOON_MS)
    assert not (data / ".restoring").exists()


def test_an_unfinished_a_foreign_a_newer_or_a_stuffed_backup_is_refused(house, data, copy, tmp_path):
    manifest = copy / "manifest.json"
    told = json.loads(manifest.read_bytes())
    (tmp_path / "unfinished").mkdir()
    with pytest.raises(StoreError, match="no whole backup"):
        restore(data, tmp_path / "unfinished", HOME, NOON_MS)
    with pytest.raises(StoreError, match="of community"):
        restore(data, copy, "elsewhere", NOON_MS)
    manifest.write_text(json.dumps({**told, "shape": told["shape"] + 1}))
    with pytest.raises(StoreError, match="newer service"):
        restore(data, copy, HOME, NOON_MS)
    evil = {"name": "../evil", "size": 4, "mode": 384, "sha256": "0" * 64}
    manifest.write_text(json.dumps({**told, "files": [*told["files"], evil]}))
    with pytest.raises(StoreError, match="not those of its manifest"):
        restore(data, copy, HOME, NOON_MS)
    manifest.write_text(json.dumps(told))
    shutil.copy(copy / "vault.db", copy / "more.db")
    with pytest.raises(StoreError, match="not those of its manifest"):
        restore(data, copy, HOME, NOON_MS)


def test_a_database_that_came_back_by_other_means_gets_a_new_generation_by_hand(house, data):
    _books, gate = house
    before = gate.sink.sink_gen()
    assert renew_generation(data) == gate.sink.sink_gen() != before


@pytest.mark.parametrize("command", [cli_operate.back_up, cli_operate.bring_back])
def test_books_in_postgresql_are_not_half_copied(command, tmp_path):
    config = tmp_path / "gatehouse-sync.toml"
    config.write_text(
        'data_dir = "data"\ndatabase_url = "postgresql://gatehouse@db.lan/gatehouse"\n'
        '[community]\ncode = "dongfang"\nname_zh = "东方新城"\nname_en = "Dongfang"\n'
    )
    with pytest.raises(ConfigError, match="pg_dump"):
        command(tmp_path / "copy", config)
    assert not (tmp_path / "copy").exists()


@pytest.mark.postgres
def test_a_server_that_came_back_gets_another_generation_and_a_doctor(postgres, tmp_path):
    books = new_house(tmp_path, database=postgres.new_database())
    gate = Gate(books)
    gate.tells("access.granted")
    url = books.config.database_url
    (found,) = [one for one in database_findings(books.config, NOON_MS) if "events stored" in str(one)]
    assert found.level == "good"
    assert "1 events" in str(found)
    before = gate.sink.sink_gen()
    fresh = renew_generation_of(url, HOME)
    assert fresh != before
    assert gate.sink.sink_gen() == fresh
    with pytest.raises(StoreError, match="no community"):
        renew_generation_of(url, "xicheng")
    gate.close()
    books.close()


def test_certificates_of_the_bus_come_along_and_stay_where_a_backup_is_older_than_they_are(
    house, data, copy, tmp_path
):
    (data / "bus").mkdir(mode=0o700)
    (data / "bus" / "sync.key").write_bytes(b"ours")
    (data / "bus" / "sync.key").chmod(0o600)
    restore(data, copy, HOME, NOON_MS)
    assert (data / "bus" / "sync.key").read_bytes() == b"ours"
    make_backup(data, tmp_path / "later", HOME, NOON_MS + 1_000)
    (data / "bus" / "sync.key").write_bytes(b"lost")
    done = restore(data, tmp_path / "later", HOME, NOON_MS + 2_000)
    assert (data / "bus" / "sync.key").read_bytes() == b"ours"
    assert stat.S_IMODE((data / "bus" / "sync.key").stat().st_mode) == 0o600
    assert (done.before / "bus" / "sync.key").read_bytes() == b"lost"


def test_a_backup_ends_older_ones_beside_it_and_nothing_else(tmp_path):
    made = {"old": NOON_MS - 31 * DAY_MS, "young": NOON_MS - 29 * DAY_MS, "newest": NOON_MS}
    books = new_house(tmp_path)
    books.close()
    for name, at_ms in made.items():
        make_backup(tmp_path / "data", tmp_path / "copies" / name, "dongfang", at_ms)
    (tmp_path / "copies" / "photos").mkdir()
    (tmp_path / "copies" / "photos" / MANIFEST).write_text("{}")
    newest = tmp_path / "copies" / "newest"
    assert end_old_backups(newest, "elsewhere", NOON_MS, 30) == ()
    assert end_old_backups(newest, "dongfang", NOON_MS, 30) == ("old",)
    assert sorted(path.name for path in newest.parent.iterdir()) == ["newest", "photos", "young"]
