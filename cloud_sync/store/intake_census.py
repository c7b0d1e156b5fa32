"""Files of a census: how many dwellings there are, how many let rooms, how many of these are registered, day by day."""

from collections.abc import Mapping
from datetime import date

from cloud_sync.ports import RowAnswer
from cloud_sync.store.census import COUNT_MAX, CensusWish, take_census
from cloud_sync.store.house import Act
from cloud_sync.store.imports import Form
from cloud_sync.store.rows import RowFault, needed_in, number_in

COUNTS = ("households", "operating", "registered")


def _census(act: Act, line: int, cells: Mapping[str, str]) -> RowAnswer:
    day = needed_in(cells, "as_of")
    try:
        as_of = date.fromisoformat(day)
    except ValueError:
        raise RowFault("as_of is not a day such as 2026-01-31") from None
    counts = [number_in(cells, name, 0, COUNT_MAX) for name in COUNTS]
    if counts != sorted(counts, reverse=True):
        raise RowFault("registered is at most operating, and operating at most households")
    return take_census(act, line, CensusWish(as_of, *counts))


CENSUS = Form(needed=("as_of", *COUNTS), optional=(), personal=frozenset(), key=("as_of",), take=_census)
