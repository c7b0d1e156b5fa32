"""Waiting for something to become true, never for a time to pass."""

from collections.abc import Callable
from threading import Event
from time import monotonic

_PAUSE = Event()


def eventually(condition: Callable[[], object], *, within_s: float = 90.0, what: str = "") -> None:
    """Return as soon as ``condition`` holds; fail with ``what`` when it never does."""
    deadline = monotonic() + within_s
    while not condition():
        assert monotonic() < deadline, what or "it never became true"
        _PAUSE.wait(0.02)
