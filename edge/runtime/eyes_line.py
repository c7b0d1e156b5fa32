"""The node's one word to the vision worker: at which cameras the engine that goes is still needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from edge.runtime.sightings import BeforeWanted, Wanted, pack_asked


class EyesLine:
    """Says it when it changes and to a worker that runs; what was said before one ran is said when it does."""

    def __init__(self) -> None:
        self._pipe: Connection | None = None
        self._wanted: Wanted = frozenset()

    def want_before(self, wanted: Wanted) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._say()

    @contextmanager
    def to(self, pipe: Connection) -> Iterator[None]:
        self._pipe = pipe
        self._say()
        try:
            yield
        finally:
            self._pipe = None

    def _say(self) -> None:
        if self._pipe is None:
            return
        try:
            self._pipe.send_bytes(pack_asked(BeforeWanted(self._wanted)))
        except OSError:
            self._pipe = None  # the worker has ended, which the node hears and says by itself
