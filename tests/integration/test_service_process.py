"""The program as its owner meets it: set up, run, wrong input in one sentence, ended by SIGTERM."""

import base64
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cloud_sync.store.keys import load_keys
from tests.fakes.community_house import (
    DOOR,
    GATE,
    NAME,
    booking_row,
    csv_of,
    listing_row,
    local,
    public_key,
    registration_row,
)
from tests.fakes.paho_gate import PahoGate
from tests.fakes.waiting import eventually

PROGRAM = Path(sys.executable).with_name("gatehouse-sync")
CONFIG = """
data_dir = "data"
[community]
code = "dongfang"
name_zh = "东方新城"
name_en = "Dongfang"
synthetic = true
[web]
port = {web}
[broker]
port = {broker}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Owner:
    """Somebody at a terminal in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.web, self.broker = free_port(), free_port()
        self.config = folder / "gatehouse-sync.toml"
        self.config.write_text(CONFIG.format(web=self.web, broker=self.broker))

    def types(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *words], cwd=self.folder, capture_output=True, text=True, timeout=180, check=False
        )

    def imports(self, kind: str, *rows: dict[str, object]) -> subprocess.CompletedProcess[str]:
        (self.folder / "file.csv").write_bytes(csv_of(list(rows)))
        return self.types("import", kind, "file.csv")

    def sets_up(self) -> str:
        """Returns the first-run token."""
        done = self.types("setup")
        assert done.returncode == 0, done.stderr
        doors = (f"{GATE}:gate:南门:South gate", f"{DOOR}:room:301室:Room 301")
        words = [word for door in doors for word in ("--access-point", door)]
        key = ("--public-key", public_key(), "--join-out", "join.json")
        joined = self.types("node", "add", "gate-1", *key, *words)
        assert joined.returncode == 0, joined.stderr
        return re.search(r"first-run token: (\S+)", done.stdout)[1]


@pytest.fixture
def owner(tmp_path):
    return Owner(tmp_path)


START_S = 120  # a busy machine loads a program's libraries slowly


class Running:
    def __init__(self, owner: Owner, command: str = "run", *words: str) -> None:
        self.log = owner.folder / f"{'-'.join((command, *words))}.log"
        self._log = self.log.open("wb")
        self.process = subprocess.Popen([PROGRAM, command, *words], cwd=owner.folder, stderr=self._log)
        eventually(
            lambda: "service_started" in self.log.read_text() or self.process.poll() is not None,
            within_s=START_S,
        )
        if self.process.poll() is not None:
            self._log.close()
        assert self.process.poll() is None, self.log.read_text()

    def ends(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=START_S)
        finally:
            self.process.kill()
            self._log.close()


@pytest.fixture
def running(owner):
    owner.sets_up()
    service = Running(owner)
    yield service
    if service.process.poll() is None:
        service.ends()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def tonight(**changes: object) -> dict[str, object]:
    """A booking around the real present, as the program reads the machine's clock."""
    hour = 3_600_000
    span = {"arrival": local(now_ms() - hour), "departure": local(now_ms() + 48 * hour)}
    return booking_row(**{**span, **changes})


@pytest.mark.story("1e")
def test_a_booking_becomes_a_row_at_the_gate_and_an_entry_becomes_a_guest_in_house(owner, running):
    join = json.loads((owner.folder / "join.json").read_text())
    community = Ed25519PublicKey.from_public_bytes(base64.b64decode(join["community_key"]))

    def verify(signature: bytes, message: bytes) -> bool:
        try:
            community.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    gate = PahoGate(join["tenant"], "gate-1", join["broker"]["port"], verify).start()
    try:
        owner.imports("listings", listing_row())
        owner.imports("bookings", tonight())
        eventually(lambda: [row.state for row in gate.rows] == ["PENDING"])
        owner.imports("registrations", registration_row())
        eventually(lambda: [row.state for row in gate.rows] == ["ARMED"])
        token = owner.types("guest-link", "xc", "1001").stdout.strip().rpartition("/g/")[2]
        key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        trusted = ssl.create_default_context(cafile=owner.folder / "data" / "tls" / "ca.pem")
        with httpx.Client(verify=trusted) as phone:
            url = f"https://127.0.0.1:{owner.web}/api/v1/guest/{token}/code-key"
            answer = phone.post(url, json={"public_key": base64.b64encode(key).decode()})
        assert answer.status_code in {200, 201}, answer.text
        eventually(lambda: [cred.verifier for row in gate.rows for cred in row.creds] == [key])
        (held,) = gate.rows
        gate.record(type_="access.taken", direction="in", pass_id=held.pass_id, access_point=GATE)
        eventually(lambda: gate.done and "IN_HOUSE" in owner.types("db", "rows", "stay").stdout)
    finally:
        gate.stop()
    assert running.ends() == 0
    assert "service_stopped" in running.log.read_text()
    assert NAME not in running.log.read_text()


