"""How long something lasted, in words."""

from cloud_sync.web.texts import Texts, mark

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
# A span is said in the largest unit of which there are at least two.
UNITS = (
    (DAY_MS, mark("%(n)s d")),
    (HOUR_MS, mark("%(n)s h")),
    (MINUTE_MS, mark("%(n)s min")),
    (SECOND_MS, mark("%(n)s s")),
)


def span(ms: int, say: Texts) -> str:
    """How long, in words that are read at a glance; never less than nothing."""
    left = max(0, ms)
    unit, msgid = next((one for one in UNITS if left >= 2 * one[0]), UNITS[-1])
    return say(msgid, n=left // unit)
