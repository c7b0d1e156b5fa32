"""What one event, one connection and one delivery cost on this machine, for the arithmetic of docs/scale.md.

CPU time is asked of the kernel for each process, so a busy machine changes little of it.  Writes bench/scale_costs.json,
which is kept in the repository beside the pages that were made of it.
"""

import getpass
import json
import os
import platform
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from bench.bench_sink import FACE
from bench.mqtt_crowd import Crowd, Files, certificates
from cloud_sync.ingest.inbox import BrokerAddress, PahoInbox
from cloud_sync.ingest.sink import Sink
from cloud_sync.jobs import SystemClock
from cloud_sync.ports import Told
from cloud_sync.protocol import chain
from cloud_sync.protocol.messages import Batch, EventBody, encode
from cloud_sync.protocol.topics import NodeTopics, up_filter
from cloud_sync.store.engine import open_database
from cloud_sync.store.sink import SinkStore
from demo.stage import wait_until
from demo.world import free_ports, listens
from edge.core.events import ClockState, Fact, NodeId, Stamp
from edge.link.translate import encode_fact
from edge.store.ballast import Ballast
from edge.store.ledger import SqliteLedger

HERE = Path(__file__).parent
RESULT = HERE / "scale_costs.json"
HOME = "city"
NODES = 50
EVENTS = {1: 10_000, 20: 40_000}  # by events per publish
STORED = 50_000
CONNECTIONS = (1_000, 4_000, 9_000)  # a process may hold 20,000 files, on both sides of every connection
TIMES = 5  # the fastest counts: what disturbs it is somebody else
TLS_CONNECTS = 300
LEDGER_EVENTS = 5_000
TICKS_S = os.sysconf("SC_CLK_TCK")

CONFIG = """\
user {user}
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 1000
max_queued_messages 200000
log_type error
"""
CONFIG_TLS = """\
cafile {ca}
certfile {cert}
keyfile {key}
require_certificate true
"""


def cpu_s(pid: int) -> float:
    """User and system time this process has used."""
    spent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(spent[11]) + int(spent[12])) / TICKS_S


def rss_kb(pid: int) -> int:
    line = next(
        one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS")
    )
    return int(line.split()[1])


class Mosquitto:
    """A broker for as long as it is ``with``-ed."""

    def __init__(self, folder: Path, files: Files | None = None) -> None:
        (self.port,) = free_ports(1)
        tls = "" if files is None else CONFIG_TLS.format(ca=files.ca, cert=files.cert, key=files.key)
        (folder / "mosquitto.conf").write_text(CONFIG.format(user=getpass.getuser(), port=self.port) + tls)
        path = Path("/usr/sbin/mosquitto")
        self._process = subprocess.Popen([path, "-c", folder / "mosquitto.conf"], stderr=subprocess.DEVNULL)
        self.pid = self._process.pid

    def __enter__(self) -> "Mosquitto":
        wait_until(lambda: listens(self.port), within_s=20, what="mosquitto")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


# --- events -------------------------------------------------------------------------------------------------------


def bodies(count: int) -> Iterator[EventBody]:
    """Events of five thousand guests, each with a time and a grant of its own."""
    for n in range(count):
        guest = n * 7919 % 5_000
        yield msgspec.structs.replace(
            FACE,
            mono_ms=81_234_123 + 977 * n,
            wall=f"2026-11-21T{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}.{n % 1000:03d}Z",
            access_point=f"AP-city-{n % 120:03d}",
            subject_ref=f"r-{guest:07d}",
            pass_id=f"01JD7M3K9Q{guest:016d}",
            grant_id=f"g-{secrets.token_hex(3)}",
            x={"latency_ms": 60 + n % 90},
        )


