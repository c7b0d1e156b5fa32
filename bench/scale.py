"""A city on paper: 10,000 nodes and 100 million events a day, from the measured costs of bench/scale_costs.json.

``python -m bench.scale`` draws the plots of docs/scale.md anew; ``tables`` is what stands there in words.  Everything
here is arithmetic and one small simulation, second by second, of nodes that come back after an outage.
"""

import json
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.svg import Curve, draw

HERE = Path(__file__).parent
COSTS = HERE / "scale_costs.json"
PICTURES = HERE.parent / "docs" / "pictures"

NODES = 10_000
EVENTS_A_DAY = 100_000_000
DAY_S = 86_400
PEAK = 10  # how many times the mean the busiest minute is
BUSY = 0.6  # of a core; beyond it, waiting grows faster than work
REGION = 2_500  # nodes that lose their network together
OUTAGES_H = (1, 4, 12, 24, 72)
HOT_DAYS = 30
BACK_OFF_MAX_S = 60
BROKER_CORES = 2
LONGEST_S = 14 * DAY_S  # a region that is not back by then never is
BATCH = "20"  # events in a publish of a node that has something to catch up with
NODE_PER_S = (
    200  # events a second one node sends while it catches up: what a Pi reads, frames and signs with ease
)


@dataclass(frozen=True, slots=True)
class Costs:
    """As measured; CPU in seconds."""

    service_s: dict[str, float]  # by events in a publish
    broker_s: dict[str, float]
    stored_bytes: float
    wire_bytes: float
    parquet_bytes: float
    ledger_bytes: float
    connection_kb: float
    mtls_kb: float
    mtls_connect_s: float
    broadcast_s: float  # broker's CPU for one delivery of a broadcast
    crowds: tuple[dict[str, float], ...]

    @classmethod
    def read(cls, path: Path = COSTS) -> "Costs":
        told: dict[str, Any] = json.loads(path.read_text())
        crowd = told["connections"][-1]
        return cls(
            service_s={size: cost["service_us"] / 1e6 for size, cost in told["sink"].items()},
            broker_s={size: cost["broker_us"] / 1e6 for size, cost in told["sink"].items()},
            stored_bytes=told["stored_bytes"],
            wire_bytes=told["wire_bytes"],
            parquet_bytes=told["parquet_bytes"],
            ledger_bytes=told["ledger_bytes"],
            connection_kb=crowd["kb"],
            mtls_kb=told["mtls_kb"],
            mtls_connect_s=told["mtls_connect_us"] / 1e6,
            broadcast_s=crowd["broadcast_us"] / 1e6,
            crowds=tuple(told["connections"]),
        )


def mean_per_s() -> float:
    return EVENTS_A_DAY / DAY_S


def cores(events_per_s: float, cost_s: float) -> int:
    """Cores that carry this load and are never busier than they should be."""
    return max(1, math.ceil(events_per_s * cost_s / BUSY))


# --- after an outage ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Back:
    """How a region came back: seconds until the last node was connected and until nothing was owed."""

    connected_s: int
    drained_s: int
    owed: tuple[float, ...]  # events not yet stored, second by second
    arriving: tuple[int, ...]  # connection attempts, second by second


