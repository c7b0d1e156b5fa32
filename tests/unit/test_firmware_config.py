"""Each file of firmware_config is used: units linted and scored, profiles loaded, the broker's rules tried."""

import contextlib
import os
import queue
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.client import topic_matches_sub
from paho.mqtt.enums import CallbackAPIVersion

from cloud_sync.identity.broker_conf import MOSQUITTO_CONF, access_list
from cloud_sync.protocol.topics import UP, NodeTopics, zone_cmd
from edge.gateio.mistakes import profile_mistakes
from edge.gateio.profile import LockProfile, load_profile
from edge.ports import Point
from tests.fakes.authority import Authority

HERE = Path(__file__).parent.parent.parent / "firmware_config"
UNITS = sorted((HERE / "systemd").glob("*.service"))
PROFILES = sorted((HERE / "profiles").glob("*.toml"))
WITHIN_S = 60


def test_no_file_is_without_a_word_in_the_readme():
    text = (HERE / "README.md").read_text()
    files = [
        path.relative_to(HERE) for path in HERE.rglob("*") if path.is_file() and path.name != "README.md"
    ]
    assert [str(path) for path in files if f"`{path}`" not in text] == []


# --- profiles ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_profile_is_accepted_and_can_be_left_by_everybody(path):
    profile = load_profile(path)
    for door in profile.door:
        by_hand = {LockProfile.STRIKE_FAIL_SECURE, LockProfile.MOTOR_BOLT}  # the inner handle
        assert door.rex_unlocks or door.lock_profile in by_hand
        assert (door.fire_group is not None) is door.hosted
        assert [str(one) for one in profile_mistakes(path)[1]] == []


def test_the_two_boards_are_wired_as_their_names_say():
    strike = load_profile(HERE / "profiles" / "strike_gpio_pi4.toml").door[0]
    magnet = load_profile(HERE / "profiles" / "maglock_gpio_pi5.toml").door[0]
    assert strike.rules().release_energises is True
    assert magnet.rules().release_energises is False
    assert magnet.dead is False
    assert Point.BOLT in magnet.inputs.rest


# --- units ---------------------------------------------------------------------------------------------------


