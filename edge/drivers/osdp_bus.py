"""One OSDP bus for each serial port: a thread that speaks, and the parts of every door that share it.

``python -m edge.drivers.osdp_bus new-key FILE`` makes a key, ``… install`` gives it to a reader.
"""

import argparse
import logging
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from edge.drivers.osdp_keys import INSTALL_MAX_S, install, new_key, read_key
from edge.drivers.osdp_link import BAUDS, OsdpPlace, SerialLine, library
from edge.drivers.osdp_peer import Part, Peer
from edge.errors import ConfigError, GateError, HardwareError

log = logging.getLogger(__name__)

# hardware.md §5: the library wants to be called every 50 ms at least; 5 ms halve every latency of its own 20 ms loop.
TICK_S, BUSY_TICK_S = 0.005, 0.002

# An answer, its judgement and the next packet are one call of the library each.
STEPS = 3

# Each reader costs its poll of about 12 ms every 50 ms at 38400 baud: more would starve each other.
PEERS_MAX = 4

# The thread ends within one tick and a write of 0.2 s.
JOIN_S = 1.0

_buses: dict[str, "Bus"] = {}
_guard = threading.Lock()


class Bus:
    """Made and ended by ``attach`` and ``detach``."""

    def __init__(self, place: OsdpPlace) -> None:
        self._lib = library()
        self._line = SerialLine(place.port, place.baud)
        self._line.open_or_wait()
        self.port, self.baud = place.port, place.baud
        self._lock = threading.Lock()  # held for one step of the thread, and while a part comes or goes
        self._peers: dict[int, tuple[Peer, bytes]] = {}
        self._turn = 0
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=f"osdp {place.port}", daemon=True)
        self._thread.start()

    def add(self, place: OsdpPlace, key: bytes, part: Part) -> None:
        """
        Raises:
            ConfigError: the places on one port contradict each other, or it is full.
        """
        if place.baud != self.baud:
            raise ConfigError(
                f"{self.port}.baud", f"is {self.baud} and {place.baud}", "A bus has one baud rate."
            )
        with self._lock:
            if place.address not in self._peers:
                if len(self._peers) >= PEERS_MAX:
                    raise ConfigError(
                        self.port, f"has more than {PEERS_MAX} readers", "Take a second port for the others."
                    )
                self._peers[place.address] = (
                    Peer(self._lib, place, key, self._line, time.monotonic_ns()),
                    key,
                )
            peer, known = self._peers[place.address]
            if known != key:
                raise ConfigError(
                    f"{self.port} address {place.address}",
                    "is given two keys",
                    "Name one key_file for one reader.",
                )
            peer.join(part, time.monotonic_ns())

    def remove(self, part: Part) -> None:
        with self._lock:
            peer = part.peer
            peer.parts = [one for one in peer.parts if one is not part]
            if not peer.parts:
                self._peers.pop(peer.place.address, None)

    @property
    def empty(self) -> bool:
        return not self._peers

    def wake(self) -> None:
        """From any thread: somebody has something to send."""
        self._wake.set()

    def end(self) -> None:
        self._ending = True
        self._wake.set()
        self._thread.join(JOIN_S)
        if self._thread.is_alive():
            log.error("the OSDP thread of %s did not end within %g s", self.port, JOIN_S)
        self._line.close()

    # --- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        with suppress(OSError):  # inherited from gate-io's timing thread, which this one must never delay
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        try:
            while not self._ending:
                self._wake.wait(BUSY_TICK_S if self._working() else TICK_S)
                self._wake.clear()
                with self._lock:
                    self._step()
        finally:
            if not self._ending:
                log.error(
                    "the OSDP thread of %s ended by itself; its readers are lost until a restart", self.port
                )
                for peer, _ in self._peers.values():
                    peer.online = False
                    for part in peer.parts:
                        part.down(time.monotonic_ns(), "has lost its bus; restart gate-io")

    def _working(self) -> bool:
        return any(peer.working or peer.has_turn for peer, _ in list(self._peers.values()))

    def _step(self) -> None:
        peers = [peer for peer, _ in self._peers.values()]
        for _ in range(STEPS + len(peers)):
            if not peers:
                return
            self._turn %= len(peers)
            peer = peers[self._turn]
            peer.refresh(time.monotonic_ns())
            if not peer.has_turn:
                self._turn += 1
        now = time.monotonic_ns()
        for peer in peers:
            peer.tick(now)


def attach(place: OsdpPlace, part: Part) -> Bus:
    """The bus of this port, made when nobody has it yet, with ``part.peer`` on it.  A missing port is waited for.

    Raises:
        HardwareError: the library or the key file is not right, or the place contradicts another one.
    """
    try:
        key = read_key(place.key_file)
        with _guard:
            bus = _buses.get(place.port)
            if bus is None:
                bus = _buses[place.port] = Bus(place)
            try:
                bus.add(place, key, part)
            finally:
                _end_if_empty(bus)
    except ConfigError as error:
        raise HardwareError(str(error)) from error
    return bus


def detach(bus: Bus, part: Part) -> None:
    """The last one out ends the bus."""
    with _guard:
        bus.remove(part)
        _end_if_empty(bus)


def _end_if_empty(bus: Bus) -> None:
    if bus.empty and _buses.get(bus.port) is bus:
        del _buses[bus.port]
        bus.end()


def main(argv: list[str] | None = None) -> int:
    """0 when it is done, 1 when a device did not follow, 2 when what was asked is wrong."""
    parser = argparse.ArgumentParser(prog="osdp_bus", description="Keys of OSDP readers.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    made = verbs.add_parser("new-key", help="make a key in a new file, mode 0600")
    made.add_argument("file", type=Path)
    given = verbs.add_parser("install", help="give a reader in install mode its key, within a time limit")
    given.add_argument("file", type=Path, help="the reader's key file")
    given.add_argument("--port", required=True)
    given.add_argument("--address", type=int, default=0)
    given.add_argument("--baud", type=int, default=38_400, choices=BAUDS)
    given.add_argument("--seconds", type=float, default=120, help=f"at most {INSTALL_MAX_S}")
    asked = parser.parse_args(argv)
    try:
        if asked.verb == "new-key":
            new_key(asked.file)
            said = f"{asked.file}: a new key. Keep it as a credential of the service; nobody else needs it."
        else:
            said = install(OsdpPlace(asked.port, asked.file, asked.address, asked.baud), asked.seconds)
    except (GateError, ValueError) as error:
        sys.stderr.write(f"osdp_bus: {error}\n")
        return 1 if isinstance(error, HardwareError) else 2
    sys.stdout.write(said + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
