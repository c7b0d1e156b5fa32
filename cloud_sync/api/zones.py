"""Commands to zones for programs: two sessions of two people, as on the pages."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field

from cloud_sync.api.callers import Callers
from cloud_sync.api.describing import Says, Who, add
from cloud_sync.api.shapes import LINE, Shape, Wish, shown
from cloud_sync.core.roles import Right
from cloud_sync.ports_zones import ZoneCommands

ZoneName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,58}$")]
CommandId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


class ProposalRequest(Wish):
    model_config = shown(op="lockdown", reason="smoke in the hall")

    op: str = Field(
        max_length=64, pattern=LINE, description="What every door of the zone shall do, like lockdown."
    )
    reason: str = Field(min_length=1, max_length=500, pattern=LINE, description="Kept with both names.")


class ProposalAnswer(Shape):
    model_config = shown(id="00112233445566ff")

    id: str


class DoorAnswer(Shape):
    access_point: str
    node: str
    state: str
    why: str
    mode: str


class ZoneCommandAnswer(Shape):
    """``state``: PROPOSED, LAPSED, SENT or OVER; ``ended`` once every door has its result."""

    id: str
    zone: str
    op: str
    state: str
    ended: bool
    did: int
    refused: int
    failed: int
    silent: int
    open: int
    doors: tuple[DoorAnswer, ...]


def zone_router(callers: Callers, commands: ZoneCommands) -> APIRouter:
    """Every call needs somebody who may command doors; the second signature is a person's, logged in."""
    router = APIRouter(route_class=callers.route, prefix="/api/v1")
    calls = ZoneCalls(callers, commands)
    needs = Right.COMMAND_DOOR
    propose = Says("Propose a command to a zone", "zones", Who.WRITER, (404,), status=201, needs=needs)
    add(router, "POST", "/zones/{zone}/commands", calls.propose, propose)
    look = Says("How a command to a zone stands", "zones", Who.READER, (404,), needs=needs)
    add(router, "GET", "/zone-commands/{command_id}", calls.state, look)
    second = Says(
        "Sign a command as the second person, and send it", "zones", Who.PERSON, (404,), needs=needs
    )
    add(router, "POST", "/zone-commands/{command_id}/second", calls.second, second)
    return router


class ZoneCalls:
    def __init__(self, callers: Callers, commands: ZoneCommands) -> None:
        self._callers = callers
        self._commands = commands

    def propose(self, zone: ZoneName, wish: ProposalRequest, request: Request) -> ProposalAnswer:
        """Nothing happens at a door before another person has called ``second``, within a minute."""
        caller = self._callers.writes(request, Right.COMMAND_DOOR)
        made = self._commands.propose(zone, wish.op, actor=caller.user.name, reason=wish.reason)
        return ProposalAnswer(id=made)

    def second(self, command_id: CommandId, request: Request) -> ZoneCommandAnswer:
        """Sign it for both and send it."""
        caller = self._callers.writes(request, Right.COMMAND_DOOR, person=True)
        self._commands.second(command_id, actor=caller.user.name)
        return self._answer(command_id)

    def state(self, command_id: CommandId, request: Request) -> ZoneCommandAnswer:
        """What became of it at every door."""
        self._callers.reads(request, Right.COMMAND_DOOR)
        return self._answer(command_id)

    def _answer(self, command_id: str) -> ZoneCommandAnswer:
        view = self._commands.state(command_id)
        tally = view.tally
        return ZoneCommandAnswer(
            id=view.id,
            zone=view.zone,
            op=view.op,
            state=view.state,
            ended=view.ended,
            did=tally.did,
            refused=tally.refused,
            failed=tally.failed,
            silent=tally.silent,
            open=tally.open,
            doors=tuple(DoorAnswer.model_validate(one) for one in view.results),
        )
