"""How long the conversation takes by a simulated clock: the waits both programs are set to, and the turns they need.

No test looks at a real clock.  How long the work itself takes on a machine is measured by ``make bench`` (docs/scale.md).
"""

from collections import deque
from dataclasses import dataclass, field

import pytest

from cloud_sync.ingest.sink import EVENTS_PER_TRANSACTION, RETRY_S
from cloud_sync.protocol.gate_peer import RTO_FIRST_S, WINDOW, GatePeer
from cloud_sync.protocol.sink_peer import SinkPeer
from edge.link.link import TICK_S

EPOCH = "e" * 24
WITHIN_S = 5.0
NODES, EACH = 51, 4_100  # the reference community, cut off for three days
BACK_WITHIN_S = 30 * 60.0
TRANSACTION_S = 1.0  # a slow service: so long for every transaction, however little is in it
STEPS_MAX = 100_000


def told_after(*, lost: int, refusals: int) -> float:
    """Seconds from a fact in the ledger to the same fact in the books; so many publishes go astray, then so many
    transactions fail.  The fact comes just after the node has looked, and nobody rings its bell.
    """
    gate, now_s = GatePeer(EPOCH), 0.0
    gate.connected(now_s)
    gate.recorded(1)
    for _ in range(STEPS_MAX):
        now_s += TICK_S
        gate.tick(now_s)
        while due := gate.due():
            gate.sending(due.stop - 1, now_s)
            if lost == 0:
                return now_s + refusals * RETRY_S
            lost -= 1
    raise AssertionError("it never left")


@pytest.mark.story("1d")
def test_a_fact_is_told_within_five_seconds_though_a_message_is_lost_and_a_transaction_fails():
    assert told_after(lost=0, refusals=0) == TICK_S
    waits_s = told_after(lost=1, refusals=1)
    assert waits_s <= TICK_S + RTO_FIRST_S + TICK_S + RETRY_S
    assert waits_s < WITHIN_S
    assert told_after(lost=2, refusals=0) > WITHIN_S  # a second loss in a row is beyond what is promised


@dataclass
class Service:
    """One writer for all: transactions of bounded size, one after the other."""

    now_s: float = 0.0
    transactions: int = 0
    came: deque[tuple[int, list[int]]] = field(default_factory=deque)
    peers: list[SinkPeer] = field(default_factory=lambda: [SinkPeer() for _ in range(NODES)])

    def turn(self) -> dict[int, int]:
        """One transaction; what it acknowledges, by node."""
        self.now_s += TRANSACTION_S
        self.transactions += 1
        room, acked = EVENTS_PER_TRANSACTION, {}
        while self.came and len(self.came[0][1]) <= room:
            node, seqs = self.came.popleft()
            room -= len(seqs)
            self.peers[node].store(self.peers[node].fresh(seqs))
            acked[node] = self.peers[node].upto
        return acked


def drained(nodes: int, each: int) -> Service:
    """Everybody comes back at one moment; both ends until nothing is owed."""
    service, gates = Service(), [GatePeer(EPOCH) for _ in range(nodes)]
    for gate in gates:
        gate.connected(0.0)
        gate.recorded(each)
    while any(gate.acked < each for gate in gates):
        for node, gate in enumerate(gates):
            gate.tick(service.now_s)
            while due := gate.due():
                gate.sending(due.stop - 1, service.now_s)
                service.came.append((node, list(due)))
        for node, upto in service.turn().items():
            gates[node].on_ack(EPOCH, upto, "g1", refuse=None, now_s=service.now_s)
        assert service.transactions < STEPS_MAX
    return service


@pytest.mark.story("21e")
def test_fifty_one_nodes_have_told_three_days_within_thirty_minutes_of_a_slow_service():
    service = drained(NODES, EACH)
    assert [peer.upto for peer in service.peers] == [EACH] * NODES
    assert service.now_s <= BACK_WITHIN_S
    assert service.transactions >= NODES * EACH // EVENTS_PER_TRANSACTION
    assert drained(1, EACH).transactions >= EACH // WINDOW  # a node alone: a window each turn, no more
