"""A guard's tablet with the staff page open: it listens, waits as the page waits, reads the page anew and looks.

What it notes is the text in the page's own HTML, and when that HTML had arrived; drawing it is the browser's affair
and not in these figures.
"""

import html
import re
import threading
import time
from dataclasses import dataclass

import httpx

DELAY_S = 0.08  # the page's own ``delay:80ms`` (templates/staff/queue.html); each news starts it anew
LOOK_AGAIN_S = 10.0  # the page's own ``every 10s``
PARTS = "/staff/parts/queue?lang=en"
_DOOR = re.compile(
    r'id="door-([\w.-]+)".*?class="door-state[^"]*"><span>[^<]*</span> · <span>([^<]*)<', re.DOTALL
)
_CARD = re.compile(r'id="card-.*?<strong>([^<]*)</strong> <span class="place">([^<]*)<(.*?)</li>', re.DOTALL)
_TIMES = re.compile(r"· (\d+) times")


@dataclass(frozen=True, slots=True)
class Look:
    """What the page said from ``at_ms`` (wall clock) on."""

    at_ms: float
    contact: dict[str, str]  # access point → the word for its contact
    times: dict[tuple[str, str], int]  # (what happened, where) → how often, by the cases in the queue


def read_page(text: str, at_ms: float) -> Look:
    """The door list and the queue as they stand in the page."""
    times: dict[tuple[str, str], int] = {}
    for title, place, rest in _CARD.findall(text):
        key = (html.unescape(title), html.unescape(place))
        count = _TIMES.search(rest)
        times[key] = times.get(key, 0) + (int(count[1]) if count else 1)
    contact = {door: html.unescape(word) for door, word in _DOOR.findall(text)}
    return Look(at_ms, contact, times)


class StaffBrowser:
    """``close`` it; ``looks`` grows, oldest first.  ``tablet`` is logged in and stays the caller's."""

    def __init__(self, tablet: httpx.Client) -> None:
        self._tablet = tablet
        self._ended = threading.Event()
        self._news = threading.Event()
        self._open = threading.Event()
        self.looks: list[Look] = []
        self.fault: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), daemon=True)
            for work in (self._listen, self._read)
        ]
        for thread in self._threads:
            thread.start()
        assert self._open.wait(20), f"the staff page's feed did not open ({self.fault})"

    def contact(self, door: str) -> str:
        """What the page says of this door's contact now."""
        assert self.fault is None, f"the staff page is gone: {self.fault!r}"
        return self.looks[-1].contact.get(door, "") if self.looks else ""

    def close(self) -> None:
        self._ended.set()
        self._news.set()

    def _guarded(self, work) -> None:  # type: ignore[no-untyped-def]
        try:
            work()
        except httpx.HTTPError as error:
            if not self._ended.is_set():
                self.fault = error

    def _listen(self) -> None:
        with self._tablet.stream("GET", "/live/staff?lang=en", timeout=httpx.Timeout(20, read=60)) as feed:
            feed.raise_for_status()
            self._open.set()
            for line in feed.iter_lines():
                if self._ended.is_set():
                    return
                if line in ("event: case", "event: door", "event: missed"):
                    self._news.set()

    def _read(self) -> None:
        while not self._ended.is_set():
            self._news.wait(LOOK_AGAIN_S)
            while self._news.is_set():
                self._news.clear()
                time.sleep(DELAY_S)
            if not self._ended.is_set():
                page = self._tablet.get(PARTS).raise_for_status().text
                self.looks.append(read_page(page, time.time_ns() / 1e6))