def come_back(costs: Costs, outage_h: float, services: int, *, jitter: bool = True, seed: int = 1) -> Back:
    """The region's nodes come back to a broker of two cores while the rest of the city goes on at its mean.

    ``jitter``: each waits a time drawn anew before each attempt; without, all wait the same times and come together.
    """
    dice = random.Random(seed)
    per_node = EVENTS_A_DAY / NODES / DAY_S
    owed = REGION * per_node * outage_h * 3_600
    due = [dice.uniform(0, BACK_OFF_MAX_S) if jitter else 0.0 for _ in range(REGION)]
    connects_per_s = int(BROKER_CORES * BUSY / costs.mtls_connect_s)
    # What is left when the live events of the whole city, one a publish, have had their time.
    spare = (services * BUSY - mean_per_s() * costs.service_s["1"]) / costs.service_s[BATCH]
    waiting, up, now, connected_s = list(range(REGION)), 0, 0, 0
    curve, arriving = [owed], []
    while waiting or (owed >= 1 and spare > 0 and now < LONGEST_S):
        calling = [k for k in waiting if due[k] <= now]
        arriving.append(len(calling))
        taken = set(calling[:connects_per_s])
        for k in calling[connects_per_s:]:  # their handshakes run out of time
            due[k] = now + (dice.uniform(1, BACK_OFF_MAX_S) if jitter else BACK_OFF_MAX_S)
        if taken:
            waiting = [k for k in waiting if k not in taken]
            connected_s = now + 1
        up += len(taken)
        owed = max(0.0, owed + len(waiting) * per_node - max(0.0, min(spare, up * NODE_PER_S)))
        curve.append(owed)
        now += 1
    return Back(connected_s, now if owed < 1 else -1, tuple(curve), tuple(arriving))


# --- what the page says -------------------------------------------------------------------------------------------


def load_table(costs: Costs) -> str:
    """Cores for services and brokers, at the mean and in the busiest minute."""
    rows = []
    for size, words in (
        ("1", "one event a publish, as a quiet door sends"),
        (BATCH, f"{BATCH} a publish, as a drain sends"),
    ):
        for name, load in (("mean", mean_per_s()), (f"peak, {PEAK} times the mean", PEAK * mean_per_s())):
            rows.append(
                (words, name, f"{load:,.0f}", f"{1e6 * costs.service_s[size]:.0f} µs",
                 cores(load, costs.service_s[size]), f"{1e6 * costs.broker_s[size]:.0f} µs",
                 cores(load, costs.broker_s[size]))
            )  # fmt: skip
    head = (
        "frames",
        "load",
        "events/s",
        "service, CPU an event",
        "service cores",
        "broker, CPU an event",
        "broker cores",
    )
    return _table(head, rows)


def connection_table(costs: Costs) -> str:
    rows = [
        (
            f"{one['n']:,}",
            f"{one['kb']:.1f} KB",
            f"{one['broadcast_s']:.2f} s",
            f"{one['one_by_one_s']:.2f} s",
        )
        for one in costs.crowds
    ]
    return _table(("connections", "memory each", "one broadcast to all", "told one by one"), rows)


def storage_table(costs: Costs) -> str:
    day = EVENTS_A_DAY
    rows = [
        ("on the wire, up", _gb(day * costs.wire_bytes), _gb(HOT_DAYS * day * costs.wire_bytes), ""),
        ("service database, with indexes", _gb(day * costs.stored_bytes), _gb(HOT_DAYS * day * costs.stored_bytes), f"{costs.stored_bytes:.0f} B an event"),
        ("archive, Parquet with zstd", _gb(day * costs.parquet_bytes), _gb(HOT_DAYS * day * costs.parquet_bytes), f"{costs.parquet_bytes:.0f} B an event"),
        ("a node's ledger", _mb(day / NODES * costs.ledger_bytes), _gb(HOT_DAYS * day / NODES * costs.ledger_bytes), f"{day / NODES:,.0f} events a day"),
    ]  # fmt: skip
    return _table(("place", "a day", f"{HOT_DAYS} days", ""), rows)


def outage_table(costs: Costs) -> str:
    rows = []
    for hours in OUTAGES_H:
        owed = REGION * EVENTS_A_DAY / NODES * hours / 24
        times = [come_back(costs, hours, services).drained_s for services in (1, 2, 4)]
        rows.append((f"{hours} h", f"{owed / 1e6:.1f} M", *map(_time, times)))
    return _table(("outage", "owed", "1 service core", "2", "4"), rows)


