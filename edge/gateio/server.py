"""The socket: who may come in, packets in, packets out.  Knows nothing of doors and never waits for anybody."""

import logging
import os
import pwd
import selectors
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edge.errors import ConfigError
from edge.gateio import wire

log = logging.getLogger(__name__)

# One node and a few who watch (a technician, a test); more is a mistake or an attack.
PEERS_MAX = 8

# Between two looks at the deadlines one client gets at most this many packets read.
PACKETS_PER_TURN = 16

# A client that sends this much nonsense is not speaking our language.
MALFORMED_MAX = 32

MODE = 0o660


@dataclass(slots=True, eq=False)
class Peer:
    sock: socket.socket
    greeted: bool = False
    commands: bool = False
    beat_at: int = 0
    malformed: int = 0


@dataclass(slots=True)
class Counts:
    malformed: int = 0
    strangers: int = 0
    undelivered: int = 0


@dataclass(slots=True)
class Server:
    """``hear`` is called with every packet that made sense."""

    path: Path
    uids: frozenset[int]
    hear: Callable[[Peer, wire.ToGate], None]
    selector: selectors.BaseSelector
    peers: list[Peer] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    _listener: socket.socket | None = None

    def open(self) -> None:
        """Listen; a socket file left behind by a dead process is replaced, a living one is respected.

        Raises:
            ConfigError: the path cannot be used, or another gate-io serves it.
        """
        if _somebody_serves(self.path):
            raise ConfigError(
                "socket", f"another gate-io serves {self.path}", "Stop it or choose another path."
            )
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.unlink(missing_ok=True)
            listener.bind(str(self.path))
            self.path.chmod(MODE)  # whatever the umask of the unit is
            listener.listen(PEERS_MAX)
        except OSError as error:
            listener.close()
            raise ConfigError(
                "socket", f"{self.path} cannot be made ({error.strerror})", "Mend the path."
            ) from error
        self._listener = listener
        self.selector.register(listener, selectors.EVENT_READ, self._accept)

    def send(self, peer: Peer, message: wire.FromGate) -> None:
        """Deliver now or lose the peer: it can come back and ask, a queue here could only grow."""
        try:
            peer.sock.send(wire.encode(message))
        except OSError:
            self.counts.undelivered += 1
            self.drop(peer)

    def broadcast(self, message: wire.FromGate) -> None:
        for peer in [peer for peer in self.peers if peer.greeted]:
            self.send(peer, message)

    def drop(self, peer: Peer) -> None:
        if peer in self.peers:
            self.peers.remove(peer)
            self.selector.unregister(peer.sock)
            peer.sock.close()

    def close(self) -> None:
        for peer in [*self.peers]:
            self.drop(peer)
        if self._listener is not None:
            self.selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
            self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            sock, _ = self._listener.accept()
        except OSError:  # the caller left before we looked
            return
        uid = _peer_uid(sock)
        if uid not in self.uids or len(self.peers) >= PEERS_MAX:
            self.counts.strangers += 1
            log.warning("a client of uid %d was turned away", uid)
            sock.close()
            return
        sock.setblocking(False)
        peer = Peer(sock)
        self.peers.append(peer)
        self.selector.register(sock, selectors.EVENT_READ, lambda: self._read(peer))

    def _read(self, peer: Peer) -> None:
        for _ in range(PACKETS_PER_TURN):
            if peer not in self.peers:  # cut off in this very turn
                return
            try:
                packet = peer.sock.recv(wire.PACKET_MAX + 1)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self.drop(peer)
                return
            self._take(peer, packet)

    def _take(self, peer: Peer, packet: bytes) -> None:
        said = wire.decode_for_gate(packet)
        if not isinstance(said, wire.Malformed):
            self.hear(peer, said)
            return
        self.counts.malformed += 1
        peer.malformed += 1
        self.send(peer, wire.Nack(said.reason))
        if peer.malformed >= MALFORMED_MAX:
            log.warning("a client was cut off after %d packets of nonsense", peer.malformed)
            self.drop(peer)


def _peer_uid(sock: socket.socket) -> int:
    # struct ucred of unix(7): pid, uid, gid.
    _, uid, _ = struct.unpack("iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)


def _somebody_serves(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def uids_of(users: list[str]) -> frozenset[int]:
    """The uids of these users, and our own.

    Raises:
        ConfigError: this machine does not know one of them.
    """
    found = {os.getuid()}
    for user in users:
        try:
            found.add(pwd.getpwnam(user).pw_uid)
        except KeyError as error:
            raise ConfigError(
                "socket_users", f"no user {user!r} on this machine", "Create it first."
            ) from error
    return frozenset(found)
