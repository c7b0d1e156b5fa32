"""Liveness at one door: whether a face that was named has to answer, what it is asked, and how that ended.

Between the name and the decision.  Whatever comes out here, the code path does not pass through this file.
"""

from collections import deque
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from edge.core.challenge import (
    Ask,
    Challenge,
    Failed,
    Passed,
    Pose,
    Seen,
    Step,
    TimedOut,
    Why,
    begin,
    draw,
    neutral_of,
    observe,
)
from edge.core.decision_types import FaceEvidence, Liveness
from edge.core.events import PadFact, PassId
from edge.core.evidence import Verdict
from edge.runtime.sightings import FaceSeen, LiveNumbers
from models.engine import EngineInfo, Vector
from models.liveness.continuity import Continuity
from models.liveness.planarity import PAIRS_MIN, PLANAR_BELOW, is_planar, is_surely_flat
from models.track import GAP_MAX_NS

PASSIVE_WAIT_NS = 2_000_000_000  # for movement to be seen; then nothing was found, and the grant says so
FAILS_MAX, FAILS_WITHIN_NS = (
    5,
    60_000_000_000,
)  # at one door, whoever it was (access.md §6.2); then codes only
KNOWN_MAX = 4_096  # people who answered at this door since the start; the longest ago is asked again
POSES_KEPT = 5
# Whoever was not seen for so long has left: what a frame shows after that says nothing about the one who was asked.
LEFT_NS = 2_000_000_000

WORDS = {Step.LEFT: "turn_left", Step.RIGHT: "turn_right", Step.NOD: "nod", None: "look_straight"}
CODE_WORD = "show_code"


@dataclass(frozen=True, slots=True)
class LiveRule:
    """What a door asks of faces.  ``choose`` is the operating system's random source."""

    policy: Liveness
    choose: Callable[[Sequence[Step]], Step]
    night: Callable[[], bool] = lambda: False  # a unit's door between late evening and morning
    judge_min: float | None = None  # the site's own limit of its passive judge


@dataclass(slots=True, eq=False)
class _Asked:
    evidence: FaceEvidence
    challenge: Challenge
    continuity: Continuity
    said: str


