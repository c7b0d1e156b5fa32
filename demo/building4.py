"""Building 4: a side entrance on OSDP, a barrier on a Modbus board, and a room whose battery lock hangs on Zigbee.

Nothing of it is simulated inside our programs: reader, board and locks are programs of their own at the other end of
a serial line, a socket and a broker.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from demo import count
from demo.configs import BUILDING4_IO, BUILDING4_NODE
from demo.peers.wire import SerialWire
from demo.stage import wait_until
from demo.world import HOUSE4, LANE, ROOM4, SIDE, START_S, World, free_ports, listens, spec

LOCK = "room-401"
READY_S = 30.0


class Peer:
    """A device that is a program: told by lines, it answers by JSON lines in a file."""

    def __init__(self, world: World, name: str, *words: str) -> None:
        self.said = Path(f"logs/{name}.jsonl")
        self._world, self._name = world, name
        with self.said.open("wb") as out, Path(f"logs/{name}.log").open("wb") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", f"demo.peers.{words[0]}", *words[1:]],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=log,
                env=world.environment() | {"PYTHONPATH": str(Path(__file__).parents[1])},
            )
        world.programs[name] = self.running

    def tell(self, line: str) -> None:
        pipe: IO[bytes] | None = self.running.stdin
        assert pipe is not None
        pipe.write(line.encode() + b"\n")
        pipe.flush()

    def lines(self) -> list[dict[str, Any]]:
        return list(count.lines(self.said))

    def wait(
        self, holds: Callable[[list[dict[str, Any]]], bool], what: str, within_s: float = READY_S
    ) -> None:
        wait_until(lambda: holds(self.lines()), within_s=within_s, what=f"{self._name}: {what}", every_s=0.05)


class Building4:
    """Its devices, its node and its doors; ``open`` it once the service stands."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._inputs = {SIDE.access_point: [0, 0, 0, 0], LANE.access_point: [0, 0, 0, 0]}

    def open(self) -> None:
        """Wire the building, register its node, and wait until it serves its three doors."""
        folder = Path(HOUSE4.node)
        folder.mkdir()
        self.wires = [SerialWire(Path.cwd() / folder / name) for name in ("side.tty", "lane.tty")]
        board_port, broker_port = free_ports(2)
        for name in ("side", "lane"):
            key = Path.cwd() / folder / f"{name}.key"
            self.world.once(
                sys.executable, "-m", "edge.drivers.osdp_bus", "new-key", str(key), folder=HOUSE4.node
            )
        self.side, self.lane = (
            Peer(
                self.world, f"osdp-{name}", "osdp_peripheral", str(wire.theirs),
                "--key-file", str(Path.cwd() / folder / f"{name}.key"), "--inputs", "4",
            )
            for name, wire in zip(("side", "lane"), self.wires, strict=True)
        )  # fmt: skip
        self.board = Peer(self.world, "modbus-board", "modbus_board", "--tcp", f"127.0.0.1:{board_port}")
        Peer(self.world, "lock-broker", "lock_broker", str(broker_port))
        wait_until(lambda: listens(broker_port), within_s=START_S, what="the locks' own broker")
        self.locks = Peer(
            self.world,
            "zigbee-locks",
            "zigbee_locks",
            "--port",
            str(broker_port),
            "--locks",
            LOCK,
            "--mqtt",
            "5",
        )
        Path(folder, "io.toml").write_text(
            BUILDING4_IO.format(
                board=board_port,
                lock=LOCK,
                side=SIDE.access_point,
                lane=LANE.access_point,
                room=ROOM4.access_point,
            )
        )
        Path(folder, "node.toml").write_text(
            BUILDING4_NODE.format(
                node=HOUSE4.node, broker=self.world.cable(HOUSE4.node), kiosk=self.world.kiosk_port(HOUSE4.node),
                locks=broker_port, doors="".join(_door(door) for door in HOUSE4.doors),
            )
        )  # fmt: skip
        self._register()
        self.world.start_gate_io(HOUSE4.node)
        wait_until(Path(folder, "io.sock").exists, within_s=START_S, what="building 4's gate-io")
        self.world.start_node(HOUSE4.node)
        self.world.nodes.append(HOUSE4)
        wait_until(lambda: self.world.serving(HOUSE4), within_s=START_S, what="building 4 serves its doors")

    def _register(self) -> None:
        request = json.loads(self.world.node_command(HOUSE4.node, "join-request"))
        points = [part for door in HOUSE4.doors for part in ("--access-point", spec(door))]
        self.world.sync(
            "node", "add", HOUSE4.node, "--public-key", request["public_key"],
            "--join-out", f"../{HOUSE4.node}/join.json", "--sealing-key", request["sealing_key"],
            "--sealing-proof", request["sealing_proof"], "--name", "Building 4", *points,
        )  # fmt: skip

    # --- what hands and wires do here -----------------------------------------------------------------------

    def put(self, access_point: str, number: int, level: bool) -> None:
        """Input ``number`` of this door: 0 contact, 1 exit button, 2 fire (side) or beam (lane), 3 key switch."""
        self._inputs[access_point][number] = int(level)
        if access_point == SIDE.access_point:
            self.side.tell("inputs " + ",".join(map(str, self._inputs[access_point])))
        else:
            self.board.tell(f"input {number} {int(level)}")

    def side_released(self) -> int:
        """How often the module's output was switched on."""
        return sum(line["event"] == "output" and bool(line["on"]) for line in self.side.lines())

    def coil_on(self) -> bool:
        moves = [line for line in self.board.lines() if line.get("coil") == 0]
        return bool(moves) and bool(moves[-1]["level"])

    def bolt(self) -> str:
        told = [line["bolt"] for line in self.locks.lines() if line.get("what") == "bolt"]
        return str(told[-1]) if told else ""

    def close(self) -> None:
        for wire in getattr(self, "wires", []):
            wire.close()


def _door(door: Any) -> str:
    return (
        f'\n[[doors]]\naccess_point = "{door.access_point}"\nkind = "{door.kind}"\n'
        f'name_zh = "{door.name_zh}"\nname_en = "{door.name_en}"\n'
        + ("t_open_ms = 30000\n" if door is LANE else "")
    )