def frames(events: int, per_publish: int) -> Iterator[tuple[str, bytes]]:
    """(node, frame): the ledgers of fifty nodes, their turns mixed as on a bus."""
    each = events // NODES
    packed = [msgspec.json.encode(body) for body in bodies(each * NODES)]
    links = {f"n{n}": chain.start(f"n{n}", "e") for n in range(NODES)}
    for first in range(1, each + 1, per_publish):
        for k, (node, link) in enumerate(links.items()):
            made, h = [], link
            for seq in range(first, min(first + per_publish, each + 1)):
                body = packed[k * each + seq - 1]
                h = chain.link(h, chain.digest(body))
                made.append((seq, msgspec.Raw(body), chain.short(h)))
            links[node] = h
            yield node, encode(Batch(v=1, n=node, e="e", lv=True, ev=made))


def sink_costs(folder: Path, per_publish: int) -> dict[str, float]:
    """mosquitto → paho → SQLite, as it ships: CPU of the service and of the broker for each event."""
    events = EVENTS[per_publish]
    with Mosquitto(folder) as broker:
        engine = open_database(folder / f"sink-{per_publish}.db")
        store = SinkStore(engine, HOME)
        inbox = PahoInbox(BrokerAddress("127.0.0.1", broker.port, "sink"), [up_filter(HOME)])
        sink = Sink(inbox, store, SystemClock(), HOME)
        sink.start()
        wait_until(lambda: inbox.connected, within_s=20, what="the sink's session")
        began, mine, theirs = time.monotonic(), time.process_time(), cpu_s(broker.pid)
        publisher = subprocess.Popen(
            [sys.executable, "-m", "bench.scale_costs", "--publish", f"{broker.port},{per_publish}"]
        )
        wait_until(lambda: sink.counters.events >= events, within_s=600, what="every event is stored")
        took = time.monotonic() - began
        found = {
            "service_us": 1e6 * (time.process_time() - mine) / events,
            "broker_us": 1e6 * (cpu_s(broker.pid) - theirs) / events,
            "events_per_s_here": events / took,
        }
        publisher.wait(30)
        assert sink.stop()
        inbox.close()
        store.close()
        engine.dispose()
    return {name: round(value, 1) for name, value in found.items()}


def publish(port: int, per_publish: int) -> None:
    """The other process: everything is made first, then given to the broker as fast as it takes it."""
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    made = [
        (NodeTopics(HOME, node).up("ev"), frame) for node, frame in frames(EVENTS[per_publish], per_publish)
    ]
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    client.max_inflight_messages_set(1_000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = [client.publish(topic, frame, qos=1) for topic, frame in made]
    sent[-1].wait_for_publish(600)
    client.disconnect()
    client.loop_stop()


def store_costs(folder: Path) -> dict[str, float]:
    """The store alone, twenty events a frame and 250 frames a transaction; what a stored event weighs."""
    path = folder / "store.db"
    engine = open_database(path)
    store = SinkStore(engine, HOME)
    told = [Told(node, msgspec.json.decode(frame, type=Batch), frame) for node, frame in frames(STORED, 20)]
    began, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(told), 250):
        store.store(told[start : start + 250], 1_795_276_800_000)
    found = {
        "store_us": 1e6 * (time.process_time() - cpu) / STORED,
        "store_events_per_s_here": STORED / (time.perf_counter() - began),
    }
    store.close()
    engine.dispose()
    with sqlite3.connect(path) as db:
        db.execute("pragma wal_checkpoint(truncate)")
        rows, body = db.execute("select count(*), avg(length(body)) from event").fetchone()
    assert rows == STORED
    return {name: round(value, 1) for name, value in found.items()} | {
        "stored_bytes": round(path.stat().st_size / STORED),
        "body_bytes": round(body),
        "wire_bytes": round(sum(len(frame) for _, frame in frames(NODES * 20, 20)) / (NODES * 20)),
        "parquet_bytes": _parquet(folder, path),
    }


