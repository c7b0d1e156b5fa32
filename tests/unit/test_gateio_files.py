"""What gate-io keeps on disk, and its words to the system around it."""

import errno
import json
import os
import socket

import pytest

from edge.core.events import AccessPointId
from edge.errors import ConfigError, StoreError
from edge.gateio import journal, realtime
from edge.gateio.journal import Journal
from edge.gateio.latches import LatchFile
from edge.gateio.notify import notify
from edge.gateio.outputs import Why
from edge.gateio.server import uids_of

GATE, STAIR = AccessPointId("gate"), AccessPointId("stair")
DOORS = {GATE, STAIR}


def test_latches_are_read_back_as_they_were_written(tmp_path):
    latched = frozenset({(GATE, Why.FIRE), (STAIR, Why.EVACUATE)})
    LatchFile(tmp_path).write(latched)
    assert LatchFile(tmp_path).read(DOORS) == latched
    LatchFile(tmp_path).write(frozenset())
    assert LatchFile(tmp_path).read(DOORS) == frozenset()


def test_a_house_without_history_has_no_latches(tmp_path):
    assert LatchFile(tmp_path / "new").read(DOORS) == frozenset()


def test_a_latch_of_a_door_that_was_removed_is_forgotten(tmp_path):
    LatchFile(tmp_path).write(frozenset({(GATE, Why.FIRE), (STAIR, Why.FIRE)}))
    assert LatchFile(tmp_path).read({GATE}) == {(GATE, Why.FIRE)}


@pytest.mark.parametrize("damage", [b"", b"\0" * 64, b'{"latches": [["gate", "flood"]]}', b"\xff\xfe"])
def test_a_damaged_latch_file_opens_every_door_instead_of_guessing(tmp_path, damage):
    (tmp_path / "latches.json").write_bytes(damage)
    assert LatchFile(tmp_path).read(DOORS) == {(GATE, Why.EVACUATE), (STAIR, Why.EVACUATE)}


def test_a_full_disk_is_said_and_leaves_the_old_latches_whole(tmp_path, monkeypatch):
    file = LatchFile(tmp_path)
    file.write(frozenset({(GATE, Why.FIRE)}))

    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        file.write(frozenset())
    assert file.read(DOORS) == {(GATE, Why.FIRE)}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_journal_appends_in_order_and_across_lives(tmp_path):
    path = tmp_path / "log" / "journal.jsonl"
    for life in range(2):
        log = Journal(path)
        log.note("start", None, life)
        log.note("energise", GATE, life + 10)
        log.close()
    assert [(line["kind"], line["t_ns"], line.get("door")) for line in lines(path)] == [
        ("start", 0, None),
        ("energise", 10, "gate"),
        ("start", 1, None),
        ("energise", 11, "gate"),
    ]
    assert all(line["wall_ms"] > 1_600_000_000_000 for line in lines(path))


def test_a_journal_that_is_full_keeps_one_older_file(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "FILE_MAX_BYTES", 1000)
    log = Journal(tmp_path / "j.jsonl")
    for number in range(40):
        log.note("energise", GATE, number)
    log.close()
    assert lines(tmp_path / "j.jsonl")[-1]["t_ns"] == 39
    assert sorted(path.name for path in tmp_path.iterdir()) == ["j.jsonl", "j.jsonl.1"]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())


def test_lines_that_do_not_fit_are_counted_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "WAITING_MAX", 0)
    log = Journal(tmp_path / "j.jsonl")
    log.note("energise", GATE, 1)
    log.note("energise", GATE, 2)
    monkeypatch.setattr(journal, "WAITING_MAX", 10)
    log.note("stop", None, 3)
    log.close()
    assert [(line["kind"], line.get("lines")) for line in lines(tmp_path / "j.jsonl")] == [
        ("dropped", 2),
        ("stop", None),
    ]


def test_a_journal_that_cannot_be_opened_says_where(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="journal"):
        Journal(tmp_path / "file" / "j.jsonl")


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_hears_us(tmp_path, monkeypatch, abstract):
    name = f"gatehouse-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name if abstract else str(tmp_path / name))
        manager.settimeout(2)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else str(tmp_path / name))
        notify("READY=1")
        assert manager.recv(64) == b"READY=1"


def test_nobody_listening_is_no_trouble(tmp_path, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")


def test_a_refusal_of_real_time_is_said_once_in_plain_words(monkeypatch, caplog):
    class Libc:
        def mlockall(self, flags):
            return -1

    def refuse(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(realtime.ctypes, "CDLL", lambda *_, **__: Libc())
    assert len(realtime.become_realtime()) == 2
    assert len(caplog.records) == 2
    assert "pulses may end late" in caplog.text
    assert "LimitMEMLOCK" in caplog.text


def test_a_user_this_machine_does_not_have_is_named():
    assert uids_of([]) == {os.getuid()}
    assert 0 in uids_of(["root"])
    with pytest.raises(ConfigError, match="no user 'nobody-like-this'"):
        uids_of(["nobody-like-this"])
