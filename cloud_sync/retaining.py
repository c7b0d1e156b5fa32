"""The night's work: end what has run out, and prove that nothing older is left."""

from collections.abc import Callable, Sequence

import structlog

from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.store.house import House
from cloud_sync.store.retention import Aside, newest_proof, run_retention

# Looked at often, so that a service that was off at night does it when it is back; an idle look is one small query.
RETENTION_EVERY_S = 300.0
NIGHT_MS = 3 * HOUR_MS  # after midnight: the quietest hour of a gate

log = structlog.get_logger()


def newest_night_ms(house: House, now_ms: int) -> int:
    """The newest three o'clock of the community that has begun."""
    night_ms = house.midnight_ms(now_ms) + NIGHT_MS
    return night_ms if night_ms <= now_ms else night_ms - DAY_MS


def retention_work(house: House, asides: Sequence[Aside] = ()) -> Callable[[], bool]:
    """The job; True when this beat was the night's."""

    def work() -> bool:
        now_ms = house.clock.now_ms()
        last_ms = max((line.ran_ms for line in newest_proof(house)), default=0)
        if last_ms >= newest_night_ms(house, now_ms):
            return False
        proof = run_retention(house, asides)
        removed = {line.clock: line.removed for line in proof if line.removed}
        overdue = {line.clock: line.overdue for line in proof if line.overdue}
        log.info("retention_proved", removed=removed, overdue=overdue)
        return True

    return work
