"""The retention table of docs/privacy.md, printed from the clocks themselves."""

from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.retention import CLOCKS, keep_ms
from cloud_sync.jurisdictions import policy_of
from docs.printed import table


def clocks() -> str:
    """Every clock with what each profile keeps."""
    profiles = {name: policy_of(name) for name in ("cn-default", "cn-sc-cd")}
    rows = [
        (
            f"`{clock.name}`",
            *(f"{keep_ms(clock, profiles[name]) // DAY_MS} d" for name in profiles),
            clock.begins,
            clock.then,
            clock.basis,
        )
        for clock in CLOCKS
    ]
    return table(("clock", *(f"`{name}`" for name in profiles), "begins when", "then", "why"), rows)
