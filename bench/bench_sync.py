"""``make bench-sync``: durable events a second through a real broker, beside ``mosquitto_sub | sqlite-utils insert``.

Fifty publishers, mosquitto, and the service's sink program on SQLite and on PostgreSQL, all on this machine; the clock
runs from the first publish until everything is committed and counted.  Sides take turns within each round, so that
a busy machine hurts all of them; ratios are taken within a round, and the median of the rounds is told.  Then 25
events a second, one per publish: from the moment of recording to the acknowledgement, which the sink sends after its
commit.  At the end the same on a disk like the design's, whose flushes take ``--flush-ms`` longer, without PostgreSQL, and
once with flushes that only pass through the same machinery.  Last line: JSON, also written to
``bench/results/sync.json``.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from rich.console import Console
from rich.table import Table

from bench.bench_sync_disk import flush_ms
from bench.bench_sync_load import COMMUNITY, EPOCH, frame, ledger
from bench.bench_sync_sides import Gatehouse, Piped
from bench.spread import Busy, spread
from cloud_sync.protocol.messages import Ack, decode
from cloud_sync.protocol.topics import NodeTopics
from tests.fakes.brokers import Mosquitto
from tests.fakes.postgres_house import Cluster

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench/results"
EVENTS = {1: 15_000, 10: 50_000, 100: 100_000}
AT_LEAST = {1: 1.0, 100: 10.0}  # SQLite beside the owner's own way
RATE, RATE_S, WITHIN_MS = 25, 20, 200.0
FLUSH_MS = (
    2.6  # the mean on the design's own machine (p50 0.6, p99 9); a card in a small board is slower still
)
ALIKE = ("sqlite", "piped")  # runs under the same machinery with nothing made longer
# As the design's own measurement had it.
POSTGRES = ("shared_buffers=512MB", "max_wal_size=4GB")


@dataclass(frozen=True, slots=True)
class Run:
    per_s: float
    cpu_us: float
    rss_mb: float

    def told(self) -> dict[str, float]:
        return {
            "events_per_s": round(self.per_s),
            "cpu_us_per_event": round(self.cpu_us, 1),
            "rss_mb": round(self.rss_mb, 1),
        }


def one(side: Gatehouse | Piped, per: int, events: int, folder: Path) -> Run:
    """One side, started anew on an empty database, fed once."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=f"{side.name}-{per}-") as made:
        broker = Mosquitto(Path(made))
        broker.start()
        running = side.started(Path(made), broker.port, events // per)
        try:
            took = _fed(side, running, broker.port, per, events)
            cost = running.cost()
            running.verify(events)
        finally:
            running.close()
            broker.stop()
    return Run(events / took, cost.cpu_s / events * 1e6, cost.rss_mb)


def _fed(side: Gatehouse | Piped, running: Any, port: int, per: int, events: int) -> float:
    words = ["--port", str(port), "--events", str(events), "--per", str(per), "--form", side.form]
    load = subprocess.Popen(
        [sys.executable, "-m", "bench.bench_sync_load", *words],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert load.stdin is not None
    assert load.stdout is not None
    assert load.stdout.readline() == "ready\n"
    began = time.monotonic()
    load.stdin.write("go\n")
    load.stdin.flush()
    running.wait(events)
    took = time.monotonic() - began
    out, _ = load.communicate(timeout=60)
    assert json.loads(out)["publishes"] == events // per
    return took


def latency(side: Gatehouse, folder: Path) -> list[float]:
    """Milliseconds from recorded to acknowledged, one by one at 25 a second."""
    count = RATE * RATE_S
    with tempfile.TemporaryDirectory(dir=folder, prefix=f"{side.name}-latency-") as made:
        broker = Mosquitto(Path(made))
        broker.start()
        running = side.started(Path(made), broker.port, count)
        try:
            return Paced(broker.port, count).run()
        finally:
            running.close()
            broker.stop()


class Paced:
    """A gate that records every 40 ms and notes when each event was acknowledged."""

    def __init__(self, port: int, count: int) -> None:
        self._topics = NodeTopics(COMMUNITY, "paced")
        self._frames = [frame("paced", [row]) for row in ledger("paced", count)]
        self._recorded: list[float] = []
        self._took: list[float] = []
        self._ready, self._done = threading.Event(), threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="paced", protocol=paho.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topics.ack, qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = lambda _client, _data, message: self._acked(message.payload)
        self._client.connect("127.0.0.1", port)

    def _acked(self, payload: bytes) -> None:
        now, ack = time.monotonic(), decode(payload, Ack)
        assert ack.e == EPOCH
        while len(self._took) < ack.upto:
            self._took.append((now - self._recorded[len(self._took)]) * 1000)
        if len(self._took) == len(self._frames):
            self._done.set()

    def run(self) -> list[float]:
        self._client.loop_start()
        assert self._ready.wait(20)
        began = time.monotonic()
        for n, payload in enumerate(self._frames):
            time.sleep(max(0.0, began + n / RATE - time.monotonic()))
            self._recorded.append(time.monotonic())
            self._client.publish(self._topics.up("ev"), payload, qos=1)
        assert self._done.wait(30), f"{len(self._took)} of {len(self._frames)} acknowledged"
        self._client.disconnect()
        self._client.loop_stop()
        return self._took


def rounds(
    sides: list[Gatehouse | Piped], per: int, count: int, folder: Path, console: Console, scale: float
) -> dict[str, Any]:
    """Every side ``count`` times; medians, and the ratio to the quicker of the piped ones, taken round by round."""
    runs: dict[str, list[Run]] = {side.name: [] for side in sides}
    events = int(EVENTS[per] * scale) // 5_000 * 5_000
    for n in range(count):
        for side in sides if n % 2 == 0 else reversed(sides):
            runs[side.name].append(one(side, per, events, folder))
            console.print(
                f"  {per:>3} per publish, round {n + 1}: {side.name:16} "
                f"{runs[side.name][-1].per_s:>9,.0f}/s  load {os.getloadavg()[0]:.1f}"
            )
    told: dict[str, Any] = {}
    for side in sides:
        mine = runs[side.name]
        told[side.name] = {
            **Run(
                statistics.median(run.per_s for run in mine),
                statistics.median(run.cpu_us for run in mine),
                max(run.rss_mb for run in mine),
            ).told(),
            "all": [round(run.per_s) for run in mine],
            "times": {
                other.name: round(
                    statistics.median(a.per_s / b.per_s for a, b in zip(mine, runs[other.name], strict=True)),
                    2,
                )
                for other in sides
                if isinstance(other, Piped) and isinstance(side, Gatehouse)
            },
        }
    return told


def table(found: dict[str, Any], where: str) -> Table:
    made = Table(
        "events per publish", "side", "events/s", "CPU µs/event", "RSS MB", "× as typed", "× tuned", "× typed at 1",
        "goal", "",
        title=f"durable events a second, from publish to commit; medians; {where}",
    )  # fmt: skip
    as_people_do = found.get("1", {}).get("piped", {}).get("events_per_s")
    for per, sides in found.items():
        for name, row in sides.items():
            goal = AT_LEAST.get(int(per)) if name == "sqlite" else None
            typed, tuned = (row["times"].get(piped) for piped in ("piped", "piped, tuned"))
            made.add_row(
                per,
                name,
                f"{row['events_per_s']:,}",
                f"{row['cpu_us_per_event']:g}",
                f"{row['rss_mb']:g}",
                "" if typed is None else f"{typed:g}",
                "" if tuned is None else f"{tuned:g}",
                f"{row['events_per_s'] / as_people_do:.1f}" if as_people_do and typed is not None else "",
                "" if goal is None else f"≥ {goal:g}",
                "" if goal is None or typed is None else "met" if typed >= goal else "MISSED",
            )
    return made


def slower(longer_ms: float, chosen: argparse.Namespace, folder: Path, console: Console) -> dict[str, Any]:
    """On a disk whose flushes take that much longer; with 0 beside it, to show what the machinery itself costs."""
    count = (chosen.rounds + 1) // 2

    def found(names: Collection[str], ms: float) -> dict[str, Any]:
        every: list[Gatehouse | Piped] = [
            Gatehouse(longer_ms=ms),
            Piped("piped", longer_ms=ms),
            Piped("piped, tuned", wal=True, rows=1_000, longer_ms=ms),
        ]
        sides = [side for side in every if side.name in names]
        return {
            str(per): rounds(sides, per, count, folder, console, chosen.scale)
            for per in chosen.per
            if sides and (ms or per in AT_LEAST)
        }

    console.print(f"every flush {longer_ms:g} ms longer:")
    told = found(chosen.sides, longer_ms)
    console.print("the same machinery, nothing longer:")
    alike = found([name for name in chosen.sides if name in ALIKE], 0.0)
    return {"longer_ms": longer_ms, "rounds": count, "throughput": told, "nothing_longer": alike}


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--per", type=int, nargs="*", choices=sorted(EVENTS), default=sorted(EVENTS))
    words.add_argument("--sides", nargs="*", default=["sqlite", "postgresql", "piped", "piped, tuned"])
    words.add_argument("--scale", type=float, default=1.0, help="fewer or more events in each run")
    words.add_argument("--folder", type=Path, help="where the databases are; their disk is what counts")
    words.add_argument("--flush-ms", type=float, default=FLUSH_MS, help="0: without the slower disk")
    chosen = words.parse_args()
    console = Console(width=120)
    busy = Busy()
    result: dict[str, Any] = {
        "bench": "sync",
        "rounds": chosen.rounds,
        "at": time.strftime("%FT%TZ", time.gmtime()),
    }
    with tempfile.TemporaryDirectory(dir=chosen.folder, prefix="bench-sync-") as made:
        folder = Path(made)
        result["disk_flush_ms"] = flush_ms(folder)
        cluster = Cluster(durable=True, settings=POSTGRES) if "postgresql" in chosen.sides else None
        try:
            every: list[Gatehouse | Piped] = [
                Gatehouse(), *([Gatehouse(cluster)] if cluster else []),
                Piped("piped"), Piped("piped, tuned", wal=True, rows=1_000),
            ]  # fmt: skip
            sides = [side for side in every if side.name in chosen.sides]
            result["throughput"] = {
                str(per): rounds(sides, per, chosen.rounds, folder, console, chosen.scale)
                for per in chosen.per
            }
            result["recorded_to_stored_ms"] = {
                side.name: spread(latency(side, folder)) for side in sides if isinstance(side, Gatehouse)
            }
        finally:
            if cluster is not None:
                cluster.close()
        if chosen.flush_ms:
            result["slower_disk"] = slower(chosen.flush_ms, chosen, folder, console)
    result["machine"] = busy.told()
    _say(console, result)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "sync.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps(result, ensure_ascii=False))
    return 0


def _say(console: Console, result: dict[str, Any]) -> None:
    disk = result["disk_flush_ms"]
    console.print(table(result["throughput"], f"on this disk, a flush takes {disk['p50']:g} ms"))
    console.print(_latency_table(result["recorded_to_stored_ms"]))
    console.print(f"a flush of this disk, ms: {disk}")
    console.print(f"the machine meanwhile: {result['machine']}")
    slow = result.get("slower_disk")
    if slow is not None:
        where = "the same machinery, nothing longer: what it costs by itself"
        console.print(table(slow["nothing_longer"], where))
        where = f"on a disk like the design's, every flush {slow['longer_ms']:g} ms longer"
        console.print(table(slow["throughput"], where))


def _latency_table(found: dict[str, dict[str, float]]) -> Table:
    made = Table("side", "n", "p50", "p99", "worst", "goal", "", title=f"recorded → stored at {RATE}/s, ms")
    for name, row in found.items():
        met = "met" if row["p99"] <= WITHIN_MS else "MISSED"
        made.add_row(
            name, *(f"{row[rank]:g}" for rank in ("n", "p50", "p99", "max")), f"p99 ≤ {WITHIN_MS:g}", met
        )
    return made


if __name__ == "__main__":
    sys.exit(main())
