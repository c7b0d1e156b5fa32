"""One round of webhooks: what happened is queued, what is due is sent, and what the far side said is written down."""

import structlog

from cloud_sync.connectors.notify.http import post
from cloud_sync.core.webhooks import signed_headers
from cloud_sync.errors import ConnectorError, Refused
from cloud_sync.ports import Clock
from cloud_sync.ports_api import DueHook, HookBook

WITHIN_S = 10.0
PER_ROUND = 5  # one after the other: a round ends before its claims do

log = structlog.get_logger()


class HookPost:
    """Call it again and again; each delivery is sent at least once, under the same id each time."""

    def __init__(self, book: HookBook, clock: Clock, *, within_s: float = WITHIN_S) -> None:
        self._book = book
        self._clock = clock
        self._within_s = within_s

    def __call__(self) -> int:
        """How many were taken by their receivers."""
        self._book.collect()
        return sum(self._deliver(due) for due in self._book.claim(most=PER_ROUND))

    def _deliver(self, due: DueHook) -> bool:
        body = due.body.encode()
        headers = signed_headers(due.secret, due.id, self._clock.now_ms() // 1000, body)
        try:
            answer = post(
                due.url, body, {"content-type": "application/json", **headers}, within_s=self._within_s
            )
        except (ConnectorError, Refused) as error:  # what is refused today may be mended there tomorrow
            log.warning("webhook_not_taken", delivery=due.id, problem=str(error))
            self._book.failed(due.id, str(error))
            return False
        self._book.sent(due.id, answer.receipt)
        return True
