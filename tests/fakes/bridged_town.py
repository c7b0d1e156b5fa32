"""A town on bridged brokers: gates with certificates on both sides, two sinks on one database, the checks at the end."""

import socket
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import sqlalchemy as sa
from paho.mqtt.enums import CallbackAPIVersion

from cloud_sync.store import tables
from cloud_sync.store.chain_check import verify_chain
from cloud_sync.store.engine import open_database, reading
from tests.fakes.broker_members import NAMES, Members, MemberSink
from tests.fakes.paho_gate import PahoGate
from tests.fakes.waiting import eventually

HOME = "dongfang"
_REAL = socket.getaddrinfo


def two_addresses(host: Any, *more: Any, **words: Any) -> Any:
    """In place of ``socket.getaddrinfo``: a name of ``NAMES`` has two addresses, as DNS would say; others are as they are."""
    return [found for one in NAMES.get(host, (host,)) for found in _REAL(one, *more, **words)]


class Town:
    def __init__(self, folder: Path, url: str, *, bridged: bool = True) -> None:
        self.url, self.engine = url, open_database(url)
        self.members = Members(folder, HOME, bridged=bridged)
        self.members.start()
        self.sinks = {name: MemberSink(self.members, name, url, HOME) for name in self.members.sinks}
        self.gates: list[PahoGate] = []
        self.ears: list[paho.Client] = []

    def gate(self, node: str, side: str) -> PahoGate:
        gate = PahoGate(HOME, node, self.members.port, tls=self.members.files(node), host=f"{side}.test")
        self.gates.append(gate.start())
        return gate

    def gates_on_both_sides(self) -> list[PahoGate]:
        return [self.gate(f"n{n}", "east" if n % 2 else "west") for n in range(4)]

    def at(self, gate: PahoGate) -> str:
        """The address of the broker this gate's session is with."""
        there = gate.client.socket()
        return there.getpeername()[0] if there is not None and gate.client.is_connected() else ""

    def listen(self, name: str, host: str, topic: str) -> list[paho.MQTTMessage]:
        """What somebody with this name's certificate hears there from now on."""
        heard: list[paho.MQTTMessage] = []
        ear = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv311)
        ear.tls_set(*self.members.files(name))
        granted: list[object] = []
        ear.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        ear.on_subscribe = lambda *_: granted.append(1)
        ear.on_message = lambda _client, _data, message: heard.append(message)
        ear.connect(host, self.members.port)
        ear.loop_start()
        self.ears.append(ear)
        eventually(lambda: granted, what=f"{name} could not subscribe at {host}")
        return heard

    def settled(self) -> None:
        eventually(
            lambda: all(gate.done for gate in self.gates), within_s=200, what="a gate waits for its ack"
        )

    def stored(self) -> int:
        with reading(self.engine).connect() as db:
            return int(db.scalar(sa.select(sa.func.count()).select_from(tables.event)) or 0)

    def online(self, node: str) -> str | None:
        with reading(self.engine).connect() as db:
            query = sa.select(tables.node_state.c.online).where(tables.node_state.c.node == node)
            return db.scalar(query)

    def assert_whole(self) -> None:
        """The gates' own ledgers against the database."""
        recorded = sum(gate.ledger.head for gate in self.gates)
        assert self.stored() == recorded
        with reading(self.engine).connect() as db:
            assert db.scalar(sa.select(sa.func.sum(tables.counter.c.n))) == recorded
            assert db.scalar(sa.select(sa.func.count()).select_from(tables.gap)) == 0
            assert db.scalar(sa.select(sa.func.count()).select_from(tables.conflict)) == 0
        for gate in self.gates:
            found = verify_chain(self.engine, HOME, gate.topics.node, gate.ledger.epoch)
            assert (found.upto, found.first_break) == (gate.ledger.head, None)

    def close(self) -> None:
        for ear in self.ears:
            ear.disconnect()
            ear.loop_stop()
        for gate in self.gates:
            gate.stop()
        for sink in self.sinks.values():
            sink.stop()
        self.engine.dispose()
        self.members.stop()
