"""A zone's command: one publish to everybody at once, then to each silent node the same bytes, and never after its time.

One publish of ours whatever the zone's size; who missed it gets a copy of their own.
"""

from dataclasses import dataclass, field

import structlog

from cloud_sync.distribute.commands import AGAIN_MS
from cloud_sync.ports import Clock, Publisher
from cloud_sync.ports_zones import OpenZoneCommand, ZoneQueue
from cloud_sync.protocol.topics import NodeTopics, zone_cmd

log = structlog.get_logger()


@dataclass(slots=True)
class ZoneDriver:
    """Call ``tick`` about ten times a second from one thread."""

    queue: ZoneQueue
    publisher: Publisher
    clock: Clock
    tenant: str
    _sent_ms: dict[str, int] = field(default_factory=dict)

    def tick(self) -> None:
        """Send what is due, end what is over.

        Raises:
            StoreError: the database did not answer; the next tick starts over.
        """
        now_ms = self.clock.now_ms()
        commands = self.queue.open()
        for command in commands:
            if now_ms >= command.expires_ms:
                self.queue.over(command.id, now_ms)
                log.info("zone_command_over", cmd=command.id, zone=command.zone, silent=len(command.silent))
            elif self.publisher.session and command.silent and self._is_due(command, now_ms):
                self._send(command, now_ms)
        self._sent_ms = {one.id: self._sent_ms[one.id] for one in commands if one.id in self._sent_ms}

    def _is_due(self, command: OpenZoneCommand, now_ms: int) -> bool:
        last_ms = self._sent_ms.get(command.id)
        return last_ms is None or now_ms - last_ms >= AGAIN_MS

    def _send(self, command: OpenZoneCommand, now_ms: int) -> None:
        """Never retained, as every command."""
        if command.id not in self._sent_ms:
            self.publisher.send(zone_cmd(self.tenant, command.zone), command.frame)
            self.queue.sent(command.id)
        else:
            for node in command.silent:
                self.publisher.send(NodeTopics(self.tenant, node).cmd, command.frame)
        self._sent_ms[command.id] = now_ms
