"""The node's doctor: each thing that can be wrong is made wrong, and said with what to do; it changes nothing."""

import base64
import json
import shutil
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cloud_sync.protocol import chain
from edge import doctor
from edge.core.events import AccessPointId, ClockState, Fact, NodeId, Stamp
from edge.doctor import OUTBOX_MANY, examine, status_findings
from edge.link.translate import encode_fact
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
IO = """
[[door]]
access_point = "gate-south"
lock_profile = "strike_fail_secure"
rex_unlocks = true
fire_group = "house"
max_pulse_ms = 20000
lock = { driver = "simulated", record = "lock.jsonl" }
inputs = { driver = "simulated", rig = "rig.sock", wired = ["contact", "rex"] }
"""
NODE = """
node = "n1"
data_dir = "{folder}/data"
join_file = "{folder}/join.json"
io_profile = "{folder}/io.toml"
[broker]
port = {port}
[kiosk]
port = 8081
[[cameras]]
name = "front"
driver = "replay"
[[doors]]
access_point = "gate-south"
kind = "gate"
camera = "front"
"""


def join_text(node="n1"):
    tree = {
        "community": "dongfang",
        "node": node,
        "kid": "k1",
        "community_key": base64.b64encode(bytes(32)).decode(),
        "access_points": [],
        "tz": "Asia/Shanghai",
    }
    return json.dumps(tree)


@pytest.fixture
def broker():
    """Somebody who listens; nothing is said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def node(tmp_path, broker):
    """A node that has run, recorded ten events, and is stopped."""
    (tmp_path / "io.toml").write_text(IO)
    (tmp_path / "join.json").write_text(join_text())
    path = tmp_path / "node.toml"
    path.write_text(NODE.format(folder=tmp_path, port=broker.getsockname()[1]))
    record(tmp_path / "data", 10)
    return path


def record(folder, count):
    ballast = Ballast(folder / "reserve")
    ledger = SqliteLedger(
        folder / "events.db",
        NodeId("n1"),
        encode=encode_fact,
        chain=chain,
        new_epoch=lambda: "e" * 24,
        ballast=ballast,
    )
    stamp = Stamp("b1", 1, NOW_MS, ClockState.TRUSTED, 10)
    fact = Fact("door.closed", access_point=AccessPointId("gate-south"))
    ledger.append([fact] * count, stamp)
    ledger.close()


def about(path, where, now_ms=NOW_MS):
    return [str(one) for one in examine(path, now_ms) if one.where.endswith(where)]


def tree(folder):
    """All but the log files SQLite leaves, empty, for whoever only reads."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files if not path.name.endswith(("-shm", "-wal"))}


def test_a_stopped_node_says_so_and_nothing_is_changed_by_looking(node, tmp_path):
    before = tree(tmp_path)
    (said,) = about(node, "node")
    assert said.startswith("bad")
    assert "does not run" in said
    assert tree(tmp_path) == before


def test_what_is_as_it_should_be_is_said_too(node):
    assert about(node, "node.toml")[0].startswith("good")
    assert about(node, "events.db") == [f"good {node.parent}/data/events.db: its pages are whole."]
    assert about(node, "outbox") == ["good outbox: 10 of 10 events wait for the service."]
    assert about(node, "broker")[0].startswith("good")


def test_every_mistake_of_its_files_is_a_finding(node):
    node.write_text(node.read_text().replace('kind = "gate"', 'kind = "moat"'))
    assert any(line.startswith("bad") and "kind" in line for line in about(node, "node.toml"))
    node.write_text("not = [toml")
    assert next(str(one) for one in examine(node, NOW_MS)).startswith("bad")


def test_events_only_this_node_has_are_counted(node, tmp_path):
    record(tmp_path / "data", OUTBOX_MANY)
    (said,) = about(node, "outbox")
    assert said == "look outbox: 1,010 events wait for the service. Do not replace this card now."


