"""Where a look-alike pair needs a second factor: at every door both of its passes open (domain.md story 7).

A pair is two pass ids in order.  It rests on both holders' agreement to be compared with each other; whoever takes
it back, and whoever is gone, is in no pair.
"""

from collections.abc import Iterable

from edge.core.events import AccessPointId, PassId
from edge.core.passes import PassSet, Prereq

Pair = tuple[PassId, PassId]
AGREED = Prereq.FACE_CONSENT | Prereq.LOOKALIKE


def pair_of(a: str, b: str) -> Pair:
    assert a != b, "nobody looks like themselves"
    return (PassId(min(a, b)), PassId(max(a, b)))


def agrees(passes: PassSet, pass_id: str) -> bool:
    """Whether this pass's face may be compared with other guests' faces at enrolment."""
    holder = passes.get(PassId(pass_id))
    return holder is not None and AGREED & ~holder.prereq == Prereq(0)


def locked_at(access_point: AccessPointId, pairs: Iterable[Pair], passes: PassSet) -> frozenset[PassId]:
    """Whose face alone opens nothing at this door, whether the other one is expected today or not."""
    here: set[PassId] = set()
    for pair in pairs:
        holders = [holder for one in pair if (holder := passes.get(one)) is not None]
        both = len(holders) == 2 and all(access_point in holder.scope for holder in holders)
        if both and all(agrees(passes, one) for one in pair):
            here.update(pair)
    return frozenset(here)
