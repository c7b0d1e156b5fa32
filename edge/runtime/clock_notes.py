"""The time of day was set: what it was set from and to is a fact of its own, so that whoever reads the times can place them."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from edge.core.clock import ClockStep
from edge.core.events import Fact
from edge.errors import StoreError

CLOCK_SET = "sys.clock"

log = structlog.get_logger()


def no_steps() -> Sequence[ClockStep]:
    """Of a clock that nobody sets."""
    return ()


async def note_steps(steps: Sequence[ClockStep], record: Callable[[Sequence[Fact]], Awaitable[None]]) -> None:
    """Write each down, in milliseconds since 1970; what a full disk does not take is said in the log."""
    for step in steps:
        try:
            await record([Fact(CLOCK_SET, x={"before_ms": step.before_ms, "after_ms": step.after_ms})])
        except StoreError as error:
            log.error("clock_step_not_recorded", by_ms=step.by_ms, why=str(error))
