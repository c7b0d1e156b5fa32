"""What became of commands, as nodes tell it: quickly by their answers, for certain by their events."""

from collections.abc import Sequence

from cloud_sync.core.commands import BY_ANSWER, BY_EVENT, EVENTS, CommandState, from_answer, from_event
from cloud_sync.protocol.messages import CmdAck
from cloud_sync.store.sink_db import SinkDb
from cloud_sync.store.sink_epoch import NewEvent

_TELL = """
update command set state = ?, why = ?, mode = ?, told_ms = ?
where community = ? and node = ? and id = ? and state in ({states})
"""

# Of a zone's command every door has its own result; a node that has no door there answers for all it was thought to have.
_TELL_DOOR = """
update zone_result set state = ?, why = ?, mode = ?, told_ms = ?
where community = ? and node = ? and id = ? and ? in ('*', access_point) and state in ({states})
"""


class CommandResults:
    """Writes for one sink transaction; a node is believed about its own commands only."""

    def __init__(self, db: SinkDb, community: str, now_ms: int) -> None:
        self._db = db
        self._community = community
        self._now_ms = now_ms

    def answered(self, node: str, answer: CmdAck) -> None:
        state = BY_ANSWER[answer.state]
        self._tell(node, answer.id, state, answer.why, answer.mode, from_answer(state), answer.door)

    def happened(self, events: Sequence[NewEvent]) -> None:
        """Events of the node's ledger: what they say stands, whatever an answer said before."""
        for event in events:
            body = event.body
            if body is None or body.type not in EVENTS or not body.x:
                continue
            state = BY_EVENT[body.type]
            command_id = str(body.x.get("cmd", ""))
            door = (body.access_point or "*") if "zone" in body.x else ""
            before = from_event(state)
            self._tell(event.node, command_id, state, body.reason or "", body.mode or "", before, door)

    def _tell(
        self,
        node: str,
        command_id: str,
        state: CommandState,
        why: str,
        mode: str,
        before: Sequence[str],
        door: str,
    ) -> None:
        """``door``: of a zone's command, which of its doors; empty for a command to one."""
        marks = ",".join("?" * len(before))
        key = (self._community, node, command_id, *((door,) if door else ()))
        statement = (_TELL_DOOR if door else _TELL).format(states=marks)
        self._db.execute(statement, (state, why, mode, self._now_ms, *key, *before))
