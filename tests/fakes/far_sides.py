"""Far sides of the connectors on loopback: a real SMTP server, and an HTTP server that behaves as badly as it is told."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession


@dataclass
class Mailbox:
    """What arrived, and what the server says to the next ones: ``answers`` runs out into "250"."""

    mails: list[Message] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    rcpt: str = "250 OK"

    async def handle_RCPT(  # noqa: N802 - the server calls it so
        self, server: SMTP, session: SmtpSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        assert envelope.content is not None
        self.mails.append(message_from_bytes(bytes(envelope.content), policy=default))
        return f"250 queued as {len(self.mails)}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def smtp_server(mailbox: Mailbox) -> Iterator[int]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


Behave = Callable[[socket.socket, bytes], None]


@contextmanager
def http_server(*behaviours: Behave) -> Iterator[tuple[str, list[bytes]]]:
    """One behaviour per connection, the last one for ever; yields the address and the requests as they came."""
    listening = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []
    left = list(behaviours)

    def serve() -> None:
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            with accepted:
                heard.append(_request(accepted))
                behave = left.pop(0) if len(left) > 1 else left[0]
                try:
                    behave(accepted, heard[-1])
                except OSError:
                    continue  # the client has gone, as it should

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook", heard
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def _request(accepted: socket.socket) -> bytes:
    """Headers and as much body as they announce."""
    accepted.settimeout(5)
    data = b""
    while b"\r\n\r\n" not in data:
        data += accepted.recv(65536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += accepted.recv(65536)
    return head + b"\r\n\r\n" + body


def answers(status: str, body: bytes = b"taken as 7\n", extra: bytes = b"") -> Behave:
    def behave(accepted: socket.socket, _request: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n".encode()
        accepted.sendall(head + extra + b"\r\n" + body)

    return behave


def says_garbage(accepted: socket.socket, _request: bytes) -> None:
    accepted.sendall(b"\x00\x01 not http at all\r\n\r\n")


def hangs_up(accepted: socket.socket, _request: bytes) -> None:
    accepted.shutdown(socket.SHUT_RDWR)


def says_nothing(accepted: socket.socket, _request: bytes) -> None:
    """Waits for the client to give up."""
    accepted.settimeout(10)
    accepted.recv(1)


def drips(accepted: socket.socket, _request: bytes) -> None:
    """A header line that never ends, a byte at a time: no single read ever times out."""
    accepted.settimeout(0.05)
    accepted.sendall(b"HTTP/1.1 200 OK\r\nx: ")
    for _ in range(400):
        accepted.sendall(b"a")
        try:
            if accepted.recv(1) == b"":
                return
        except TimeoutError:
            continue


def answers_endlessly(accepted: socket.socket, _request: bytes) -> None:
    accepted.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    for _ in range(10_000):
        accepted.sendall(b"x" * 4096)
