"""``make upgrade FROM=<commit>``: service and nodes are updated in either order, through an evening.

The earlier programs are laid beside from this repository's history and begin the evening; then the service is updated
and the nodes follow, and in a second evening the nodes first.  Every part has events, passes that come and end, and
commands.  Real programs, real mosquitto; folders stay as they are when a program is updated, as on a real machine.  The
last line is one JSON object.
"""

import argparse
import json
import secrets
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from rich.console import Console

from cloud_sync.protocol import chain
from demo import count
from demo.bare import HERE, GatePlan, House, local_day, plans, runs_from
from demo.stage import wait_until
from edge.core.events import AccessPointId
from edge.drivers.inputs.simulated import set_point
from edge.ports import Point

# The last commit of this repository whose wire version is 1.
FROM = "aefb3da"
ROOMS = ("edge", "cloud_sync", "models")
ORDERS = {"service_first": ("sync", "nodes"), "nodes_first": ("nodes", "sync")}
PRESSES = 10  # of the exit button at each door in each part
DAY_S = 86_400
WITHIN_S = 60.0
BETWEEN_S = 1.2  # a release is over before the next begins

Say = Callable[[str], None]


class NoHistory(Exception):
    """The commit asked for is not in this clone; the words say what to do."""


def lay_out(commit: str, into: Path, repository: Path = HERE) -> Path:
    """The programs as they were at that commit, in a folder of their own.

    Raises:
        NoHistory: git is not there, this is no clone, or the clone does not reach back so far.
    """
    command = ["git", "-C", str(repository), "archive", commit, *ROOMS]
    try:
        packed = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoHistory(
            f"Commit {commit} is not in this clone's history (a shallow clone has none): run 'git fetch "
            f"--unshallow', or name another commit with FROM=."
        ) from error
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(into, filter="data")
    return into


def wire_version(sources: Path) -> int:
    """What programs of these sources speak, as they say themselves."""
    look = "from cloud_sync.protocol.versions import WIRE_VERSION; print(WIRE_VERSION)"
    said = subprocess.run(
        [sys.executable, "-c", look], cwd=sources, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(sources.absolute())},
    )  # fmt: skip
    return int(said.stdout)


@dataclass
class Part:
    """What one part of an evening was asked for, and what came of it."""

    presses: int = 0
    pins_opened: int = 0
    pins_refused: int = 0  # of a pass that had ended, where it had to be refused
    commands: int = 0
    commands_done: int = 0
    zone: str = ""


