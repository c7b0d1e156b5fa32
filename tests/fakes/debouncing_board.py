"""A board that debounces as the kernel's software debouncer does: an edge is told once its level has stood still for
the whole period, with the time at which it did (gpiolib-cdev's ``debounce_work_func``)."""

import threading
from datetime import timedelta

from tests.fakes.fake_gpiod import FakeBoard


class DebouncingBoard(FakeBoard):
    """In real time; ``put`` may be called from any thread.  Until told, a line reads as it was before."""

    def __init__(self, chips: dict[str, list[str]]) -> None:
        super().__init__(chips)
        self._raw: dict[str, bool] = {}
        self._timers: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()

    def put(self, line: str, high: bool) -> None:
        with self._lock:
            self._raw[line] = high
            if line in self._timers:
                self._timers.pop(line).cancel()  # it bounced: the period begins anew
            period = self.settings[line].debounce_period if line in self.settings else timedelta()
            timer = threading.Timer(period.total_seconds(), self._settled, (line, high))
            timer.daemon = True
            self._timers[line] = timer
            timer.start()

    def _settled(self, line: str, high: bool) -> None:
        with self._lock:
            if self._raw[line] is high:
                self._timers.pop(line, None)
                FakeBoard.put(self, line, high)
