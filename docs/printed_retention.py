"""The retention table of docs/privacy.md, printed from the clocks themselves."""

from cloud_sync.core.policy import DAY_MS, PROFILES
from cloud_sync.core.retention import CLOCKS, keep_ms
from docs.printed import table


def clocks() -> str:
    """Every clock with what each profile keeps."""
    names = tuple(PROFILES)
    rows = [
        (
            f"`{clock.name}`",
            *(f"{keep_ms(clock, PROFILES[name]) // DAY_MS} d" for name in names),
            clock.begins,
            clock.then,
            clock.basis,
        )
        for clock in CLOCKS
    ]
    return table(("clock", *(f"`{name}`" for name in names), "begins when", "then", "why"), rows)