def herd_table(costs: Costs) -> str:
    rows = []
    for jitter, words in ((True, "each waits a time of its own"), (False, "all wait the same times")):
        back = come_back(costs, 1, 4, jitter=jitter)
        rows.append((words, max(back.arriving), _time(back.connected_s), sum(back.arriving) - REGION))
    return _table(
        ("back-off", "most attempts in a second", "all connected after", "attempts turned away"), rows
    )


def tables() -> str:
    """Everything docs/scale.md quotes, under its headings."""
    costs = Costs.read()
    parts = {
        "Processors": load_table(costs),
        "Connections and fan-out": connection_table(costs),
        "Storage": storage_table(costs),
        "After a regional outage": outage_table(costs),
        "The herd": herd_table(costs),
    }
    return "\n\n".join(f"### {name}\n\n{table}" for name, table in parts.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _gb(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size < 1e12 else f"{size / 1e12:,.2f} TB"


def _mb(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"


def _time(seconds: float) -> str:
    if seconds < 0:
        return "never"
    return (
        f"{seconds:.0f} s"
        if seconds < 600
        else f"{seconds / 60:.0f} min"
        if seconds < 36_000
        else f"{seconds / 3600:.0f} h"
    )


# --- plots --------------------------------------------------------------------------------------------------------


def plots(into: Path = PICTURES) -> list[Path]:
    """Draw them; the same bytes from the same costs."""
    costs = Costs.read()
    return [
        _keep(into, "scale-cores", draw(
            "Service cores by load", "events/s, thousands", "cores",
            [
                Curve(f"{size} a publish", [(k, k * 1_000 * costs.service_s[size] / BUSY) for k in range(13)])
                for size in ("1", BATCH)
            ],
        )),
        _keep(into, "scale-fan-out", draw(
            "From publish to the last of so many nodes", "connections", "seconds",
            [
                Curve("one broadcast", [(one["n"], one["broadcast_s"]) for one in costs.crowds]),
                Curve("one by one", [(one["n"], one["one_by_one_s"]) for one in costs.crowds]),
            ],
        )),
        _keep(into, "scale-storage", draw(
            "What the city keeps", "days", "TB",
            [
                Curve("database", [(day, day * EVENTS_A_DAY * costs.stored_bytes / 1e12) for day in range(0, 91, 10)]),
                Curve("archive", [(day, day * EVENTS_A_DAY * costs.parquet_bytes / 1e12) for day in range(0, 91, 10)]),
            ],
        )),
        _keep(into, "scale-recovery", draw(
            f"{REGION:,} nodes back after 4 h", "minutes since the network is back", "million events owed",
            [
                Curve(f"{services} service core{'s' * (services > 1)}", _thin(come_back(costs, 4, services).owed))
                for services in (1, 2, 4)
            ],
        )),
        _keep(into, "scale-herd", draw(
            f"{REGION:,} nodes call at once, or each in its own time", "seconds", "attempts in a second",
            [
                Curve("each its own time", _attempts(costs, jitter=True)),
                Curve("all the same times", _attempts(costs, jitter=False)),
            ],
        )),
    ]  # fmt: skip


def _thin(owed: Sequence[float]) -> list[tuple[float, float]]:
    step = max(1, len(owed) // 60)
    return [(second / 60, owed[second] / 1e6) for second in range(0, len(owed), step)] + [
        (len(owed) / 60, owed[-1] / 1e6)
    ]


def _attempts(costs: Costs, *, jitter: bool) -> list[tuple[float, float]]:
    back = come_back(costs, 1, 4, jitter=jitter)
    return [(second, float(n)) for second, n in enumerate(back.arriving[: 2 * BACK_OFF_MAX_S + 10])]


def _keep(into: Path, name: str, svg: str) -> Path:
    path = into / f"{name}.svg"
    path.write_text(svg)
    return path


if __name__ == "__main__":
    for drawn in plots():
        print(drawn)
