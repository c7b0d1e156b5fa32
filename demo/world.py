"""The evening's programs, started as a community would start them, each in its own folder under ``run/demo``.

Working folder, HOME and TMPDIR of every program lie in there, so that all they write can be looked at afterwards.
The director works inside ``run/demo`` with relative paths: a socket's path may have 107 bytes only.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from demo.configs import (
    IO_DOOR,
    IO_HEAD,
    MOSQUITTO,
    NODE_CAMERA,
    NODE_CAMERA_FILM,
    NODE_CAMERA_LIVE,
    NODE_DOOR,
    NODE_HEAD,
    SYNC,
)
from demo.people import Guest, csv_files
from demo.proxy import Cable
from demo.stage import Cue, Stage, wait_until
from edge.runtime import control

COMMUNITY = "dongfang"
SOURCE = "demo"
ADMIN = ("officer", "evening-at-the-gate-2026")
LISTING_BODY = ("000001", "7K3M9QXD")

START_S = 60.0
STOP_S = 15.0
ONCE_S = 300.0  # a file of a thousand people takes a minute on a busy machine


@dataclass(frozen=True, slots=True)
class DoorPlan:
    access_point: str
    kind: str
    name_zh: str
    name_en: str
    camera: str = ""
    liveness: str = "off_demo"

    @property
    def node(self) -> str:
        """Who owns this door."""
        return next(plan.node for plan in (*NODES, HOUSE4) if self in plan.doors)


@dataclass(frozen=True, slots=True)
class NodePlan:
    node: str
    doors: tuple[DoorPlan, ...]


GATE = DoorPlan("AP-dongfang-001", "gate", "东门一号通道", "East gate, lane 1", "gate")
UNIT = DoorPlan("AP-dongfang-021", "unit", "12栋3单元门", "Building 12, stair 3", "unit", "challenge_always")
ROOM = DoorPlan("AP-dongfang-121", "room", "1201房", "Room 1201", "room")
NODES = (NodePlan("n-gate-1", (GATE,)), NodePlan("n-house-12", (UNIT, ROOM)))
# Wired later in the evening, with devices that are programs of their own (demo.building4).
SIDE = DoorPlan("AP-dongfang-031", "unit", "4栋侧门", "Building 4, side entrance")
LANE = DoorPlan("AP-dongfang-041", "garage", "4栋车库入口", "Building 4, garage lane")
ROOM4 = DoorPlan("AP-dongfang-131", "room", "401房", "Room 401")
HOUSE4 = NodePlan("n-house-4", (SIDE, LANE, ROOM4))
WITH_A_LOCK_OF_THEIR_OWN = frozenset(
    {"R-1201", "R-1205", "R-1206", "R-1208"}
)  # one lock plays each of these rooms
DOORS = {door.access_point: door for plan in NODES for door in plan.doors}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the owner set on the command line."""

    engine: str = "yunet-sface"
    face: bool = True
    camera: str | None = None  # the number of a V4L2 device, or a film to use instead
    liveness: str | None = None  # what every door asks of faces, instead of each door's own


