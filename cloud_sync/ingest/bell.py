"""How other threads wake one that sleeps at its socket."""

import socket
from contextlib import suppress


class Bell:
    """Wakes whoever polls ``fileno``; rung many times before that, it costs one byte."""

    def __init__(self) -> None:
        self._hear, self._ring = socket.socketpair()
        self._hear.setblocking(False)
        self._ring.setblocking(False)
        self._rung = False

    def fileno(self) -> int:
        return self._hear.fileno()

    def ring(self) -> None:
        """From any thread; after ``close`` nobody is there to hear it."""
        if self._rung:
            return
        self._rung = True
        with suppress(OSError):
            self._ring.send(b"!")

    def hush(self) -> None:
        """Before looking at what it was rung for: whatever comes later rings again."""
        if not self._rung:
            return
        with suppress(BlockingIOError):
            self._hear.recv(64)
        self._rung = False

    def close(self) -> None:
        self._hear.close()
        self._ring.close()
