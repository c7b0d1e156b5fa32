"""An authority's server on loopback that behaves as badly as its dice say: real HTTP, and it counts what it took.

``Far`` plays the network and the machine (drop, delay, cut, 5xx, restart, twice); what an answer means is its subclasses'.
"""

import contextlib
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What a request meets, and how often of a hundred; the rest is served as it should be.
BAD_DAY: Mapping[str, int] = {
    "drop_before": 6,  # hung up on, nothing was read
    "drop_after": 6,  # taken, and hung up on
    "cut": 5,  # taken, and half an answer
    "late": 3,  # taken after the caller has gone
    "500_before": 5,
    "500_after": 5,  # taken, and then it fell over
    "wrong": 4,  # taken, and the answer is about somebody else
    "twice": 4,  # the network delivers the request two times
    "garbage": 2,  # taken, and the answer is no language
    "restart": 2,  # the machine is away for the next requests
}
AWAY_REQUESTS = 3  # how many connections find nobody while it restarts
LATE_S = 0.6


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    kind: str = "application/json"


@dataclass
class Dice:
    """One fault or none per request, the same again for the same seed and order."""

    seed: int
    share: Mapping[str, int] = field(default_factory=lambda: dict(BAD_DAY))
    turn: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.met: Counter[str] = Counter()

    def __call__(self) -> str:
        with self.turn:
            roll, fault = self._random.randrange(100), "none"
            for name, share in self.share.items():
                if roll < share:
                    fault = name
                    break
                roll -= share
            self.met[fault] += 1
            return fault

    def chance(self, percent: int) -> bool:
        with self.turn:
            return self._random.randrange(100) < percent


class Far:
    """Serves until ``close``.  ``handle`` is called once for each delivery, under one lock: a server's own transaction."""

    def __init__(self, dice: Callable[[], str], on_request: Callable[[str], None] | None = None) -> None:
        """``on_request`` is told the path and body of every delivery before it is served."""
        self.dice = dice
        self.lock = threading.RLock()
        self.heard: list[bytes] = []
        # Told the document of every record that arrives, before anything is done with it.
        self.on_record: Callable[[str], None] = lambda _document: None
        self._on_request = on_request or (lambda _text: None)
        self._away = 0
        self._stop = threading.Event()
        far = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                far._serve(self, self.rfile.read(int(self.headers.get("content-length") or 0)))

            def do_GET(self) -> None:
                far._serve(self, b"")

            def log_message(self, *_words: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_words: Any) -> None:
                return  # a caller that has gone is no news here

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        raise NotImplementedError

    def wrong(self, reply: Reply) -> Reply:
        """The same answer about somebody else."""
        return Reply(reply.status, b'{"reference": "another"}')

    def close(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # --- the network ------------------------------------------------------------------------------------------------

    def _serve(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        request.close_connection = True
        fault = self._fault()
        if fault in ("drop_before", "restart"):
            _hang_up(request)
        elif fault == "500_before":
            _answer(request, Reply(500, b"not today", "text/plain"))
        else:
            self._served(request, body, fault)

    def _served(self, request: BaseHTTPRequestHandler, body: bytes, fault: str) -> None:
        if fault == "late":
            self._stop.wait(LATE_S)
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self.lock:
            self.heard.append(request.path.encode() + b"\n" + body)
            self._on_request(f"{request.path}\n{body.decode('utf-8', 'replace')}")
            for _ in range(2 if fault == "twice" else 1):
                reply = self.handle(request.command, request.path, headers, body)
        if fault == "drop_after":
            _hang_up(request)
        elif fault == "500_after":
            _answer(request, Reply(500, b"fell over", "text/plain"))
        elif fault == "garbage":
            _answer(request, Reply(200, b"\x00\x01 so it goes", "text/plain"))
        elif fault == "cut":
            _cut(request, reply)
        else:
            _answer(request, self.wrong(reply) if fault == "wrong" else reply)

    def _fault(self) -> str:
        with self.lock:
            if self._away:
                self._away -= 1
                return "restart"
            fault = self.dice()
            if fault == "restart":
                self._away = AWAY_REQUESTS
            return fault


def _answer(request: BaseHTTPRequestHandler, reply: Reply) -> None:
    with contextlib.suppress(OSError):
        request.send_response(reply.status)
        request.send_header("content-type", reply.kind)
        request.send_header("content-length", str(len(reply.body)))
        request.send_header("connection", "close")
        request.end_headers()
        request.wfile.write(reply.body)


def _cut(request: BaseHTTPRequestHandler, reply: Reply) -> None:
    """As many bytes as half, under a head that promises all."""
    with contextlib.suppress(OSError):
        request.send_response(reply.status)
        request.send_header("content-length", str(len(reply.body)))
        request.end_headers()
        request.wfile.write(reply.body[: len(reply.body) // 2])
        _hang_up(request)


def _hang_up(request: BaseHTTPRequestHandler) -> None:
    with contextlib.suppress(OSError):
        request.connection.shutdown(socket.SHUT_RDWR)


def scripted(faults: Sequence[str]) -> Callable[[], str]:
    """These faults in this order, and then none."""
    left = list(faults)
    turn = threading.Lock()

    def dice() -> str:
        with turn:
            return left.pop(0) if left else "none"

    return dice
