"""A cable that can be pulled: a TCP proxy between one node and the broker, on loopback.

Cut, it refuses new connections and freezes the old ones (a black hole, not a polite goodbye); mended, the frozen
ones are dropped and the node comes back by itself.
"""

import selectors
import socket
import threading

CHUNK = 65_536
LOOK_S = 0.1


class Cable:
    """One thread; a connection is a pair of sockets."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._cut = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cable", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        self._cut.set()

    def mend(self) -> None:
        self._cut.clear()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2)

    def _run(self) -> None:
        frozen = False
        while not self._stop.is_set():
            if self._cut.is_set():
                frozen = True
                self._stop.wait(LOOK_S)
                continue
            if frozen:
                frozen = False
                self._drop(list(self._pairs))
            self._pass_on()
        self._drop(list(self._pairs))
        self._listener.close()

    def _pass_on(self) -> None:
        with selectors.DefaultSelector() as selector:
            for one in (self._listener, *self._pairs):
                selector.register(one, selectors.EVENT_READ)
            for key, _ in selector.select(LOOK_S):
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._pairs:
                    self._forward(key.fileobj)

    def _accept(self) -> None:
        try:
            near, _ = self._listener.accept()
        except OSError:
            return
        try:
            far = socket.create_connection(("127.0.0.1", self._to_port), timeout=2)
        except OSError:
            near.close()  # the broker is away; the node tries again by itself
            return
        near.setblocking(True)
        self._pairs |= {near: far, far: near}

    def _forward(self, source: socket.socket) -> None:
        try:
            data = source.recv(CHUNK)
            if data:
                self._pairs[source].sendall(data)
                return
        except OSError:
            pass
        self._drop([source])

    def _drop(self, ends: list[socket.socket]) -> None:
        for one in ends:
            other = self._pairs.pop(one, None)
            if other is not None:
                self._pairs.pop(other, None)
                other.close()
            one.close()
