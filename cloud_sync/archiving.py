"""The job that moves old events into files, and ends files whose time is over."""

from collections.abc import Callable

import sqlalchemy as sa
import structlog

from cloud_sync.config import SyncConfig
from cloud_sync.core.policy import DAY_MS
from cloud_sync.ports import Clock
from cloud_sync.store.archive import archive, forget

# Hourly, so that a community that was switched off at night archives nevertheless; an idle look costs one query a node.
ARCHIVE_EVERY_S = 3_600.0

log = structlog.get_logger()


def archive_work(engine: sa.Engine, clock: Clock, config: SyncConfig) -> Callable[[], None] | None:
    """The job, or nothing while no folder is configured."""
    folder, wanted, code = config.archive.folder, config.archive, config.community.code
    if folder is None:
        return None

    def work() -> None:
        now_ms = clock.now_ms()
        done = archive(engine, code, now_ms - wanted.hot_days * DAY_MS, folder)
        over = forget(engine, code, now_ms - wanted.keep_days * DAY_MS, folder)
        if done.events or done.kept or over:
            log.info("archived", events=done.events, files=len(done.files), kept=done.kept, forgotten=over)

    return work
