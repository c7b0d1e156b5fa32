"""The restore drill: an evening, a backup, more of the evening, the whole data folder gone, and everything back.

Real ``gatehouse-sync`` programs; real gates' ledgers and links on its broker.  At the end the service's database is
held against the ledgers, event by event.  Last line: JSON.
"""

import argparse
import base64
import json
import logging
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from rich.console import Console
from rich.table import Table

from cloud_sync.compose import open_books, set_up
from cloud_sync.config import load
from cloud_sync.core.codes import listing_code
from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import State
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from edge.compose_passes import BookPasses
from edge.core.commands import Received
from edge.core.events import AccessPointId, CredentialKind, Fact, NodeId, Stamp
from edge.drivers.clock import SystemClock
from edge.link.link import Aboard, Link
from edge.link.mqtt import Broker, Session
from edge.link.translate import decode_passes, encode_fact
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger
from edge.store.pass_book import PassBook

PROGRAM = Path(sys.executable).with_name("gatehouse-sync")
COMMUNITY = "dongfang"
GATES = ("gate-1", "gate-2", "building-7")
WITHIN_S = 240.0  # a gate that lost its broker tries again within 60; a busy machine makes it longer
PAUSE_S = 0.05
COMMAND_S = 300.0  # a busy machine starts a program slowly
CONFIG = """
data_dir = "data"
[community]
code = "dongfang"
name_zh = "东方社区"
name_en = "Dongfang"
synthetic = true
[web]
tls = false
port = {web}
[broker]
port = {broker}
"""
LISTING = listing_code("000001", "7K3M9QXD")
LISTINGS = f"""listing,name,unit,operator,state,max_guests,room,label,access_points
{LISTING},东方 602,7-1-602,OP-1,ACTIVE,4,R-602,602,AP-gate-1 AP-building-7
"""
BOOKING_HEAD = "source,external_ref,external_revision,listing,room,arrival,departure,headcount\n"
ZONE = ZoneInfo("Asia/Shanghai")


def booking(ref: str, days_ahead: int) -> str:
    """One night in the room, near enough for its pass to be on its way to the doors."""
    today = datetime.fromtimestamp(SystemClock().read().wall_ms / 1000, ZONE).date()
    first, last = today + timedelta(days_ahead), today + timedelta(days_ahead + 1)
    return f"{BOOKING_HEAD}tujia,{ref},1,{LISTING},R-602,{first}T14:00,{last}T12:00,2\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class DrillNode:
    """What a link asks of its node; this one has no doors."""

    def __init__(self, ledger: SqliteLedger, book: PassBook) -> None:
        self._ledger = ledger
        self._clock = SystemClock()
        self._book = book
        self.passes = BookPasses(book, self._clock)

    @property
    def auth_ver(self) -> int:
        return self._book.auth_ver

    @property
    def root(self) -> str:
        return self._book.root

    def aboard(self) -> Aboard:
        return Aboard(self.auth_ver, self.root, 0)

    def clock(self) -> ClockReading:
        return self._clock.read()

    def state(self) -> State:
        return State(on=True, e=self._ledger.epoch, boot_id="drill")

    def free_mb(self) -> int:
        return 1_000

    def erase(self, pass_ids: Sequence[str], erase_ver: int) -> int:
        return 0

    def link_changed(self, up: bool) -> None: ...

    def command(self, got: Received) -> None: ...


