"""What a node has to be sent now: from what it said it holds and what it should hold, told the time.

Pure: no bus, no database, no keys.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from cloud_sync.ports import NodeView
from cloud_sync.protocol.delta import DENYING, LEFT
from cloud_sync.protocol.messages import PART_BYTES_MAX, EraseItem, Part, PassRow
from cloud_sync.protocol.versions import DELTAS_SINCE

REDRIVE_FIRST_MS = 1_000
REDRIVE_MAX_MS = 30_000  # the pace of the hellos: by then the node has said again what it holds
HEAD_EVERY_MS = 50 * 60_000  # "at least hourly", with room for a service that is restarted in between
LEASE_MS = 30 * 86_400_000  # the longest class limit of the policy (sync.md §7.4)
ERASE_ITEMS_MAX = 100  # about 100 bytes each: one publish stays below PUBLISH_BYTES_MAX
# A node may be ahead of a database that was restored; one that claims to be further than this is faulty, and
# following it would use up the numbers for good.
AHEAD_MAX = 1_000_000

Denied = tuple[str, int, str]  # an item of ``Deny``


def takes_deltas(view: NodeView) -> bool:
    """An older node is sent the whole set after every change, as it always was."""
    return view.wv >= DELTAS_SINCE


def newest_version(view: NodeView) -> int:
    """The highest version this node can have been told of, by us or by a later life of a restored database."""
    return max(view.held.auth_ver if view.held else 0, view.told_ver if _credible(view) else 0)


def taken_away(before: PassRow, after: PassRow | None, doors: frozenset[str], now_ms: int) -> Denied | None:
    """What a change takes away at a node with these doors, as it travels ahead of everything else; None for nothing."""
    if before.state in DENYING or before.not_after < now_ms:
        return None
    if after is None:
        return before.pass_id, before.pass_version, LEFT
    if after.state in DENYING:
        return after.pass_id, after.pass_version, after.state
    lost = (
        (before.state == "ARMED" and after.state != "ARMED")
        or bool(doors & set(before.scope) - set(after.scope))
        or bool({cred.cred_id for cred in before.creds} - {cred.cred_id for cred in after.creds})
        or after.not_after < now_ms
    )
    newer = after.pass_version > before.pass_version
    return (before.pass_id, before.pass_version, LEFT) if lost and newer else None


def _credible(view: NodeView) -> bool:
    return view.told_ver - (view.held.auth_ver if view.held else 0) <= AHEAD_MAX


def contradicts(view: NodeView) -> bool:
    """The node refuses anything older than it has: a restored database has to overtake it."""
    held = view.held
    if held is None:
        return False
    if view.told_ver == held.auth_ver:
        return view.told_root not in ("", held.root)
    return view.told_ver > held.auth_ver and _credible(view)


def parts(auth_ver: int, packed: bytes, mask: str = "") -> Iterator[Part]:
    """The rows of some buckets, or of all, in pieces a publish can carry; at least one, also for no rows."""
    count = max(1, -(-len(packed) // PART_BYTES_MAX))
    for i in range(count):
        piece = packed[i * PART_BYTES_MAX : (i + 1) * PART_BYTES_MAX]
        yield Part(auth_ver=auth_ver, i=i, n=count, data=base64.b64encode(piece).decode(), b=mask)


def erase_now(view: NodeView) -> tuple[int, list[EraseItem]] | None:
    """The oldest tombstones not yet receipted, and the version their receipt will stand for."""
    chosen = list(view.erasures[:ERASE_ITEMS_MAX])
    if not chosen:
        return None
    # Never cut a version in two: its receipt would stand for items that were not sent.
    cut = view.erasures[len(chosen)][0] if len(view.erasures) > len(chosen) else None
    whole = [entry for entry in chosen if entry[0] != cut] or chosen
    return whole[-1][0], [item for _, item in whole]


@dataclass(frozen=True, slots=True)
class Drive:
    """How patiently one thing is being sent to one node; ``version`` is what it was last sent for."""

    version: int = 0
    due_ms: int = 0
    wait_ms: int = REDRIVE_FIRST_MS

    def is_due(self, version: int, now_ms: int) -> bool:
        return version != self.version or now_ms >= self.due_ms

    def sent(self, version: int, now_ms: int) -> "Drive":
        """The next wait: from the start for something new, doubled for a repetition."""
        wait_ms = REDRIVE_FIRST_MS if version != self.version else min(REDRIVE_MAX_MS, self.wait_ms * 2)
        return Drive(version, now_ms + wait_ms, wait_ms)