def test_what_is_left_to_tell_of_a_damaged_ledger_is_counted_too(node, tmp_path):
    with closing(sqlite3.connect(tmp_path / "data" / "events.db")) as db:
        db.execute("insert into past values ('before', 3500, 500, 'g')")
        db.commit()
    (said,) = about(node, "outbox")
    assert said == "look outbox: 3,010 events wait for the service. Do not replace this card now."


def test_a_damaged_ledger_is_said_and_a_missing_one_is_no_damage(node, tmp_path):
    path = tmp_path / "data" / "events.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    raw = bytearray(path.read_bytes())
    raw[4096:8192] = b"\xff" * 4096
    path.write_bytes(raw)
    assert "damaged" in about(node, "events.db")[0]
    for one in (tmp_path / "data").glob("events.db*"):
        one.unlink()
    assert about(node, "events.db")[0].startswith("look")
    assert not path.exists()


def test_a_reserve_that_was_used_up_and_a_full_disk_are_said(node, tmp_path, monkeypatch):
    assert about(node, "reserve") == []
    (tmp_path / "data" / "reserve").unlink()
    assert "used up" in about(node, "reserve")[0]
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: usage._replace(free=300_000_000))
    assert any("300 MB left" in line for line in about(node, "data"))


def test_a_key_others_may_read_is_said(node, tmp_path):
    key = tmp_path / "data" / "device.key"
    key.write_bytes(bytes(32))
    key.chmod(0o644)
    assert "chmod 600" in about(node, "device.key")[0]


def test_the_join_file_of_another_node_is_said(node, tmp_path):
    (tmp_path / "join.json").write_text(join_text("n2"))
    assert "is for node n2" in about(node, "join.json")[0]


def test_a_broker_nobody_listens_at_is_named_with_its_address(node, broker):
    port = broker.getsockname()[1]
    broker.close()
    (said,) = about(node, "broker")
    assert said.startswith("bad")
    assert f"127.0.0.1:{port} cannot be reached" in said


@pytest.mark.parametrize(
    ("begins", "ends", "level", "word"),
    [
        (-1, 90, "good", "serves until"),
        (-1, 20, "look", "Renew it"),
        (-9, -1, "bad", "lets this node in no more"),
        (2, 90, "bad", "clock is wrong"),
    ],
)
def test_a_certificate_ends_and_one_of_the_future_blames_the_clock(node, tmp_path, begins, ends, level, word):
    path = tmp_path / "node.pem"
    path.write_bytes(certificate(NOW + timedelta(days=begins), NOW + timedelta(days=ends)))
    node.write_text(node.read_text().replace("[broker]", f'[broker]\ncert_file = "{path}"'))
    (said,) = about(node, "node.pem")
    assert said.startswith(level)
    assert word in said


@pytest.mark.parametrize(("days", "level"), [(9, "good"), (5, "look"), (-1, "bad")])
def test_the_communitys_own_certificate_is_looked_at_where_no_other_is_configured(
    node, tmp_path, days, level
):
    bus = tmp_path / "data" / "bus"
    bus.mkdir()
    (bus / "node.pem").write_bytes(certificate(NOW - timedelta(days=21), NOW + timedelta(days=days)))
    for name in ("ca.pem", "node.key"):
        (bus / name).write_bytes(b"")
        (bus / name).chmod(0o600)
    (said,) = about(node, "node.pem")
    assert said.startswith(level)
    (bus / "node.key").chmod(0o644)
    assert "others may read this key" in about(node, "node.key")[0]


def certificate(begins, ends):
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, ends)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


STATUS = {"doors": [{}, {}], "faults": [], "clock": "TRUSTED", "freshness": {"guest": {"state": "FRESH"}}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"faults": ["front: no picture for 2 s"]}, "bad  node: front: no picture for 2 s"),
        ({"clock": "HOLDOVER"}, "no time server answers"),
        ({"freshness": {"staff": {"state": "EXPIRED"}}}, "passes of class staff are expired"),
    ],
)
def test_what_a_running_node_complains_about_is_told_on(changes, said):
    assert all(one.level == "good" for one in status_findings(STATUS))
    lines = [str(one) for one in status_findings({**STATUS, **changes}) if one.level != "good"]
    assert len(lines) == 1
    assert said in lines[0]
