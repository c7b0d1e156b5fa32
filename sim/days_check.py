"""One hour of the five days: what dashboard, pages and metrics say, held against what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cloud_sync.ports import Dashboard
from cloud_sync.web.board import Speaker, board_of
from cloud_sync.web.language import Lang
from cloud_sync.web.services import DEFAULT_ZONE
from cloud_sync.web.texts import texts
from sim.days_gates import DAY_MS, FREE_MB, Fact, Gate, Member

# The community's clocks, told here by arithmetic and not by the service's code.
OFFSET = timezone(timedelta(hours=8))
SILENT_MS = 90_000


@dataclass(frozen=True, slots=True)
class Mismatch:
    what: str
    said: object
    truth: object

    def __str__(self) -> str:
        return f"{self.what}: said {self.said!r}, truth {self.truth!r}"


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything a page could be asked, at one moment; ``late`` is node → complete to."""

    now_ms: int
    gates: Sequence[Gate]
    members: Sequence[Member]

    @property
    def starts_ms(self) -> int:
        return (self.now_ms + 8 * 3_600_000) // DAY_MS * DAY_MS - 8 * 3_600_000

    @property
    def watermark_ms(self) -> int:
        return min(gate.drained_ms for gate in self.gates)

    @property
    def late(self) -> dict[str, int]:
        return {
            gate.node: gate.drained_ms for gate in self.gates if self.now_ms - gate.drained_ms > SILENT_MS
        }

    def facts(self, *, heard: bool) -> list[Fact]:
        """Of today: those that reached the service, or all that happened."""
        return [
            fact
            for gate in self.gates
            for fact in gate.facts[: gate.heard if heard else None]
            if self.starts_ms <= fact.at_ms < self.starts_ms + DAY_MS
        ]

    def denied(self, *, heard: bool) -> tuple[int, int]:
        decisions = [fact for fact in self.facts(heard=heard) if fact.decides]
        return sum(fact.type == "access.denied" for fact in decisions), len(decisions)

    def passages(self, *, heard: bool) -> dict[str, list[Fact]]:
        """By pass, in order of time."""
        found: dict[str, list[Fact]] = {}
        for gate in self.gates:
            for fact in gate.facts[: gate.heard if heard else None]:
                if fact.type == "access.taken" and fact.pass_id is not None:
                    found.setdefault(fact.pass_id, []).append(fact)
        return {key: sorted(one, key=lambda fact: fact.at_ms) for key, one in found.items()}

    def arrived(self, *, heard: bool) -> tuple[int, int]:
        passed = self.passages(heard=heard)
        today = [m for m in self.members if self.starts_ms <= m.planned_in_ms < self.starts_ms + DAY_MS]
        came = [m for m in today if any(f.direction == "in" for f in passed.get(m.pass_id, ()))]
        return len(came), len(today)

    def in_house(self, *, heard: bool) -> tuple[int, int]:
        passed = self.passages(heard=heard)
        open_ones = [m for m in self.members if m.planned_in_ms < self.starts_ms + DAY_MS]
        inside = [m for m in open_ones if (p := passed.get(m.pass_id)) and p[-1].direction == "in"]
        return len(inside), len(open_ones)

    def text_of(self, ms: int) -> str:
        """How a page has to write a moment: with its date where that is not today's."""
        moment, now = (
            datetime.fromtimestamp(one / 1000, UTC).astimezone(OFFSET) for one in (ms, self.now_ms)
        )
        return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M}"


def compare(
    truth: Truth, dashboard: Dashboard, registry: CollectorRegistry, sink_seen: int
) -> list[Mismatch]:
    """Every claim that is not so; [] = everything told the truth."""
    claims = [
        *_of_nodes(truth, dashboard),
        *_of_numbers(truth, dashboard),
        *_of_pages(truth, dashboard),
        *_of_metrics(truth, registry, sink_seen),
    ]
    return [Mismatch(what, said, true) for what, said, true in claims if said != true]


Claim = tuple[str, object, object]


def _of_nodes(truth: Truth, board: Dashboard) -> list[Claim]:
    lines = {line.node: line for line in board.nodes}
    claims: list[Claim] = [("nodes", sorted(lines), sorted(gate.node for gate in truth.gates))]
    for gate in truth.gates:
        line = lines[gate.node]
        said = {
            "online": line.online,
            "head": line.head,
            "here": line.acked,
            "complete to": line.drained_through_ms,
            "last heard": line.hello_ms,
            "outbox": line.outbox,
            "disk": line.free_mb,
            "gaps": line.missing,
        }
        true = {
            "online": gate.online and truth.now_ms - gate.said_ms <= SILENT_MS,
            "head": max(gate.said_head, gate.heard),
            "here": gate.heard,
            "complete to": gate.drained_ms,
            "last heard": gate.said_ms,
            "outbox": gate.said_outbox,
            "disk": FREE_MB,
            "gaps": 0,
        }
        claims += [(f"{gate.node} {key}", said[key], true[key]) for key in true]
        promised = gate.recorded_by(board.watermark_ms)
        claims.append((f"{gate.node} all of it here up to the watermark", gate.heard >= promised, True))
    return claims


