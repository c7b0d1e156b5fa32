"""New events for whoever is watching: called from the sink's thread, after the commit."""

from collections.abc import Callable, Sequence

import structlog

from cloud_sync.ports import EntryLine

log = structlog.get_logger()

Listener = Callable[[EntryLine], None]


class Feed:
    """``EventFeed``: listeners only hand over; one that fails is let go, the sink goes on."""

    def __init__(self) -> None:
        # Replaced whole on every change, so that the sink's thread never waits for a page's.
        self._listeners: dict[object, Listener] = {}

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        token = object()
        self._listeners = {**self._listeners, token: listener}

        def unsubscribe() -> None:
            self._listeners = {key: value for key, value in self._listeners.items() if key is not token}

        return unsubscribe

    def tell(self, lines: Sequence[EntryLine]) -> None:
        for token, listener in self._listeners.items():
            try:
                for line in lines:
                    listener(line)
            except Exception:  # a page's fault must not cost an event or the sink
                log.exception("listener_failed")
                self._listeners = {key: value for key, value in self._listeners.items() if key is not token}
