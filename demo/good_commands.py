"""True commands through a mosquitto that dies and comes back, while somebody on the bus replays and bends them.

Real programs: service, broker, nodes and gate-io.  Counted from outside: the nodes' ledgers, what they noted before each
door moved, and the locks' own records, beside what the service says became of each command.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cloud_sync.cli_tools import opened_books
from cloud_sync.compose import Books
from cloud_sync.core.commands import ENDED, EVENTS
from cloud_sync.protocol.topics import NodeTopics, zone_cmd
from demo import count
from demo.bad_commands import Forge, Signer
from demo.bare import COMMUNITY, GatePlan, House, plans
from demo.stage import wait_until

NODES, DOORS_EACH = 3, 2
# What one door is told, over and over: every verb of the table, so that some are refused by the mode of the door.
ROUND = (
    "release", "unlock", "lock", "release", "block", "release", "lock", "lockopen", "lockopen_release", "lockdown",
    "lockdown_release",
)  # fmt: skip
OPENS = frozenset({"release", "unlock", "lockopen"})
EVERY_S = 0.15  # so each door hears about one a second: a release is over before the next comes
UP_S = (3.0, 9.0)
SHORT_S, LONG_S = (0.1, 2.0), 11.5  # how long the broker is away; the long time outlives a command
LONG_EVERY = 5
ZONE_EVERY = 25  # a zone's after so many single ones
BAD_EACH = 4  # frames of somebody else after each true one
SETTLED_WITHIN_S = 120.0
# From the book's row to the lock: gate-io is asked at once, and this machine may be busy.
MOVE_WITHIN_MS = 3_000


@dataclass
class Harasser:
    """Hears every true frame and gives it back: at once, later, bent, retained, and to the wrong node."""

    port: int
    dice: random.Random
    nodes: tuple[str, ...]
    sent: Counter[str] = field(default_factory=Counter)
    heard: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._forge = Forge(Signer(0), self.dice)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_message = lambda _client, _user, message: self.heard.append(bytes(message.payload))
        self._client.connect_async("127.0.0.1", self.port)
        self._client.loop_start()

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe([(f"ac/v1/{COMMUNITY}/d/+/cmd", 1), (f"ac/v1/{COMMUNITY}/g/+/cmd", 1)])

    def annoy(self) -> None:
        """A few bad frames, where there is a broker to take them."""
        for _ in range(BAD_EACH):
            if not self._client.is_connected() or not self.heard:
                return
            self._one()

    def _one(self) -> None:
        topic = NodeTopics(COMMUNITY, self.dice.choice(self.nodes)).cmd
        if self.dice.random() < 0.2:
            topic = zone_cmd(COMMUNITY, "site")
        kind = self.dice.choice(("replayed", "retained", "bent", "forged"))
        frame = self.dice.choice(self.heard)
        match kind:
            case "bent":
                at = self.dice.randrange(len(frame) * 8)
                frame = frame[: at // 8] + bytes([frame[at // 8] ^ 1 << at % 8]) + frame[at // 8 + 1 :]
            case "forged":  # in our words, by keys that are not the community's
                self._forge.signer.now_ms = time.time_ns() // 1_000_000
                frame = self._forge.make()[1].frame
        self.sent[kind] += 1
        self._client.publish(topic, frame, qos=1, retain=kind == "retained")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Restarts:
    """mosquitto is killed and started again, all the time, by a thread of its own; ``stop`` leaves it running."""

    def __init__(self, house: House, dice: random.Random) -> None:
        self._house, self._dice = house, dice
        self._ended = threading.Event()
        self.times, self.away_s = 0, 0.0
        self._thread = threading.Thread(target=self._run, name="restarts")
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self._dice.uniform(*UP_S)):
            self.times += 1
            down_s = LONG_S if self.times % LONG_EVERY == 0 else self._dice.uniform(*SHORT_S)
            self._house.kill("broker")
            self._ended.wait(down_s)
            self._house.start_broker()
            self.away_s += down_s

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()


@contextmanager
def standing(root: Path) -> Iterator[tuple[House, Books]]:
    """A house that serves, and its books, opened beside the running service as its own commands do."""
    with House(root, plans(NODES, DOORS_EACH)) as house:
        house.start_broker()
        house.set_up()
        house.start_sync()
        for gate in house.gates:
            house.add_gate(gate)
        for gate in house.gates:
            house.start_gate(gate)
        with opened_books(house.root / "sync" / "sync.toml") as books:
            yield house, books


def good(root: Path, commands: int, seed: int, tick: Callable[[int], None]) -> dict[str, Any]:
    """Give so many, a zone's among them, and say what became of every one."""
    dice = random.Random(seed)
    with standing(root) as (house, books):
        harasser = Harasser(house.broker_port, dice, tuple(gate.node for gate in house.gates))
        wait_until(
            lambda: _hear_each_other(house, books), within_s=60, what="nodes and service hear one another"
        )
        restarts = Restarts(house, random.Random(seed + 1))
        try:
            _give(house, books, commands, harasser, tick)
        finally:
            restarts.stop()
            harasser.close()
        wait_until(
            lambda: _settled(house), within_s=SETTLED_WITHIN_S, what="every result has come up", every_s=0.5
        )
        told = judged(house.root, house.gates)
        return {
            **told,
            "broker_restarts": restarts.times,
            "broker_away_s": round(restarts.away_s, 1),
            "bad_on_the_bus": sum(harasser.sent.values()),
        }


