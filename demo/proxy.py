"""A cable that can be pulled, shaken and made long: a TCP proxy between one node and the broker, on loopback.

Cut, it refuses new connections and freezes the old ones (a black hole, not a polite goodbye); mended, the frozen
ones are dropped and the node comes back by itself.  ``slow`` delays what passes and now and then holds it back as a
lost segment would: TCP loses nothing, it is late.  ``reset`` ends every connection with RST.
"""

import heapq
import random
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

CHUNK = 65_536
LOOK_S = 0.1
FREEZES_WITHIN_S = 10.0  # twice what a send and a connection may take at most
WAITING_MAX = 1_000_000  # bytes on their way through a long cable; more is not read, as by a full window
RST_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: what is closed is reset


@dataclass(frozen=True, slots=True)
class Line:
    """How a long cable behaves: seconds one way, and how often a chunk is sent once more after ``again_s``."""

    delay_s: float = 0.0
    lost: float = 0.0
    again_s: float = 0.3


@dataclass(slots=True)
class End:
    """One side of a connection, and what is on its way to it."""

    other: socket.socket
    due: list[tuple[float, int, bytes]] = field(default_factory=list)
    last_s: float = 0.0
    waiting: int = 0


class Cable:
    """One thread; a connection is a pair of sockets."""

    def __init__(self, to_port: int, seed: int = 0) -> None:
        self._to_port = to_port
        self._dice = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._ends: dict[socket.socket, End] = {}
        self._line = Line()
        self._n = 0
        self._cut = threading.Event()
        self._frozen = threading.Event()
        self._reset = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cable", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Nothing passes any more when this returns; what the thread was handing on just then has arrived."""
        self._frozen.clear()
        self._cut.set()
        if not self._frozen.wait(FREEZES_WITHIN_S):
            raise TimeoutError("the cable's thread did not stop passing bytes on")

    def mend(self) -> None:
        self._cut.clear()

    def reset(self) -> None:
        """Every connection of this moment ends with RST, within a tenth of a second."""
        self._reset.set()

    def slow(self, line: Line) -> None:
        """From now on everything takes this long; ``Line()`` is a short cable again."""
        self._line = line

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2)

    def _run(self) -> None:
        frozen = False
        while not self._stop.is_set():
            if self._cut.is_set():
                frozen = True
                self._frozen.set()
                self._stop.wait(LOOK_S)
                continue
            if frozen:
                frozen = False
                self._drop(list(self._ends))
            if self._reset.is_set():
                self._reset.clear()
                self._rst()
            self._pass_on()
        self._drop(list(self._ends))
        self._listener.close()

    def _pass_on(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            for one, end in self._ends.items():
                if self._ends[end.other].waiting < WAITING_MAX:
                    selector.register(one, selectors.EVENT_READ)
            for key, _ in selector.select(self._wait_s()):
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._ends:
                    self._read(key.fileobj)
        for one in list(self._ends):
            if one in self._ends:
                self._deliver(one)

    def _wait_s(self) -> float:
        soonest = min((end.due[0][0] for end in self._ends.values() if end.due), default=None)
        return LOOK_S if soonest is None else max(0.0, min(LOOK_S, soonest - time.monotonic()))

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
        near.settimeout(2)
        for one in (near, far):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ends |= {near: End(far), far: End(near)}

    def _read(self, source: socket.socket) -> None:
        try:
            data = source.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            self._drop([source])
            return
        line, to = self._line, self._ends[self._ends[source].other]
        again_s = line.again_s if self._dice.random() < line.lost else 0.0
        to.last_s = max(
            to.last_s, time.monotonic() + line.delay_s + again_s
        )  # a stream never overtakes itself
        self._n += 1
        heapq.heappush(to.due, (to.last_s, self._n, data))
        to.waiting += len(data)

    def _deliver(self, one: socket.socket) -> None:
        end = self._ends[one]
        while end.due and end.due[0][0] <= time.monotonic():
            _, _, data = heapq.heappop(end.due)
            end.waiting -= len(data)
            try:
                one.sendall(data)
            except OSError:
                self._drop([one])
                return

    def _rst(self) -> None:
        for one in self._ends:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        self._drop(list(self._ends))

    def _drop(self, ends: list[socket.socket]) -> None:
        for one in ends:
            end = self._ends.pop(one, None)
            if end is not None:
                self._ends.pop(end.other, None)
                end.other.close()
            one.close()
