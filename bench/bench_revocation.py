"""Revocation: from the call of the HTTP interface until the doors of every online node refuse, 51 nodes × 20,000 passes.

The whole service (pages, sink, jobs) in one program, mosquitto, and the nodes in two more: real link, real pass book on
the disk, real signatures, real decision; only door and camera are missing.  Every node holds 20,000 passes, which it got
over the bus in this run.  Each call cancels one booking; its moment is before the request is sent.  Last line: JSON.
"""

import argparse
import base64
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import sqlalchemy as sa
import structlog
from rich.console import Console

from bench.spread import Busy, Goal, goals_table
from cloud_sync.compose import Books, open_books, set_up, write_join_file
from cloud_sync.config import BrokerConfig, CommunityConfig, SyncConfig, WebConfig
from cloud_sync.jobs import SystemClock
from cloud_sync.ports import SESSION_COOKIE
from cloud_sync.protocol.messages import PassRow
from cloud_sync.store import tables
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from tests.fakes.brokers import Mosquitto, free_port
from tests.fakes.community_house import CODE, booking_row, csv_of, listing_row, local, registration_row

ROOT = Path(__file__).parent.parent
HOUR = 3_600_000
GOAL_MS = 1_000.0
PROCESSES = 2
FIRST_SETS_WITHIN_S = 900.0
STARTED_WITHIN_S = 60.0
ENFORCED_WITHIN_S = 30.0
WARM_UP = 5  # calls that are not counted
NAME, PASSWORD = "bench", "a-long-enough-password"


CONFIG = """\
data_dir = "{config.data_dir}"
[community]
code = "{config.community.code}"
name_zh = "{config.community.name_zh}"
name_en = "{config.community.name_en}"
synthetic = true
[broker]
embedded = false
port = {config.broker.port}
[web]
tls = false
port = {config.web.port}
"""


def node_name(number: int) -> str:
    return f"n{number:02d}"


def doors(nodes: int) -> str:
    return " ".join(f"AP-{node_name(number)}" for number in range(nodes))


def config_in(folder: Path, port: int) -> SyncConfig:
    return SyncConfig(
        data_dir=folder / "service",
        community=CommunityConfig(code="dongfang", name_zh="东方新城", name_en="Dongfang", synthetic=True),
        web=WebConfig(tls=False, port=free_port()),
        broker=BrokerConfig(embedded=False, port=port),
    )


def settle_in(books: Books, folder: Path, nodes: int, guests: int, passes: int) -> list[Path]:
    """The nodes with their join files, guests who can be cancelled, and copies of the first up to ``passes``."""
    folders = []
    for number in range(nodes):
        name = node_name(number)
        spec = AccessPointSpec(f"AP-{name}", "gate", name, name)
        key = base64.b64encode(bytes([number]) * 32).decode()
        books.registry.add_node(NodeJoin(name, name, key, (spec,)))
        folders.append(folder / name)
        folders[-1].mkdir()
        write_join_file(books, name, folders[-1] / "join.json")
    now_ms = SystemClock().now_ms()
    stay = {"arrival": local(now_ms - HOUR), "departure": local(now_ms + 20 * HOUR)}
    rooms = [f"{CODE}-{number:03d}" for number in range(guests)]
    take(
        books,
        "listings",
        [listing_row(room=room, label=room[-3:], access_points=doors(nodes)) for room in rooms],
    )
    take(
        books,
        "bookings",
        [booking_row(str(n), room=room, headcount=1, **stay) for n, room in enumerate(rooms)],
    )
    take(books, "registrations", [registration_row(str(n)) for n in range(guests)])
    copy_passes(books, passes - guests)
    return folders


def take(books: Books, kind: str, rows: list[dict[str, object]]) -> None:
    report = books.registry.import_csv(kind, csv_of(rows), actor="bench")
    refused = [row for row in report.rows if row.status != "new"]
    assert not refused, refused[:3]


def copy_passes(books: Books, count: int) -> None:
    """The first pass again under other names and keys: what the nodes have to carry beside those that are cancelled."""
    table = tables.pass_
    with books.engine.begin() as db:
        first = db.execute(sa.select(table).limit(1)).mappings().one()
        row = msgspec.msgpack.decode(first["wire"], type=PassRow)
        for number in range(count):
            name = f"PS-{number:026d}"
            cred = [["qr", f"{number:032x}", number.to_bytes(32, "big")]]
            wire = msgspec.msgpack.encode([name, *msgspec.to_builtins(row)[1:-1], cred])
            copy = {"pass_id": name, "stay": None, "person": None, "subject_ref": f"r-{number}", "wire": wire}
            db.execute(sa.insert(table).values(**{**first, **copy}))


