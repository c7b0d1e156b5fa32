"""A small task for whoever stands before a door, so that a photo or a recording is told from a person (faces.md §11).

Turns and nods, two different ones, drawn when the face has settled and not before.  Numbers in, one word out: how far the nose stands
from where this person's own nose stood.  Left is the person's left; the camera's picture is not mirrored, so it is
the picture's right.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

STEPS = 2
TURN_MIN = (
    0.35  # change of the yaw proxy; a quarter of all faces already stand 0.1 to 0.2 off (faces.md §11.2)
)
TURN_BACK = 0.12
NOD_MIN = 0.15  # change of the pitch proxy
NOD_BACK = (
    0.08  # about as large a part of a nod as TURN_BACK is of a turn, above the jitter of a face that talks
)
HELD_MIN = 2  # one frame alone may be a landmark that jumped
REACTION_NS = (
    200_000_000  # nobody reads and moves faster; a recording that happens to turn just now is not an answer
)
TIMEOUT_NS = 6_000_000_000
GAP_MAX_NS = 500_000_000  # the time it takes to put something else before the camera (faces.md §10)
NEUTRAL_MAX = 5  # frames the person's own neutral is taken from


class Step(StrEnum):
    LEFT = "left"
    RIGHT = "right"
    NOD = "nod"


class Why(StrEnum):
    """Why a challenge did not end well, in a closed set of words; NO_RESPONSE and TOO_SLOW accuse nobody."""

    NO_RESPONSE = "no_response"
    TOO_SLOW = "too_slow"
    WRONG_TURN = "wrong_turn"
    SWAPPED = "swapped"
    GAP = "gap"
    PLANAR = "planar"
    FROZEN = "frozen"
    JUDGED = "judged"


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the nose stands between the eyes (yaw), and between eyes and mouth (pitch)."""

    yaw: float
    pitch: float


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame; ``same`` when it shows the face that was named, at the place where it stood.

    ``blind`` when the face could not be compared at all: too dark, too far, or somebody else beside it.
    """

    t_ns: int
    pose: Pose
    same: bool
    blind: bool = False

    def __post_init__(self) -> None:
        assert not (self.same and self.blind), "what could not be compared is not the same"


@dataclass(frozen=True, slots=True)
class Ask:
    """What to ask for now; None is to look straight ahead again."""

    step: Step | None


@dataclass(frozen=True, slots=True)
class Passed:
    took_ns: int


@dataclass(frozen=True, slots=True)
class Failed:
    why: Why


@dataclass(frozen=True, slots=True)
class TimedOut:
    why: Why  # NO_RESPONSE, or TOO_SLOW when something was begun


Said = Ask | Passed | Failed | TimedOut


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge under way; a value, so that it can be tried a thousand times a second."""

    steps: tuple[Step, ...]
    neutral: Pose
    begun_ns: int
    asked_ns: int  # when the step of now was asked for
    same_ns: int  # when the face was last the same
    at: int = 0  # the step of now
    turned: bool = False  # the step of now was done, and the way back is awaited
    right: int = 0  # frames in a row that do what was asked
    wrong: int = 0  # frames in a row that do the contrary
    strange: bool = False  # another face was seen since ``same_ns``

    def __post_init__(self) -> None:
        assert 0 <= self.at < len(self.steps), "a challenge that is over is not kept"

    @property
    def asking(self) -> Ask:
        return Ask(None if self.turned else self.steps[self.at])


def draw(choose: Callable[[Sequence[Step]], Step]) -> tuple[Step, ...]:
    """The steps of one challenge, none of them twice: whoever can fake one movement has to fake another as well.

    ``choose`` is the operating system's random source, and only tests hand in another.
    """
    drawn: tuple[Step, ...] = ()
    for _ in range(STEPS):
        drawn += (choose([step for step in Step if step not in drawn]),)
    return drawn


def neutral_of(poses: Sequence[Pose]) -> Pose:
    """How this person stands when nobody asks anything; at least one frame."""
    kept = poses[-NEUTRAL_MAX:]
    return Pose(median(pose.yaw for pose in kept), median(pose.pitch for pose in kept))


