"""What ``bench_sync`` compares: the sync service's own sink program, and ``mosquitto_sub | sqlite-utils insert``."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg

from bench.bench_sync_disk import slowed
from bench.bench_sync_load import COMMUNITY, LINES_TOPIC
from tests.fakes.postgres_house import Cluster

BIN = Path(sys.executable).parent
LOOK_S = 0.005
MOST_S = 180.0  # whatever takes longer is stuck
# Asked to end more than once: strace may swallow a signal that comes while it holds a call back.
ASKED_MAX, ASKED_EVERY_S = 6, 4.0
TICKS = os.sysconf("SC_CLK_TCK")

CONFIG = """\
data_dir = "data"
{database}
[community]
code = "{community}"
name_zh = "量"
name_en = "Measured"
synthetic = true
[broker]
embedded = false
port = {port}
[web]
tls = false
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the programs of one side used."""

    cpu_s: float
    rss_mb: float


def cpu_s(pid: int) -> float:
    """User and system time of a running program."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


def peak_mb(pid: int) -> float:
    """The most it ever held."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"{pid} has ended")


class Side(Protocol):
    """Started, fed by somebody else, asked until everything is there."""

    name: str
    form: str

    def started(self, folder: Path, port: int, publishes: int) -> "Running": ...


class Running(Protocol):
    def stored(self) -> int: ...
    def wait(self, events: int) -> None: ...
    def cost(self) -> Cost: ...
    def close(self) -> None: ...


def _eventually(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + MOST_S
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(what)
        time.sleep(LOOK_S)


# --- the service's sink ------------------------------------------------------------------------------------------


class Gatehouse:
    """``gatehouse-sync ingest``, on SQLite or on a database of ``cluster``."""

    form = "frames"

    def __init__(self, cluster: Cluster | None = None, *, longer_ms: float | None = None) -> None:
        """``longer_ms``: on a disk whose flushes take that much longer; a server's own disk stays as it is."""
        self._cluster, self._longer_ms = cluster, longer_ms
        self.name = "postgresql" if cluster else "sqlite"

    def started(self, folder: Path, port: int, publishes: int) -> "GatehouseRunning":  # noqa: ARG002
        url = self._cluster.new_database() if self._cluster else ""
        return GatehouseRunning(folder, port, url, self._longer_ms)


class GatehouseRunning:
    def __init__(self, folder: Path, port: int, url: str, longer_ms: float | None) -> None:
        self._url, self._file = url, folder / "data/community.db"
        config = folder / "sync.toml"
        database = f'database_url = "{url}"' if url else ""
        config.write_text(CONFIG.format(database=database, community=COMMUNITY, port=port))
        program = str(BIN / "gatehouse-sync")
        subprocess.run([program, "setup", "-c", str(config)], check=True, stdout=subprocess.DEVNULL)
        self._log = (folder / "sink.log").open("w")
        self._process = subprocess.Popen(
            slowed([program, "ingest", "-c", str(config)], longer_ms), stderr=self._log
        )
        _eventually(lambda: "service_started" in (folder / "sink.log").read_text(), "the sink did not start")
        _listening(port, f"ac/v1/{COMMUNITY}/s/state")
        self._cpu = cpu_s(self._process.pid)

    def stored(self) -> int:
        query = "select coalesce(sum(n), 0) from counter"  # an effect of the same commit, and quick to ask
        with self._opened() as ask:
            return ask(query)

    @contextmanager
    def _opened(self) -> Iterator[Callable[[str], int]]:
        if self._url:
            with psycopg.connect(self._url, autocommit=True) as db:
                yield lambda query: int(db.execute(query.encode()).fetchone()[0])  # type: ignore[index]  # an aggregate always answers with a row
        else:
            with closing(sqlite3.connect(f"{self._file.as_uri()}?mode=ro", uri=True)) as db:
                yield lambda query: int(db.execute(query).fetchone()[0])

    def wait(self, events: int) -> None:
        with self._opened() as ask:
            _eventually(
                lambda: ask("select coalesce(sum(n), 0) from counter") >= events,
                "the sink did not store everything",
            )

    def verify(self, events: int) -> None:
        """Counted in the table itself, when the clock has stopped."""
        with self._opened() as ask:
            found = ask("select count(*) from event")
        assert found == events, f"{found} of {events} stored"

    def cost(self) -> Cost:
        return Cost(cpu_s(self._process.pid) - self._cpu, peak_mb(self._process.pid))

    def close(self) -> None:
        for _ in range(ASKED_MAX):
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(ASKED_EVERY_S)
                break
        else:
            self._process.kill()
            self._process.wait(5)
        self._log.close()