def _hear_each_other(house: House, books: Books) -> bool:
    """One command to each node has been done: from here on only the broker is to blame."""
    house.alive()
    for gate in house.gates:
        command_id = books.commands.issue(gate.doors[0], "lock", actor="guard", reason="a drill")
        ended = wait_until(
            lambda command_id=command_id: books.commands.state(command_id).state in ENDED,
            within_s=20,
            what="an end of the first command",
        )
        assert ended
        if books.commands.state(command_id).state != "DONE":
            return False
    return True


def _give(house: House, books: Books, commands: int, harasser: Harasser, tick: Callable[[int], None]) -> None:
    doors = cycle(door for gate in house.gates for door in gate.doors)
    rounds = {door: cycle(ROUND) for gate in house.gates for door in gate.doors}
    pause = threading.Event()
    for n, door in zip(range(commands), doors, strict=False):
        house.alive()
        if n % ZONE_EVERY == ZONE_EVERY - 1:
            command_id = books.zone_commands.propose("site", "lock", actor="guard", reason="a drill")
            books.zone_commands.second(command_id, actor="officer")
        else:
            books.commands.issue(door, next(rounds[door]), actor="guard", reason="a drill")
        harasser.annoy()
        tick(1)
        pause.wait(EVERY_S)


def _settled(house: House) -> bool:
    """Nothing is open at the service, and everything the nodes recorded is there."""
    house.alive()
    path = house.root / "sync/data/community.db"
    with count.read(path) as db:
        states = {state for (state,) in db.execute("select state from command")}
        states |= {state for (state,) in db.execute("select state from zone_result")}
    if states - {str(state) for state in ENDED}:
        return False
    stored = count.service(path).keys
    return all(event.key in stored for gate in house.gates for event in _ledger(house.root, gate.node))


def _ledger(root: Path, node: str) -> list[count.Event]:
    return count.ledger(root / node / "data/events.db", node)


# --- the count ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Given:
    """One command at one door, as the service has it; a zone's is one for each of its doors."""

    id: str
    door: str
    op: str
    exp_ms: int
    state: str


END_OF: Mapping[str, str] = {
    "command.done": "DONE",
    "command.failed": "FAILED",
    "command.refused": "REJECTED",
}


def judged(root: Path, gates: tuple[GatePlan, ...] | list[GatePlan]) -> dict[str, Any]:
    """The service's books beside the nodes' ledgers and the locks' records; reads files only."""
    given = {(one.id, one.door): one for one in _given(root / "sync/data/community.db")}
    results: dict[tuple[str, str], list[str]] = {}
    twice = foreign = late = unexplained = 0
    for gate in gates:
        for event in _ledger(root, gate.node):
            # Without a door: a refusal of what was meant for another node, which is nobody's result.
            if event.body["type"] in EVENTS and event.body.get("access_point"):
                key = (event.body["x"]["cmd"], event.body["access_point"])
                results.setdefault(key, []).append(END_OF[event.body["type"]])
        with count.read(root / gate.node / "data/events.db") as db:
            noted = db.execute(
                "select id, door, op, at_ms from command where state in ('done', 'failed')"
            ).fetchall()
        keys = [(id_, door) for id_, door, _, _ in noted]
        twice += len(keys) - len(set(keys))
        foreign += sum(key not in given for key in keys)
        late += sum(at > given[id_, door].exp_ms for id_, door, _, at in noted if (id_, door) in given)
        unexplained += _unexplained(root / gate.node, noted)
    wrong = [one for key, one in given.items() if not _agrees(one, results.get(key, []))]
    executed = {key for key, ends in results.items() if set(ends) & {"DONE", "FAILED"}}
    return {
        "given": len({one.id for one in given.values()}),
        "doors_told": len(given),
        "executed": len(executed),
        "executed_twice": twice + sum(ends.count("DONE") > 1 for ends in results.values()),
        "executed_after_expiry": late,
        "executed_never_given": foreign + len(executed - given.keys()),
        "lock_moves_unexplained": unexplained,
        "without_one_state": len(wrong),
        "states": dict(sorted(Counter(one.state for one in given.values()).items())),
    }


def _given(path: Path) -> Iterator[Given]:
    with count.read(path) as db:
        for row in db.execute("select id, access_point, op, exp_ms, state from command"):
            yield Given(*row)
        zones = "select id, access_point, op, exp_ms, r.state from zone_result r join zone_command using (community, id)"
        for row in db.execute(zones):
            yield Given(*row)


def _agrees(one: Given, ends: list[str]) -> bool:
    """The service says what the ledger says, once; EXPIRED is a command of which no ledger knows."""
    if one.state == "EXPIRED":
        return not ends
    return ends.count(one.state) >= 1 and len(set(ends)) == 1


def _unexplained(folder: Path, noted: list[tuple[str, str, str, int]]) -> int:
    """Times the lock was released although no noted command opens there just then."""
    opens = [(door, at) for _, door, op, at in noted if op in OPENS]
    return sum(
        move["event"] == "energise"
        and not any(
            move["door"] == door and 0 <= move["wall_ms"] - at <= MOVE_WITHIN_MS for door, at in opens
        )
        for move in count.lines(folder / "lock.jsonl")
    )


def sound(told: Mapping[str, Any]) -> bool:
    none = (
        "executed_twice",
        "executed_after_expiry",
        "executed_never_given",
        "lock_moves_unexplained",
        "without_one_state",
    )
    return not any(told[name] for name in none) and told["executed"] > 0 and told["broker_restarts"] > 0
