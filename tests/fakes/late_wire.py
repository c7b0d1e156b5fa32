"""A wire between a client and a server that can hold everything back for a while and then deliver it all at once, as
a radio link does that was gone for a moment."""

import socket
import threading
from collections import deque
from contextlib import suppress

CHUNK = 65_536
HELD_MAX = 4096  # chunks; more than any test sends


class LateWire:
    """Bytes towards the server always pass; those towards the client wait while ``holding`` is set."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.holding = threading.Event()
        self.passed = 0  # bytes that reached the client
        self._sockets: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(self._server)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        for one in self._sockets:
            with suppress(OSError):  # was not connected any more
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            self._sockets += [client, server]
            held: deque[bytes] = deque(maxlen=HELD_MAX)
            more = threading.Condition()
            for work in (
                lambda c=client, s=server: self._up(c, s),
                lambda s=server, h=held, m=more: self._take(s, h, m),
                lambda c=client, h=held, m=more: self._give(c, h, m),
            ):
                threading.Thread(target=work, daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(CHUNK):
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _take(self, server: socket.socket, held: deque[bytes], more: threading.Condition) -> None:
        data = b" "
        while data:
            try:
                data = server.recv(CHUNK)
            except OSError:
                data = b""
            with more:
                held.append(data)
                more.notify()

    def _give(self, client: socket.socket, held: deque[bytes], more: threading.Condition) -> None:
        while True:
            with more:
                while not held or self.holding.is_set():
                    more.wait(0.01)
                data = held.popleft()
            try:
                client.sendall(data)
                self.passed += len(data)
                if not data:
                    client.shutdown(socket.SHUT_RDWR)
                    return
            except OSError:
                return