def _listening(port: int, topic: str) -> None:
    """The sink says retained that it is on once its subscription stands."""
    words = ["mosquitto_sub", "-p", str(port), "-t", topic, "-C", "1", "-W", "20"]
    said = subprocess.run(words, check=True, capture_output=True).stdout
    assert b'"on":true' in said, said


# --- the owner's own way -----------------------------------------------------------------------------------------


class Piped:
    """``mosquitto_sub -q 1 … | sqlite-utils insert … --nl --ignore``.

    As typed it commits every 100 rows into a rollback journal.  ``tuned`` is the quickest we found that is still
    honest: a write-ahead log, and ``rows`` to a commit.  Either PUBACKs what is not on disk yet.
    """

    form = "lines"

    def __init__(
        self, name: str, *, wal: bool = False, rows: int = 100, longer_ms: float | None = None
    ) -> None:
        self.name = name
        self._wal, self._rows, self._longer_ms = wal, rows, longer_ms

    def started(self, folder: Path, port: int, publishes: int) -> "PipedRunning":
        return PipedRunning(
            folder, port, publishes, wal=self._wal, rows=self._rows, longer_ms=self._longer_ms
        )


class PipedRunning:
    def __init__(
        self, folder: Path, port: int, publishes: int, *, wal: bool, rows: int, longer_ms: float | None
    ) -> None:
        self._file = folder / "piped.db"
        insert = str(BIN / "sqlite-utils")
        words = ["create-database", str(self._file), *(["--enable-wal"] if wal else [])]
        subprocess.run([insert, *words], check=True)
        listen = [shutil.which("mosquitto_sub") or "mosquitto_sub", "-q", "1", "-p", str(port)]
        listen += ["-i", "piped", "-t", LINES_TOPIC, "-C", str(publishes)]
        self._before = _children_cpu_s()
        self._listening = subprocess.Popen(listen, stdout=subprocess.PIPE)
        into = [insert, "insert", str(self._file), "event", "-", "--nl", "--ignore"]
        into += ["--pk", "node", "--pk", "epoch", "--pk", "seq", "--batch-size", str(rows)]
        self._inserting = subprocess.Popen(
            slowed(into, longer_ms), stdin=self._listening.stdout, stdout=subprocess.DEVNULL
        )
        assert self._listening.stdout is not None
        self._listening.stdout.close()
        self._rss = 0.0
        _eventually(lambda: peak_mb(self._inserting.pid) > 30, "sqlite-utils did not start")
        time.sleep(0.5)  # subscribed and imported; the clock does not run yet
        self._began_cpu = cpu_s(self._inserting.pid) + cpu_s(self._listening.pid)

    def wait(self, events: int) -> None:  # noqa: ARG002
        """Both programs end by themselves after the last publish; what is not written then never will be."""
        end = time.monotonic() + MOST_S
        while self._inserting.poll() is None:
            assert time.monotonic() < end, "sqlite-utils did not end"
            self._rss = max(self._rss, _peak_or(self._inserting.pid, self._rss))
            time.sleep(LOOK_S)
        self._listening.wait(5)

    def stored(self) -> int:
        with closing(sqlite3.connect(self._file)) as db:
            return int(db.execute("select count(*) from event").fetchone()[0])

    def verify(self, events: int) -> None:
        assert self.stored() == events, f"{self.stored()} of {events} stored"

    def cost(self) -> Cost:
        return Cost(_children_cpu_s() - self._before - self._began_cpu, self._rss)

    def close(self) -> None:
        for process in (self._listening, self._inserting):
            if process.poll() is None:
                process.kill()
            process.wait(5)


def _children_cpu_s() -> float:
    """Of all programs that have ended; nothing else ends between the two looks."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_or(pid: int, otherwise: float) -> float:
    try:
        return peak_mb(pid)
    except (OSError, RuntimeError):
        return otherwise
