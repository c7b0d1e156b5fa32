"""A platform's calendar server on loopback: conditional answers, and every way of being rude."""

import threading
from collections.abc import Sequence
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Peer//EN\r\n"
TAIL = "END:VCALENDAR\r\n"


def event(uid: str, begins: date, ends: date, *, sequence: int = 0, **more: str) -> str:
    """One entry of whole days, as platforms write them."""
    lines = [
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20260401T000000Z",
        f"DTSTART;VALUE=DATE:{begins:%Y%m%d}",
        f"DTEND;VALUE=DATE:{ends:%Y%m%d}",
        f"SEQUENCE:{sequence}",
        *(f"{name}:{value}" for name, value in more.items()),
        "END:VEVENT",
    ]
    return "\r\n".join(lines) + "\r\n"


def calendar(events: Sequence[str]) -> bytes:
    return (HEAD + "".join(events) + TAIL).encode()


class CalendarPeer:
    """``page`` is what it has now; ``fault`` makes the next answers something else."""

    def __init__(self) -> None:
        self.page = calendar([])
        self.fault = ""  # error | huge | drip | redirect | html
        self.asked: list[int] = []  # the status of every answer
        self._let_go = threading.Event()
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                peer.answer(self)

            def log_message(self, *_words: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/room.ics?s=secret-of-the-calendar"

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        tag = f'"{abs(hash(self.page))}"'
        status = {"error": 500, "redirect": 302}.get(self.fault, 200)
        if not self.fault and to.headers.get("If-None-Match") == tag:
            status = 304
        self.asked.append(status)
        to.send_response(status)
        if status == 304:
            to.end_headers()
            return
        data = {"huge": b"x" * 2_000_000, "html": b"<html>log in</html>"}.get(self.fault, self.page)
        to.send_header("ETag", tag)
        to.send_header("Content-Length", str(len(data)))
        to.end_headers()
        if self.fault == "drip":
            to.wfile.write(data[:1])
            self._let_go.wait(30)
            return
        try:
            to.wfile.write(data)
        except OSError:
            return  # whoever asked has had enough

    def close(self) -> None:
        self._let_go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
