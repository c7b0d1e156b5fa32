"""Which guests' passes went out in which version of which set, gathered until it is written down.

Written after everything was told: a receipt that is faster finds nothing to mark, and the writer sees it then.
"""

from collections.abc import Iterable, Mapping

from cloud_sync.core.issue import GUEST
from cloud_sync.distribute.node_set import Kept, NodeSet
from cloud_sync.ports_delivery import PassLines, SetLines

LINES_PER_TICK = 5_000  # at least one node, however large its set


def guests(rows: Mapping[str, Kept | None]) -> dict[str, int]:
    """Guests' passes among these, with their versions; each row is read once, however many nodes hold it."""
    told = ((pass_id, kept.row) for pass_id, kept in rows.items() if kept is not None)
    return {pass_id: row.pass_version for pass_id, row in told if row.cls == GUEST}


class LineNews:
    """News for each node; kept for the next tick where it could not be written, or where there was too much for one."""

    def __init__(self, lines: PassLines | None) -> None:
        self._lines = lines
        self._news: dict[str, SetLines] = {}

    def loaded(self, held: NodeSet, ids: Iterable[str], versions: Mapping[str, int], *, anew: bool) -> None:
        """A set as it came from the books."""
        passes = {pass_id: versions[pass_id] for pass_id in ids if pass_id in versions}
        self._news[held.node] = SetLines(held.node, held.auth_ver, held.root, passes, whole=True, anew=anew)

    def changed(self, held: NodeSet, changes: Mapping[str, Kept | None], versions: Mapping[str, int]) -> None:
        """What led to the version that ``held`` has now."""
        passes = {
            pass_id: None if kept is None else versions[pass_id]
            for pass_id, kept in changes.items()
            if kept is None or pass_id in versions
        }
        before = self._news.get(held.node)
        if before is None:
            if passes:
                self._news[held.node] = SetLines(held.node, held.auth_ver, held.root, passes)
            return
        merged = {**before.passes, **passes}
        if before.whole:
            merged = {pass_id: version for pass_id, version in merged.items() if version is not None}
        self._news[held.node] = SetLines(
            held.node, held.auth_ver, held.root, merged, whole=before.whole, anew=before.anew
        )

    def write(self, now_ms: int) -> None:
        """As many nodes as one tick has time for: whole sets of many nodes must not keep a denial waiting.

        Raises StoreError; the next call tries the same again.
        """
        turn: list[SetLines] = []
        passes = 0
        for lines in self._news.values():
            turn.append(lines)
            passes += len(lines.passes)
            if passes >= LINES_PER_TICK:
                break
        if self._lines is not None and turn:
            self._lines.note(turn, now_ms)
        for lines in turn:
            del self._news[lines.node]
