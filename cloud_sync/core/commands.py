"""The life of a command at the service: which word of a node moves it where (sync.md §8).

An answer is quick and may be late, lost or somebody's guess; an event of the node's ledger is neither.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

WHY_EXPIRED = "x:NoAnswer"


class CommandState(StrEnum):
    QUEUED = "QUEUED"
    SENT = "SENT"
    ACCEPTED = "ACCEPTED"  # written down at the node, about to be carried out
    DONE = "DONE"
    FAILED = "FAILED"  # accepted, and not carried out, or nobody knows
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"  # nobody answered in its time


ENDED = frozenset({CommandState.DONE, CommandState.FAILED, CommandState.REJECTED, CommandState.EXPIRED})
_SILENT = (CommandState.QUEUED, CommandState.SENT, CommandState.EXPIRED)

BY_ANSWER: Mapping[str, CommandState] = MappingProxyType(
    {
        "accepted": CommandState.ACCEPTED,
        "done": CommandState.DONE,
        "failed": CommandState.FAILED,
        "refused": CommandState.REJECTED,
    }
)
BY_EVENT: Mapping[str, CommandState] = MappingProxyType(
    {
        "command.done": CommandState.DONE,
        "command.failed": CommandState.FAILED,
        "command.refused": CommandState.REJECTED,
    }
)
EVENTS = frozenset(BY_EVENT)


def from_answer(after: CommandState) -> tuple[CommandState, ...]:
    """The states an answer may move to ``after``: never back, and never away from a result."""
    return _SILENT if after is CommandState.ACCEPTED else (*_SILENT, CommandState.ACCEPTED)


def from_event(after: CommandState) -> tuple[CommandState, ...]:
    """The states an event may move to ``after``: a result in the ledger outranks a refusal that was only said."""
    refused = (CommandState.REJECTED,) if after is not CommandState.REJECTED else ()
    return (*_SILENT, CommandState.ACCEPTED, *refused)