@dataclass
class Evening:
    """One order of updating; ``older`` are the earlier sources."""

    house: House
    older: Path
    say: Say
    parts: dict[str, Part] = field(default_factory=dict)

    def play(self, order: Sequence[str]) -> dict[str, Any]:
        house = self.house
        house.sources |= dict.fromkeys(("sync", *(gate.node for gate in house.gates)), self.older)
        house.start_broker()
        house.set_up()
        house.start_sync()
        for gate in house.gates:
            house.add_gate(gate)
            house.start_gate(gate)
        self._part("all_older")
        first, last = order
        self._update(first)
        self._part(f"{first}_updated")
        self._update(last)
        for gate in house.gates:
            self._join_anew(gate)
        self._part("all_newest", zone=True)
        return self._judge()

    # --- updating -------------------------------------------------------------------------------------------------

    def _update(self, what: str) -> None:
        """The same folder, this repository's code; nothing else is done."""
        house = self.house
        self.say(f"updating {what}")
        if what == "sync":
            house.stop("sync")
            del house.sources["sync"]
            house.start_sync()
            for gate in house.gates:  # what the newest service writes has to be read by nodes of before
                self._join_anew(gate)
            return
        for gate in house.gates:
            house.stop_gate(gate)
            house.sources.pop(gate.node)
            house.start_gate(gate)

    def _join_anew(self, gate: GatePlan) -> None:
        """A join file of the present service, and a start with it."""
        self.house.sync("node", "join-file", gate.node, f"../{gate.node}/join.json")
        self.house.stop_gate(gate)
        self.house.start_gate(gate)

    # --- a part of the evening ------------------------------------------------------------------------------------

    def _part(self, name: str, *, zone: bool = False) -> None:
        part = self.parts[name] = Part()
        runs = {
            one: runs_from(self.house, one) for one in ("sync", *(gate.node for gate in self.house.gates))
        }
        wanted = {one: self.house.source(one).absolute() for one in runs}
        assert {one: path.resolve() for one, path in runs.items()} == {
            one: path.resolve() for one, path in wanted.items()
        }, f"a program is not made of the sources it should be: {runs}"
        self.say(f"{name}: events")
        self._events(part)
        self.say(f"{name}: passes")
        self._passes(part, f"R-{name}")
        self.say(f"{name}: commands")
        self._commands(part)
        if zone:
            part.zone = self._zone()
        wait_until(self._all_stored, within_s=WITHIN_S, what=f"{name}: everything is stored", every_s=0.2)

    def _events(self, part: Part) -> None:
        """The way out is pressed, and doors are opened and fall shut."""
        for gate in self.house.gates:
            for door in gate.doors:
                rig = self.house.root / gate.node / f"{door}.sock"
                for _ in range(PRESSES):
                    for point, level in (
                        (Point.REX, True), (Point.REX, False), (Point.CONTACT, True), (Point.CONTACT, False),
                    ):  # fmt: skip
                        set_point(rig, AccessPointId(door), point, level)
                    part.presses += 1

    def _passes(self, part: Part, ref: str) -> None:
        """Somebody gets a pass with a PIN, opens every door with it, loses it, and is refused at every door."""
        pin = "".join(secrets.choice("0123456789") for _ in range(6))
        doors = [(gate, door) for gate in self.house.gates for door in gate.doors]
        self._import(ref, pin, state="active")
        for gate, door in doors:
            before = self._seen(gate, "access.granted", "pin")
            self.house.type_pin(gate, door, pin)
            self._until(gate, "access.granted", "pin", before + 1)
            part.pins_opened += 1
        self._import(ref, "", state="ended")
        for gate, door in doors:
            before = self._seen(gate, "access.denied", "pin")
            self.house.type_pin(gate, door, pin)
            self._until(gate, "access.denied", "pin", before + 1)
            part.pins_refused += 1

    def _import(self, ref: str, pin: str, *, state: str) -> None:
        """A resident's row, and every node has the list that comes of it."""
        before = {gate.node: self.house.status(gate).get("auth_ver", 0) for gate in self.house.gates}
        doors = " ".join(door for gate in self.house.gates for door in gate.doors)
        row = f"{ref},测试住户,resident,{doors},{local_day(-DAY_S)},{local_day(DAY_S)},{pin},{state}"
        file = self.house.root / "sync" / "residents.csv"
        file.write_text(f"ref,name,class,access_points,valid_from,valid_until,pin,state\n{row}\n")
        self.house.sync("import", "residents", "residents.csv")
        for gate in self.house.gates:
            wait_until(
                lambda gate=gate: self.house.status(gate).get("auth_ver", 0) > before[gate.node],
                within_s=WITHIN_S,
                what=f"{gate.node} has the passes of {ref}",
            )

    def _commands(self, part: Part) -> None:
        pause = threading.Event()
        for gate in self.house.gates:
            for op in ("release", "lock"):
                pause.wait(BETWEEN_S)
                said = self.house.sync("command", op, gate.doors[0], "--reason", "a drill", "--wait")
                part.commands += 1
                part.commands_done += said.split()[1] == "DONE"

    def _zone(self) -> str:
        """Two people lock the site; the service's own line about it."""
        command_id = self.house.sync(
            "zone", "propose", "site", "lock", "--reason", "a drill", actor="li"
        ).strip()
        return self.house.sync("zone", "second", command_id, "--wait", actor="wang").strip()

    # --- counting -------------------------------------------------------------------------------------------------

    def _ledger(self, gate: GatePlan) -> list[count.Event]:
        return count.ledger(self.house.root / gate.node / "data/events.db", gate.node)

    def _seen(self, gate: GatePlan, type_: str, kind: str) -> int:
        return count.tally(self._ledger(gate), type_, credential_kind=kind)

    def _until(self, gate: GatePlan, type_: str, kind: str, n: int) -> None:
        wait_until(
            lambda: self._seen(gate, type_, kind) >= n,
            within_s=WITHIN_S,
            what=f"{n} x {type_} at {gate.node}",
        )

    def _all_stored(self) -> bool:
        self.house.alive()
        stored = self._stored().keys
        return all(event.key in stored for gate in self.house.gates for event in self._ledger(gate))

    def _stored(self) -> count.Stored:
        return count.service(self.house.root / "sync/data/community.db")

    def _judge(self) -> dict[str, Any]:
        """The count, from files."""
        recorded = {event.key for gate in self.house.gates for event in self._ledger(gate)}
        stored = self._stored()
        return {
            "recorded": len(recorded),
            "stored": stored.rows,
            "lost": len(recorded - stored.keys),
            "double": stored.counted - len(stored.keys),
            "broken_chains": sum(not self._chain_holds(gate) for gate in self.house.gates),
            "parts": {name: vars(part) for name, part in self.parts.items()},
        }

    def _chain_holds(self, gate: GatePlan) -> bool:
        with count.read(self.house.root / gate.node / "data/events.db") as db:
            (epoch,) = db.execute("select epoch from meta").fetchone()
            rows = db.execute("select seq, d, h from event order by seq")
            return chain.first_break(gate.node, epoch, rows) is None


def sound(told: Mapping[str, Any], doors: int) -> bool:
    """Nothing lost or double, every pass opened and ended at every door, every command done."""
    parts = told["parts"].values()
    passes = all(part["pins_opened"] == part["pins_refused"] == doors for part in parts)
    commands = all(0 < part["commands"] == part["commands_done"] for part in parts)
    nothing = not (told["lost"] or told["double"] or told["broken_chains"])
    zone = f"{doors} of {doors} doors did it" in told["parts"]["all_newest"]["zone"]
    return nothing and passes and commands and zone and told["recorded"] == told["stored"] > 0


def run(older: Path, root: Path, gates: int, say: Say) -> dict[str, Any]:
    """Both orders, each in a house of its own."""
    told: dict[str, Any] = {"wire_older": wire_version(older), "wire_newest": wire_version(HERE)}
    for name, order in ORDERS.items():
        with House(root / name, plans(gates, 1)) as house:
            evening = Evening(house, older, lambda words, name=name: say(f"{name}: {words}")).play(order)
        told[name] = evening | {"sound": sound(evening, gates)}
    return told


def main() -> int:
    """0 when both evenings lost nothing; 2 where this clone does not hold the earlier commit."""
    parser = argparse.ArgumentParser(prog="python -m demo.upgrade", description=__doc__)
    parser.add_argument("--from", dest="commit", default=FROM)
    parser.add_argument("--gates", type=int, default=2)
    asked = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        try:
            older = lay_out(asked.commit, Path(folder))
        except NoHistory as error:
            print(error, file=sys.stderr)
            return 2
        told = run(
            older, HERE / "run" / "upgrade", asked.gates, lambda words: console.print(words, style="dim")
        )
    print(json.dumps({"from": asked.commit, **told}))
    return 0 if all(told[name]["sound"] for name in ORDERS) else 1


if __name__ == "__main__":
    sys.exit(main())
