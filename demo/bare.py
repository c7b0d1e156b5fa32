"""A house without cameras: one service, one mosquitto and a few gates, each a real program from the sources it is told.

``with`` it; every program works in its own folder below ``root``.  Sources are a folder with ``edge`` and ``cloud_sync``
in it: this repository, or an earlier commit of it laid beside.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from demo.configs import MOSQUITTO
from demo.stage import wait_until
from demo.world import free_ports, listens
from edge.runtime import control

HERE = Path(__file__).parents[1]
COMMUNITY = "bare"
START_S = 60.0
STOP_S = 20.0
ONCE_S = 120.0

SYNC = """
data_dir = "data"

[community]
code = "bare"
name_zh = "演练"
name_en = "A drill"
synthetic = true

[web]
port = {web}
tls = false

[broker]
port = {broker}
embedded = false
"""

NODE = """
node = "{node}"
simulation = true
data_dir = "data"
join_file = "join.json"
io_profile = "io.toml"

[clock]
rtc = "present"
rehearsal = "clock.json"

[broker]
port = {broker}

[kiosk]
port = {kiosk}

[face]
enabled = false
"""

NODE_DOOR = """
[[doors]]
access_point = "{door}"
kind = "gate"
t_release_ms = 1000
"""

IO = """
socket = "io.sock"
state_dir = "io-state"
journal = "io-journal.jsonl"
"""

IO_DOOR = """
[[door]]
access_point = "{door}"
lock_profile = "strike_fail_secure"
rex_unlocks = true
t_rex_ms = 1000
lock = {{ driver = "simulated", record = "lock.jsonl" }}
inputs = {{ driver = "simulated", rig = "{door}.sock", wired = ["contact", "rex"] }}
"""


@dataclass(frozen=True, slots=True)
class GatePlan:
    node: str
    doors: tuple[str, ...]


def plans(nodes: int, doors_each: int) -> tuple[GatePlan, ...]:
    """So many nodes with so many doors each."""
    return tuple(
        GatePlan(f"n{n}", tuple(f"AP-{n}-{k}" for k in range(1, doors_each + 1))) for n in range(1, nodes + 1)
    )


@dataclass
class House:
    """``sources`` says which code a program runs, by name (``sync`` or a node's); this repository's where it says nothing."""

    root: Path
    gates: Sequence[GatePlan]
    sources: dict[str, Path] = field(default_factory=dict)
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    web_port: int = 0
    broker_port: int = 0
    kiosk_ports: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> "House":
        shutil.rmtree(self.root, ignore_errors=True)
        # A socket's path has room for 107 bytes only.
        self.root = Path(min(os.path.relpath(self.root), str(self.root.absolute()), key=len))
        for folder in ("home", "logs", "sync", *(gate.node for gate in self.gates)):
            (self.root / folder).mkdir(parents=True)
        self.web_port, self.broker_port, *kiosks = free_ports(2 + len(self.gates))
        self.kiosk_ports = {gate.node: port for gate, port in zip(self.gates, kiosks, strict=True)}
        return self

    def __exit__(self, *_: object) -> None:
        for name in sorted(self.programs, key=_stop_order):
            self.stop(name)

    # --- programs -----------------------------------------------------------------------------------------------

    def source(self, name: str) -> Path:
        return self.sources.get(name, HERE)

    def environment(self, name: str) -> dict[str, str]:
        """PYTHONPATH comes before what is installed, so that the program is made of its own sources."""
        home = str((self.root / "home").absolute())
        return os.environ | {
            "HOME": home,
            "XDG_CACHE_HOME": f"{home}/.cache",
            "PYTHONPATH": str(self.source(name).absolute()),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(self, name: str, *command: str, folder: str, of: str = "") -> None:
        with (self.root / "logs" / f"{name}.log").open("ab") as log:
            self.programs[name] = subprocess.Popen(
                command,
                cwd=self.root / folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environment(of or name),
            )

    def once(self, name: str, *words: str, folder: str, actor: str = "") -> str:
        """A command of the program's own, to its end; what it printed.  ``actor`` is who types it."""
        as_whom = {"LOGNAME": actor} if actor else {}
        done = subprocess.run(
            [sys.executable, "-c", _main_of(name), *words],
            cwd=self.root / folder,
            capture_output=True,
            text=True,
            timeout=ONCE_S,
            env=self.environment(name) | as_whom,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {' '.join(words[:3])} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def stop(self, name: str) -> None:
        """SIGTERM, and time to end."""
        running = self.programs.pop(name)
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(STOP_S)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()

    def kill(self, name: str) -> None:
        """SIGKILL: no goodbye, no flush."""
        running = self.programs.pop(name)
        running.kill()
        running.wait()

    def alive(self) -> None:
        """Say which program has ended, if one has."""
        for name, running in list(self.programs.items()):  # the broker comes and goes by another thread
            if running.poll() is not None:
                words = (self.root / "logs" / f"{name}.log").read_text()[-1500:]
                raise RuntimeError(f"{name} has ended with {running.returncode}. Its last words:\n{words}")

    # --- broker and service -------------------------------------------------------------------------------------

    def start_broker(self) -> None:
        """Nothing is kept across its restarts, sessions neither: what gets through is our own doing."""
        config = self.root / "sync" / "mosquitto.conf"
        config.write_text(MOSQUITTO.format(port=self.broker_port))
        found = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if found is None:
            raise RuntimeError("mosquitto is not on this machine: apt install mosquitto")
        self.start("broker", found, "-c", "mosquitto.conf", folder="sync")
        wait_until(lambda: listens(self.broker_port), within_s=START_S, what="mosquitto")

    def sync(self, *words: str, actor: str = "") -> str:
        return self.once("sync", *words, "--config", "sync.toml", folder="sync", actor=actor)

    def set_up(self) -> None:
        """Once, before the service is started for the first time."""
        text = SYNC.format(web=self.web_port, broker=self.broker_port)
        (self.root / "sync" / "sync.toml").write_text(text)
        self.sync("setup")

    def start_sync(self) -> None:
        parts = [word for part in ("sink", "jobs", "pages") for word in ("--part", part)]
        command = [sys.executable, "-c", _main_of("sync"), "run", *parts, "--config", "sync.toml"]
        self.start("sync", *command, folder="sync")
        wait_until(self._healthy, within_s=START_S, what="the service's pages")

    def _healthy(self) -> bool:
        self.alive()
        with suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self.web_port}/healthz").status_code == 200
        return False

    # --- gates --------------------------------------------------------------------------------------------------

    def add_gate(self, gate: GatePlan) -> None:
        """Its configuration, its keys, and its place in the service's books."""
        folder = self.root / gate.node
        head = NODE.format(node=gate.node, broker=self.broker_port, kiosk=self.kiosk_ports[gate.node])
        folder.joinpath("node.toml").write_text(
            head + "".join(NODE_DOOR.format(door=door) for door in gate.doors)
        )
        folder.joinpath("io.toml").write_text(IO + "".join(IO_DOOR.format(door=door) for door in gate.doors))
        folder.joinpath("clock.json").write_text('{"offset_ms": 0, "synchronised": true}')
        request = json.loads(self.once(gate.node, "join-request", "--config", "node.toml", folder=gate.node))
        points = [part for door in gate.doors for part in ("--access-point", f"{door}:gate:门:Gate {door}")]
        self.sync(
            "node", "add", gate.node, "--public-key", request["public_key"],
            "--join-out", f"../{gate.node}/join.json", "--sealing-key", request["sealing_key"],
            "--sealing-proof", request["sealing_proof"], "--name", gate.node, *points,
        )  # fmt: skip

    def start_gate(self, gate: GatePlan) -> None:
        """gate-io and node; both from the node's sources."""
        io = f"{gate.node}-io"
        (self.root / gate.node / "io.sock").unlink(missing_ok=True)
        self.start(io, sys.executable, "-m", "edge.gateio", "io.toml", folder=gate.node, of=gate.node)
        wait_until(
            (self.root / gate.node / "io.sock").exists, within_s=START_S, what=f"gate-io of {gate.node}"
        )
        command = [sys.executable, "-c", _main_of(gate.node), "run", "--config", "node.toml"]
        self.start(gate.node, *command, folder=gate.node)
        wait_until(lambda: self.serving(gate), within_s=START_S, what=f"{gate.node} serves its doors")

    def stop_gate(self, gate: GatePlan) -> None:
        self.stop(gate.node)
        self.stop(f"{gate.node}-io")

    def status(self, gate: GatePlan) -> dict[str, Any]:
        """What the node says of itself; empty while it does not answer."""
        self.alive()
        with suppress(Exception):
            return control.ask(self.root / gate.node / "data/control.sock", {"do": "status"})
        return {}

    def serving(self, gate: GatePlan) -> bool:
        doors = self.status(gate).get("doors", [])
        return len(doors) == len(gate.doors) and all(door["lock"] == "OK" for door in doors)

    def type_pin(self, gate: GatePlan, door: str, digits: str) -> None:
        """Digits typed at the door's screen."""
        screen = f"http://127.0.0.1:{self.kiosk_ports[gate.node]}/{door}/pin"
        httpx.post(screen, json={"pin": digits}).raise_for_status()


def runs_from(house: House, name: str) -> Path:
    """The folder the program's code is really taken from, as its own interpreter says."""
    room = "cloud_sync" if name == "sync" else "edge"
    said = subprocess.run(
        [sys.executable, "-c", f"import {room}; print({room}.__file__)"],
        cwd=house.root / "home", env=house.environment(name), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return Path(said.stdout.strip()).parents[1]


def local_day(ahead_s: float) -> str:
    """A moment as the service's files write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + ahead_s))


def _main_of(name: str) -> str:
    room = "cloud_sync" if name == "sync" else "edge"
    return f"from {room}.cli import main; main()"


def _stop_order(name: str) -> int:
    """Nodes first, so that nothing they record is left without a listener."""
    return 3 if name == "broker" else 2 if name == "sync" else 1 if name.endswith("-io") else 0
