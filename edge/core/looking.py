"""When a picture deserves a look, and when a face in it deserves a vector.  Times and boxes in, yes or no out.

A look finds faces and codes; a vector costs four times as much, and often proves nothing more: two frames less than
150 ms apart are one picture seen twice, five settle a try, and afterwards a vector is needed only to know that it is
still the same person.  Whoever comes gets every vector that the door's rule (edge.core.evidence) counts; who stays
after a conclusion gets as many for the next try, the first of them up to half a second apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from edge.core.evidence import FRAME_GAP_NS, FRAMES_MAX

Box = tuple[float, float, float, float]  # x, y, w, h

REST_NS = 1_000_000_000  # a lane in which nothing moves is looked at all the same so often
LINGER_NS = 1_000_000_000  # who turned away for a moment is still expected
GAP_MAX_NS = 500_000_000  # a track ends so long after its last vector (models.track)
HOLD_NS = 450_000_000  # so the next vector comes before that, with a little to spare
AFRESH_NS = 5_000_000_000  # the desk leaves a person in peace for so long, then tries anew
# Overlap of two looks' boxes; stricter than a track's, so that doubt costs a vector and no more.
SAME_PLACE = 0.5


@dataclass(frozen=True, slots=True)
class Attention:
    """What one camera's looks have found so far; times are those of the pictures."""

    looked_ns: int = 0
    present_ns: int | None = None  # when a face or a code was last there
    box: Box | None = None  # of the nearest face at the last look, None when there was none
    vector_ns: int | None = None  # of the last vector, as long as boxes lead from it to where a face was last
    vectors: int = 0  # of this try, at most FRAMES_MAX
    settled_ns: int = 0  # when the last of them was made

    def look_due(self, t_ns: int, *, every_ns: int, moved: Callable[[], bool]) -> bool:
        """Whether this picture is looked at; ``moved`` is asked only where nobody stands there."""
        if self._awaits_evidence(t_ns) or self._seeks(t_ns):
            return True
        since = t_ns - self.looked_ns
        if since < every_ns:
            return False
        awake = self.present_ns is not None and t_ns - self.present_ns < LINGER_NS
        return awake or since >= REST_NS or moved()

    def vector_due(self, t_ns: int, box: Box) -> bool:
        """Whether the nearest face, at ``box`` now, is worth a vector: who is this, what does one frame more say, or
        is it still the same person?"""
        vector_ns = self._led_from(t_ns, box)
        if vector_ns is None:
            return True
        since = t_ns - vector_ns
        if self._spent(t_ns) < FRAMES_MAX:
            return since >= FRAME_GAP_NS
        until_next_look = t_ns - self.looked_ns  # as long as it took from the last one
        return since + until_next_look >= HOLD_NS

    def settles(self, t_ns: int, box: Box) -> bool:
        """Whether the try of the face at ``box`` still waits for vectors that count; later ones only tell that it is the
        same person."""
        return self._led_from(t_ns, box) is None or self._spent(t_ns) < FRAMES_MAX

    def after(self, t_ns: int, box: Box | None, *, vector: bool = False, code: bool = False) -> "Attention":
        """What is known once this picture was looked at."""
        there = box is not None or code
        seen = replace(self, looked_ns=t_ns, box=box, present_ns=t_ns if there else self.present_ns)
        if box is None:
            return seen
        led_from = self._led_from(t_ns, box)
        spent = 0 if led_from is None else self._spent(t_ns)
        if not vector:
            return replace(seen, vector_ns=led_from, vectors=spent)
        full = spent + 1 == FRAMES_MAX
        return replace(
            seen,
            vector_ns=t_ns,
            vectors=min(spent + 1, FRAMES_MAX),
            settled_ns=t_ns if full else self.settled_ns,
        )

    def _led_from(self, t_ns: int, box: Box) -> int | None:
        """The time of the last vector, if boxes and time leave no doubt that it was of this face."""
        if self.vector_ns is None or self.box is None or t_ns - self.vector_ns > GAP_MAX_NS:
            return None
        return self.vector_ns if overlap(self.box, box) >= SAME_PLACE else None

    def _spent(self, t_ns: int) -> int:
        """How many vectors this try has had; none when it is time for a new one."""
        afresh = self.vectors >= FRAMES_MAX and t_ns - self.settled_ns >= AFRESH_NS
        return 0 if afresh else self.vectors

    def _awaits_evidence(self, t_ns: int) -> bool:
        """One look comes early: the first at which another vector counts."""
        if self.box is None or self.vector_ns is None or self._spent(t_ns) >= FRAMES_MAX:
            return False
        due_ns = self.vector_ns + FRAME_GAP_NS
        return self.looked_ns < due_ns <= t_ns

    def _seeks(self, t_ns: int) -> bool:
        """A face was lost a moment ago: until its track would end every picture may bring it back, and a stranger who
        is lost for a moment gets no second try for it."""
        return self.box is None and self.vector_ns is not None and t_ns - self.vector_ns <= GAP_MAX_NS


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, wide) * max(0.0, high)
    union = a[2] * a[3] + b[2] * b[3] - shared
    return shared / union if union > 0.0 else 0.0
