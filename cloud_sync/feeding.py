"""The job that reads booking calendars: each at its own pace, one after the other, never two at once."""

from collections.abc import Callable
from datetime import time
from zoneinfo import ZoneInfo

import structlog

from cloud_sync.config import FeedConfig, SyncConfig
from cloud_sync.connectors.calendar.fetch import Page, fetch
from cloud_sync.connectors.calendar.ical import entries
from cloud_sync.errors import ConnectorError
from cloud_sync.ports import Clock
from cloud_sync.ports_booking import FeedRead, Feeds, FeedWish

FEEDS_EVERY_S = 5.0  # a look at whose turn it is; each calendar has a pace of its own

log = structlog.get_logger()
Fetch = Callable[[str, str, str], Page]


def wish_of(feed: FeedConfig) -> FeedWish:
    return FeedWish(feed.name, feed.source or feed.name, feed.listing, feed.room, feed.headcount, feed.url)


class FeedWork:
    """Reads whichever calendars are due."""

    def __init__(self, feeds: Feeds, config: SyncConfig, clock: Clock, ask: Fetch = fetch) -> None:
        self._feeds = feeds
        self._config = config
        self._clock = clock
        self._ask = ask

    def __call__(self) -> int:
        """How many calendars were asked for."""
        due = [feed for feed in self._config.booking_feeds if self._is_due(feed)]
        for feed in due:
            self.read(feed)
        return len(due)

    def _is_due(self, feed: FeedConfig) -> bool:
        tried_ms = self._feeds.state(feed.name).tried_ms
        return not 0 <= self._clock.now_ms() - tried_ms < feed.every_s * 1000

    def read(self, feed: FeedConfig) -> FeedRead | None:
        """Ask for one calendar now; None where nothing could be read or nothing had changed."""
        wish, state = wish_of(feed), self._feeds.state(feed.name)
        try:
            page = self._ask(feed.url, state.etag, state.modified)
            if page.data is None:
                self._feeds.unchanged(wish)
                return None
            found = entries(
                page.data,
                zone=ZoneInfo(self._config.community.tz),
                check_in=time.fromisoformat(feed.check_in),
                check_out=time.fromisoformat(feed.check_out),
                blocked=feed.blocked,
            )
        except ConnectorError as error:
            log.warning("feed_missed", feed=feed.name, problem=str(error))
            self._feeds.failed(wish, str(error))
            return None
        done = self._feeds.read(wish, found, data=page.data, etag=page.etag, modified=page.modified)
        if done.taken or done.cancelled or done.refused:
            log.info(
                "feed_read", feed=feed.name, taken=done.taken, cancelled=done.cancelled, refused=done.refused
            )
        return done
