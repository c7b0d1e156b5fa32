"""What doors told of passes, as moments with an interval in which each surely happened (domain.md §9)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa

from cloud_sync.core.books import Company, Moment
from cloud_sync.core.policy import MINUTE_MS
from cloud_sync.store import tables
from cloud_sync.store.asking import ask, ask_set, many, mine
from cloud_sync.store.house import Act
from cloud_sync.store.tables_rules import COMPANY_WORDS

TAKEN, DENIED = "access.taken", "access.denied"
NO_RIGHT_HERE = "Unauthorized"
NIGHT = range(6)  # with the late evening: when nobody would come by chance
NIGHT_FROM = 22
QUARTER_MS = 15 * MINUTE_MS
COMPANY_AFTER_MS = 10 * MINUTE_MS  # a door counts people when it has shut, and a held door shuts late
_EVENT = tables.event
_OF_PASSES = sa.select(
    _EVENT.c.pass_id,
    _EVENT.c.type,
    _EVENT.c.direction,
    _EVENT.c.access_point,
    _EVENT.c.wall_ms,
    _EVENT.c.clock_state,
    _EVENT.c.node,
    _EVENT.c.epoch,
    _EVENT.c.seq,
    _EVENT.c.grant_id,
    _EVENT.c.reason,
    _EVENT.c.stored_ms,
    _EVENT.c.body,
).where(mine(_EVENT), _EVENT.c.pass_id.in_(many("passes")), _EVENT.c.type.in_((TAKEN, DENIED)))
_NAMED = sa.select(_EVENT.c.pass_id).distinct().where(mine(_EVENT), _EVENT.c.pass_id.in_(many("passes")))
_COMPANY = (
    sa.select(_EVENT.c.node, _EVENT.c.grant_id, _EVENT.c.body)
    .where(
        mine(_EVENT),
        sa.text(COMPANY_WORDS),
        _EVENT.c.wall_ms.between(sa.bindparam("since"), sa.bindparam("until")),
    )
    .order_by(_EVENT.c.wall_ms)
)
_BEFORE = (
    sa.select(_EVENT.c.wall_ms)
    .where(
        mine(_EVENT),
        _EVENT.c.node == sa.bindparam("node"),
        _EVENT.c.epoch == sa.bindparam("epoch"),
        _EVENT.c.seq < sa.bindparam("seq"),
        _EVENT.c.clock_state == "TRUSTED",
    )
    .order_by(_EVENT.c.seq.desc())
    .limit(1)
)


class _Body(msgspec.Struct):
    """As much of an event's words as is asked here; a tenth of the time of reading all of them."""

    clock_bound_ms: int = 0
    x: dict[str, int | str] | None = None


_read = msgspec.json.Decoder(_Body).decode


@dataclass(slots=True)
class Seen:
    """One pass at the doors; every list in order of time."""

    entries: list[Moment] = field(default_factory=list)
    outs: list[Moment] = field(default_factory=list)
    refused: list[Moment] = field(default_factory=list)
    company: list[Company] = field(default_factory=list)


class Moments:
    """Reads within one transaction; remembers which quarters of an hour are night."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self._nights: dict[int, bool] = {}

    def of_passes(self, passes: Sequence[str]) -> Mapping[str, Seen]:
        """Whoever was seen at all; in one query for all, but for clocks that were not right."""
        seen: dict[str, Seen] = defaultdict(Seen)
        grants: dict[tuple[str, str], tuple[Seen, Moment]] = {}
        walls: list[int] = []
        rows = sorted(ask(self._act, _OF_PASSES, passes=passes), key=lambda row: (row[0], row[4], row[8]))
        for row in rows:
            _pass, kind, direction, _door, wall_ms, _clock, node, _epoch, _seq, grant, reason, *_ = row
            if kind == DENIED and reason != NO_RIGHT_HERE:
                continue
            moment, held = self._moment(row), seen[_pass]
            if kind == DENIED:
                held.refused.append(moment)
                continue
            (held.outs if direction == "out" else held.entries).append(moment)
            if grant is not None:
                grants[node, grant] = (held, moment)
                walls.append(wall_ms)
        if walls:
            self._company(grants, min(walls), max(walls) + COMPANY_AFTER_MS)
        return seen

    def used(self, passes: Sequence[str]) -> set[str]:
        """Which of these passes any event at all names."""
        return ask_set(self._act, _NAMED, passes=passes) if passes else set()

    def _company(
        self, grants: Mapping[tuple[str, str], tuple[Seen, Moment]], since_ms: int, until_ms: int
    ) -> None:
        """More people than grants, as the door counted them, given to the passage they came with."""
        for node, grant, body in ask(self._act, _COMPANY, since=since_ms, until=until_ms):
            held = grants.get((node, grant))
            counted = _read(body).x or {}
            extra = int(counted.get("people", 0)) - int(counted.get("grants", 1))
            if held is not None and extra > 0:
                held[0].company.append(Company(held[1], extra))

    def _moment(self, row: Sequence[Any]) -> Moment:
        _pass, _kind, _way, door, wall_ms, clock, node, epoch, seq, _grant, _reason, stored_ms, body = row
        ref = f"{node}/{epoch}/{seq}"
        if clock == "UNTRUSTED":
            return Moment(ref, self._known_before(node, epoch, seq), stored_ms, door or "")
        bound_ms = _read(body).clock_bound_ms
        night = self._is_night(wall_ms - bound_ms) and self._is_night(wall_ms + bound_ms)
        return Moment(ref, wall_ms - bound_ms, wall_ms + bound_ms, door or "", night)

    def _known_before(self, node: str, epoch: str, seq: int) -> int:
        """The time of the last event before it whose clock was right: the order of a ledger is certain."""
        found = ask(self._act, _BEFORE, node=node, epoch=epoch, seq=seq)
        return int(found[0][0]) if found else 0

    def _is_night(self, wall_ms: int) -> bool:
        quarter = wall_ms // QUARTER_MS
        if quarter not in self._nights:
            hour = (wall_ms - self._act.house.midnight_ms(wall_ms)) // (60 * MINUTE_MS)
            self._nights[quarter] = hour in NIGHT or hour >= NIGHT_FROM
        return self._nights[quarter]
