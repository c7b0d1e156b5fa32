"""How far the movement of a face is from that of a flat, stiff thing (faces.md §11.2).

A photo that is waved moves by one homography; a head does not.  It needs movement, sees through a stiff photo and a
still on a phone, and sees neither a bent print nor a recording that is played: those are not flat, or not still.

A person who talks and hardly turns moves flatly too: most of what a close face did in the project's clips lies below
the recipe's limit (docs/liveness.md).  So the recipe's verdict is a reason to ask, and only what lies below every
person seen so far is a reason to refuse.
"""

from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.engine import Frame

Grey = NDArray[np.uint8]  # (h, 640)
Box = tuple[float, float, float, float]  # x, y, w, h in pixels of the grey picture

WIDE_PX = 640
# The recipe's ten and five frames, of a camera with 25 a second.
APART_NS = 400_000_000
EVERY_NS = 200_000_000
SLACK_NS = 150_000_000  # a worker looks when it can; a pair this much wider apart is still one

CORNERS_MAX, CORNERS_MIN = 120, 20
CORNER_QUALITY = 0.005
WINDOW_PX = 15
RETURN_MAX_PX = 0.7  # forward and back again must end where it began
KEPT_MIN = 15
MOTION_MIN = 0.01  # of the face's width; below it every movement is flat
RESIDUAL_PERCENTILE = 75

PAIRS_MIN = 5
PLANAR_BELOW = 1.2  # % of the face's width; the recipe's, between two photos and two people
REFUSE_BELOW = 0.38  # the flattest window of any person so far had 0.43, every waved photo one below 0.35
PAIRS_KEPT = 15  # three seconds: what a face did earlier excuses nothing
GREYS_MAX = 8  # more than half a second of looks, never more pictures than this in memory


def small_grey(frame: "Frame") -> tuple[Grey, float]:
    """The picture grey and 640 wide, and how many of its pixels one of the frame's is."""
    import cv2

    scale = WIDE_PX / frame.shape[1]
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    size = (WIDE_PX, max(1, round(frame.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def pair_residual(before: Grey, after: Grey, box: Box) -> float | None:
    """The 75th percentile of what a homography leaves of the movement, in % of the face's width.

    ``box`` is the face in ``before``.  None where too little can be followed, or nothing moved.
    """

    corners = _corners(before, box)
    if corners is None:
        return None
    there, found = _followed(before, after, corners)
    back, found_back = _followed(after, before, there)
    returned = np.linalg.norm((back - corners).reshape(-1, 2), axis=1) < RETURN_MAX_PX
    kept = found & found_back & returned
    if int(kept.sum()) < KEPT_MIN:
        return None
    source, target = corners.reshape(-1, 2)[kept], there.reshape(-1, 2)[kept]
    motion = np.median(np.linalg.norm(target - source, axis=1)) / box[2]
    return _residual(source, target, box[2]) if motion > MOTION_MIN else None


def _followed(
    before: Grey, after: Grey, points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where the points went, (n, 1, 2), and which of them were found."""
    import cv2

    flow: Any = cv2.calcOpticalFlowPyrLK  # its stub asks for arrays that exist already
    there, found, _ = flow(before, after, points, None, winSize=(WINDOW_PX, WINDOW_PX))
    return np.asarray(there, np.float32), np.asarray(found).ravel() == 1


def _corners(grey: Grey, box: Box) -> NDArray[np.float32] | None:
    import cv2

    x, y, w, h = box
    mask = np.zeros_like(grey)
    mask[max(0, int(y)) : max(0, int(y + h)), max(0, int(x)) : max(0, int(x + w))] = 255
    found: Any = cv2.goodFeaturesToTrack(grey, CORNERS_MAX, CORNER_QUALITY, max(2.0, w / 25), mask=mask)
    return None if found is None or len(found) < CORNERS_MIN else np.asarray(found, np.float32)


def _residual(source: NDArray[np.float32], target: NDArray[np.float32], width: float) -> float | None:
    import cv2

    homography: Any = cv2.findHomography(source, target, cv2.LMEDS)[0]
    if homography is None:
        return None
    moved = cv2.perspectiveTransform(source.reshape(-1, 1, 2), homography).reshape(-1, 2)
    errors = np.linalg.norm(moved - target, axis=1)
    return float(np.percentile(errors, RESIDUAL_PERCENTILE)) / width * 100


@dataclass(slots=True, eq=False)
class _Kept:
    grey: Grey
    box: Box
    t_ns: int


@dataclass(slots=True, eq=False)
class Planarity:
    """One face before one camera; holds at most eight small grey pictures, and none when the face has gone."""

    residuals: "deque[float]" = field(default_factory=lambda: deque(maxlen=PAIRS_KEPT))
    _greys: "deque[_Kept]" = field(default_factory=deque)
    _paired_ns: int = 0

    def add(self, grey: Grey, box: Box, t_ns: int) -> bool:
        """One more look at the same face; ``grey`` belongs to this object from now on.  True when it made a pair."""
        residual = self._paired(grey, t_ns)
        if residual is not None:
            self.residuals.append(residual)
        while len(self._greys) >= GREYS_MAX:
            self._drop()
        self._greys.append(_Kept(grey, box, t_ns))
        return residual is not None

    def _paired(self, grey: Grey, t_ns: int) -> float | None:
        """The residual against a look 0.4 s ago, where it is time for another pair."""
        while self._greys and t_ns - self._greys[0].t_ns > APART_NS + SLACK_NS:
            self._drop()
        partner = next((kept for kept in reversed(self._greys) if t_ns - kept.t_ns >= APART_NS), None)
        if partner is None or t_ns - self._paired_ns < EVERY_NS:
            return None
        self._paired_ns = t_ns
        return pair_residual(partner.grey, grey, partner.box)

    @property
    def pairs(self) -> int:
        return len(self.residuals)

    @property
    def residual(self) -> float | None:
        """The median of the pairs so far; None before the first."""
        return median(self.residuals) if self.residuals else None

    def forget(self) -> None:
        """Overwrite what is held; nothing of this face is left."""
        while self._greys:
            self._drop()
        self.residuals.clear()
        self._paired_ns = 0

    def _drop(self) -> None:
        self._greys.popleft().grey.fill(0)


def is_planar(residual: float | None, pairs: int) -> bool:
    """The recipe's verdict: this face moves as a flat thing would; too few pairs never say so."""
    return residual is not None and pairs >= PAIRS_MIN and residual < PLANAR_BELOW


def is_surely_flat(residual: float | None, pairs: int) -> bool:
    """Flatter than any person was yet."""
    return residual is not None and pairs >= PAIRS_MIN and residual < REFUSE_BELOW
