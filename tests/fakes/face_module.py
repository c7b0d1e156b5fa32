"""A face module that is no product: a box on loopback TCP that speaks JSON lines, and the driver for it.

The box knows faces by a word that a test says to it (``show``).  It tells what it holds whenever that changes and when
somebody connects.
"""

import json
import os
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass

from edge.core.events import AccessPointId
from edge.ports_io import ModuleSaw

SAW_MAX = 16
RETRY_S = 0.05


class Box:
    """The vendor's side; templates are words that never cross the wire."""

    def __init__(self) -> None:
        self.gallery: dict[str, str] = {}  # id -> face
        self.before_it = ""  # whose face is in front of it
        self._clients: list[socket.socket] = []
        self._lock = threading.Lock()
        self.port = 0
        self.sent: list[str] = []
        self.plug_in()

    def plug_in(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()

    def pull(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        with self._lock:
            for client in self._clients:
                client.shutdown(socket.SHUT_RDWR)
                client.close()
            self._clients.clear()

    def show(self, face: str) -> None:
        """Somebody looks into it."""
        self.before_it = face
        for who, template in list(self.gallery.items()):
            if template == face:
                self._tell({"saw": who, "live": True})

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with self._lock:
                self._clients.append(client)
            self._tell({"held": sorted(self.gallery)})
            threading.Thread(target=self._listen, args=(client,), daemon=True).start()

    def _listen(self, client: socket.socket) -> None:
        try:
            for line in client.makefile():
                asked = json.loads(line)
                if asked["do"] == "enrol" and self.before_it:
                    self.gallery[asked["id"]] = self.before_it
                elif asked["do"] == "erase":
                    self.gallery.pop(asked["id"], None)
                self._tell({"held": sorted(self.gallery)})
        except OSError:
            return

    def _tell(self, what: dict) -> None:
        line = json.dumps(what) + "\n"
        with self._lock:
            self.sent.append(line)
            for client in self._clients:
                client.sendall(line.encode())


@dataclass(frozen=True, slots=True)
class BoxSettings:
    port: int


class BoxModule:
    """The driver: one thread, which connects again by itself and keeps asking for what is to be erased."""

    def __init__(self, settings: BoxSettings) -> None:
        self._port = settings.port
        self._ours: set[str] = set()
        self._erasing: set[str] = set()
        self._saw: deque[ModuleSaw] = deque(maxlen=SAW_MAX)
        self._held: frozenset[str] | None = None
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        return self._event

    def saw(self) -> list[ModuleSaw]:
        with self._lock:
            if self._saw:
                os.eventfd_read(self._event)
            found, self._saw = list(self._saw), deque(maxlen=SAW_MAX)
            return [one for one in found if one.credential in self._ours]

    def enrol(self, credential: str) -> None:
        with self._lock:
            self._ours.add(credential)
            self._erasing.discard(credential)
            self._send("enrol", credential)

    def erase(self, credential: str) -> None:
        with self._lock:
            self._ours.discard(credential)
            self._erasing.add(credential)
            self._send("erase", credential)

    def held(self) -> frozenset[str] | None:
        return self._held

    @property
    def online(self) -> bool:
        return self._socket is not None

    def selftest(self) -> str:
        return "simulated face module, firmware 0, threshold 0 (no product)"

    def close(self) -> None:
        if self._stop.is_set():
            return
        self._stop.set()
        with self._lock:
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(2)
        os.close(self._event)

    def _send(self, do: str, credential: str) -> None:
        if self._socket is not None:
            self._socket.sendall((json.dumps({"do": do, "id": credential}) + "\n").encode())

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=1) as line:
                    line.settimeout(None)
                    self._talk(line)
            except OSError:
                pass  # away; it is tried again
            self._stop.wait(RETRY_S)

    def _talk(self, line: socket.socket) -> None:
        with self._lock:
            self._socket = line
            for credential in sorted(self._erasing):
                self._send("erase", credential)
        try:
            for text in line.makefile():
                self._take(json.loads(text))
        finally:
            with self._lock:
                self._socket, self._held = None, None

    def _take(self, told: dict) -> None:
        with self._lock:
            if "held" in told:
                self._held = frozenset(told["held"])
                self._erasing &= self._held
            elif told["saw"] in self._ours:
                if not self._saw:
                    os.eventfd_write(self._event, 1)
                self._saw.append(ModuleSaw(told["saw"], time.monotonic_ns(), told["live"]))


def open_module(settings: BoxSettings, door: AccessPointId) -> BoxModule:
    return BoxModule(settings)