@dataclass
class World:
    """Everything that runs.  ``with`` it; inside, the working folder is ``run/demo``."""

    root: Path
    clips: Path
    wish: Wish
    guests: dict[str, Guest]
    stages: dict[str, Stage] = field(default_factory=dict)
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    web_port: int = 0
    broker_port: int = 0
    kiosk_ports: dict[str, int] = field(default_factory=dict)
    http: httpx.Client = field(default_factory=httpx.Client)
    cables: dict[str, Cable] = field(default_factory=dict)  # from each node to the broker; they can be pulled
    fingerprints: dict[str, str] = field(
        default_factory=dict
    )  # of each node's sealing key, as it said itself
    mosquitto: bool = False  # a broker of its own instead of the embedded one
    nodes: list[NodePlan] = field(default_factory=lambda: list(NODES))  # who has joined by now
    before: Path = field(default_factory=Path.cwd)  # where the caller stood, and stands again after it

    def __enter__(self) -> "World":
        shutil.rmtree(self.root, ignore_errors=True)
        for folder in ("home", "tmp", "logs", "stage", "sync", *(plan.node for plan in NODES)):
            (self.root / folder).mkdir(parents=True)
        os.chdir(self.root)
        self.web_port, self.broker_port, *kiosks = free_ports(2 + len(NODES))
        self.cables = {plan.node: Cable(self.broker_port) for plan in NODES}
        self.kiosk_ports = {plan.node: port for plan, port in zip(NODES, kiosks, strict=True)}
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.web_port}", timeout=20)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for cable in self.cables.values():
            cable.close()
        self.http.close()
        os.chdir(self.before)

    # --- programs ---------------------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        here = Path.cwd()
        kept = {name: value for name, value in os.environ.items() if name not in {"HOME", "TMPDIR"}}
        caches = {"XDG_CACHE_HOME": str(here / "home/.cache"), "XDG_CONFIG_HOME": str(here / "home/.config")}
        return (
            kept
            | caches
            | {"HOME": str(here / "home"), "TMPDIR": str(here / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
        )

    def start(self, name: str, *command: str, folder: str) -> None:
        """Start one program in its folder; its words go to logs/<name>.log."""
        with Path(f"logs/{name}.log").open("ab") as log:
            self.programs[name] = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment()
            )

    def once(self, *command: str, folder: str, typed: str | None = None) -> str:
        """Run a command to its end, typing these lines into it, and return what it printed."""
        done = subprocess.run(
            command,
            cwd=folder,
            input=typed,
            capture_output=True,
            text=True,
            timeout=ONCE_S,
            env=self.environment(),
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"{' '.join(command[:4])} … ended with {done.returncode}: {done.stderr or done.stdout}"
            )
        return done.stdout

    def sync(self, *arguments: str, typed: str | None = None) -> str:
        return self.once(
            program("gatehouse-sync"), *arguments, "--config", "sync.toml", folder="sync", typed=typed
        )

    def node_command(self, node: str, *arguments: str) -> str:
        return self.once(program("gatehouse-node"), *arguments, "--config", "node.toml", folder=node)

    def alive(self) -> None:
        """Say which program has ended, if one has."""
        for name, running in self.programs.items():
            if running.poll() is not None:
                words = Path(f"logs/{name}.log").read_text()[-1500:]
                raise RuntimeError(f"{name} has ended with {running.returncode}. Its last words:\n{words}")

    def stop(self) -> None:
        """Nodes first, so that nothing they record is left without a listener; each gets SIGTERM, then time."""
        for name in sorted(self.programs, key=_stop_order):
            running = self.programs[name]
            if running.poll() is None:
                running.send_signal(signal.SIGTERM)
                try:
                    running.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    running.kill()
                    running.wait()
        self.programs.clear()

    # --- the service ------------------------------------------------------------------------------------------

    def open_service(self) -> None:
        """Set up, start, and make the first administrator, as the pages ask for it."""
        Path("sync/sync.toml").write_text(
            SYNC.format(community=COMMUNITY, web=self.web_port, broker=self.broker_port)
        )
        words = self.sync("setup")
        token = next(
            line.split(": ", 1)[1] for line in words.splitlines() if line.startswith("first-run token")
        )
        self.start_broker()
        self.start_sync()
        wait_until(self._healthy, within_s=START_S, what="the service's pages")
        form = form_field(self.http.get("/first-run").text, "csrf")
        name, password = ADMIN
        wish = {"csrf": form, "name": name, "password": password, "again": password, "setup_token": token}
        made = self.http.post("/first-run", data=wish)
        assert made.status_code == 303, f"the first administrator was refused: {made.text}"

    def start_broker(self) -> None:
        """The broker as a program of its own, so that it can die alone."""
        if self.mosquitto:
            Path("sync/mosquitto.conf").write_text(MOSQUITTO.format(port=self.broker_port))
            found = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
            assert found is not None, "mosquitto is not on this machine: apt install mosquitto"
            self.start("broker", found, "-c", "mosquitto.conf", folder="sync")
        else:
            self.start("broker", program("gatehouse-sync"), "broker", "--config", "sync.toml", folder="sync")
        wait_until(lambda: listens(self.broker_port), within_s=START_S, what="the broker")

    def start_sync(self) -> None:
        parts = [word for part in ("sink", "jobs", "pages") for word in ("--part", part)]
        self.start("sync", program("gatehouse-sync"), "run", *parts, "--config", "sync.toml", folder="sync")

    def start_gate_io(self, node: str) -> None:
        self.start(f"gate-io-{node}", sys.executable, "-m", "edge.gateio", "io.toml", folder=node)

    def start_node(self, node: str) -> None:
        self.start(node, program("gatehouse-node"), "run", "--config", "node.toml", folder=node)

    def kill(self, name: str) -> None:
        """SIGKILL: no goodbye, no flush."""
        killed = self.programs.pop(name)
        killed.kill()
        killed.wait()

    def revive(self, name: str) -> None:
        """Start a killed program again, as systemd would."""
        if name == "broker":
            self.start_broker()
        elif name == "sync":
            self.start_sync()
        elif name.startswith("gate-io-"):
            self.start_gate_io(name.removeprefix("gate-io-"))
        else:
            self.start_node(name)

    def _healthy(self) -> bool:
        self.alive()
        with suppress(httpx.TransportError):
            return self.http.get("/healthz").status_code == 200
        return False

    def dashboard(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get("/api/v1/dashboard").raise_for_status().json()
        return answer

    # --- the nodes --------------------------------------------------------------------------------------------

    def open_nodes(self) -> None:
        """Register the nodes with their own keys, then start their programs."""
        pia = self._allow_face() if self.wish.face else ""
        for plan in NODES:
            self._write_node(plan, pia or "PIA-synthetic")
            request = json.loads(self.node_command(plan.node, "join-request"))
            self.fingerprints[plan.node] = request["fingerprint"]
            points = [part for door in plan.doors for part in ("--access-point", spec(door))]
            self.sync(
                "node", "add", plan.node, "--public-key", request["public_key"], "--join-out", f"../{plan.node}/join.json",
                "--sealing-key", request["sealing_key"], "--sealing-proof", request["sealing_proof"],
                "--name", plan.doors[0].name_en, *points,
            )  # fmt: skip
        if self.wish.face:
            for door in DOORS.values():
                self.sync(
                    "face",
                    "enable",
                    door.access_point,
                    "--pia",
                    pia,
                    "--signage-by",
                    "demo director (synthetic)",
                )
            for plan in NODES:
                self.sync(
                    "face",
                    "approve-node",
                    plan.node,
                    "--by",
                    "demo director",
                    "--reason",
                    "guests walk through both",
                )
                self.sync("node", "join-file", plan.node, f"../{plan.node}/join.json")
        for plan in NODES:
            self.start_gate_io(plan.node)
        for plan in NODES:
            wait_until(Path(plan.node, "io.sock").exists, within_s=START_S, what=f"gate-io of {plan.node}")
            self.start_node(plan.node)
        for plan in NODES:
            wait_until(
                lambda plan=plan: self.serving(plan), within_s=START_S, what=f"{plan.node} serves its doors"
            )

    def _allow_face(self) -> str:
        words = self.sync(
            "face", "pia", "--purpose", "synthetic demonstration of entry by face", "--necessity", "demonstration",
            "--impact", "clips of consenting actors published for testing", "--measures", "templates sealed on nodes",
            "--author", "demo director", "--synthetic",
        )  # fmt: skip
        return words.split()[-1]

    def _write_node(self, plan: NodePlan, pia: str) -> None:
        for door in plan.doors:
            idle = Cue(self.clips / "no_face.mp4", 0.2, 4.0)
            self.stages[door.access_point] = Stage(Path.cwd() / "stage" / door.camera, idle)
        io = [IO_HEAD] + [
            IO_DOOR.format(door=door.access_point, short=door.camera, node=plan.node) for door in plan.doors
        ]
        Path(plan.node, "io.toml").write_text("".join(io))
        node = [
            NODE_HEAD.format(
                node=plan.node,
                broker=self.cables[plan.node].port,
                kiosk=self.kiosk_ports[plan.node],
                face=str(self.wish.face).lower(),
                engine=self.wish.engine,
            )
        ]
        for door in plan.doors:
            live = self.wish.camera is not None and door is GATE
            node.append(self._camera(door, live=live))
            node.append(
                NODE_DOOR.format(
                    door=door.access_point,
                    kind=door.kind,
                    zh=door.name_zh,
                    en=door.name_en,
                    short=door.camera,
                    two=str(door is UNIT).lower(),
                    tailgate="case" if door is GATE else "off",
                    pia=pia,
                    liveness=self.wish.liveness or door.liveness,
                )
            )
        Path(plan.node, "node.toml").write_text("".join(node))

    def _camera(self, door: DoorPlan, *, live: bool) -> str:
        if not live:
            return NODE_CAMERA.format(short=door.camera)
        device = str(self.wish.camera)
        if device.isdigit():
            return NODE_CAMERA_LIVE.format(short=door.camera, device=device)
        return NODE_CAMERA_FILM.format(short=door.camera, path=device)

    def serving(self, plan: NodePlan) -> bool:
        self.alive()
        with suppress(Exception):  # not up yet; alive() above says so if it never will be
            doors = control.ask(Path(plan.node, "data/control.sock"), {"do": "status"})["doors"]
            if not any(door.camera for door in plan.doors):
                return all(door["mode"] == "LOCKED" and door["lock"] == "OK" for door in doors)
            face = all(door["face"] == "on" for door in doors) or not self.wish.face
            return face and all(door["mode"] == "LOCKED" and door["camera"] == "OK" for door in doors)
        return False

    def cable(self, node: str) -> int:
        """The port of a new cable from this node to the broker."""
        self.cables[node] = Cable(self.broker_port)
        return self.cables[node].port

    def kiosk_port(self, node: str) -> int:
        (self.kiosk_ports[node],) = free_ports(1)
        return self.kiosk_ports[node]

    def type_at(self, door: DoorPlan, digits: str) -> None:
        """Digits typed at the door's screen."""
        screen = f"http://127.0.0.1:{self.kiosk_ports[door.node]}/{door.access_point}"
        self.http.post(f"{screen}/pin", json={"pin": digits}).raise_for_status()

    # --- records ----------------------------------------------------------------------------------------------

    def import_records(self, listing: str) -> None:
        """The officer's three files."""
        way = {guest.room: [GATE.access_point, UNIT.access_point] for guest in self.guests.values()}
        for room in way.keys() & WITH_A_LOCK_OF_THEIR_OWN:
            way[room].append(ROOM.access_point)
        for kind, text in csv_files(self.guests, listing, way).items():
            self.bring(kind, text)

    def bring(self, kind: str, text: str) -> None:
        """Import one of the officer's files, which holds names: the vault is the only place that keeps them."""
        file = Path("tmp", f"{kind}.csv")
        file.write_text(text)
        self.sync("import", kind, f"../tmp/{kind}.csv")
        file.unlink()

    def guest_link(self, guest: Guest) -> str:
        """The token of a fresh link of this booking."""
        return self.sync("guest-link", SOURCE, guest.ref).strip().rpartition("/g/")[2]

    def receipted(self) -> bool:
        """Every node has said that it holds exactly the passes it should."""
        self.alive()
        nodes = self.dashboard()["nodes"]
        return len(nodes) == len(self.nodes) and all(
            node["pass_set"] == "equal" and node["online"] for node in nodes
        )


def program(name: str) -> str:
    """The console script beside this Python."""
    return str(Path(sys.executable).parent / name)


def _stop_order(name: str) -> int:
    return 0 if name.startswith("n-") else 1 if name.startswith("gate-io") else 2 if name == "sync" else 3


def spec(door: DoorPlan) -> str:
    return f"{door.access_point}:{door.kind}:{door.name_zh}:{door.name_en}"


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


def free_ports(n: int) -> list[int]:
    """Ports nobody listens on right now, on loopback."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def form_field(page: str, name: str) -> str:
    """The value of a hidden field, as a browser would send it back."""
    _, _, rest = page.partition(f'name="{name}"')
    return rest.partition('value="')[2].partition('"')[0]
