"""After five wrong passwords or codes for a name, a doubling wait: bounded, and forgotten at restart."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

FREE_FAILURES = 5  # a person mistypes a few times
WAIT_FIRST_MS = 30_000
WAIT_MOST_MS = 15 * 60_000
NAMES_WATCHED_MAX = 1_000  # names that failed lately; a flood of new ones pushes the oldest out


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    until_ms: int


class Brake:
    def __init__(self) -> None:
        self._held: OrderedDict[str, _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, name: str, now_ms: int) -> bool:
        with self._lock:
            held = self._held.get(name)
            return held is not None and now_ms < held.until_ms

    def failed(self, name: str, now_ms: int) -> None:
        with self._lock:
            count = self._held.pop(name, _Failures(0, 0)).count + 1
            over = count - FREE_FAILURES
            wait_ms = min(WAIT_MOST_MS, WAIT_FIRST_MS * 2 ** min(over, 10)) if over >= 0 else 0
            self._held[name] = _Failures(count, now_ms + wait_ms)
            while len(self._held) > NAMES_WATCHED_MAX:
                self._held.popitem(last=False)

    def succeeded(self, name: str) -> None:
        with self._lock:
            self._held.pop(name, None)