def test_a_started_service_has_no_numbers_library_and_no_eyes(running):
    maps = Path(f"/proc/{running.process.pid}/maps").read_text()
    assert "sqlite3" in maps
    assert not re.search(r"numpy|cv2|dlib", maps)


def test_a_second_service_says_that_the_port_is_taken(owner, running):
    second = owner.types("run")
    assert second.returncode == 2
    assert second.stderr.splitlines()[-1].startswith("broker.port: 127.0.0.1")
    assert running.process.poll() is None


def test_the_parts_run_apart(owner):
    owner.sets_up()
    broker = subprocess.Popen([PROGRAM, "broker"], cwd=owner.folder, stderr=subprocess.DEVNULL)
    try:
        programs = [Running(owner, command) for command in ("ingest", "jobs", "api")]
        gate = PahoGate("dongfang", "gate-1", owner.broker).start()
        try:
            eventually(lambda: gate.auth_ver > 0)
            gate.record()
            eventually(lambda: gate.done)
        finally:
            gate.stop()
        page = httpx.get(f"https://127.0.0.1:{owner.web}/first-run", verify=False)
        assert page.status_code == 200
        assert [program.ends() for program in programs] == [0, 0, 0]
    finally:
        broker.terminate()
        assert broker.wait(60) == 0


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (
            "[web]",
            "[web]\nprot = 1",
            "web.prot: this key is not known. Known here are cert_file, host, key_file",
        ),
        ('code = "dongfang"', 'code = "Dong Fang"', "community.code: "),
        ('name_en = "Dongfang"', "", "community.name_en: field required. Add it"),
        ("[community]", "[community", "is not TOML"),
        ("synthetic = true", 'tz = "Chengdu"', "community.tz: 'Chengdu' is not a time zone"),
        ("[broker]", '[broker]\nhost = "0.0.0.0"', "broker.host: "),
        ("[web]", '[web]\ntls = false\nhost = "0.0.0.0"', "web.host: plain HTTP"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(owner, before, after, sentence):
    if "0.0.0.0" in after:  # only what is well-formed gets as far as opening anything
        owner.types("setup")
    owner.config.write_text(owner.config.read_text().replace(before, after))
    done = owner.types("run")
    assert (done.returncode, sentence in done.stderr.splitlines()[-1]) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run",), "Run 'gatehouse-sync setup' first"),
        (("import", "bookings", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (("import", "people", "gatehouse-sync.toml"), "cannot be imported"),
        (("passes", "--config", "other.toml"), "other.toml: cannot be read"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_a_wrong_command_is_one_sentence(owner, words, sentence):
    done = owner.types(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_staff_type_is_refused_or_done_by_the_same_rules(owner):
    token = owner.sets_up()
    assert owner.types("setup").stdout.count("first-run token") == 1
    assert len(token) > 16
    owner.imports("listings", listing_row())
    owner.imports("bookings", tonight())
    mixed = owner.imports("registrations", registration_row(), registration_row("404"))
    assert mixed.returncode == 1
    assert "line 3: rejected xc 404: there is no booking" in mixed.stdout
    assert "registrations: 1 new, 0 updated, 0 unchanged, 1 rejected" in mixed.stdout
    old = owner.types("consent", "give", "xc", "1001", "face_access", "--text-version", "old")
    assert (old.returncode, "face_access-1" in old.stderr) == (2, True)
    given = owner.types("consent", "give", "xc", "1001", "face_access", "--text-version", "face_access-1")
    assert given.stdout.startswith("CO-")
    assert owner.types("consent", "withdraw", "xc", "1001", "face_access").stdout.strip() == "1"
    refused = owner.types("face", "enable", GATE, "--pia", "PIA-1", "--signage-by", "wang")
    assert (refused.returncode, "impact assessment" in refused.stderr) == (2, True)
    parts = [
        word
        for name in ("purpose", "necessity", "impact", "measures", "author")
        for word in (f"--{name}", "x")
    ]
    pia = owner.types("face", "pia", *parts, "--synthetic").stdout.strip()
    assert owner.types("face", "enable", GATE, "--pia", pia, "--signage-by", "wang").returncode == 0
    assert owner.types("node", "join-file", "gate-1", "again.json").returncode == 0
    doors = json.loads((owner.folder / "again.json").read_text())["access_points"]
    assert [(door["access_point"], door["face_enabled"]) for door in doors] == [(GATE, True), (DOOR, False)]
    assert "ACTIVE v" in owner.types("passes").stdout
    assert owner.types("no-show", "xc", "1001").returncode == 0
    assert "REVOKED v" in owner.types("passes").stdout
    assert owner.types("reconcile").stdout.strip() == "0"
    keys = load_keys(owner.folder / "data" / "keys")
    assert keys.signer.kid == json.loads((owner.folder / "join.json").read_text())["kid"]


def test_a_synthetic_community_stays_one(owner):
    owner.types("setup")
    owner.config.write_text(owner.config.read_text().replace("synthetic = true", "synthetic = false"))
    done = owner.types("setup")
    assert (done.returncode, "community.synthetic" in done.stderr) == (2, True)
