"""The service's database is deleted: how long until 51 nodes have brought back 90 quiet days (sync.md §14)?

``python -m bench.bench_wiped``: real ledgers and the real link of every node, the service as one process with its own
broker, as it is installed.  The clock runs from the deletion, so the service's start and the nodes' finding their way
back are in it.  ``demo.counting`` counts before and after.  Last line: JSON; exit status 0 when nothing is lost or double.
"""

import argparse
import json
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.bench_wiped_nodes import COMMUNITY
from demo import count
from demo.faults.ground import counted_outside
from demo.stage import wait_until
from demo.world import free_ports, program

ROOT = Path(__file__).parent.parent
NODES, EVENTS, HOSTS = 51, 138_000, 3
STORED_WITHIN_S = 300.0
READY_WITHIN_S = 300.0
LOOK_S = 0.1

CONFIG = """
data_dir = "data"

[community]
code = "{community}"
name_zh = "清空演练"
name_en = "Wiped"
synthetic = true
profile = "cn-self"

[web]
port = {web}
tls = false

[broker]
port = {broker}
embedded = true
"""


class Service:
    """The service as one process: broker, sink, jobs and pages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        web, self.port = free_ports(2)
        folder.mkdir()
        (folder / "sync.toml").write_text(CONFIG.format(community=COMMUNITY, web=web, broker=self.port))
        self._run("setup").wait(60)
        self.database = folder / "data" / "community.db"
        self._running: subprocess.Popen[bytes] | None = None

    def _run(self, *words: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            command = [program("gatehouse-sync"), *words, "--config", "sync.toml"]
            return subprocess.Popen(
                command, cwd=self._folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def start(self) -> None:
        self._running = self._run("run")

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def delete_database(self) -> None:
        for tail in ("", "-wal", "-shm"):
            self.database.with_name(self.database.name + tail).unlink(missing_ok=True)

    def stored(self) -> int:
        """How far the watermarks of all nodes have come, together."""
        assert self._running is not None
        if self._running.poll() is not None:
            raise RuntimeError(f"the service has ended: {(self._folder / 'log').read_text()[-1500:]}")
        with suppress(sqlite3.Error), count.read(self.database) as db:  # not made yet
            return int(db.execute("select coalesce(sum(upto), 0) from mark").fetchone()[0])
        return 0


@contextmanager
def hosted(folder: Path, port: int, names: list[str], each: int, hosts: int) -> Iterator[None]:
    """All nodes, in so many processes; inside, their ledgers are full and their links run."""
    with ExitStack() as stack:
        running = []
        for host in range(hosts):
            command = [sys.executable, "-m", "bench.bench_wiped_nodes", str(folder), str(port), str(each)]
            running.append(
                subprocess.Popen(
                    [*command, *names[host::hosts]],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=(folder / f"host-{host}.log").open("wb"),
                )
            )
            stack.callback(_end, running[-1])
        for one in running:
            assert one.stdout is not None
            if one.stdout.readline().strip() != b"ready":
                raise RuntimeError(f"nodes ended with {one.wait(READY_WITHIN_S)}; see {folder}")
        yield


def _end(running: subprocess.Popen[bytes]) -> None:
    assert running.stdin is not None
    running.stdin.close()
    try:
        running.wait(30)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


def measure(folder: Path, nodes: int, events: int, hosts: int) -> tuple[dict[str, Any], bool]:
    """Fill, drain, wipe, drain again; the figures, and whether nothing was lost or double."""
    each = -(-events // nodes)
    names = [f"n-{number:03d}" for number in range(nodes)]
    ledgers = {name: folder / "nodes" / f"{name}.db" for name in names}
    (folder / "nodes").mkdir()
    service = Service(folder / "sync")
    with ExitStack() as stack:
        stack.callback(service.kill)
        filling_s = time.monotonic()
        stack.enter_context(hosted(folder / "nodes", service.port, names, each, hosts))
        full_s = time.monotonic()
        service.start()
        first_s = _all_stored(service, nodes * each)
        before, clean = counted_outside(ledgers, service.database)
        service.kill()
        wiped_s = time.monotonic()
        service.delete_database()
        service.start()
        back_s = _all_stored(service, nodes * each)
        after, clean_again = counted_outside(ledgers, service.database)
    took = {
        "filled_s": round(full_s - filling_s, 1),
        "first_drain_s": round(first_s - full_s, 1),
        "back_s": round(back_s - wiped_s, 1),
    }
    told = {"nodes": nodes, "events": nodes * each, **took, "before": before, "after": after}
    return told, clean and clean_again and after["recorded"] == nodes * each


def _all_stored(service: Service, events: int) -> float:
    wait_until(
        lambda: service.stored() >= events, within_s=STORED_WITHIN_S, what=f"{events} events", every_s=LOOK_S
    )
    return time.monotonic()


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--nodes", type=int, default=NODES)
    arguments.add_argument("--events", type=int, default=EVENTS, help="of all nodes together")
    arguments.add_argument("--hosts", type=int, default=HOSTS, help="processes the nodes live in")
    arguments.add_argument(
        "--folder", type=Path, help="where the files are written; their disk is what counts"
    )
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder, prefix="bench-wiped-") as made:
        try:
            told, clean = measure(Path(made), chosen.nodes, chosen.events, chosen.hosts)
        except (TimeoutError, RuntimeError) as error:
            print(f"bench_wiped: {error}", file=sys.stderr)
            return 1
    print(
        f"{told['events']:,} events of {told['nodes']} nodes: stored in {told['first_drain_s']} s; "
        f"database deleted: all back in {told['back_s']} s"
    )
    print(json.dumps({"bench": "wiped", "machine": platform.machine(), **told}))
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