class DrillGate:
    """A ledger on the disk and a link to the broker, as in every node."""

    def __init__(self, node: str, folder: Path, port: int) -> None:
        self.node = node
        self.ledger = SqliteLedger(
            folder / f"{node}.db",
            NodeId(node),
            encode=encode_fact,
            chain=chain,
            new_epoch=lambda: secrets.token_hex(12),
            ballast=Ballast(folder / f"{node}.reserve"),
        )
        self._book = PassBook(
            folder / f"{node}-passes.db",
            decode=decode_passes,
            ballast=Ballast(folder / f"{node}-passes.reserve"),
        )
        self.side = DrillNode(self.ledger, self._book)
        self.link = Link(
            topics=NodeTopics(COMMUNITY, node),
            software="drill",
            boot_id="drill",
            ledger=self.ledger,
            node=self.side,
            verify=lambda *_: True,
            open_session=lambda subscribe, topic, will: Session(
                Broker("127.0.0.1", port), node, subscribe=subscribe, will_topic=topic, will=will
            ),
        )
        self._clock = SystemClock()

    def record(self, count: int) -> None:
        """One transaction each, as at a door."""
        door = AccessPointId(f"AP-{self.node}")
        for n in range(count):
            now = self._clock.read()
            stamp = Stamp("drill", now.mono_ns // 1_000_000, now.wall_ms, now.state, now.bound_ms)
            fact = Fact(
                "access.granted" if n % 5 else "access.denied",
                access_point=door,
                credential_kind=CredentialKind.QR,
            )
            self.ledger.append([fact], stamp)
        self.link.wake()

    @property
    def told(self) -> bool:
        return self.link.outbox == 0

    def rows(self) -> list[tuple[int, bytes]]:
        head = self.ledger.head
        return [(row.seq, bytes(row.body)) for row in self.ledger.rows(range(1, head + 1), bytes_max=1 << 30)]

    def stop(self) -> None:
        self.link.stop()
        self.ledger.close()
        self._book.close()


class Service:
    """The program, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.web, self.broker = folder, free_port(), free_port()
        (folder / "gatehouse-sync.toml").write_text(CONFIG.format(web=self.web, broker=self.broker))
        self._log = (folder / "service.log").open("wb")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def types(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *words], cwd=self.folder, capture_output=True, text=True, timeout=COMMAND_S, check=False
        )

    def must(self, *words: str) -> str:
        done = self.types(*words)
        if done.returncode:
            raise SystemExit(f"gatehouse-sync {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def start(self) -> None:
        self._process = subprocess.Popen([PROGRAM, "run"], cwd=self.folder, stderr=self._log)

    def wait(self, true: Callable[[], bool], what: str) -> float:
        """Seconds it took; a drill that cannot go on ends, and says what the service said last."""
        began = time.monotonic()
        while not true():
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() - began > WITHIN_S:
                last = (self.folder / "service.log").read_text().strip().rpartition("\n")[2]
                raise SystemExit(f"The drill stands still: {what}. The service: {last or 'nothing'}")
            time.sleep(PAUSE_S)
        return time.monotonic() - began

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def close(self) -> None:
        self.kill()
        self._log.close()

    def key_modes(self) -> dict[str, int]:
        return {path.name: path.stat().st_mode for path in (self.data / "keys").iterdir()}

    def pass_sets(self) -> dict[str, tuple[int, str]]:
        with closing(sqlite3.connect(self.data / "community.db")) as db:
            return {
                node: (ver, root)
                for node, ver, root in db.execute("select node, auth_ver, root from pass_set")
            }

    def facts(self) -> dict[tuple[str, int], bytes]:
        with closing(sqlite3.connect(self.data / "community.db")) as db:
            return {
                (node, seq): bytes(body)
                for node, seq, body in db.execute("select node, seq, body from event")
            }

    def one(self, query: str) -> object:
        with closing(sqlite3.connect(self.data / "community.db")) as db:
            (value,) = db.execute(query).fetchone()
        return value


@dataclass(slots=True)
class Result:
    recorded: int = 0
    in_backup: int = 0
    stored: int = 0
    lost: int = 0
    double: int = 0
    changed: int = 0  # events whose bytes differ
    books_back: bool = False
    passes_overtake: bool = False  # nodes that hold newer passes than the backup get newer ones still
    refused_while_running: bool = False
    refused_damaged: bool = False
    modes_kept: bool = False
    new_generation: bool = False
    check: str = ""
    back_s: float = 0.0

    @property
    def good(self) -> bool:
        proved = (
            self.books_back,
            self.passes_overtake,
            self.refused_while_running,
            self.refused_damaged,
            self.modes_kept,
            self.new_generation,
            self.check == "no findings",
            self.in_backup < self.stored,
        )
        return not (self.lost or self.double or self.changed) and all(proved)


def drill(folder: Path, events: int) -> Result:
    """Play it in ``folder``; ``events`` per gate and act of the evening."""
    service, result = Service(folder), Result()
    _set_up(service)
    gates = [DrillGate(node, folder, service.broker) for node in GATES]
    try:
        service.start()
        for gate in gates:
            gate.link.start()
        _play(service, gates, events, result)
    finally:
        for gate in gates:
            gate.stop()
        service.close()
    return result


def _set_up(service: Service) -> None:
    """In this process: what is drilled begins afterwards."""
    config = load(service.folder / "gatehouse-sync.toml")
    set_up(config)
    books = open_books(config)
    try:
        for node in GATES:
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            kind = "room" if node == "building-7" else "gate"
            books.registry.add_node(
                NodeJoin(node, node, key, (AccessPointSpec(f"AP-{node}", kind, "门", "Door"),))
            )
        books.registry.import_csv("listings", LISTINGS.encode(), actor="drill")
        books.registry.import_csv("bookings", booking("B-1", 0).encode(), actor="drill")
    finally:
        books.close()


def _play(service: Service, gates: list[DrillGate], events: int, result: Result) -> None:
    for gate in gates:
        gate.record(events)
    service.wait(lambda: all(gate.told for gate in gates), "the evening does not reach the service")
    service.wait(lambda: _hold_their_passes(service, gates), "the gates do not get their passes")
    books, held = service.must("passes"), gates[0].side.auth_ver
    generation = service.one("select sink_gen from sink_meta")
    for gate in gates:
        gate.record(events)  # on their way while the copy is made
    service.must("backup", "copy")
    result.in_backup = json.loads((service.folder / "copy/manifest.json").read_bytes())["events"]
    for gate in gates:
        gate.record(events)
    (service.folder / "later.csv").write_text(booking("B-2", 1))
    service.must("import", "bookings", "later.csv")
    service.wait(
        lambda: all(gate.told for gate in gates), "what came after the backup does not reach the service"
    )
    # The first gate is one of the booking's: it has to hold passes the backup does not know of.
    service.wait(
        lambda: gates[0].side.auth_ver > held, "the gates do not get the passes made after the backup"
    )
    service.wait(lambda: _hold_their_passes(service, gates), "the gates do not hold what they should")
    seen = {gate.node: gate.side.auth_ver for gate in gates}
    modes = service.key_modes()
    result.refused_while_running = service.types("restore", "copy").returncode == 2
    service.kill()
    shutil.rmtree(service.data)
    for gate in gates:
        gate.record(events)  # doors go on without the service
    result.refused_damaged = _refuses_damaged(service)
    service.must("restore", "copy")
    result.modes_kept = service.key_modes() == modes
    result.new_generation = service.one("select sink_gen from sink_meta") != generation
    began = time.monotonic()
    service.start()
    service.wait(
        lambda: all(g.told and g.ledger.sink_gen != generation for g in gates), "the gates do not send again"
    )
    result.back_s = round(time.monotonic() - began, 1)
    service.wait(lambda: _hold_their_passes(service, gates), "the gates do not get the restored passes")
    result.passes_overtake = gates[0].side.auth_ver > seen[gates[0].node]
    result.books_back = service.must("passes") == books
    service.kill(signal.SIGTERM)
    result.check = service.must("db", "check").strip()
    _count(service, gates, result)


def _hold_their_passes(service: Service, gates: list[DrillGate]) -> bool:
    wanted = service.pass_sets()
    return all(wanted.get(gate.node) == (gate.side.auth_ver, gate.side.root) for gate in gates)


def _refuses_damaged(service: Service) -> bool:
    """One bit of the copy turned: nothing is restored from it."""
    damaged = service.folder / "damaged"
    shutil.copytree(service.folder / "copy", damaged)
    path = damaged / "vault.db"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    refused = service.types("restore", "damaged").returncode == 2
    return refused and not (service.data / "community.db").exists()


def _count(service: Service, gates: list[DrillGate], result: Result) -> None:
    held = service.facts()
    told = {(gate.node, seq): body for gate in gates for seq, body in gate.rows()}
    effects = service.one("select sum(n) from counter")
    assert isinstance(effects, int)
    result.recorded, result.stored = len(told), len(held)
    result.lost = len(told.keys() - held.keys())
    result.double = len(held.keys() - told.keys()) + abs(effects - len(held))
    result.changed = sum(held[key] != told[key] for key in told.keys() & held.keys())


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--events", type=int, default=200, help="per gate and act of the evening")
    chosen = asked.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        result = drill(Path(folder), chosen.events)
    table = Table("what", "found", title="the restore drill")
    for name, value in asdict(result).items():
        table.add_row(name.replace("_", " "), str(value))
    Console(width=100).print(table)
    print(json.dumps({"drill": "restore", **asdict(result)}))
    return 0 if result.good else 1


if __name__ == "__main__":
    sys.exit(main())