def _of_numbers(truth: Truth, board: Dashboard) -> list[Claim]:
    """Counted from what is here; and whole exactly when the page does not say otherwise."""
    numbers = {
        "denied": (board.denied, truth.denied),
        "arrived": (board.arrived, truth.arrived),
        "in house": (board.in_house, truth.in_house),
    }
    claims: list[Claim] = [
        ("watermark", board.watermark_ms, truth.watermark_ms),
        ("late nodes", {one.node: one.since_ms for one in board.late}, truth.late),
        ("arrivals by hour", sum(board.arrivals_by_hour), _first_entries_today(truth)),
    ]
    for name, (ratio, of) in numbers.items():
        said = (ratio.numerator, ratio.denominator)
        claims.append((name, said, of(heard=True)))
        claims.append((f"{name} as of", ratio.as_of_ms, truth.watermark_ms))
        if not board.late:
            claims.append((f"{name}, said to be whole", said, of(heard=False)))
    return claims


def _first_entries_today(truth: Truth) -> int:
    passed = truth.passages(heard=True)
    first = [
        next((f.at_ms for f in passed.get(member.pass_id, ()) if f.direction == "in"), None)
        for member in truth.members
    ]
    return sum(1 for at in first if at is not None and truth.starts_ms <= at < truth.starts_ms + DAY_MS)


def _of_pages(truth: Truth, dashboard: Dashboard) -> list[Claim]:
    """The words a person reads, in both languages."""
    claims: list[Claim] = []
    names = {gate.node: gate.name for gate in truth.gates}
    for lang in Lang:
        page = board_of(dashboard, Speaker(texts(lang), DEFAULT_ZONE))
        claims.append((f"{lang} complete to", page.complete_to, truth.text_of(truth.watermark_ms)))
        told = {
            one.node: (one.name in one.said, truth.text_of(truth.late.get(one.node, 0)) in one.said)
            for one in page.late
        }
        claims.append(
            (f"{lang} missing since", told, {node: (names[node] != "", True) for node in truth.late})
        )
        whole = {tile.key: tile.whole for tile in page.tiles}
        counted = dict.fromkeys(("arrived", "in-house", "denied"), not truth.late)
        claims.append((f"{lang} whole", whole, {"expected": True, **counted}))
    return claims


# --- metrics -----------------------------------------------------------------------------------------------------


def scrape(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """(name, node or "") → value, from the text a Prometheus would read."""
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            if set(sample.labels) <= {"node"}:
                found[sample.name, sample.labels.get("node", "")] = sample.value
    return found


def headline(registry: CollectorRegistry) -> dict[str, float]:
    """What whoever watches the service sees first."""
    said = scrape(registry)
    stored = sum(value for (name, _node), value in said.items() if name == "gatehouse_events_stored_total")
    return {
        "stored": stored,
        "watermark_s": said["gatehouse_watermark_timestamp_seconds", ""],
        "late": said["gatehouse_nodes_late", ""],
        "missing": said["gatehouse_missing_events", ""],
    }


def _of_metrics(truth: Truth, registry: CollectorRegistry, sink_seen: int) -> list[Claim]:
    said = scrape(registry)
    claims: list[Claim] = [
        _metric(said, "gatehouse_watermark_timestamp_seconds", "", truth.watermark_ms / 1000),
        _metric(said, "gatehouse_nodes_late", "", len(truth.late)),
        _metric(said, "gatehouse_missing_events", "", 0),
        _metric(said, "gatehouse_dead_letters", "", 0),
        _metric(said, "gatehouse_conflicts", "", 0),
        _metric(said, "gatehouse_sink_duplicates_total", "", sink_seen),
    ]
    for gate in truth.gates:
        true = {
            "gatehouse_events_stored_total": gate.heard,
            "gatehouse_node_online": gate.online and truth.now_ms - gate.said_ms <= SILENT_MS,
            "gatehouse_node_late": gate.node in truth.late,
            "gatehouse_node_head": max(gate.said_head, gate.heard),
            "gatehouse_node_acked": gate.heard,
            "gatehouse_node_outbox": gate.said_outbox,
            "gatehouse_node_drained_through_timestamp_seconds": gate.drained_ms / 1000,
            "gatehouse_node_lag_seconds": (truth.now_ms - gate.drained_ms) / 1000,
            "gatehouse_node_last_heard_timestamp_seconds": gate.said_ms / 1000,
            "gatehouse_node_free_disk_bytes": FREE_MB * 1_000_000,
        }
        claims += [_metric(said, name, gate.node, float(value)) for name, value in true.items()]
    return claims


def _metric(said: Mapping[tuple[str, str], float], name: str, node: str, true: float) -> Claim:
    return f"{name}{{{node}}}", said.get((name, node)), float(true)
