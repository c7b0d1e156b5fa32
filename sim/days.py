"""Five simulated days, one gate cut off for three of them: do dashboard, metrics and watermark tell the truth?

Real gates' peers and chains, the real sink, store, pages' values and metrics, in one process on an injected clock; at
each full hour everything they say is held against what happened.  Last line: JSON.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cloud_sync.ingest.sink import Sink
from cloud_sync.metrics import Sources, registry_of
from cloud_sync.ports import DashboardReader
from cloud_sync.store import tables
from cloud_sync.store.engine import open_database
from cloud_sync.store.read import StoredDashboard
from cloud_sync.store.read_totals import StoredTotals
from cloud_sync.store.sink import SinkStore
from sim.days_check import OFFSET, Mismatch, Truth, compare, headline
from sim.days_gates import HOUR_MS, Bus, Fact, Gate, Member, write_days

COMMUNITY = "dongfang"
BEGINS_MS = 1_795_276_800_000  # 2026-11-22 00:00 by the community's clocks
STATE_EVERY_MS = 600_000
WILL_AFTER_MS = 30_000  # the broker notices a dead line after one and a half keepalives
ROUNDS = 3  # windows a gate gets through between two hellos: 100 events/s, as over a poor line
MISMATCHES_KEPT = 20


@dataclass(frozen=True, slots=True)
class Days:
    """The reference site; ``cut`` and ``back`` are minutes from the beginning, off the full hour on purpose."""

    seed: int = 1
    gates: int = 51
    per_day: int = 70_000
    days: int = 5
    stays: int = 60
    hello_s: int = 30
    cut_gate: int = 0  # a busy one
    cut_min: int = 20 * 60 + 17
    back_min: int = 92 * 60 + 59  # one minute before a full hour: at that hour it is still sending


@dataclass(frozen=True, slots=True)
class Hour:
    """One row of the table."""

    at_ms: int
    happened: int
    here: int
    watermark_ms: int
    late: dict[str, int]
    denied: tuple[int, int]
    denied_true: tuple[int, int]
    told: dict[str, float]  # by the metrics: stored, missing, watermark, nodes late
    watermark_true_ms: int
    mismatches: tuple[Mismatch, ...]


@dataclass(slots=True)
class Stepped:
    now: int = BEGINS_MS

    def now_ms(self) -> int:
        return self.now


class Site:
    """The service's stores and its gates."""

    def __init__(
        self,
        folder: Path,
        plan: Days,
        reader: Callable[[sa.Engine], DashboardReader] = StoredDashboard,
    ) -> None:
        self.plan, self.clock, self.bus = plan, Stepped(), Bus(COMMUNITY)
        dice = random.Random(plan.seed)
        self._facts, self.members = write_days(
            dice, BEGINS_MS, plan.days, plan.gates, plan.per_day, plan.stays
        )
        self._next = [0] * plan.gates
        self.gates = [_gate(k, self.bus, dice) for k in range(plan.gates)]
        self.engine = open_database(folder / "community.db")
        _fill(self.engine, self.gates, self.members)
        self.store = SinkStore(self.engine, COMMUNITY)
        self.store._db.execute(
            "pragma synchronous = off"
        )  # nobody pulls a plug here, and 14,400 commits wait for it
        self.sink = Sink(self.bus, self.store, self.clock, COMMUNITY)
        self.reader = reader(self.engine)
        sources = Sources(
            COMMUNITY, self.reader, StoredTotals(self.engine, COMMUNITY), self.clock, sink=self.sink
        )
        self.registry = registry_of(sources)

    def close(self) -> None:
        self.store.close()
        self.engine.dispose()

    # --- time ---------------------------------------------------------------------------------------------

    def is_cut(self, gate: Gate) -> bool:
        minute = (self.clock.now - BEGINS_MS) / 60_000
        return gate is self.gates[self.plan.cut_gate] and self.plan.cut_min <= minute < self.plan.back_min

    def tick(self) -> None:
        """One pace of the hellos: everybody records, who has a line sends, the sink takes it all."""
        before_s, step_ms = self.clock.now / 1000, self.plan.hello_s * 1000
        self.clock.now += step_ms
        now_s = self.clock.now / 1000
        for k, gate in enumerate(self.gates):
            self._record(k, gate)
        for gate in self.gates:
            self._line(gate, before_s, now_s)
        self._turn()
        lost = {gate.node for gate in self.gates if self._loses_acks(gate)}
        for _ in range(ROUNDS):
            busy = [g for g in self.gates if not self.is_cut(g)]
            for gate in busy:
                gate.hear(now_s, lost=gate.node in lost)
                gate.send(now_s)
            self._turn()
        for gate in self.gates:
            if not self.is_cut(gate):
                gate.hear(now_s, lost=gate.node in lost)
            gate.settle_truth()

    def _record(self, k: int, gate: Gate) -> None:
        facts: list[Fact] = self._facts[k]
        while self._next[k] < len(facts) and facts[self._next[k]].at_ms <= self.clock.now:
            gate.record(facts[self._next[k]])
            self._next[k] += 1

    def _line(self, gate: Gate, before_s: float, now_s: float) -> None:
        if self.is_cut(gate):
            since_ms = self.clock.now - BEGINS_MS - self.plan.cut_min * 60_000
            if gate.online and since_ms >= WILL_AFTER_MS:
                gate.state(on=False)  # its will, told by the broker
            return
        if not gate.online:  # a new session: what was in flight is sent again
            gate.peer.connected(before_s)
            gate.state(on=True)
        elif self.clock.now % STATE_EVERY_MS == 0:
            gate.state(on=True)
        gate.send(now_s)
        gate.hello(self.clock.now)

    def _loses_acks(self, gate: Gate) -> bool:
        """In the last pace before the cut the frames still arrive and their acknowledgements do not."""
        left_ms = BEGINS_MS + self.plan.cut_min * 60_000 - self.clock.now
        return gate is self.gates[self.plan.cut_gate] and 0 < left_ms <= self.plan.hello_s * 1000

    def _turn(self) -> None:
        while self.bus.up:
            self.sink.turn(within_s=0)

    # --- the question -------------------------------------------------------------------------------------

    def look(self) -> Hour:
        truth = Truth(self.clock.now, self.gates, self.members)
        board = self.reader.dashboard(COMMUNITY, datetime.fromtimestamp(self.clock.now / 1000, UTC))
        again = sum(gate.offered - gate.heard for gate in self.gates)
        return Hour(
            at_ms=self.clock.now,
            happened=sum(len(gate.facts) for gate in self.gates),
            here=sum(gate.heard for gate in self.gates),
            watermark_ms=board.watermark_ms,
            late={one.node: one.since_ms for one in board.late},
            denied=(board.denied.numerator, board.denied.denominator),
            denied_true=truth.denied(heard=False),
            told=headline(self.registry),
            watermark_true_ms=truth.watermark_ms,
            mismatches=tuple(compare(truth, board, self.registry, again)),
        )