def installed(unit: Path, root: Path, *, drop_ins: bool = True) -> Path:
    """A copy of the unit whose programs exist, with everything a site may drop in beside it."""
    programs = root / "bin"
    programs.mkdir()
    for name in ("python", "gatehouse-node", "gatehouse-sync", "cage", "mosquitto"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    text = unit.read_text()
    for place in ("/opt/gate/current/bin", "/opt/gatehouse/current/bin"):
        text = text.replace(place, str(programs))
    for place in ("/usr/bin/cage", "/usr/sbin/mosquitto"):
        text = text.replace(place, str(programs / Path(place).name))
    copy = root / unit.name
    copy.write_text(text)
    if drop_ins and (beside := unit.with_name(f"{unit.name}.d")).is_dir():
        shutil.copytree(beside, root / beside.name)
    return copy


def analyze(*asked):
    done = subprocess.run(["systemd-analyze", *map(str, asked)], capture_output=True, text=True, timeout=180)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_passes_the_lint_without_a_word(unit, tmp_path):
    returned, _, complaints = analyze("verify", installed(unit, tmp_path))
    assert (returned, complaints) == (0, "")


@pytest.mark.systemd
def test_the_lint_would_see_a_mistyped_key(tmp_path):
    unit = installed(HERE / "systemd" / "gate-io.service", tmp_path)
    unit.write_text(unit.read_text().replace("MemoryMax=", "MemoryMost="))
    assert "MemoryMost" in analyze("verify", unit)[2]


@pytest.mark.systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_is_exposed_to_at_most_two_and_a_half_of_ten(unit, tmp_path):
    returned, table, _ = analyze("security", "--offline=yes", "--threshold=25", installed(unit, tmp_path))
    assert returned == 0, table


def test_only_gate_io_may_open_gpio_lines_and_it_has_no_network():
    allowed = {unit.name: unit.read_text() for unit in UNITS if "oneshot" not in unit.read_text()}
    assert [name for name, text in allowed.items() if "char-gpiochip" in text] == ["gate-io.service"]
    assert "RestrictAddressFamilies=AF_UNIX\n" in allowed["gate-io.service"]
    assert all("StartLimitIntervalSec=0" in text for text in allowed.values())


# --- broker --------------------------------------------------------------------------------------------------

TENANT = "lane-7"
BASE = f"ac/v1/{TENANT}"
CLIENTS = ["sync", "node-a", "node-b", "node-revoked"]


def test_what_is_shipped_is_what_the_service_writes():
    assert (HERE / "mosquitto" / "mosquitto.conf").read_text() == MOSQUITTO_CONF
    assert (HERE / "mosquitto" / "acl").read_text() == access_list("{tenant}", ["sync", "sync-jobs"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        authority = Authority(folder)
        authority.issue("broker", host="localhost")
        for name in CLIENTS:
            authority.issue(name)
        authority.revoke(["node-revoked"])
        acl = (HERE / "mosquitto" / "acl").read_text().replace("{tenant}", TENANT)
        (folder / "acl").write_text(acl)
        config = (HERE / "mosquitto" / "mosquitto.conf").read_text().replace("{dir}", str(folder))
        config = config.replace("listener {port}\n", f"listener {self.port} 127.0.0.1\n")
        (folder / "mosquitto.conf").write_text(config + ("user root\n" if os.getuid() == 0 else ""))

    @contextlib.contextmanager
    def running(self):
        program = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
        errors = self.folder / "mosquitto.log"
        with errors.open("wb") as log:
            process = subprocess.Popen([program, "-c", str(self.folder / "mosquitto.conf")], stderr=log)
        try:
            self._wait(process, errors)
            yield self
        finally:
            process.terminate()
            process.wait(WITHIN_S)

    def _wait(self, process, errors) -> None:
        end = time.monotonic() + WITHIN_S
        while True:
            assert process.poll() is None, errors.read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert time.monotonic() < end, "mosquitto did not listen"
            time.sleep(0.02)


def tls_of(broker: Broker, name: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(broker.folder / "ca.pem"))
    if name:
        context.load_cert_chain(broker.folder / f"{name}.pem", broker.folder / f"{name}.key")
    return context


class Client:
    """Connected under a certificate; keeps what was delivered."""

    def __init__(self, broker: Broker, name: str, client_id: str = "") -> None:
        self.got: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.answers: queue.Queue[str] = queue.Queue()
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id or name)
        self.mqtt.tls_set_context(tls_of(broker, name))
        self.mqtt.on_connect = lambda *args: self.answers.put(f"connected {args[3]}")
        self.mqtt.on_disconnect = lambda *args: self.answers.put("disconnected")
        self.mqtt.on_subscribe = lambda *_: self.answers.put("subscribed")
        self.mqtt.on_message = lambda _c, _u, message: self.got.put((message.topic, message.payload))
        self.port = broker.port

    def __enter__(self):
        self.mqtt.connect("localhost", self.port, keepalive=20)
        self.mqtt.loop_start()
        assert self.answers.get(timeout=WITHIN_S) == "connected Success"
        return self

    def __exit__(self, *_):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()
        self.mqtt._reset_sockets()  # paho leaves its wake-up pair to the garbage collector

    def hear(self, *filters):
        for one in filters:
            self.mqtt.subscribe(one, qos=1)
            assert self.answers.get(timeout=WITHIN_S) == "subscribed"

    def say(self, topic, payload=b"x"):
        self.mqtt.publish(topic, payload, qos=1).wait_for_publish(WITHIN_S)

    def until(self, last):
        """Everything delivered up to and including the topic ``last``."""
        topics = []
        while not topics or topics[-1] != last:
            topics.append(self.got.get(timeout=WITHIN_S)[0])
        return topics


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("broker")).running() as made:
        yield made


@pytest.mark.mosquitto
def test_a_node_speaks_under_its_own_name_and_no_other(broker):
    with Client(broker, "sync") as sync, Client(broker, "node-a", client_id="node-b") as node:
        sync.hear("ac/v1/#")
        for forged in (
            f"{BASE}/n/node-b/ev",
            f"{BASE}/d/node-b/cmd",
            f"{BASE}/g/all/cmd",
            f"{BASE}/s/state",
            "ac/v1/lane-8/n/node-a/ev",
        ):
            node.say(forged)
        node.say(f"{BASE}/n/node-a/ev")
        node.say(f"{BASE}/n/node-a/hello")
        assert sync.until(f"{BASE}/n/node-a/hello") == [f"{BASE}/n/node-a/ev", f"{BASE}/n/node-a/hello"]


@pytest.mark.mosquitto
def test_a_spy_is_promised_everything_and_given_nothing(broker):
    with Client(broker, "sync") as sync, Client(broker, "node-a") as node, Client(broker, "node-b") as spy:
        spy.hear("#", "ac/v1/#", f"{BASE}/d/node-a/#", f"{BASE}/n/#", "$SYS/#")
        node.hear(f"{BASE}/d/node-a/#")
        node.say(f"{BASE}/n/node-a/ev")
        sync.say(f"{BASE}/d/node-a/cmd")
        sync.say(f"{BASE}/d/node-b/cmd")  # the spy's own: the proof that delivery works at all
        assert node.until(f"{BASE}/d/node-a/cmd") == [f"{BASE}/d/node-a/cmd"]
        assert set(spy.until(f"{BASE}/d/node-b/cmd")) == {f"{BASE}/d/node-b/cmd"}


@pytest.mark.mosquitto
def test_a_node_hears_its_commands_its_zone_and_the_state_of_the_service(broker):
    wanted = [f"{BASE}/d/node-a/auth/head", f"{BASE}/g/all/cmd", f"{BASE}/s/state"]
    with Client(broker, "sync") as sync, Client(broker, "node-a") as node:
        node.hear(f"{BASE}/d/node-a/#", f"{BASE}/g/+/cmd", f"{BASE}/s/state")
        for topic in wanted:
            sync.say(topic)
        assert node.until(wanted[-1]) == wanted


@pytest.mark.mosquitto
@pytest.mark.parametrize("name", [None, "node-revoked"])
def test_without_a_valid_certificate_nobody_comes_in(broker, name):
    context = tls_of(broker, name)
    # TLS 1.3 tells the client about its certificate only after its own part of the handshake.
    with (
        socket.create_connection(("127.0.0.1", broker.port), WITHIN_S) as raw,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        tls.recv(1)


@pytest.mark.mosquitto
def test_nobody_throws_another_out_by_taking_its_id(broker):
    with Client(broker, "sync") as sync, Client(broker, "node-b") as victim:
        victim.hear(f"{BASE}/d/node-b/#")
        with Client(broker, "node-a", client_id="node-b") as node:
            node.say(f"{BASE}/n/node-a/ev")
            sync.say(f"{BASE}/d/node-b/cmd")
            assert victim.until(f"{BASE}/d/node-b/cmd") == [f"{BASE}/d/node-b/cmd"]
        assert victim.answers.empty()  # not once disconnected


@pytest.mark.mosquitto
def test_a_valid_certificate_is_asked_nothing_more(broker):
    with Client(broker, "node-b"):
        pass


def test_the_access_list_lets_a_node_say_and_hear_every_topic_there_is_for_it() -> None:
    rules = [line.split() for line in access_list("dongfang", ["sync"]).splitlines()]
    said, heard = (
        [rule[2].replace("%u", "gate-1") for rule in rules if rule[:2] == ["pattern", word]]
        for word in ("write", "read")
    )
    topics = NodeTopics("dongfang", "gate-1")
    up = {topics.up(kind) for kind in UP}
    down = {
        str(getattr(topics, name))
        for name, what in vars(NodeTopics).items()
        if isinstance(what, property) and name != "down_all"
    } | {zone_cmd("dongfang", "fire-1")}
    assert len(up) == len(UP)
    assert len(down) >= 14
    assert [one for one in up if not any(topic_matches_sub(rule, one) for rule in said)] == []
    assert [one for one in down if not any(topic_matches_sub(rule, one) for rule in heard)] == []
    assert [one for one in down if any(topic_matches_sub(rule, one) for rule in said)] == []
