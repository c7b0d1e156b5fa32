"""Thousands of MQTT sessions out of one process: bare sockets that connect, subscribe and count what they hear.

Only what a measurement of the broker needs: protocol 3.1.1, clean session, QoS 1 deliveries acknowledged.
"""

import select
import socket
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

EVERYBODY = "ac/v1/city/g/site/cmd"
FRAME = bytes(380)  # a zone's command is about so long
AT_ONCE = 100  # mosquitto's listen backlog
WITHIN_S = 120.0
PUBLISH, PUBACK = 0x32, b"\x40\x02"


def own(n: int) -> str:
    return f"ac/v1/city/d/n{n}/cmd"


def _text(words: str) -> bytes:
    return struct.pack(">H", len(words)) + words.encode()


def _packet(head: int, body: bytes) -> bytes:
    length, left = bytearray(), len(body)
    while True:
        length.append(left % 128 | (0x80 if left > 127 else 0))
        left //= 128
        if not left:
            return bytes([head]) + bytes(length) + body


def _connect(name: str) -> bytes:
    return _packet(0x10, _text("MQTT") + b"\x04\x02" + struct.pack(">H", 600) + _text(name))


def _subscribe(*topics: str) -> bytes:
    return _packet(0x82, b"\x00\x01" + b"".join(_text(topic) + b"\x01" for topic in topics))


def _publish(topic: str, mid: int) -> bytes:
    return _packet(PUBLISH, _text(topic) + struct.pack(">H", mid) + FRAME)


@dataclass(frozen=True, slots=True)
class Files:
    ca: Path
    cert: Path
    key: Path


@dataclass
class Crowd:
    """``with`` it; one thread, one epoll."""

    port: int
    files: Files | None = None
    _all: dict[int, socket.socket] = field(default_factory=dict)
    _rest: dict[int, bytes] = field(default_factory=dict)
    _poll: select.epoll = field(default_factory=select.epoll)
    heard: int = 0

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._all.values():
            one.close()
        self._poll.close()

    def join(self, n: int) -> None:
        """So many more connect and subscribe to their own topic and to everybody's."""
        for first in range(0, n, AT_ONCE):
            group = [self._open(len(self._all)) for _ in range(min(AT_ONCE, n - first))]
            for k, one in group:
                _exactly(one, 4)  # CONNACK
                one.sendall(_subscribe(own(k), EVERYBODY))
            for _, one in group:
                _exactly(one, 6)  # SUBACK for two
                one.setblocking(False)
                self._poll.register(one.fileno(), select.EPOLLIN)

    def _open(self, k: int) -> tuple[int, socket.socket]:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        one: socket.socket = plain
        if self.files is not None:
            context = ssl.create_default_context(cafile=str(self.files.ca))
            context.check_hostname = False
            context.load_cert_chain(self.files.cert, self.files.key)
            one = context.wrap_socket(plain)
        one.sendall(_connect(f"n{k}"))
        self._all[one.fileno()] = one
        self._rest[one.fileno()] = b""
        return k, one

    def broadcast(self) -> float:
        """One publish to everybody; seconds until the last has heard it."""
        return self._told([_publish(EVERYBODY, 1)])

    def one_by_one(self) -> float:
        """One publish for each; seconds until the last has heard its own."""
        return self._told([_publish(own(k), k % 65_535 + 1) for k in range(len(self._all))])

    def _told(self, packets: list[bytes]) -> float:
        """Seconds until as many deliveries as there are members have been counted."""
        self.heard = 0
        speaker = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        speaker.sendall(_connect("speaker"))
        _exactly(speaker, 4)
        speaker.setblocking(False)
        began, waiting = time.monotonic(), b"".join(packets)
        while self.heard < len(self._all):
            if time.monotonic() - began > WITHIN_S:
                raise TimeoutError(f"only {self.heard} of {len(self._all)} have heard it")
            waiting = _some(speaker, waiting)
            for fd, _ in self._poll.poll(0.01):
                self._hear(fd)
        took = time.monotonic() - began
        speaker.close()
        return took

    def _hear(self, fd: int) -> None:
        one = self._all[fd]
        data = self._rest[fd] + one.recv(65_536)
        while (packet := _whole(data)) is not None:
            head, body, data = packet
            if head & 0xF0 == 0x30:
                self.heard += 1
                at = 2 + struct.unpack(">H", body[:2])[0]
                one.sendall(PUBACK + body[at : at + 2])
        self._rest[fd] = data


def _some(speaker: socket.socket, waiting: bytes) -> bytes:
    """Say what fits, and take the acknowledgements off the line."""
    with suppress(BlockingIOError):
        speaker.recv(65_536)
    try:
        return waiting[speaker.send(waiting) :] if waiting else waiting
    except BlockingIOError:
        return waiting


def _whole(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Head and body of the first packet, and what follows it; None while it is not whole."""
    length, at = 0, 1
    while at < len(data):
        length |= (data[at] & 0x7F) << 7 * (at - 1)
        at += 1
        if not data[at - 1] & 0x80:
            return (
                (data[0], data[at : at + length], data[at + length :]) if len(data) >= at + length else None
            )
    return None


def _exactly(one: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n:
        more = one.recv(n - len(data))
        assert more, "the broker hung up"
        data += more
    return data


def certificates(folder: Path) -> Files:
    """One authority, one certificate that serves and calls; P-256, as the community's own."""
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scale authority")])
    mine = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "n1")])

    def signed(subject: x509.Name, of: ec.EllipticCurvePrivateKey, *, is_ca: bool) -> bytes:
        made = (
            x509.CertificateBuilder(name, subject, of.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        return made.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    files = Files(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    files.ca.write_bytes(signed(name, ca_key, is_ca=True))
    files.cert.write_bytes(signed(mine, key, is_ca=False))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files