def _gate(k: int, bus: Bus, dice: random.Random) -> Gate:
    return Gate(
        f"gate-{k + 1:02d}", f"门 Gate {k + 1}", f"AP-{k + 1:03d}", bus, f"{dice.getrandbits(96):024x}"
    )


def _fill(engine: sa.Engine, gates: list[Gate], members: list[Member]) -> None:
    """The community's books: nodes, doors, and who is expected when."""

    def rows(table: sa.Table, found: list[dict[str, object]]) -> None:
        if found:
            db.execute(sa.insert(table), [{"community": COMMUNITY, **row} for row in found])

    with engine.begin() as db:
        home = {"name_zh": "东方社区", "name_en": "Dongfang", "tz": "Asia/Shanghai", "profile": "cn-default"}
        rows(tables.community, [{**home, "synthetic": 1}])
        rows(tables.node, [
            {"node": g.node, "name": g.name, "device_public_key": "", "registered_ms": BEGINS_MS} for g in gates
        ])  # fmt: skip
        rows(tables.access_point, [
            {"access_point": g.access_point, "node": g.node, "kind": "gate", "name_zh": g.name, "name_en": g.name,
             "location_class": "gate", "face_enabled": 0} for g in gates
        ])  # fmt: skip
        for m in members:
            out_ms = m.planned_in_ms + 46 * HOUR_MS
            rows(tables.stay, [
                {"stay": m.stay, "booking": f"B-{m.stay}", "listing": "L", "room": "R", "state": "REGISTERED",
                 "planned_in_ms": m.planned_in_ms, "planned_out_ms": out_ms, "guest_token_hash": m.stay}
            ])  # fmt: skip
            rows(tables.person, [{"person": m.person, "minor": 0}])
            rows(tables.stay_member, [
                {"stay": m.stay, "person": m.person, "role": "lead", "subject_ref": f"g-{m.person}"}
            ])  # fmt: skip
            rows(tables.pass_, [
                {"pass_id": m.pass_id, "subject_ref": f"g-{m.person}", "class": "guest", "stay": m.stay,
                 "person": m.person, "scope": "[]", "not_before_ms": m.planned_in_ms, "not_after_ms": out_ms,
                 "state": "ACTIVE", "version": 1, "wire": b""}
            ])  # fmt: skip


