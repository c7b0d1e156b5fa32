"""What a Prometheus may ask of a running service: numbers by node, and how the service itself is.

No person, no pass, no door of a guest: the only labels are node ids, event types, severities and our own words.
Every scrape reads the database once, so what it says is what the pages say at that moment.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cloud_sync.core.lifecycles_upstream import FINAL
from cloud_sync.core.whole import is_late
from cloud_sync.distribute.commands import CommandCounters
from cloud_sync.distribute.snapshots import DistributorCounters
from cloud_sync.errors import ConfigError, SyncError
from cloud_sync.ingest.inbox import InboxCounters
from cloud_sync.ingest.sink import SinkCounters
from cloud_sync.ports import Clock, DashboardReader, NodeLine
from cloud_sync.ports_upstream import UpstreamTally
from cloud_sync.store.read_totals import StoredTotals, Totals

CLOCK_STATES = ("TRUSTED", "HOLDOVER", "UNTRUSTED")
CURRENT = "equal"  # the pass set a node is to hold, and holds


class CountsSink(Protocol):
    """The part of ``Sink`` that is counted."""

    counters: SinkCounters
    fault: str | None


class CountsInbox(Protocol):
    """The part of ``PahoInbox`` that is counted."""

    counters: InboxCounters

    @property
    def connected(self) -> bool: ...


@dataclass(slots=True)
class Sources:
    """Where the numbers come from; what does not run in this process stays None and is not told."""

    community: str
    reader: DashboardReader
    totals: StoredTotals
    clock: Clock
    last_backup_ms: Callable[[], int | None] = lambda: None
    upstream: Callable[[], Sequence[UpstreamTally]] = lambda: ()
    sink: CountsSink | None = None
    inbox: CountsInbox | None = None
    passes: DistributorCounters | None = None
    commands: CommandCounters | None = None


class ServiceCollector(Collector):
    """Everything, anew with each scrape."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """A database that does not answer is told as such; what this process counts itself is told all the same."""
        now_ms = self._sources.clock.now_ms()
        try:
            lines = self._sources.reader.nodes(self._sources.community, now_ms)
            totals = self._sources.totals.totals()
            reports = self._sources.upstream()
        except SyncError:
            yield _gauge("gatehouse_database_up", "1 while the database answers.", 0)
        else:
            yield _gauge("gatehouse_database_up", "1 while the database answers.", 1)
            yield from _of_nodes(lines, now_ms)
            yield from _of_totals(totals, [line.node for line in lines])
            yield from _of_reports(reports, now_ms)
        yield from self._backup(now_ms)
        yield from self._counted()

    def describe(self) -> list[Metric]:
        """Nothing is asked at registration: the database may not be there yet."""
        return []

    def _backup(self, now_ms: int) -> Iterator[Metric]:
        made_ms = self._sources.last_backup_ms()
        if made_ms is not None:
            help_text = "How old the newest backup made by 'gatehouse-sync backup' is."
            yield _gauge("gatehouse_backup_age_seconds", help_text, max(0, now_ms - made_ms) / 1000)

    def _counted(self) -> Iterator[Metric]:
        if self._sources.sink is not None:
            yield from _of_sink(self._sources.sink)
        if self._sources.inbox is not None:
            yield from _of_inbox(self._sources.inbox)
        if self._sources.passes is not None:
            told = self._sources.passes
            yield _counter("gatehouse_pass_sets_built", "Pass sets built for nodes.", told.built)
            yield _counter("gatehouse_deltas_sent", "Changes of passes sent to nodes.", told.deltas)
            yield _counter("gatehouse_denials_sent", "Words that take passes away, sent ahead.", told.denials)
            yield _counter("gatehouse_repairs_sent", "Parts of pass sets sent to nodes.", told.repairs)
            yield _counter("gatehouse_snapshots_sent", "Whole pass sets sent to nodes.", told.snapshots)
            yield _counter("gatehouse_erasures_sent", "Erasures sent to nodes.", told.erasures)
        if self._sources.commands is not None:
            sent = self._sources.commands
            yield _counter("gatehouse_commands_sent", "Commands sent to doors.", sent.sent)
            yield _counter("gatehouse_commands_repeated", "The same again, unanswered.", sent.repeated)
            yield _counter("gatehouse_commands_expired", "Commands nobody answered in time.", sent.expired)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(name, help_text, value=value)


def _of_reports(tallies: Sequence[UpstreamTally], now_ms: int) -> Iterator[Metric]:
    """Reports to authorities by connector and state, and how long the oldest one waits."""
    counts = GaugeMetricFamily(
        "gatehouse_upstream_reports", "Reports by connector and state.", labels=["connector", "state"]
    )
    for one in tallies:
        counts.add_metric([one.connector, one.state], one.count)
    yield counts
    oldest_ms = min((one.oldest_ms for one in tallies if one.state not in FINAL), default=now_ms)
    yield _gauge(
        "gatehouse_upstream_oldest_seconds",
        "How long the oldest report waits.",
        max(0, now_ms - oldest_ms) / 1000,
    )


# --- by node ---------------------------------------------------------------------------------------------------


_NODE_GAUGES: tuple[tuple[str, str, Callable[[NodeLine, int], float | None]], ...] = (
    (
        "gatehouse_node_online",
        "1 when heard within 90 s and not declared gone.",
        lambda line, _: line.online,
    ),
    (
        "gatehouse_node_last_heard_timestamp_seconds",
        "When the node last said hello; absent: never.",
        lambda line, _: line.hello_ms / 1000 if line.hello_ms else None,
    ),
    (
        "gatehouse_node_drained_through_timestamp_seconds",
        "Every event the node recorded until then is stored; 0: it never told all.",
        lambda line, _: line.drained_through_ms / 1000,
    ),
    (
        "gatehouse_node_lag_seconds",
        "Now less drained-through; absent while the node never told all.",
        lambda line, now_ms: (now_ms - line.drained_through_ms) / 1000 if line.drained_through_ms else None,
    ),
    (
        "gatehouse_node_late",
        "1 while events of this node may be missing from the numbers.",
        lambda line, now_ms: is_late(line.drained_through_ms, now_ms),
    ),
    (
        "gatehouse_node_head",
        "The newest event number the node has told of, in its present ledger.",
        lambda line, _: line.head,
    ),
    ("gatehouse_node_acked", "Stored here without a gap up to this number.", lambda line, _: line.acked),
    (
        "gatehouse_node_outbox",
        "Events not acknowledged, as the node's last hello told.",
        lambda line, _: line.outbox,
    ),
    (
        "gatehouse_node_missing_events",
        "Known to exist, not here: inside gaps of the node's ledgers.",
        lambda line, _: line.missing,
    ),
    (
        "gatehouse_node_free_disk_bytes",
        "Free space of the node's disk, as its last hello told.",
        lambda line, _: line.free_mb * 1_000_000 if line.free_mb is not None else None,
    ),
    (
        "gatehouse_node_clock_bound_seconds",
        "How far the node's clock may be off.",
        lambda line, _: line.clock_bound_ms / 1000,
    ),
    (
        "gatehouse_node_clock_off_seconds",
        "The node's clock less the service's, as far as its hellos make that certain.",
        lambda line, _: line.clock_off_ms / 1000 if line.clock_off_ms is not None else None,
    ),
    (
        "gatehouse_node_passes_current",
        "1 when the node holds the pass set it is to hold.",
        lambda line, _: line.pass_set == CURRENT,
    ),
    ("gatehouse_node_faults", "Faults in the node's own words.", lambda line, _: len(line.faults)),
    ("gatehouse_node_doors", "Doors registered for the node.", lambda line, _: len(line.doors)),
)


def _of_nodes(nodes: Sequence[NodeLine], now_ms: int) -> Iterator[Metric]:
    for name, help_text, value_of in _NODE_GAUGES:
        family = GaugeMetricFamily(name, help_text, labels=["node"])
        for line in nodes:
            value = value_of(line, now_ms)
            if value is not None:
                family.add_metric([line.node], float(value))
        yield family
    yield _clock_states(nodes)
    yield _versions(nodes)
    watermark = min((line.drained_through_ms for line in nodes), default=now_ms)
    help_text = "Every event of every node until then is stored; 0: a node never told all."
    yield _gauge("gatehouse_watermark_timestamp_seconds", help_text, watermark / 1000)
    late = sum(is_late(line.drained_through_ms, now_ms) for line in nodes)
    yield _gauge("gatehouse_nodes_late", "Nodes that keep the numbers from being whole.", late)


def _clock_states(nodes: Sequence[NodeLine]) -> Metric:
    family = GaugeMetricFamily(
        "gatehouse_node_clock", "1 for the state the clock is in.", labels=["node", "state"]
    )
    for line in nodes:
        for state in CLOCK_STATES:
            family.add_metric([line.node, state], float(line.clock_state == state))
    return family


def _versions(nodes: Sequence[NodeLine]) -> Metric:
    """As Prometheus writes versions: always 1, and the label says which."""
    family = GaugeMetricFamily(
        "gatehouse_node_software", "1 for what the node runs.", labels=["node", "software", "wire"]
    )
    for line in nodes:
        if line.software:
            family.add_metric([line.node, line.software, str(line.wire or "")], 1.0)
    return family


# --- over everything -------------------------------------------------------------------------------------------


def _of_totals(totals: Totals, nodes: Sequence[str]) -> Iterator[Metric]:
    stored = CounterMetricFamily("gatehouse_events_stored", "Events stored, each once.", labels=["node"])
    for node in sorted({*nodes, *totals.stored}):  # a node without events is 0, never absent
        stored.add_metric([node], totals.stored.get(node, 0))
    by_type = CounterMetricFamily("gatehouse_events_by_type", "The same by type.", labels=["type"])
    for kind, n in totals.by_type.items():
        by_type.add_metric([kind], n)
    open_ones = GaugeMetricFamily("gatehouse_discrepancies_open", "Open discrepancies.", labels=["severity"])
    for severity in ("S1", "S2", "S3", "S4"):
        open_ones.add_metric([severity], totals.discrepancies.get(severity, 0))
    yield from (stored, by_type, open_ones)
    yield _gauge("gatehouse_missing_events", "Known to exist, not here.", totals.missing)
    yield _gauge("gatehouse_events_declared_lost", "Events their node could not send any more.", totals.lost)
    yield _gauge(
        "gatehouse_dead_letters", "Frames and bodies nobody could read, or believed.", totals.dead_letters
    )
    yield _gauge(
        "gatehouse_conflicts", "Two different events with one number: a cloned gate.", totals.conflicts
    )
    yield _gauge("gatehouse_cases_open", "Alerts and cases not closed.", totals.cases)
    yield _gauge("gatehouse_commands_open", "Commands not at their end.", totals.commands_open)
    yield _gauge("gatehouse_erasures_owed", "Erasures no node has receipted yet.", totals.erasures_owed)


def _of_sink(sink: CountsSink) -> Iterator[Metric]:
    told = sink.counters
    yield _gauge("gatehouse_sink_stores", "1 while the store takes what arrives.", float(sink.fault is None))
    yield _counter("gatehouse_sink_events", "Lines of new events since the start.", told.events)
    yield _counter("gatehouse_sink_duplicates", "Events that came again.", told.duplicates)
    yield _counter("gatehouse_sink_conflicts", "Contradictions since the start.", told.conflicts)
    yield _counter("gatehouse_sink_bad_frames", "Frames nobody could read.", told.bad_frames)
    yield _counter("gatehouse_sink_transactions", "Transactions committed.", told.transactions)
    yield _counter("gatehouse_sink_store_faults", "Times the store refused.", told.store_faults)
    yield _counter("gatehouse_sink_acks", "Acknowledgements sent.", told.acks)
    ignored = CounterMetricFamily("gatehouse_sink_ignored", "Frames settled without effect.", labels=["why"])
    for why, n in list(told.ignored.items()):
        ignored.add_metric([str(why)], n)
    yield ignored


def _of_inbox(inbox: CountsInbox) -> Iterator[Metric]:
    told = inbox.counters
    yield _gauge("gatehouse_broker_connected", "1 while the broker is there.", float(inbox.connected))
    yield _counter("gatehouse_broker_sessions", "Sessions since the start.", told.sessions)
    yield _counter(
        "gatehouse_inbox_overflowed", "Frames dropped unacknowledged; sent again.", told.overflowed
    )
    yield _counter("gatehouse_inbox_unsent", "Frames not sent; driven again.", told.unsent)
    yield _counter("gatehouse_inbox_callback_faults", "Faults in callbacks.", told.callback_faults)


# --- the port --------------------------------------------------------------------------------------------------


def registry_of(sources: Sources) -> CollectorRegistry:
    """Ours and the process's own; nothing of the library's global registry."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(ServiceCollector(sources))
    return registry


class MetricsServer:
    """``GET /metrics`` on an address of its own, for the local network; bound when made, ended by ``close``."""

    def __init__(self, sources: Sources, host: str, port: int) -> None:
        try:
            made: tuple[WSGIServer, threading.Thread] = start_http_server(
                port, addr=host, registry=registry_of(sources)
            )
        except OSError as error:
            raise ConfigError(
                "metrics.port", f"{host}:{port} cannot be used ({error.strerror})", "Choose another port"
            ) from error
        self._server, self._thread = made
        self.port = self._server.server_port

    def close(self) -> None:
        """Ended when this returns; safe to call twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(4.0)
