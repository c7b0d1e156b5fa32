"""A booking changed by hand in one process reaches the node that hears another; a cut-off node goes by what it has."""

import socket
from collections.abc import Iterator

import pytest

from cloud_sync.compose import Books, Part, open_books, set_up
from cloud_sync.config import BrokerConfig, CommunityConfig, SyncConfig, WebConfig
from cloud_sync.jobs import SystemClock
from cloud_sync.service import Service
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from tests.fakes.community_house import (
    DOOR,
    GATE,
    booking_row,
    listing_row,
    local,
    public_key,
    registration_row,
    take,
)
from tests.fakes.paho_gate import PahoGate
from tests.fakes.row_at_a_door import said_at
from tests.fakes.waiting import eventually

HOUR = 3_600_000
WHY = {"actor": "cli:li", "reason": "by phone"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def config(tmp_path) -> SyncConfig:
    community = CommunityConfig(code="dongfang", name_zh="东方新城", name_en="Dongfang", synthetic=True)
    broker = BrokerConfig(port=free_port())
    made = SyncConfig(
        data_dir=tmp_path / "data", community=community, web=WebConfig(tls=False), broker=broker
    )
    set_up(made)
    return made


@pytest.fixture
def books(config) -> Iterator[Books]:
    """Another process's way to the same records, as a command line has it."""
    books = open_books(config)
    doors = (
        AccessPointSpec(GATE, "gate", "南门", "South"),
        AccessPointSpec(DOOR, "room", "301室", "Room 301"),
    )
    books.registry.add_node(NodeJoin("gate-1", "South", public_key(), doors))
    now_ms = SystemClock().now_ms()
    stay = {"arrival": local(now_ms - HOUR), "departure": local(now_ms + 20 * HOUR)}
    assert take(books, "listings", listing_row()) == ["new"]
    assert take(books, "bookings", booking_row(**stay)) == ["new"]
    assert take(books, "registrations", registration_row()) == ["new"]
    yield books
    books.close()


@pytest.fixture
def gate(config, books) -> Iterator[PahoGate]:
    with Service(config, (Part.BROKER, Part.SINK, Part.JOBS)):
        gate = PahoGate("dongfang", "gate-1", config.broker.port).start()
        eventually(lambda: [row.state for row in gate.rows] == ["ARMED"])
        yield gate
        gate.stop()


@pytest.mark.story("4b")
def test_extended_and_cancelled_the_door_says_so_as_soon_as_it_has_heard(books, gate):
    (before,) = gate.rows
    later = SystemClock().now_ms() + 44 * HOUR
    books.registry.move_departure("xc", "1001", later, **WHY)
    eventually(lambda: gate.rows[0].not_after > before.not_after)
    (extended,) = gate.rows
    assert said_at(extended, GATE, before.not_after + 1) == "Granted"
    books.registry.cancel_booking("xc", "1001", **WHY)
    eventually(lambda: gate.rows[0].state == "REVOKED")
    assert said_at(gate.rows[0], GATE, SystemClock().now_ms()) == "CredentialNotActive"


def test_a_cut_off_door_holds_its_old_window_and_the_new_one_when_it_is_back(books, gate):
    (before,) = gate.rows
    gate.deaf_to_parts = True
    books.registry.move_departure("xc", "1001", SystemClock().now_ms() + 44 * HOUR, **WHY)
    eventually(lambda: gate.heads[-1].auth_ver > gate.auth_ver)
    (held,) = gate.rows
    assert held == before
    assert said_at(held, GATE, before.not_after, online=False) == "Granted"
    assert said_at(held, GATE, before.not_after + 1, online=False) == "CredentialExpired"
    gate.deaf_to_parts = False
    eventually(lambda: gate.rows[0].not_after > before.not_after)
    assert said_at(gate.rows[0], GATE, before.not_after + 1) == "Granted"
