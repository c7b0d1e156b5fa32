"""What the link asks of the node about passes, answered from the book; the doors are told of every change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cloud_sync.protocol.delta import Delta
from edge.core.events import PassId
from edge.core.passes import Denial
from edge.ports import Clock
from edge.store.pass_book import PassBook
from edge.store.pass_rows import Change


@dataclass(slots=True)
class BookPasses:
    """``PassSide``: every change is on the disk, and the doors are told, before an answer is given."""

    book: PassBook
    clock: Clock
    changed: Callable[[], None] = field(default=lambda: None)

    def version(self) -> tuple[int, str]:
        return self.book.auth_ver, self.book.root

    def wall_ms(self) -> int:
        return self.clock.read().wall_ms

    def leaves(self) -> list[bytes]:
        return self.book.leaves()

    def note_head(self, issued_ms: int, lease_until_ms: int) -> None:
        self.book.note_head(issued_ms, lease_until_ms)

    def deny(self, auth_ver: int, items: Sequence[tuple[PassId, Denial]]) -> bool:
        return self._tell(self.book.deny(auth_ver, items, now_ms=self.wall_ms()))

    def apply_delta(self, change: Delta, packed: bytes) -> bool:
        step = Change(
            since=change.since,
            auth_ver=change.auth_ver,
            count=change.count,
            root=change.root,
            gone=tuple(change.gone),
            packed=packed,
        )
        return self._tell(self.book.apply_delta(step, now_ms=self.wall_ms()))

    def apply_set(self, auth_ver: int, root: str, packed: bytes, buckets: frozenset[int] | None) -> bool:
        return self._tell(self.book.apply(auth_ver, root, packed, now_ms=self.wall_ms(), buckets=buckets))

    def tidy(self) -> None:
        self.book.tidy(now_ms=self.wall_ms())
        self.book.forget(now_ms=self.wall_ms())

    def _tell(self, done: bool) -> bool:
        if done:
            self.changed()
        return done
