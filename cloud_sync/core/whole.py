"""Whether a number counted from what the doors told is whole, or says less than happened (sync.md §3.7)."""

# A node says hello every 30 s, and each hello moves what is complete; three missed are no delay any more.
LATE_MS = 90_000


def is_late(drained_through_ms: int, now_ms: int) -> bool:
    """True when what this node recorded after ``drained_through_ms`` may not be here: numbers are not whole."""
    return now_ms - drained_through_ms > LATE_MS
