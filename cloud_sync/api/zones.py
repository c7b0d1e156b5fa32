"""Commands to zones for programs: two sessions of two people, as on the pages."""

from hmac import compare_digest
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import Field

from cloud_sync.api.problems import ProblemRoute
from cloud_sync.api.shapes import Shape
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import Refused
from cloud_sync.ports import SESSION_COOKIE, Accounts
from cloud_sync.ports_zones import ZoneCommands

CSRF_HEADER = "x-csrf-token"

ZoneName = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,58}$")]
CommandId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


class ProposalRequest(Shape):
    op: str = Field(max_length=64, description="What every door of the zone shall do, like lockdown.")
    reason: str = Field(min_length=1, max_length=500, description="Kept with both names.")


class ProposalAnswer(Shape):
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


def zone_router(accounts: Accounts, commands: ZoneCommands) -> APIRouter:
    """Every call needs the session cookie of somebody who may command doors; a call that writes, its token too."""
    router = APIRouter(route_class=ProblemRoute)
    calls = ZoneCalls(accounts, commands)
    router.add_api_route("/api/v1/zones/{zone}/commands", calls.propose, methods=["POST"], status_code=201)
    router.add_api_route("/api/v1/zone-commands/{command_id}", calls.state, methods=["GET"])
    router.add_api_route("/api/v1/zone-commands/{command_id}/second", calls.second, methods=["POST"])
    return router


class ZoneCalls:
    def __init__(self, accounts: Accounts, commands: ZoneCommands) -> None:
        self._accounts = accounts
        self._commands = commands

    def propose(self, zone: ZoneName, wish: ProposalRequest, request: Request) -> ProposalAnswer:
        """Nothing happens at a door before another person has called ``second``, within a minute."""
        actor = self._actor(request, writes=True)
        return ProposalAnswer(id=self._commands.propose(zone, wish.op, actor=actor, reason=wish.reason))

    def second(self, command_id: CommandId, request: Request) -> ZoneCommandAnswer:
        """Sign it for both and send it."""
        self._commands.second(command_id, actor=self._actor(request, writes=True))
        return self._answer(command_id)

    def state(self, command_id: CommandId, request: Request) -> ZoneCommandAnswer:
        self._actor(request, writes=False)
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

    def _actor(self, request: Request, *, writes: bool) -> str:
        token = request.cookies.get(SESSION_COOKIE)
        session = self._accounts.session(token) if token else None
        if session is None:
            raise HTTPException(401, "Log in first; this call needs the session cookie of the pages.")
        if not may(session.user.role, Right.COMMAND_DOOR):
            raise Refused("role.COMMAND_DOOR", f"The role {session.user.role} may not command doors.")
        sent = request.headers.get(CSRF_HEADER, "")
        if writes and not compare_digest(session.csrf.encode(), sent.encode()):
            raise Refused("csrf", f"Send the session's token in the header {CSRF_HEADER}.")
        return session.user.name
