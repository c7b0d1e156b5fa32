"""The time of a run: it stands still until it is moved."""


class SteppedClock:
    """``Clock`` of ports.py for a run that is faster than life."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def move_to(self, now_ms: int) -> None:
        assert now_ms >= self._now_ms, "time does not go back"
        self._now_ms = now_ms
