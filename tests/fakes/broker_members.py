"""Several mosquitto in one community, as shipped: gates reach either of two, each sink has one of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from cloud_sync.identity.authority import open_authority
from cloud_sync.identity.broker_files import CONF, BrokerFolder, service_names
from cloud_sync.identity.broker_members import write_sink_side
from cloud_sync.identity.kick import end_session
from cloud_sync.ingest.inbox import BrokerAddress, PahoInbox
from cloud_sync.ingest.sink import Sink
from cloud_sync.protocol.topics import shared_up_filter, sink_group
from cloud_sync.store.engine import open_database
from cloud_sync.store.sink import SinkStore
from tests.fakes.brokers import MOSQUITTO, client_files, free_port
from tests.fakes.waiting import eventually
from tests.fakes.wire_ledger import T0_MS

GROUP = sink_group(b"a key of this test")
EAST, WEST = "127.0.0.1", "127.0.0.2"
# As DNS would answer: both, the nearer one first.
NAMES = {"east.test": (EAST, WEST), "west.test": (WEST, EAST)}


class Member:
    """One mosquitto; killed and started again it has forgotten everything."""

    def __init__(self, folder: Path, host: str, port: int) -> None:
        self.folder, self.host, self.port = folder, host, port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", str(self.folder / CONF)], stderr=log)
        eventually(self.answers, what=f"no mosquitto at {self.host}:{self.port}")

    def answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex((self.host, self.port)) == 0

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(60)

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """As on a machine that vanished from the network: connections stand and nobody answers."""
        self.freeze()
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(60)


class Members:
    """``gates`` are two brokers on one port of two addresses; ``sinks`` are one for each sink, bridged to both."""

    def __init__(self, folder: Path, tenant: str, sinks: int = 2, *, bridged: bool = True) -> None:
        """Without ``bridged`` it is one broker for all, to compare with."""
        self._place, self._tenant, self._now_ms = folder, tenant, time.time_ns() // 1_000_000
        (folder / "keys").mkdir()
        self._authority = open_authority(folder / "keys", self._now_ms)
        self._names = service_names(sinks)
        self.port = free_port()
        self.gates = [self._member(host, self.port) for host in ((EAST, WEST) if bridged else (EAST,))]
        names = [name for name in self._names if name != "sync-jobs"]
        self.sinks = {
            name: self._member(EAST, free_port(), for_sink=name) if bridged else self.gates[0]
            for name in names
        }

    def _member(self, host: str, port: int, for_sink: str = "") -> Member:
        folder = BrokerFolder(self._place / f"broker-{host}-{port}", self._tenant)
        hosts = ["localhost", EAST, WEST, *NAMES]
        folder.write(self._authority, hosts, port, self._names, self._now_ms)
        folder.write_lists(self._authority, [], [], self._now_ms)
        if for_sink:
            bus = Path(self.files(for_sink)[0]).parent
            write_sink_side(folder, port, [f"{m.host}:{m.port}" for m in self.gates], bus, for_sink, GROUP)
        conf = folder.folder / CONF
        text = conf.read_text().replace(f"listener {port}\n", f"listener {port} {host}\n")
        conf.write_text(text.replace("\n\n", "\nuser root\n", 1) if os.getuid() == 0 else text)
        return Member(folder.folder, host, port)

    def files(self, name: str) -> tuple[str, str, str]:
        return client_files(self._place, self._authority, name, self._now_ms)

    def lose(self, node: str) -> None:
        """Revoked and silenced in the lists of every broker, which are told."""
        held = x509.load_pem_x509_certificate((self._place / "nodes" / node / "node.pem").read_bytes())
        for member in (*self.gates, *self.sinks.values()):
            folder = BrokerFolder(member.folder, self._tenant)
            assert folder.write_lists(
                self._authority, [(held.serial_number, self._now_ms)], [node], self._now_ms
            )
            assert folder.reload()

    def kick(self, node: str, host: str, port: int) -> bool:
        ca = Path(self.files("sync")[0])
        return end_session(self._authority, node, host, port, ca, self._now_ms)

    def start(self) -> None:
        for member in dict.fromkeys((*self.gates, *self.sinks.values())):
            member.start()

    def stop(self) -> None:
        for member in dict.fromkeys((*self.sinks.values(), *self.gates)):
            member.stop()


class Noon:
    def now_ms(self) -> int:
        return T0_MS


class MemberSink:
    """A named sink at its own broker: shares with the others, and has its own connection to the database."""

    def __init__(self, members: Members, name: str, url: str, tenant: str) -> None:
        self.engine = open_database(url)
        self.store = SinkStore(self.engine, tenant)
        address = BrokerAddress(
            "localhost", members.sinks[name].port, f"sync-{tenant}-{name}", *members.files(name)
        )
        self.inbox = PahoInbox(address, [shared_up_filter(tenant, GROUP)])
        self.sink = Sink(self.inbox, self.store, Noon(), tenant)
        self.sink.start()
        eventually(lambda: self.inbox.session > 0, what=f"{name} found no broker")

    @property
    def events(self) -> int:
        return self.sink.counters.events

    def stop(self) -> None:
        assert self.sink.stop()
        self.inbox.close()
        self.store.close()
        self.engine.dispose()
