"""One SOCK_SEQPACKET connection to gate-io, for asyncio: packets out at once, packets in when they come."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from typing import Self

from edge.gateio import wire


class Refused(Exception):
    """gate-io answered, and the answer was no; the sentence is its own."""


class Channel:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Raises OSError when nobody listens or we may not come in."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            await asyncio.get_running_loop().sock_connect(sock, str(path))
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    def send(self, message: wire.ToGate) -> None:
        """Handed to the kernel when it returns; OSError when it cannot take it now."""
        self._sock.send(wire.encode(message))

    async def receive(self) -> wire.FromGate | wire.Malformed:
        """The next packet; ConnectionResetError at the end."""
        packet = await asyncio.get_running_loop().sock_recv(self._sock, wire.PACKET_MAX + 1)
        if not packet:
            raise ConnectionResetError("gate-io closed the connection")
        return wire.decode_from_gate(packet)

    async def greet(self, hello: wire.Hello) -> wire.Welcome:
        """Raises Refused when we are not welcome."""
        self.send(hello)
        match await self.receive():
            case wire.Welcome() as welcome:
                return welcome
            case wire.Nack(reason=reason):
                raise Refused(reason)
            case _:
                raise Refused("gate-io did not say hello")

    def hang_up(self) -> None:
        """For everybody but the reader, who sees the end at once and closes; repeatable."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """For the reader, after its last ``receive``."""
        self._sock.close()
