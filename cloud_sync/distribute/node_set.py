"""One node's pass set in memory: its rows by hash, its version, and the steps that led there.

Pure.  The rows themselves are shared by all nodes that hold them.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from cloud_sync.distribute.plan import Denied, taken_away
from cloud_sync.protocol import delta, merkle
from cloud_sync.protocol.messages import PassRow

# What of a publish rows and ids may take as JSON; the rest is names, root and signature.
STEP_TEXT_MAX = 14_800
STEPS_MAX = (
    32  # a change that needs more publishes than this is no delta: buckets or the whole set are cheaper
)
LOG_STEPS_MAX = 256  # a node that missed more says by its leaves what it lacks

_row = msgspec.msgpack.Decoder(PassRow)


@dataclass(frozen=True, slots=True)
class Kept:
    """One encoded row and its hash."""

    raw: bytes
    h: bytes

    @classmethod
    def of(cls, raw: bytes) -> "Kept":
        return cls(raw, merkle.row_hash(raw))

    @property
    def row(self) -> PassRow:
        return _row.decode(self.raw)


@dataclass(frozen=True, slots=True)
class Step:
    """From one version to the next.  ``fits`` is False where it is too much for a delta; what is denied goes ahead."""

    since: int
    since_root: str
    auth_ver: int
    root: str
    count: int
    gone: tuple[str, ...] = ()
    rows: tuple[bytes, ...] = ()
    denied: tuple[Denied, ...] = ()
    fits: bool = True


class NodeSet:
    """What one node is to hold."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.auth_ver = 0
        self.root = ""
        self._rows: dict[str, Kept] = {}
        self._tree = merkle.Tree()
        self._log: deque[Step] = deque(maxlen=LOG_STEPS_MAX)

    @property
    def count(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> Mapping[str, Kept]:
        return self._rows

    def __contains__(self, pass_id: str) -> bool:
        return pass_id in self._rows

    def load(self, rows: Mapping[str, Kept], auth_ver: int) -> None:
        """Take this set as version ``auth_ver``, however the node got there."""
        self._rows = dict(rows)
        self._tree = merkle.Tree({pass_id: kept.h for pass_id, kept in rows.items()})
        self._log.clear()
        self._number(auth_ver)

    def overtake(self, auth_ver: int) -> None:
        """The same rows under a version above what a node got from elsewhere."""
        self._log.clear()
        self._number(auth_ver)

    def _number(self, auth_ver: int) -> None:
        self.auth_ver, self.root = auth_ver, self._tree.root(auth_ver)

    def changes(self, told: Mapping[str, Kept | None]) -> dict[str, Kept | None]:
        """What of ``told`` is not so yet."""
        return {
            pass_id: kept
            for pass_id, kept in told.items()
            if (held := self._rows.get(pass_id)) is not kept
            and (held is None or kept is None or held.h != kept.h)
        }

    def missing_from(self, rows: Mapping[str, Kept]) -> dict[str, Kept | None]:
        """What leads from here to exactly ``rows``."""
        told: dict[str, Kept | None] = dict.fromkeys(self._rows.keys() - rows.keys())
        return self.changes(told | dict(rows))

    def advance(
        self, to: Mapping[str, Kept | None], newest: int, doors: frozenset[str], now_ms: int
    ) -> list[Step]:
        """Make the changes, in as many versions after ``newest`` as they need; what takes away comes first."""
        denied = {
            pass_id: item
            for pass_id, kept in to.items()
            if (held := self._rows.get(pass_id)) is not None
            and (item := taken_away(held.row, None if kept is None else kept.row, doors, now_ms))
        }
        order = sorted(to, key=lambda pass_id: pass_id not in denied)
        chunks = list(_chunks(order, to))
        if len(chunks) > STEPS_MAX or newest != self.auth_ver:
            chunks = [order]
        steps = []
        for chunk in chunks:
            fits = len(chunks) > 1 or (newest == self.auth_ver and _text(chunk, to) <= STEP_TEXT_MAX)
            steps.append(self._step({one: to[one] for one in chunk}, newest + 1, denied, fits=fits))
            newest += 1
        return steps

    def _step(
        self, to: Mapping[str, Kept | None], auth_ver: int, denied: Mapping[str, Denied], *, fits: bool
    ) -> Step:
        since, since_root = self.auth_ver, self.root
        for pass_id, kept in to.items():
            if kept is None:
                self._rows.pop(pass_id, None)
            else:
                self._rows[pass_id] = kept
        self._tree.change({pass_id: None if kept is None else kept.h for pass_id, kept in to.items()})
        self._number(auth_ver)
        step = Step(
            since,
            since_root,
            auth_ver,
            self.root,
            self.count,
            gone=tuple(pass_id for pass_id, kept in to.items() if kept is None),
            rows=tuple(kept.raw for kept in to.values() if kept is not None),
            denied=tuple(denied[pass_id] for pass_id in to if pass_id in denied),
            fits=fits,
        )
        self._log.append(step)
        return step

    def steps_from(self, auth_ver: int, root: str) -> list[Step] | None:
        """The steps from what a node says it has; None where they are not known, or are too large."""
        steps = list(self._log)
        start = next((i for i, step in enumerate(steps) if step.since == auth_ver), None)
        if start is None or steps[start].since_root != root:
            return None
        found = steps[start:]
        return found if all(step.fits for step in found) else None

    def differing(self, leaves: str) -> list[int]:
        return delta.differing(leaves, self._tree.leaves())

    def packed(self, buckets: Iterable[int]) -> bytes:
        """The rows of these buckets as they travel."""
        ids = [pass_id for bucket in sorted(set(buckets)) for pass_id in self._tree.ids(bucket)]
        return delta.join([self._rows[pass_id].raw for pass_id in ids])


def _cost(pass_id: str, kept: Kept | None) -> int:
    return len(pass_id) + 4 if kept is None else len(kept.raw) * 4 // 3 + 8


def _text(ids: Iterable[str], to: Mapping[str, Kept | None]) -> int:
    return sum(_cost(pass_id, to[pass_id]) for pass_id in ids)


def _chunks(order: Iterable[str], to: Mapping[str, Kept | None]) -> Iterator[list[str]]:
    """In this order, each small enough for one publish."""
    chunk: list[str] = []
    size = 0
    for pass_id in order:
        cost = _cost(pass_id, to[pass_id])
        if chunk and (size + cost > STEP_TEXT_MAX or len(chunk) >= delta.DENY_ITEMS_MAX):
            yield chunk
            chunk, size = [], 0
        chunk.append(pass_id)
        size += cost
    if chunk:
        yield chunk
