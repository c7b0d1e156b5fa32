"""A board with GPIO chips in memory: the part of gpiod 2's ``Chip`` and ``LineRequest`` our drivers use.

Settings, values and events are gpiod's own types.  Levels are physical: active_low turns them, as the kernel does.
It does not debounce; what the driver asked for is kept in ``settings`` so that a test can look.
"""

import errno
import os
import time
from collections import deque
from collections.abc import Iterable

import gpiod
from gpiod.line import Direction, Value


class FakeBoard:
    """``monkeypatch.setattr(gpiod, "Chip", board.chip)``."""

    def __init__(self, chips: dict[str, list[str]]) -> None:
        self.chips = chips
        self.high: dict[str, bool] = {}
        self.history: list[tuple[str, bool]] = []  # every physical move of an output
        self.holders: dict[str, FakeRequest] = {}
        self.settings: dict[str, gpiod.LineSettings] = {}
        self.broken: set[str] = set()  # lines whose output does not follow

    def chip(self, path: str) -> "FakeChip":
        if path not in self.chips:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return FakeChip(self, path)

    def put(self, line: str, high: bool) -> None:
        """Move a physical input level from outside."""
        changed = self.high.get(line, False) != high
        self.high[line] = high
        if changed and line in self.holders:
            self.holders[line].event(line, high)

    def drive(self, line: str, high: bool) -> None:
        if line not in self.broken and self.high.get(line) != high:
            self.high[line] = high
            self.history.append((line, high))


class FakeChip:
    def __init__(self, board: FakeBoard, path: str) -> None:
        self.board, self.path, self.open = board, path, True

    def __enter__(self) -> "FakeChip":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.open = False

    def line_offset_from_id(self, name: str) -> int:
        assert self.open
        try:
            return self.board.chips[self.path].index(name)
        except ValueError:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT)) from None

    def request_lines(
        self,
        config: dict[str, gpiod.LineSettings],
        consumer: str | None = None,
        event_buffer_size: int | None = None,
    ) -> "FakeRequest":
        offsets = {line: self.line_offset_from_id(line) for line in config}
        if any(line in self.board.holders for line in config):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return FakeRequest(self.board, config, offsets)


class FakeRequest:
    def __init__(
        self, board: FakeBoard, config: dict[str, gpiod.LineSettings], offsets: dict[str, int]
    ) -> None:
        self.board, self.config, self.offsets_by_name = board, config, offsets
        self.events: deque[gpiod.EdgeEvent] = deque()
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_SEMAPHORE)
        self.released = False
        for line, settings in config.items():
            board.holders[line] = self
            board.settings[line] = settings
            if settings.direction is Direction.OUTPUT:
                board.drive(line, self._physical(line, settings.output_value))

    def __bool__(self) -> bool:
        return not self.released

    def _physical(self, line: str, value: Value) -> bool:
        return bool(value) != self.config[line].active_low

    def set_value(self, line: str, value: Value) -> None:
        self._check()
        assert self.config[line].direction is Direction.OUTPUT
        self.board.drive(line, self._physical(line, value))

    def set_values(self, values: dict[str, Value]) -> None:
        for line, value in values.items():
            self.set_value(line, value)

    def get_value(self, line: str) -> Value:
        return self.get_values([line])[0]

    def get_values(self, lines: Iterable[str] | None = None) -> list[Value]:
        self._check()
        return [
            Value.ACTIVE
            if self.board.high.get(line, False) != self.config[line].active_low
            else Value.INACTIVE
            for line in (lines or self.config)
        ]

    def event(self, line: str, high: bool) -> None:
        rising = high != self.config[line].active_low
        kind = gpiod.EdgeEvent.Type.RISING_EDGE if rising else gpiod.EdgeEvent.Type.FALLING_EDGE
        number = len(self.events) + 1
        self.events.append(
            gpiod.EdgeEvent(kind.value, time.monotonic_ns(), self.offsets_by_name[line], number, number)
        )
        os.eventfd_write(self.fd, 1)

    def wait_edge_events(self, timeout: float | None = None) -> bool:
        self._check()
        assert timeout == 0, "waiting here would hold up every door"
        return bool(self.events)

    def read_edge_events(self, max_events: int | None = None) -> list[gpiod.EdgeEvent]:
        self._check()
        assert self.events, "the real call would wait"
        taken = []
        while self.events:
            os.eventfd_read(self.fd)
            taken.append(self.events.popleft())
        return taken

    def release(self) -> None:
        if not self.released:
            self.released = True
            for line in self.config:
                del self.board.holders[line]
            os.close(self.fd)

    def _check(self) -> None:
        if self.released:
            raise gpiod.exception.RequestReleasedError