# --- the run -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Found:
    plan: Days
    hours: list[Hour] = field(default_factory=list)
    lost: int = 0
    double: int = 0
    took_s: float = 0.0

    @property
    def mismatches(self) -> int:
        return sum(len(hour.mismatches) for hour in self.hours)

    @property
    def partial_hours(self) -> int:
        return sum(bool(hour.late) for hour in self.hours)

    @property
    def good(self) -> bool:
        return not (self.mismatches or self.lost or self.double) and bool(self.partial_hours)


def play(
    plan: Days,
    folder: Path,
    *,
    reader: Callable[[sa.Engine], DashboardReader] = StoredDashboard,
    told: Callable[[Hour], object] = lambda _: None,
) -> Found:
    """All the hours, each looked at once."""
    began, found, site = time.monotonic(), Found(plan), Site(folder, plan, reader)
    try:
        for _ in range(plan.days * 24):
            for _ in range(3600 // plan.hello_s):
                site.tick()
            found.hours.append(site.look())
            told(found.hours[-1])
        found.lost, found.double = _counted(site)
    finally:
        site.close()
    found.took_s = time.monotonic() - began
    return found


def _counted(site: Site) -> tuple[int, int]:
    """At the end, in the database itself: keys that are not there, and effects without a key."""
    with site.engine.connect() as db:
        stored = db.scalar(sa.select(sa.func.count()).select_from(tables.event)) or 0
        effects = db.scalar(sa.select(sa.func.sum(tables.counter.c.n))) or 0
    happened = sum(len(gate.facts) for gate in site.gates)
    return happened - int(stored), int(effects) - int(stored)


HEADS = (
    "hour",
    "happened",
    "here",
    "metrics: stored",
    "watermark",
    "metrics: lag",
    "truth",
    "page: missing since",
    "page: refused / decisions",
    "truth of all",
    "agrees",
)
COUNTS = ("happened", "here", "metrics: stored")


def table_of(found: Found) -> Table:
    """What dashboard, metrics and watermark said at each hour, beside what happened."""
    table = Table(title="what was said at each hour, beside what happened")
    for head in HEADS:
        table.add_column(head, justify="right" if head in COUNTS else "left", no_wrap=True)
    for hour in found.hours:
        late = ", ".join(f"{node} {_clock(since)}" for node, since in hour.late.items())
        table.add_row(
            _clock(hour.at_ms),
            f"{hour.happened:,}",
            f"{hour.here:,}",
            f"{hour.told['stored']:,.0f}",
            _clock(hour.watermark_ms),
            _lag(hour.at_ms / 1000 - hour.told["watermark_s"]),
            _clock(hour.watermark_true_ms),
            late or "–",
            f"{hour.denied[0]:,} / {hour.denied[1]:,}",
            f"{hour.denied_true[0]:,} / {hour.denied_true[1]:,}",
            "yes" if not hour.mismatches else f"NO: {len(hour.mismatches)}",
        )
    return table


def _lag(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone(OFFSET):%m-%d %H:%M:%S}"


def summary(found: Found) -> dict[str, object]:
    plan = found.plan
    return {
        "days": plan.days,
        "gates": plan.gates,
        "per_day": plan.per_day,
        "seed": plan.seed,
        "hours_compared": len(found.hours),
        "hours_not_whole": found.partial_hours,
        "events": found.hours[-1].happened,
        "mismatches": found.mismatches,
        "lost": found.lost,
        "double": found.double,
        "took_s": round(found.took_s, 1),
    }


def main() -> int:
    asked, usual = argparse.ArgumentParser(description=__doc__), Days()
    asked.add_argument("--seed", type=int, default=usual.seed)
    asked.add_argument("--gates", type=int, default=usual.gates)
    asked.add_argument("--per-day", type=int, default=usual.per_day)
    asked.add_argument("--hello-s", type=int, default=usual.hello_s, help="a divisor of 60; a real gate: 30")
    chosen = asked.parse_args()
    plan = Days(seed=chosen.seed, gates=chosen.gates, per_day=chosen.per_day, hello_s=chosen.hello_s)
    console = Console(width=190)
    with tempfile.TemporaryDirectory(prefix="days-") as folder, Progress(console=console) as progress:
        bar = progress.add_task("hours", total=plan.days * 24)
        found = play(plan, Path(folder), told=lambda _: progress.advance(bar))
    console.print(table_of(found))
    for hour in found.hours:
        for one in hour.mismatches[:MISMATCHES_KEPT]:
            console.print(f"{_clock(hour.at_ms)}: {one}", highlight=False, soft_wrap=True)
    print(json.dumps(summary(found)))
    return 0 if found.good else 1


if __name__ == "__main__":
    sys.exit(main())
