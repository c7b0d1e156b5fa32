"""A written line as the body of an event on the bus: the pass put where the guest was named, the clock as the node had it.

The files name guests by booking and place in the party, for passes are made by the service that takes the bookings in.
Whoever plays a run looks the passes up there and numbers the lines as they stand.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

# In: a line's ``who`` ("source external_ref member", or a resident's or staff member's reference).
# Out: pass, its version and the pseudonym on it; None when the service knows none.
PassOf = Callable[[str], tuple[str, int, str] | None]

AS_THEY_ARE = (
    "type",
    "access_point",
    "direction",
    "door_result",
    "contact",
    "class",
    "credential_kind",
    "grant_id",
    "decision",
    "reason",
    "actor",
    "pad",
)
BOUND_MS = {"TRUSTED": 50, "HOLDOVER": 5_000, "UNTRUSTED": 2**31}
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


def body_of(line: Mapping[str, Any], *, boot_id: str, booted_ms: int, pass_of: PassOf) -> dict[str, object]:
    """The members of an event's body (access.md §10); ``booted_ms`` is when the node began to count, since 1970."""
    clock = line.get("clock_state", "TRUSTED")
    wall = _1970 + timedelta(milliseconds=line.get("wall", line["at"]))
    body: dict[str, object] = {name: line[name] for name in AS_THEY_ARE if name in line}
    body |= {
        "boot_id": boot_id,
        "mono_ms": max(0, line["at"] - booted_ms),
        "wall": f"{wall:%Y-%m-%dT%H:%M:%S}.{wall.microsecond // 1000:03}Z",
        "clock_state": clock,
        "clock_bound_ms": BOUND_MS[clock],
    }
    x: dict[str, int | str] = dict(line.get("x", {}))
    held = pass_of(line["who"]) if "who" in line else None
    if held is not None:
        body["pass_id"], body["pass_version"], body["subject_ref"] = held
    host = pass_of(line["host"]) if "host" in line else None
    if host is not None:
        x["host"] = host[2]  # the pseudonym of whom they belong to
    if x:
        body["x"] = x
    return body
