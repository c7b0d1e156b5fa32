"""One round of the post: what is due is claimed, handed over, and what the far side said is written down."""

from collections.abc import Mapping

import structlog

from cloud_sync.connectors.notify.letter import Sender, written
from cloud_sync.errors import ConnectorError, Refused
from cloud_sync.ports import Clock
from cloud_sync.ports_guest import DueNotice, Notifier, Outbox

# One after the other, at most half a minute each: a round ends before its claims do.
NOTICES_PER_ROUND = 3

log = structlog.get_logger()


class Post:
    """Call it again and again; what fails is due again later, by the outbox's own table."""

    def __init__(
        self, outbox: Outbox, notifiers: Mapping[str, Notifier], clock: Clock, sender: Sender
    ) -> None:
        self._outbox = outbox
        self._notifiers = notifiers
        self._clock = clock
        self._sender = sender

    def __call__(self, only: str | None = None) -> int:
        """How many were handed over; ``only`` looks at this one."""
        due = self._outbox.claim(most=NOTICES_PER_ROUND, only=only)
        return sum(self._deliver(one) for one in due)

    def _deliver(self, due: DueNotice) -> bool:
        notifier = self._notifiers.get(due.channel)
        if notifier is None:
            self._outbox.failed(due.id, f"there is no table [notify.{due.channel}] in the configuration")
            return False
        try:
            receipt = notifier.send(written(due, self._sender, self._clock.now_ms()))
        except Refused as refused:
            self._outbox.refused(due.id, str(refused))
        except ConnectorError as error:
            log.warning("notice_not_sent", notice=due.id, channel=due.channel, problem=str(error))
            self._outbox.failed(due.id, str(error))
        else:
            self._outbox.sent(due.id, receipt)
            return True
        return False
