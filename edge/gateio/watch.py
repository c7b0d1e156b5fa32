"""Things that may fail and must not take a door with them: locks behind a bus, readers."""

import logging
import selectors
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.errors import HardwareError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    fileno: int
    take: Callable[[], None]
    failed: Callable[[str], None]


@dataclass(slots=True)
class Watch:
    """Takes from a source whenever it is readable.  One that fails is put aside and tried again at every ``tick``."""

    selector: selectors.BaseSelector
    _sources: list[Source] = field(default_factory=list)
    _aside: set[int] = field(default_factory=set)

    def add(self, source: Source) -> None:
        self._sources.append(source)
        self._listen(source)

    def tick(self) -> None:
        for source in self._sources:
            self._take(source)

    def _listen(self, source: Source) -> None:
        self.selector.register(source.fileno, selectors.EVENT_READ, lambda: self._take(source))

    def _take(self, source: Source) -> None:
        try:
            source.take()
        except (HardwareError, OSError) as error:
            if source.fileno not in self._aside:
                log.error("a driver failed and is tried again every second: %s", error)
                self._aside.add(source.fileno)
                self.selector.unregister(source.fileno)
            source.failed(str(error))
        else:
            if source.fileno in self._aside:
                self._aside.discard(source.fileno)
                self._listen(source)