class Nodes:
    """Every node's word, as it comes: by pass the moments at which nodes refused it."""

    def __init__(self, folders: list[Path], port: int) -> None:
        self.counts: dict[str, int] = {}
        self.refused: queue.Queue[tuple[str, str, int]] = queue.Queue()
        program = [sys.executable, "-m", "bench.revocation_nodes", "--port", str(port)]
        self._processes = [
            subprocess.Popen(
                [*program, *map(str, folders[at::PROCESSES])],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )
            for at in range(PROCESSES)
        ]  # fmt: skip
        self._readers = [
            threading.Thread(target=self._read, args=(process,), daemon=True) for process in self._processes
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line) if line.startswith("{") else {}
            if "refused" in told:
                self.refused.put((told["refused"], told["node"], told["at_ns"]))
            elif "passes" in told:
                self.counts[told["node"]] = told["passes"]

    def wait_for_sets(self, nodes: int, passes: int) -> float:
        began = time.monotonic()
        pause = threading.Event()
        while sum(count == passes for count in self.counts.values()) < nodes:
            assert all(process.poll() is None for process in self._processes), "nodes have ended"
            assert time.monotonic() - began < FIRST_SETS_WITHIN_S, f"sets did not arrive: {self.counts}"
            pause.wait(0.2)
        return time.monotonic() - began

    def wait_for_refusals(self, nodes: int) -> dict[str, int]:
        """By node, when the pass that was cancelled last was refused there."""
        found: dict[str, int] = {}
        until = time.monotonic() + ENFORCED_WITHIN_S
        while len(found) < nodes:
            _, node, at_ns = self.refused.get(timeout=max(0.01, until - time.monotonic()))
            found.setdefault(node, at_ns)
        return found

    def close(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process, reader in zip(self._processes, self._readers, strict=True):
            process.wait(60)
            reader.join(10)
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def serving(config: SyncConfig, folder: Path) -> Iterator[None]:
    """The service's own program: whoever calls it shares no interpreter with it."""
    file, log = folder / "sync.toml", folder / "sync.log"
    file.write_text(CONFIG.format(config=config))
    words = [str(Path(sys.executable).parent / "gatehouse-sync"), "serve", "-c", str(file)]
    with log.open("w") as out:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=out)
        try:
            end, pause = time.monotonic() + STARTED_WITHIN_S, threading.Event()
            while "service_started" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, "the service did not start"
                pause.wait(0.1)
            yield
        finally:
            process.terminate()
            process.wait(30)
    sys.stderr.write(log.read_text())


@contextmanager
def called(config: SyncConfig, books: Books) -> Iterator[httpx.Client]:
    """The HTTP interface with a session, as staff's programs have it."""
    token = books.accounts.login(NAME, PASSWORD)
    assert token is not None
    session = books.accounts.session(token)
    assert session is not None
    with httpx.Client(
        base_url=f"http://127.0.0.1:{config.web.port}",
        cookies={SESSION_COOKIE: token},
        headers={"x-csrf-token": session.csrf},
        timeout=30,
    ) as client:
        yield client


def revoke(client: httpx.Client, number: int, stay: dict[str, object]) -> tuple[int, float]:
    """Cancel one booking: the moment before the call in ns, and how long the call itself took in ms."""
    row = booking_row(
        str(number), room=f"{CODE}-{number:03d}", headcount=1, state="cancelled", external_revision=2, **stay
    )
    data, before = csv_of([row]), time.monotonic_ns()
    answer = client.post("/api/v1/imports/bookings", content=data)
    answer.raise_for_status()
    assert answer.json()["counts"]["updated"] == 1, answer.text
    return before, (time.monotonic_ns() - before) / 1e6


def measure(words: argparse.Namespace, folder: Path, console: Console) -> dict[str, object]:
    broker = Mosquitto(folder)
    broker.start()
    try:
        return _measured(words, folder, console, broker.port)
    finally:
        broker.stop()


def _measured(words: argparse.Namespace, folder: Path, console: Console, port: int) -> dict[str, object]:
    config = config_in(folder, port)
    made = set_up(config)
    assert made.setup_token is not None
    books = open_books(config)
    books.accounts.create_first_admin(NAME, PASSWORD, made.setup_token)
    folders = settle_in(books, folder, words.nodes, WARM_UP + words.revocations, words.passes)
    now_ms = SystemClock().now_ms()
    stay: dict[str, object] = {"arrival": local(now_ms - HOUR), "departure": local(now_ms + 20 * HOUR)}
    nodes = Nodes(folders, port)
    each, last, calls = [], [], []
    try:
        with serving(config, folder), called(config, books) as client:
            sets_s = nodes.wait_for_sets(words.nodes, words.passes)
            console.print(f"{words.nodes} first sets of {words.passes} passes arrived in {sets_s:.0f} s")
            threading.Event().wait(5)  # what a first set leaves behind is not what is measured
            busy = Busy()
            for number in range(WARM_UP + words.revocations):
                before_ns, call_ms = revoke(client, number, stay)
                found = [(at - before_ns) / 1e6 for at in nodes.wait_for_refusals(words.nodes).values()]
                if number < WARM_UP:
                    continue
                each += found
                last.append(max(found))
                calls.append(call_ms)
            machine = busy.told()
    finally:
        nodes.close()
        books.close()
    goals = [
        Goal("call of the interface → its answer", calls),
        Goal("call → one node refuses", each, "p99", GOAL_MS),
        Goal("call → the last of all nodes refuses", last, "p99", GOAL_MS),
    ]
    console.print(goals_table(goals))
    return {
        "bench": "revocation", "nodes": words.nodes, "passes": words.passes, "revocations": words.revocations,
        "first_sets_s": round(sets_s, 1), "machine": machine, "goals": {goal.what: goal.told() for goal in goals},
    }  # fmt: skip


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--nodes", type=int, default=51)
    asked.add_argument("--passes", type=int, default=20_000)
    asked.add_argument("--revocations", type=int, default=100)
    words = asked.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as folder:
        told = measure(words, Path(folder), console)
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
