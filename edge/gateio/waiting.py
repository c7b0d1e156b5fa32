"""Commands whose answer is still on its way: a lock behind a bus was asked and has not told yet."""

from dataclasses import dataclass

from edge.core.events import AccessPointId
from edge.gateio.server import Peer
from edge.ports import Outcome
from edge.ports_io import BusTold

# What a client may have under way (client.PENDING_MAX), and once more for one that came in its place.
WAITING_MAX = 128

REPLACED = "a newer command took its place"
NO_WORD = "the lock has not said whether it did; lock, then read back"


@dataclass(slots=True)
class Waiting:
    id: str
    peer: Peer  # of whoever asked last
    door: AccessPointId
    seq: int  # of the ask
    energised: bool  # what was asked for
    deadline_ns: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    waiting: Waiting
    outcome: Outcome
    t_ns: int
    detail: str


class WaitList:
    def __init__(self) -> None:
        self._all: dict[str, Waiting] = {}

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._all

    def hand_over(self, command_id: str, peer: Peer) -> None:
        """The same command again: one answer, to whoever asked last."""
        self._all[command_id].peer = peer

    def add(self, waiting: Waiting, now: int) -> list[Ending]:
        """The endings are of those that had to make room."""
        self._all[waiting.id] = waiting
        if len(self._all) <= WAITING_MAX:
            return []
        oldest = next(iter(self._all.values()))
        return [self._end(oldest, Outcome.TIMEOUT_UNKNOWN, now, NO_WORD)]

    def told(
        self, door: AccessPointId, told: BusTold, level: bool | None, newest: tuple[int, bool]
    ) -> list[Ending]:
        """``level``: what the ask told of was for; ``newest``: the ask that took every older one's place."""
        mine = [one for one in self._all.values() if one.door == door and one.seq <= told.seq]
        if told.outcome is Outcome.REFUSED and told.seq < newest[0]:
            # Pushed aside by an ask for the same: what becomes of that one becomes of this one.
            carried = [one for one in mine if one.energised == newest[1]]
            for one in carried:
                one.seq = newest[0]
            mine = [one for one in mine if one not in carried]
        return [self._settled(one, told, level) for one in mine]

    def expired(self, now: int) -> list[Ending]:
        late = [one for one in self._all.values() if now >= one.deadline_ns]
        return [self._end(one, Outcome.TIMEOUT_UNKNOWN, now, NO_WORD) for one in late]

    def next_deadline(self) -> int | None:
        return min((one.deadline_ns for one in self._all.values()), default=None)

    def _settled(self, one: Waiting, told: BusTold, level: bool | None) -> Ending:
        done = told.outcome is Outcome.DONE
        if one.seq < told.seq and done and one.energised != level:
            return self._end(one, Outcome.REFUSED, told.t_ns, REPLACED)
        parts = (one.detail if done else "", told.detail)
        return self._end(one, told.outcome, told.t_ns, "; ".join(part for part in parts if part))

    def _end(self, one: Waiting, outcome: Outcome, t_ns: int, detail: str) -> Ending:
        del self._all[one.id]
        return Ending(one, outcome, t_ns, detail)
