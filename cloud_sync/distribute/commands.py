"""Issued commands down to their nodes: the same bytes again until somebody answers, and never after their time."""

from dataclasses import dataclass, field

import structlog

from cloud_sync.ports import Clock, Publisher
from cloud_sync.ports_commands import CommandQueue, OpenCommand
from cloud_sync.protocol.topics import NodeTopics

AGAIN_MS = 1_000  # a lost frame costs a second of a command's ten

log = structlog.get_logger()


@dataclass(slots=True)
class CommandCounters:
    sent: int = 0
    repeated: int = 0
    expired: int = 0


@dataclass(slots=True)
class CommandDriver:
    """Call ``tick`` about ten times a second from one thread."""

    queue: CommandQueue
    publisher: Publisher
    clock: Clock
    tenant: str
    counters: CommandCounters = field(default_factory=CommandCounters)
    _sent_ms: dict[str, int] = field(default_factory=dict)

    def tick(self) -> None:
        """Send what is due, end what is over.

        Raises:
            StoreError: the database did not answer; the next tick starts over.
        """
        now_ms = self.clock.now_ms()
        commands = self.queue.open(now_ms)
        for command in commands:
            self._one(command, now_ms)
        self._sent_ms = {one.id: self._sent_ms[one.id] for one in commands if one.id in self._sent_ms}

    def _one(self, command: OpenCommand, now_ms: int) -> None:
        if now_ms >= command.expires_ms:
            self.queue.expired(command.id, now_ms)
            self.counters.expired += 1
            log.info("command_expired", cmd=command.id, node=command.node)
        elif self.publisher.session and self._is_due(command, now_ms):
            self._send(command, now_ms)

    def _is_due(self, command: OpenCommand, now_ms: int) -> bool:
        last_ms = self._sent_ms.get(command.id)
        return last_ms is None or now_ms - last_ms >= AGAIN_MS

    def _send(self, command: OpenCommand, now_ms: int) -> None:
        """Never retained: a broker that keeps it would let it fire again at every reconnect."""
        first = command.id not in self._sent_ms
        self.publisher.send(NodeTopics(self.tenant, command.node).cmd, command.frame)
        self._sent_ms[command.id] = now_ms
        if not first:
            self.counters.repeated += 1
            return
        self.counters.sent += 1
        self.queue.sent(command.id, now_ms)
