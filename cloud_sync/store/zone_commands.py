"""Commands to zones: proposed by one named person, said again by another, signed with two keys, sent while they live."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.commands import WHY_EXPIRED, CommandState
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import Signer
from cloud_sync.ports_zones import DoorResult, OpenZoneCommand, ZoneCommandView
from cloud_sync.protocol.commands import (
    COMMAND_VERSION,
    EVERY_DOOR,
    OPS,
    TTL_MS,
    ZONE,
    Argument,
    Command,
    encode_command,
    frame,
    signing_bytes,
)
from cloud_sync.store import tables
from cloud_sync.store.commands import ID_BYTES, STAFF_ROLE, check_words, known_op, next_counter
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting
from cloud_sync.store.zones import SqlZones, doors_now

# As long as a door waits for the second person of a lockdown's end (access.md §4.2).
SECOND_WITHIN_MS = 60_000
# A release lets one person in at one door; everything else can be meant for all doors of a zone.
ZONE_OPS = tuple(op for op in OPS if op != "release")
PROPOSED, SENT, OVER, LAPSED = "PROPOSED", "SENT", "OVER", "LAPSED"
_UNHEARD = (CommandState.QUEUED, CommandState.SENT)


class SqlZoneCommands:
    """``ZoneCommands`` and ``ZoneQueue`` of ports_zones.py; every method is one transaction and safe from any thread."""

    def __init__(self, house: House, zones: SqlZones, first: Signer, second: Signer) -> None:
        self._house = house
        self._zones = zones
        self._first = first
        self._second = second

    # --- ZoneCommands -----------------------------------------------------------------------------------------

    def propose(self, zone: str, op: str, *, actor: str, reason: str) -> str:
        check_words(actor, reason)
        if op not in ZONE_OPS:
            raise Refused("command", f"a zone cannot {op!r}; it can {', '.join(ZONE_OPS)}.")
        if not self._zones.get(zone).doors:
            raise Refused("command", f"zone {zone} has no doors.")
        command_id = self._house.randomness(ID_BYTES).hex()
        with acting(self._house, actor, STAFF_ROLE) as act:
            act.insert(
                tables.zone_command,
                id=command_id,
                zone=zone,
                op=op,
                issuer=actor,
                second="",
                reason=reason.strip(),
                kid=self._first.kid,
                ctr=0,
                proposed_ms=act.now_ms,
                iat_ms=0,
                exp_ms=0,
                state=PROPOSED,
                bytes=b"",
            )
            act.note(f"zone.propose.{op}", zone, None, command_id, reason.strip())
        return command_id

    def second(self, command_id: str, *, actor: str) -> None:
        with acting(self._house, actor, STAFF_ROLE) as act:
            row = act.row(tables.zone_command, id=command_id)
            if row is None:
                raise NotFound(f"there is no command {command_id} to a zone.")
            check_words(actor, str(row.reason))
            if person(actor) == person(str(row.issuer)):
                raise Refused("zone.same_person", "another person has to say the same; you proposed it.")
            if _state(row, act.now_ms) != PROPOSED:
                raise Refused(
                    "zone.too_late",
                    f"the command is {_state(row, act.now_ms)}; it cannot be signed any more.",
                )
            self._sign(act, row, actor)

    def state(self, command_id: str) -> ZoneCommandView:
        with reading(self._house.engine).begin() as db:
            act = Act(self._house, db, self._house.clock.now_ms(), "", "")
            row = act.row(tables.zone_command, id=command_id)
            if row is None:
                raise NotFound(f"there is no command {command_id} to a zone.")
            return _view(act, row)

    def recent(self, most: int) -> list[ZoneCommandView]:
        table = tables.zone_command
        newest = (
            sa.select(table)
            .where(table.c.community == self._house.community)
            .order_by(table.c.proposed_ms.desc(), table.c.id)
            .limit(most)
        )
        with reading(self._house.engine).begin() as db:
            act = Act(self._house, db, self._house.clock.now_ms(), "", "")
            return [_view(act, row) for row in db.execute(newest).all()]

    # --- ZoneQueue --------------------------------------------------------------------------------------------

    def open(self) -> list[OpenZoneCommand]:
        with reading(self._house.engine).begin() as db:
            act = Act(self._house, db, self._house.clock.now_ms(), "", "")
            return [
                OpenZoneCommand(row.id, row.zone, row.bytes, row.exp_ms, _silent(act, str(row.id)))
                for row in act.rows(tables.zone_command, state=SENT)
            ]

    def sent(self, command_id: str) -> None:
        self._move(command_id, (CommandState.QUEUED,), state=CommandState.SENT)

    def over(self, command_id: str, now_ms: int) -> None:
        self._move(command_id, _UNHEARD, state=CommandState.EXPIRED, why=WHY_EXPIRED, told_ms=now_ms)
        table = tables.zone_command
        mine = (table.c.community == self._house.community, table.c.id == command_id)
        with self._house.engine.begin() as db:
            db.execute(sa.update(table).where(*mine, table.c.state == SENT).values(state=OVER))

    def _move(self, command_id: str, before: tuple[CommandState, ...], **values: object) -> None:
        """Nothing happens where an answer was quicker."""
        table = tables.zone_result
        mine = (table.c.community == self._house.community, table.c.id == command_id)
        with self._house.engine.begin() as db:
            db.execute(sa.update(table).where(*mine, table.c.state.in_(before)).values(**values))

    # --- within -----------------------------------------------------------------------------------------------

    def _sign(self, act: Act, row: Any, actor: str) -> None:
        command = Command(
            v=COMMAND_VERSION,
            t=self._house.community,
            node=f"{ZONE}{row.zone}",
            door=EVERY_DOOR,
            id=row.id,
            ctr=next_counter(act, self._first.kid),
            iat=act.now_ms,
            exp=act.now_ms + TTL_MS,
            op=known_op(row.op),
            arg=Argument(),
            iss=row.issuer,
            kid=self._first.kid,
            iss2=actor,
            kid2=self._second.kid,
        )
        body = encode_command(command)
        both = self._first.sign(signing_bytes(body)) + self._second.sign(signing_bytes(body))
        act.update(
            tables.zone_command,
            {"id": command.id},
            second=actor,
            kid=command.kid,
            ctr=command.ctr,
            iat_ms=command.iat,
            exp_ms=command.exp,
            state=SENT,
            bytes=frame(body, both),
        )
        for door in doors_now(act, row.zone):
            point = act.row(tables.access_point, access_point=door)
            node = "" if point is None else str(point.node)
            words = {"state": CommandState.QUEUED, "why": "", "mode": ""}
            act.insert(tables.zone_result, id=command.id, access_point=door, node=node, **words)
        act.note(f"zone.second.{row.op}", row.zone, row.issuer, command.id, row.reason)


def person(actor: str) -> str:
    """Who is meant: the same account on the pages and at the service's machine is one person."""
    return actor.removeprefix("cli:").strip().casefold()


def _state(row: Any, now_ms: int) -> str:
    """A proposal nobody joined in time has lapsed, whether or not anybody looked."""
    if row.state == PROPOSED and now_ms - row.proposed_ms > SECOND_WITHIN_MS:
        return LAPSED
    return str(row.state)


def _silent(act: Act, command_id: str) -> tuple[str, ...]:
    rows = act.rows(tables.zone_result, id=command_id)
    return tuple(sorted({str(row.node) for row in rows if row.state in _UNHEARD and row.node}))


def _view(act: Act, row: Any) -> ZoneCommandView:
    results = sorted(act.rows(tables.zone_result, id=row.id), key=lambda one: str(one.access_point))
    return ZoneCommandView(
        id=row.id,
        zone=row.zone,
        op=row.op,
        state=_state(row, act.now_ms),
        issuer=row.issuer,
        second=row.second,
        reason=row.reason,
        proposed_ms=row.proposed_ms,
        issued_ms=row.iat_ms,
        expires_ms=row.exp_ms,
        results=tuple(
            DoorResult(one.access_point, one.node, one.state, one.why, one.mode) for one in results
        ),
    )
