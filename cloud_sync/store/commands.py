"""Commands to doors: issued by a named person with a reason, signed once, kept for ever, followed to their end."""

from typing import Any

import sqlalchemy as sa

from cloud_sync.core.commands import WHY_EXPIRED, CommandState
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports import Signer
from cloud_sync.ports_commands import CommandView, OpenCommand
from cloud_sync.protocol.commands import (
    COMMAND_VERSION,
    OPS,
    TTL_MS,
    Argument,
    Command,
    Op,
    encode_command,
    frame,
    signing_bytes,
)
from cloud_sync.store import tables
from cloud_sync.store.engine import reading
from cloud_sync.store.house import Act, House, acting

STAFF_ROLE = "staff"
ACTOR_MAX = 64  # what the wire has room for
REASON_MAX = 500
ID_BYTES = 8
VISITOR = "class=visitor"
# Nothing opens by these: all that a door unsure of the time obeys.
LOCK_TYPE = frozenset({"lock", "block", "lockdown"})


class SqlCommands:
    """``Commands`` and ``CommandQueue`` of ports_commands.py; every method is one transaction and safe from any thread."""

    def __init__(self, house: House, signer: Signer) -> None:
        self._house = house
        self._signer = signer

    # --- Commands ---------------------------------------------------------------------------------------------

    def issue(self, door: str, op: str, *, actor: str, reason: str, arg: str = "") -> str:
        """Sign it and keep it; the driver sends it within a moment.  Returns its id.

        Raises:
            Refused: no reason or no actor, an op or argument this door does not take, or its node is unsure of the time.
            NotFound: no such door.
        """
        check_words(actor, reason)
        with acting(self._house, actor, STAFF_ROLE) as act:
            point = act.row(tables.access_point, access_point=door)
            if point is None:
                raise NotFound(f"there is no access point {door}.")
            argument = _argument(point, op, arg)
            command = self._command(act, point, known_op(op), argument)
            self._keep(act, command, arg, reason.strip())
            act.note(f"command.{op}", door, None, command.id, reason.strip())
        return command.id

    def state(self, command_id: str) -> CommandView:
        table = tables.command
        mine = (table.c.community == self._house.community, table.c.id == command_id)
        with reading(self._house.engine).connect() as db:
            row = db.execute(sa.select(table).where(*mine)).one_or_none()
        if row is None:
            raise NotFound(f"there is no command {command_id}.")
        return CommandView(
            id=row.id,
            node=row.node,
            access_point=row.access_point,
            op=row.op,
            state=row.state,
            why=row.why,
            issued_ms=row.iat_ms,
            expires_ms=row.exp_ms,
        )

    # --- CommandQueue -----------------------------------------------------------------------------------------

    def open(self, now_ms: int) -> list[OpenCommand]:
        """Everything not yet at its end, oldest first; what was accepted only while it lives."""
        table = tables.command
        waiting = table.c.state.in_((CommandState.QUEUED, CommandState.SENT))
        owed = (table.c.state == CommandState.ACCEPTED) & (table.c.exp_ms > now_ms)
        found = (
            sa.select(table)
            .where(table.c.community == self._house.community, waiting | owed)
            .order_by(table.c.ctr)
        )
        with reading(self._house.engine).connect() as db:
            rows = db.execute(found).all()
        return [
            OpenCommand(row.id, row.node, row.bytes, row.exp_ms, row.state == CommandState.ACCEPTED)
            for row in rows
        ]

    def sent(self, command_id: str, now_ms: int) -> None:
        self._move(command_id, (CommandState.QUEUED,), state=CommandState.SENT, sent_ms=now_ms)

    def expired(self, command_id: str, now_ms: int) -> None:
        before = (CommandState.QUEUED, CommandState.SENT)
        self._move(command_id, before, state=CommandState.EXPIRED, why=WHY_EXPIRED, told_ms=now_ms)

    def _move(self, command_id: str, before: tuple[CommandState, ...], **values: object) -> None:
        """Nothing happens when an answer was quicker."""
        table = tables.command
        mine = (table.c.community == self._house.community, table.c.id == command_id)
        with self._house.engine.begin() as db:
            db.execute(sa.update(table).where(*mine, table.c.state.in_(before)).values(**values))

    # --- within -----------------------------------------------------------------------------------------------

    def _command(self, act: Act, point: Any, op: Op, argument: Argument) -> Command:
        return Command(
            v=COMMAND_VERSION,
            t=self._house.community,
            node=point.node,
            door=point.access_point,
            id=self._house.randomness(ID_BYTES).hex(),
            ctr=next_counter(act, self._signer.kid),
            iat=act.now_ms,
            exp=act.now_ms + TTL_MS,
            op=op,
            arg=argument,
            iss=act.actor,
            kid=self._signer.kid,
            nonce=_nonce(act, point.node, op),
        )

    def _keep(self, act: Act, command: Command, arg: str, reason: str) -> None:
        body = encode_command(command)
        act.insert(
            tables.command,
            id=command.id,
            node=command.node,
            access_point=command.door,
            op=command.op,
            arg=arg,
            issuer=command.iss,
            reason=reason,
            kid=command.kid,
            ctr=command.ctr,
            iat_ms=command.iat,
            exp_ms=command.exp,
            state=CommandState.QUEUED,
            why="",
            mode="",
            bytes=frame(body, self._signer.sign(signing_bytes(body))),
        )


def next_counter(act: Act, kid: str) -> int:
    """Rising with the clock, so that a database restored from a backup does not count anew what nodes have seen."""
    newest = 0
    for table in (tables.command, tables.zone_command):
        mine = (table.c.community == act.house.community, table.c.kid == kid)
        found: int | None = act.connection.execute(sa.select(sa.func.max(table.c.ctr)).where(*mine)).scalar()
        newest = max(newest, found or 0)
    return max(act.now_ms, newest + 1)


def check_words(actor: str, reason: str) -> None:
    if not actor.strip() or len(actor) > ACTOR_MAX:
        raise Refused("command", f"a command needs a named person, with at most {ACTOR_MAX} characters.")
    if not reason.strip() or len(reason) > REASON_MAX:
        raise Refused("command", f"a command needs a reason, with at most {REASON_MAX} characters.")


def known_op(text: str) -> Op:
    for op in OPS:
        if op == text:
            return op
    raise Refused("command", f"a door cannot {text!r}; it can {', '.join(OPS)}.")


def _argument(point: Any, op: str, arg: str) -> Argument:
    """A visitor is let in at the gate and nowhere else (domain.md §2)."""
    if not arg:
        return Argument()
    if arg != VISITOR or op != "release":
        raise Refused("command", f"{op} does not take the argument {arg!r}; release takes {VISITOR}.")
    if point.kind != "gate":
        raise Refused(
            "command", f"a visitor is let in at a gate; {point.access_point} is a {point.kind} door."
        )
    return Argument(class_="visitor")


def _nonce(act: Act, node: str, op: Op) -> str:
    """Of the node's last hello, where its clock cannot be trusted to judge the time."""
    told = act.row(tables.node_state, node=node)
    if told is None or told.clock_state == "TRUSTED":
        return ""
    if told.clock_state == "UNTRUSTED" and op not in LOCK_TYPE:
        raise Refused(
            "command",
            f"node {node} is not sure of the time; until it is, it can only {' or '.join(sorted(LOCK_TYPE))}.",
        )
    return told.nonce or ""