def begin(steps: tuple[Step, ...], neutral: Pose, now_ns: int) -> Challenge:
    """The first step is asked for now."""
    return Challenge(steps, neutral, begun_ns=now_ns, asked_ns=now_ns, same_ns=now_ns)


def observe(challenge: Challenge, seen: Seen) -> tuple[Challenge, Said]:
    """The challenge after one more frame, and what to say; after anything but Ask it is over."""
    if seen.t_ns - challenge.begun_ns >= TIMEOUT_NS:
        begun = challenge.at > 0 or challenge.turned
        return challenge, TimedOut(Why.TOO_SLOW if begun else Why.NO_RESPONSE)
    if seen.t_ns - challenge.same_ns > GAP_MAX_NS:
        other = challenge.strange or not (seen.same or seen.blind)
        return challenge, Failed(Why.SWAPPED if other else Why.GAP)
    if not seen.same:  # counts for nothing; half a second of it ends the attempt
        strange = challenge.strange or not seen.blind
        return replace(challenge, strange=strange, right=0, wrong=0), challenge.asking
    followed = replace(challenge, same_ns=seen.t_ns, strange=False)
    return _back(followed, seen) if challenge.turned else _out(followed, seen)


def _out(challenge: Challenge, seen: Seen) -> tuple[Challenge, Said]:
    """The way out of the neutral pose."""
    step = challenge.steps[challenge.at]
    early = seen.t_ns - challenge.asked_ns < REACTION_NS
    right = challenge.right + 1 if not early and _done(step, challenge.neutral, seen.pose) else 0
    wrong = challenge.wrong + 1 if not early and _contrary(step, challenge.neutral, seen.pose) else 0
    after = replace(challenge, right=right, wrong=wrong)
    if wrong >= HELD_MIN:
        return after, Failed(Why.WRONG_TURN)
    if right >= HELD_MIN:
        after = replace(after, turned=True, right=0, wrong=0)
    return after, after.asking


def _back(challenge: Challenge, seen: Seen) -> tuple[Challenge, Said]:
    """The way back; through to the other side is not back."""
    step = challenge.steps[challenge.at]
    wrong = challenge.wrong + 1 if _contrary(step, challenge.neutral, seen.pose) else 0
    if wrong >= HELD_MIN:
        return challenge, Failed(Why.WRONG_TURN)
    if not _rests(step, challenge.neutral, seen.pose):
        after = replace(challenge, wrong=wrong)
        return after, after.asking
    if challenge.at + 1 == len(challenge.steps):
        return challenge, Passed(seen.t_ns - challenge.begun_ns)
    after = replace(challenge, at=challenge.at + 1, turned=False, right=0, wrong=0, asked_ns=seen.t_ns)
    return after, after.asking


def _done(step: Step, neutral: Pose, pose: Pose) -> bool:
    if step is Step.NOD:
        return abs(pose.pitch - neutral.pitch) >= NOD_MIN and not _turned(neutral, pose)
    return _towards(step, neutral, pose) >= TURN_MIN


def _contrary(step: Step, neutral: Pose, pose: Pose) -> bool:
    """A turn where none was asked for, or to the other side; a head that sinks while it turns is no fault."""
    if step is Step.NOD:
        return _turned(neutral, pose)
    return _towards(step, neutral, pose) <= -TURN_MIN


def _rests(step: Step, neutral: Pose, pose: Pose) -> bool:
    straight = abs(pose.yaw - neutral.yaw) <= TURN_BACK
    return straight and (step is not Step.NOD or abs(pose.pitch - neutral.pitch) <= NOD_BACK)


def _towards(step: Step, neutral: Pose, pose: Pose) -> float:
    change = pose.yaw - neutral.yaw
    return change if step is Step.LEFT else -change


def _turned(neutral: Pose, pose: Pose) -> bool:
    return abs(pose.yaw - neutral.yaw) >= TURN_MIN
