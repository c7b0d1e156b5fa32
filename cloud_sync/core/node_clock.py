"""By how much a node's clock is off, as its hellos show it by the service's own clock (access.md §8)."""

OFF_MOST_MS = 10_000


def off_ms(heard_ms: int, before_ms: int | None) -> int | None:
    """What is certain after one more hello; both are a hello's time of day less ours, of the newest and the one before.

    A hello cannot come before it was said, so a clock that is ahead is ahead by at least that.  One that seems behind
    may only have travelled long; two that say so are believed as far as they agree.
    """
    if heard_ms >= 0:
        return heard_ms
    return None if before_ms is None else max(heard_ms, min(before_ms, 0))


def is_off(off: int | None) -> bool:
    """Whether somebody has to be told."""
    return off is not None and abs(off) > OFF_MOST_MS
