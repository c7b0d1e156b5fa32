"""From a driver's thread to gate-io's timing thread: items and a descriptor that is readable while there are some."""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Outbox(Generic[T]):
    """``put`` from any thread, ``take`` from one; neither waits for longer than the other's few instructions.

    ``crowded`` says which items to keep when more than ``most`` lie there.
    """

    def __init__(self, most: int, crowded: Callable[[list[T]], list[T]] | None = None) -> None:
        self._most = most
        self._crowded = crowded or (lambda items: items[-most:])
        self._items: list[T] = []
        self._lock = threading.Lock()
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        return self._fd

    def put(self, items: Iterable[T]) -> None:
        with self._lock:
            if self._fd < 0:
                return
            had = len(self._items)
            self._items += items
            if len(self._items) > self._most:
                self._items = self._crowded(self._items)
            if self._items and not had:
                os.eventfd_write(self._fd, 1)

    def take(self) -> list[T]:
        """Everything, oldest first; the descriptor is quiet afterwards."""
        with self._lock:
            items, self._items = self._items, []
            if items and self._fd >= 0:
                os.eventfd_read(self._fd)
        return items

    def close(self) -> None:
        """Nothing is put after this; repeatable."""
        with self._lock:
            self._items = []
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