def _parquet(folder: Path, database: Path) -> int:
    """The same rows as an archive file, zstd."""
    with sqlite3.connect(database) as db:
        found = db.execute("select node, epoch, seq, type, stored_ms, h, body from event")
        names = [one[0] for one in found.description]
        columns: Sequence[Any] = list(zip(*found.fetchall(), strict=True))
    file = folder / "archive.parquet"
    pq.write_table(pa.table(dict(zip(names, columns, strict=True))), file, compression="zstd")
    return round(file.stat().st_size / STORED)


def ledger_costs(folder: Path) -> dict[str, float]:
    """A node's own ledger, one commit an event, as at a door."""
    ledger = SqliteLedger(
        folder / "events.db", NodeId("n1"), encode=encode_fact, chain=chain, new_epoch=lambda: "e" * 24,
        ballast=Ballast(folder / "reserve"),
    )  # fmt: skip
    fact = Fact("access.granted", access_point=None, reason="Granted", actor="st-7", x={"latency_ms": 83})
    before = (folder / "events.db").stat().st_size
    for n in range(LEDGER_EVENTS):
        ledger.append([fact], Stamp("b1", n, 1_795_276_800_000 + n, ClockState.TRUSTED, 12))
    ledger.close()
    grown = (folder / "events.db").stat().st_size - before
    return {"ledger_bytes": round(grown / LEDGER_EVENTS)}


# --- connections --------------------------------------------------------------------------------------------------


def connection_costs(folder: Path) -> list[dict[str, float]]:
    """Idle connections, a broadcast to all of them, and the same told one by one, for growing crowds."""
    found = []
    for n in CONNECTIONS:
        with Mosquitto(folder) as broker:
            bare_kb, bare_s = rss_kb(broker.pid), cpu_s(broker.pid)
            with Crowd(broker.port) as crowd:
                crowd.join(n)
                joined = {
                    "kb": (rss_kb(broker.pid) - bare_kb) / n,
                    "connect_us": 1e6 * (cpu_s(broker.pid) - bare_s) / n,
                }
                before = cpu_s(broker.pid)
                all_s = min(crowd.broadcast() for _ in range(TIMES))
                broadcast_us = 1e6 * (cpu_s(broker.pid) - before) / n / TIMES
                single_s = min(crowd.one_by_one() for _ in range(TIMES))
        found.append(
            {"n": n} | {name: round(value, 2) for name, value in joined.items()} | {
                "broadcast_s": round(all_s, 3), "broadcast_us": round(broadcast_us, 2),
                "one_by_one_s": round(single_s, 3),
            }
        )  # fmt: skip
        print(found[-1], file=sys.stderr)
    return found


def tls_costs(folder: Path) -> dict[str, float]:
    """One mutual TLS handshake and MQTT connect: the broker's CPU."""
    files = certificates(folder)
    with Mosquitto(folder, files) as broker, Crowd(broker.port, files) as crowd:
        crowd.join(10)  # sessions of the very first are dearer
        before, bare_kb = cpu_s(broker.pid), rss_kb(broker.pid)
        crowd.join(TLS_CONNECTS)
        return {
            "mtls_connect_us": round(1e6 * (cpu_s(broker.pid) - before) / TLS_CONNECTS),
            "mtls_kb": round((rss_kb(broker.pid) - bare_kb) / TLS_CONNECTS, 1),
        }


def main() -> int:
    if sys.argv[1:2] == ["--publish"]:
        port, per_publish = map(int, sys.argv[2].split(","))
        publish(port, per_publish)
        return 0
    with tempfile.TemporaryDirectory(prefix="scale-", dir=HERE) as made:
        folder = Path(made)
        costs: dict[str, Any] = {
            "measured": datetime.now(UTC).date().isoformat(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "sink": {str(size): sink_costs(folder, size) for size in EVENTS},
            **store_costs(folder),
            **ledger_costs(folder),
            "connections": connection_costs(folder),
            **tls_costs(folder),
            "load": round(os.getloadavg()[0], 1),
        }
    RESULT.write_text(json.dumps(costs, indent=2) + "\n")
    print(json.dumps(costs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
