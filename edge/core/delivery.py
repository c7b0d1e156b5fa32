"""Would this room door open for this pass?  Said before the guest stands there (domain.md §5.6).

A battery lock holds no codes of its own: its node decides and tells it to open.  A pass is delivered to such a door
when the lock itself has answered since the pass arrived; nothing less shows that it would open.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge.core.events import AccessPointId, PassId
from edge.core.passes import Pass, PassState

# Below this the motor may still turn, and nobody knows how often: change it today.
BATTERY_LOW = 15  # percent
# Below this it may answer by radio and no longer move its bolt.
BATTERY_EMPTY = 5
# Of 255.  Below this a Zigbee lock loses every second word and answers late.
SIGNAL_LOW = 40


OPENING = frozenset({PassState.PENDING, PassState.ARMED})


class Receipt(StrEnum):
    READY = "ready"
    WAITING = "waiting"  # the lock's next word is not due yet
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class LockWord:
    """What is known of one lock; times are CLOCK_MONOTONIC."""

    online: bool
    heard_ns: int | None  # its last own word
    jammed: bool
    battery: int | None  # percent
    silence_ns: int  # after this without a word it counts as gone


@dataclass(frozen=True, slots=True)
class Delivery:
    pass_id: PassId
    access_point: AccessPointId
    receipt: Receipt


def receipt(arrived_ns: int, lock: LockWord, now_ns: int) -> Receipt:
    """Whether a pass that arrived then can count on this lock."""
    if lock.jammed or (lock.battery is not None and lock.battery < BATTERY_EMPTY):
        return Receipt.UNREACHABLE
    if lock.online and lock.heard_ns is not None and lock.heard_ns >= arrived_ns:
        return Receipt.READY
    return Receipt.WAITING if now_ns - arrived_ns < lock.silence_ns else Receipt.UNREACHABLE


Arrivals = Mapping[tuple[PassId, int], int]


def arrivals(before: Arrivals, passes: Iterable[Pass], now_ns: int) -> dict[tuple[PassId, int], int]:
    """When each pass arrived in the version it has now; what has left is forgotten."""
    keys = ((row.pass_id, row.pass_version) for row in passes)
    return {key: before.get(key, now_ns) for key in keys}


def deliveries(
    passes: Iterable[Pass], came: Arrivals, locks: Mapping[AccessPointId, LockWord], now_ns: int
) -> Iterator[Delivery]:
    """One for each pass that opens or may come to open, and each door of these in its scope.

    ``came`` is from ``arrivals`` of these passes.
    """
    for row in passes:
        if row.state not in OPENING:
            continue
        arrived_ns = came.get((row.pass_id, row.pass_version), now_ns)
        for access_point in sorted(row.scope & locks.keys()):
            yield Delivery(row.pass_id, access_point, receipt(arrived_ns, locks[access_point], now_ns))


def low(value: int | None, least: int) -> str | None:
    """``low`` or ``ok``; None where it is not known.  The figure itself stays at the node."""
    return None if value is None else "low" if value < least else "ok"