class FaceChallenge:
    """One door.  Remembers how the face of now stands, one challenge, and who answered well before."""

    def __init__(self, info: EngineInfo, rule: LiveRule) -> None:
        self._info = info
        self._rule = rule
        self._asked: _Asked | None = None
        self._followed = False
        self._poses: deque[Pose] = deque(maxlen=POSES_KEPT)
        self._first_ns = self._last_ns = 0
        self._known: dict[PassId, None] = {}
        self._failed_ns: deque[int] = deque(maxlen=FAILS_MAX)

    @property
    def asking(self) -> bool:
        return self._asked is not None

    def knows(self, pass_id: PassId | None) -> bool:
        """Whether this face has answered here before."""
        return pass_id in self._known

    @property
    def followed(self) -> bool:
        """Whether the frame that was looked at last showed the face that was asked."""
        return self._followed

    def judge(self, evidence: FaceEvidence, reference: Vector, seen: FaceSeen) -> FaceEvidence | str | None:
        """A face was named: evidence to decide on, a word for the screen, or None when more frames are needed."""
        if self._rule.policy is Liveness.OFF_DEMO:
            return evidence
        live = seen.live
        if live is None:  # nobody looked for signs; a door that insists on them says no
            return CODE_WORD if self._rule.policy is Liveness.CHALLENGE_ON_RISK else evidence
        why = self._found(live)
        if why is not None:
            return self._end(evidence, why, seen.t_ns)
        if self._rule.policy is Liveness.PASSIVE:
            return self._passive(evidence, live, seen.t_ns)
        if self._rule.policy is Liveness.CHALLENGE_ON_RISK and not self._risky(
            evidence.verdict, live, seen.t_ns
        ):
            lively = self._passive(evidence, live, seen.t_ns)
            if lively is None or lively.pad.result == "pass":
                return lively  # whoever has not moved by then is asked: a photo of a known guest is as known
        if self._barred(seen.t_ns):
            return CODE_WORD
        return self._begin(evidence, reference, seen)

    def look(self, seen: FaceSeen) -> FaceEvidence | str | None:
        """One frame while a challenge is on: as ``judge``; None when the screen says the right thing already."""
        asked, live = self._asked, seen.live
        assert asked is not None, "nothing was asked"
        if live is None:
            return None
        vector = _vector(seen, live)
        same = self._followed = asked.continuity.follows(seen.box, vector)
        why = self._found(live)
        if why is not None and same:
            return self._end(asked.evidence, why, seen.t_ns)
        frame = Seen(seen.t_ns, Pose(live.yaw, live.pitch), same, blind=vector is None)
        asked.challenge, said = observe(asked.challenge, frame)
        match said:
            case Ask(step):
                return self._say(asked, WORDS[step])
            case Passed():
                return self._pass(asked.evidence)
            case Failed(why) | TimedOut(why):
                return self._end(asked.evidence, why, seen.t_ns)

    def note(self, seen: FaceSeen) -> None:
        """How the face stands while nothing is asked; its neutral is taken from this."""
        if seen.t_ns - self._last_ns > GAP_MAX_NS:
            self._poses.clear()
            self._first_ns = seen.t_ns
        self._last_ns = seen.t_ns
        if seen.live is not None and seen.vector is not None:
            self._poses.append(Pose(seen.live.yaw, seen.live.pitch))

    def nobody(self, t_ns: int) -> None:
        """An empty picture; one is nothing, half a second of it is somebody who left without an answer."""
        if self._asked is not None and t_ns - self._asked.challenge.same_ns > GAP_MAX_NS:
            self.give_up()

    def left(self, t_ns: int) -> None:
        """Some picture at this time, of whomever: nobody is told how a challenge ended that was somebody else's."""
        if self._asked is not None and t_ns - self._asked.challenge.same_ns > LEFT_NS:
            self.give_up()

    def give_up(self) -> None:
        """A challenge that is on ends without an answer, as a try that failed; none is on, and nothing happens."""
        if self._asked is not None:  # or a recording could be started anew until it happens to fit
            self._failed_ns.append(self._asked.challenge.same_ns)
            self._drop()

    def forget(self, pass_ids: Set[str]) -> None:
        """These faces are erased, changed, or name nobody here any more: what was asked of them is void, and no failure."""
        for pass_id in pass_ids:
            self._known.pop(PassId(pass_id), None)  # who answered was the face of before
        asked = None if self._asked is None else self._asked.evidence.verdict.pass_id
        if asked in pass_ids:
            self._drop()

    # --- how it ends ------------------------------------------------------------------------------------------

    def _pass(self, evidence: FaceEvidence) -> FaceEvidence:
        self._drop()
        assert evidence.verdict.pass_id is not None
        self._known.pop(evidence.verdict.pass_id, None)
        self._known[evidence.verdict.pass_id] = None
        while len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]
        return replace(evidence, pad=PadFact("pass"))

    def _end(self, evidence: FaceEvidence, why: Why, t_ns: int) -> FaceEvidence:
        self._drop()
        self._failed_ns.append(t_ns)
        return replace(evidence, pad=PadFact("fail"), pad_why=why)

    def _drop(self) -> None:
        if self._asked is not None:
            self._asked.continuity.forget()
        self._asked = None
        self._poses.clear()

    # --- what is asked ----------------------------------------------------------------------------------------

    def _begin(self, evidence: FaceEvidence, reference: Vector, seen: FaceSeen) -> str | None:
        """Drawn now, when the face has settled, and not before."""
        if len(self._poses) < 2:
            return None
        challenge = begin(draw(self._rule.choose), neutral_of(list(self._poses)), seen.t_ns)
        self._asked = _Asked(evidence, challenge, Continuity(self._info, reference, seen.box), "")
        return self._say(self._asked, WORDS[challenge.asking.step])

    def _say(self, asked: _Asked, word: str) -> str | None:
        if word == asked.said:
            return None
        asked.said = word
        return word

    # --- what was found ---------------------------------------------------------------------------------------

    def _found(self, live: LiveNumbers) -> Why | None:
        if live.frozen:
            return Why.FROZEN
        if is_surely_flat(live.residual, live.pairs):
            return Why.PLANAR
        limit = self._rule.judge_min
        return Why.JUDGED if limit is not None and live.judge is not None and live.judge < limit else None

    def _passive(self, evidence: FaceEvidence, live: LiveNumbers, t_ns: int) -> FaceEvidence | None:
        """Nothing was found against it; that is a pass only where enough moved to find something."""
        if live.pairs >= PAIRS_MIN and not is_planar(live.residual, live.pairs):
            return replace(evidence, pad=PadFact("pass"))
        return evidence if t_ns - self._first_ns >= PASSIVE_WAIT_NS else None

    def _risky(self, verdict: Verdict, live: LiveNumbers, t_ns: int) -> bool:
        """First use here, a near score, a fair margin, a flat movement, a unit at night, or a try that failed."""
        flat = live.residual is not None and live.residual < PLANAR_BELOW
        return (
            not self.knows(verdict.pass_id)
            or verdict.score_bucket == "near"
            or verdict.margin_bucket == "fair"
            or flat
            or self._rule.night()
            or bool(self._recent(t_ns))
        )

    def _barred(self, t_ns: int) -> bool:
        return len(self._recent(t_ns)) >= FAILS_MAX

    def _recent(self, t_ns: int) -> list[int]:
        return [at_ns for at_ns in self._failed_ns if t_ns - at_ns < FAILS_WITHIN_NS]


def _vector(seen: FaceSeen, live: LiveNumbers) -> Vector | None:
    data = seen.vector or live.turned
    return None if data is None else np.frombuffer(data, np.float32)
