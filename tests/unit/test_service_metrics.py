"""What a Prometheus reads: true numbers, no person, and an answer also when the database gives none."""

import urllib.request

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from cloud_sync.compose import Part
from cloud_sync.config import BrokerConfig, MetricsConfig
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.ingest.sink import SinkCounters
from cloud_sync.metrics import MetricsServer, Sources, registry_of
from cloud_sync.protocol.messages import Lag
from cloud_sync.service import Service
from cloud_sync.store.backup import is_held
from cloud_sync.store.read import StoredDashboard
from cloud_sync.store.read_totals import StoredTotals
from tests.fakes.brokers import free_port
from tests.fakes.community_house import NAME_CANARIES, Gate, new_house, with_guest

HOME = "dongfang"
DAY_MS = 86_400_000


@pytest.fixture
def house(tmp_path, database):
    books = new_house(tmp_path, database=database)
    with_guest(books)
    gate = Gate(books)
    yield books, gate
    gate.close()
    books.close()


def sources(books, **more):
    return Sources(HOME, StoredDashboard(books.engine), StoredTotals(books.engine, HOME), books.clock, **more)


def read(books, **more):
    """(name, labels as sorted pairs) → value."""
    text = generate_latest(registry_of(sources(books, **more))).decode()
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def of(said, name, **labels):
    return said[name, tuple(sorted(labels.items()))]


def test_what_a_node_told_stands_there_by_node_and_type(house):
    books, gate = house
    for _ in range(3):
        gate.tells("access.granted")
    gate.tells("access.denied")
    gate.says_hello(acked=2, sw="v9", lag=Lag(outbox=2, free_mb=900))
    books.clock.step(ms=20_000)
    said = read(books)
    assert of(said, "gatehouse_events_stored_total", node="gate-1") == 4
    assert of(said, "gatehouse_events_by_type_total", type="access.granted") == 3
    assert of(said, "gatehouse_node_online", node="gate-1") == 1
    assert of(said, "gatehouse_node_lag_seconds", node="gate-1") == 20
    assert of(said, "gatehouse_node_late", node="gate-1") == 0
    assert of(said, "gatehouse_node_outbox", node="gate-1") == 2
    assert of(said, "gatehouse_node_free_disk_bytes", node="gate-1") == 900_000_000
    assert of(said, "gatehouse_node_software", node="gate-1", software="v9", wire="2") == 1
    assert of(said, "gatehouse_node_clock", node="gate-1", state="TRUSTED") == 1
    assert of(said, "gatehouse_node_clock", node="gate-1", state="UNTRUSTED") == 0
    assert of(said, "gatehouse_nodes_late") == 0
    assert of(said, "gatehouse_missing_events") == 0


def test_a_node_that_falls_silent_is_offline_and_late_and_its_lag_grows(house):
    books, gate = house
    gate.says_hello()
    books.clock.step(hours=72)
    said = read(books)
    assert of(said, "gatehouse_node_online", node="gate-1") == 0
    assert of(said, "gatehouse_node_late", node="gate-1") == 1
    assert of(said, "gatehouse_node_lag_seconds", node="gate-1") == 72 * 3600
    assert of(said, "gatehouse_nodes_late") == 1


def test_a_node_never_heard_is_late_and_has_no_lag_anybody_could_average(house):
    said = read(house[0])
    assert of(said, "gatehouse_node_late", node="gate-1") == 1
    assert of(said, "gatehouse_watermark_timestamp_seconds") == 0
    assert ("gatehouse_node_lag_seconds", (("node", "gate-1"),)) not in said
    assert of(said, "gatehouse_events_stored_total", node="gate-1") == 0


def test_events_in_a_gap_are_counted_as_missing(house):
    books, gate = house
    gate.tells("access.granted")
    gate.ledger.record(*[b'{"type":"door.closed"}'] * 3)
    gate.tells("access.granted")
    said = read(books)
    assert of(said, "gatehouse_missing_events") == 3
    assert of(said, "gatehouse_node_missing_events", node="gate-1") == 3


def test_no_person_and_no_pass_is_in_any_label(house):
    books, gate = house
    held = books.registry.passes()[0].pass_id
    gate.tells("access.taken", pass_id=held, direction="in", decision="allow")
    gate.says_hello()
    text = generate_latest(registry_of(sources(books))).decode()
    assert held not in text
    assert not [name for name in NAME_CANARIES if name in text]


def test_a_database_that_does_not_answer_is_told_and_the_rest_is_told_all_the_same(house):
    class Broken:
        def nodes(self, _community, _now_ms):
            raise StoreError("the disk is gone.")

    class Counted:
        counters, fault = SinkCounters(), "the disk is gone."

    asked = sources(house[0], sink=Counted())
    asked.reader = Broken()
    text = generate_latest(registry_of(asked)).decode()
    assert "gatehouse_database_up 0.0" in text
    assert "gatehouse_sink_stores 0.0" in text
    assert "gatehouse_node_online" not in text


@pytest.mark.parametrize("made_ms", [None, DAY_MS])
def test_the_age_of_a_backup_is_told_where_one_was_made(house, made_ms):
    books, _gate = house
    now_ms = books.clock.now_ms()
    said = read(books, last_backup_ms=lambda: None if made_ms is None else now_ms - made_ms)
    ages = [value for (name, _), value in said.items() if name == "gatehouse_backup_age_seconds"]
    assert ages == ([] if made_ms is None else [86_400.0])


def test_it_is_served_at_its_own_address_until_closed(house):
    server = MetricsServer(sources(house[0]), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.port}/metrics"
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert b"gatehouse_database_up 1.0" in answer.read()
    with pytest.raises(ConfigError, match="cannot be used"):
        MetricsServer(sources(house[0]), "127.0.0.1", server.port)
    server.close()
    server.close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=60)


@pytest.mark.parametrize("host", ["0.0.0.0", "8.8.8.8", "metrics.example", "::"])
def test_the_whole_world_is_no_address_for_it(host):
    with pytest.raises(ValidationError, match="address"):
        MetricsConfig(host=host, port=9464)


def test_the_sink_by_itself_serves_them_and_holds_the_folder_against_a_restore(house):
    books, _gate = house
    port = free_port()
    metrics = MetricsConfig(port=port)
    config = books.config.model_copy(update={"metrics": metrics, "broker": BrokerConfig(port=free_port())})
    with Service(config, (Part.SINK,)):
        assert is_held(config.data_dir)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
    assert 'gatehouse_events_stored_total{node="gate-1"} 0.0' in text
    assert "gatehouse_sink_stores 1.0" in text
    assert "gatehouse_pass_sets_built_total" not in text  # the jobs count those, in a program of their own
    assert not is_held(config.data_dir)
