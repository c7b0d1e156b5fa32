"""``gatehouse-node run`` itself with locks of its own: asked, killed, and started again."""

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.runtime.control import ask
from tests.fakes.brokers import Mosquitto
from tests.fakes.mqtt_house import Peer
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.mosquitto
ROOT = Path(__file__).parents[2]
ROOMS = ("r-1", "r-2", "r-3")
PROGRAM = (sys.executable, "-c", "from edge.cli import main; main()")

NODE = """
node = "building-4"
data_dir = "data"
join_file = "join.json"
io_profile = "io.toml"
broker = {{ port = 1 }}
clock = {{ rtc = "present" }}
face = {{ enabled = false }}
mqtt_locks = {{ port = {port}, user = "gate", password_file = "locks.word" }}
supply = {{ driver = "simulated", settings = {{ file = "supply.json" }} }}
voices = [{{ access_point = "r-1", driver = "simulated", settings = {{ record = "said.jsonl" }} }}]
"""


class Program:
    """The node as systemd would start it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        doors = "".join(f'[[doors]]\naccess_point = "{room}"\nkind = "room"\n' for room in ROOMS)
        (folder / "node.toml").write_text(NODE.format(port=port) + doors)
        (folder / "io.toml").write_text(
            "".join(
                f'[[door]]\naccess_point = "{room}"\nlock_profile = "motor_bolt"\nrex_unlocks = false\n'
                f'lock = {{ driver = "zigbee2mqtt", name = "{room}" }}\n'
                for room in ROOMS
            )
        )
        (folder / "locks.word").write_text("word\n")
        self.fed("mains", 100, 14_400)
        join = {"community": "test", "node": "building-4", "kid": "k1", "tz": "Asia/Shanghai"}
        join |= {"community_key": base64.b64encode(b"k" * 32).decode(), "access_points": []}
        (folder / "join.json").write_text(json.dumps(join))

    def fed(self, state: str, charge: int, left_s: int) -> None:
        """What feeds it from now on."""
        beside = self.folder / "supply.next"
        beside.write_text(json.dumps({"state": state, "charge": charge, "left_s": left_s}))
        beside.replace(self.folder / "supply.json")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [*PROGRAM, *words, "--config", "node.toml"]
        return subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=180
        )

    def start(self) -> None:
        with (self.folder / "node.log").open("ab") as out:
            self.process = subprocess.Popen(
                [*PROGRAM, "run", "--config", "node.toml"],
                cwd=self.folder,
                env=self.env,
                stdout=out,
                stderr=out,
            )
        eventually(lambda: len(self.online()) == len(ROOMS), within_s=150, what=f"the locks; {self.log()}")

    @property
    def env(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}

    def log(self) -> str:
        return (self.folder / "node.log").read_text()[-2_000:]

    def online(self) -> list[str]:
        try:
            rows = ask(self.folder / "data" / "control.sock", {"do": "locks"})["locks"]
        except Exception:  # noqa: BLE001  # not up yet: the caller waits
            return []
        return [row["access_point"] for row in rows if row["online"]]


@pytest.fixture
def house(tmp_path):
    broker = Mosquitto(tmp_path)
    broker.start()
    peer = Peer("zigbee_locks", broker.port, "--locks", ",".join(ROOMS))
    program = Program(tmp_path, broker.port)
    program.start()
    yield program, peer
    if program.process.poll() is None:
        program.process.kill()
    program.process.wait(60)
    peer.stop()
    broker.stop()


def test_a_node_without_wired_doors_needs_no_gate_io_and_tells_of_its_locks(house):
    program, peer = house
    peer.tell("battery r-2 12")
    peer.tell("battery r-3 80")
    eventually(lambda: "12" in program.run("locks").stdout, what="the battery is told")
    listed = program.run("locks")
    assert listed.returncode == 0, listed.stderr
    assert [line.split("│")[1].strip() for line in listed.stdout.splitlines() if "│ r-" in line] == list(
        ROOMS
    )
    assert "3 lock(s), 0 that would not open for a pass aboard" in listed.stdout
    status = program.run("status").stdout
    assert "battery low: r-2; signal low: none" in status
    assert "fault: r-2: battery low: change it today" in status
    assert "supply: mains, battery 100 %, lasts 240 min" in status
    doctor = program.run("doctor")
    assert (doctor.returncode, doctor.stderr) == (1, "")
    assert "good node: runs, 3 door(s)." in doctor.stdout
    assert "bad  node: r-2: battery low: change it today" in doctor.stdout
    assert "bad  broker: 127.0.0.1:1 cannot be reached (connection refused)" in doctor.stdout
    program.fed("battery", 62, 2_430)
    eventually(
        lambda: "battery 62 %, lasts 40 min" in program.run("status").stdout, what="the supply is asked"
    )
    assert "fault: the mains are gone: this node lives on its battery" in program.run("status").stdout
    program.process.send_signal(signal.SIGTERM)
    assert program.process.wait(60) == 0


def test_a_node_that_was_killed_puts_every_lock_to_rest_before_anything_else(house):
    program, peer = house
    program.process.kill()
    program.process.wait(60)
    peer.tell("hand r-1")
    eventually(lambda: peer.bolts("r-1")[-1] == "unlocked", what="a bolt is withdrawn while nobody looks")
    before = {room: len(peer.commands(room)) for room in ROOMS}
    program.start()
    assert {room: peer.commands(room)[before[room] :][:1] for room in ROOMS} == {
        room: ["LOCK"] for room in ROOMS
    }
    assert peer.bolts("r-1")[-1] == "locked"
    assert not any("UNLOCK" in peer.commands(room) for room in ROOMS)
