"""How far the time of day can be believed (access.md §8).  Nothing here reads a clock; it judges what was read."""

from dataclasses import dataclass

from edge.core.events import ClockState

DAY_MS = 86_400_000
SYNC_FRESH_MS = DAY_MS  # NTP, PTP or a signed beacon younger than this makes a valid RTC TRUSTED
DRIFT_MS_PER_DAY = 10_000  # GB 50396: an unaided clock may err 10 s a day
STEP_BACK_MAX_MS = 120_000  # a larger step backwards is a fault or an attack, never a correction
# What is slewed is not stepped: chrony steps what is off by a second and more, and slews by at most 83 ms a second.
STEP_MIN_MS, SLEW_PER_CENT = 1_000, 10
MAX_OFFLINE_MS = 30 * DAY_MS  # the longest class limit of the policy, and the lease of a signed head


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Now, as far as it is known: not before ``earliest_ms`` and not after ``latest_ms``."""

    earliest_ms: int
    latest_ms: int

    def __post_init__(self) -> None:
        assert self.earliest_ms <= self.latest_ms

    @classmethod
    def at(cls, now_ms: int) -> "TimeSpan":
        return cls(now_ms, now_ms)


@dataclass(frozen=True, slots=True)
class ClockEvidence:
    """What the node knows about its clock; ages are counted by the monotonic clock where one spans them."""

    rtc_valid: bool
    sync_age_ms: int | None  # since the last NTP, PTP or signed beacon; None when no sync is remembered
    synced_this_boot: bool
    stepped_back_ms: int = 0  # the largest step backwards since that sync

    def __post_init__(self) -> None:
        assert self.sync_age_ms is None or self.sync_age_ms >= 0
        assert self.stepped_back_ms >= 0


@dataclass(frozen=True, slots=True)
class ClockJudgement:
    state: ClockState
    bound_ms: int  # the time of day is within this of the truth


def judge_clock(evidence: ClockEvidence) -> ClockJudgement:
    """TRUSTED, HOLDOVER or UNTRUSTED with its error bound.

    A board without an RTC that was synchronised since it started is HOLDOVER: better than nothing, and never
    TRUSTED, because the next power cut takes the time away.
    """
    if _is_untrusted(evidence):
        return ClockJudgement(ClockState.UNTRUSTED, MAX_OFFLINE_MS)
    age_ms = evidence.sync_age_ms
    if evidence.rtc_valid and age_ms is not None and age_ms < SYNC_FRESH_MS:
        return ClockJudgement(ClockState.TRUSTED, drift_bound_ms(age_ms))
    # An RTC that nobody remembers setting is believed no better than one left alone for the longest time.
    return ClockJudgement(ClockState.HOLDOVER, drift_bound_ms(MAX_OFFLINE_MS if age_ms is None else age_ms))


def _is_untrusted(evidence: ClockEvidence) -> bool:
    no_time = not evidence.rtc_valid and not evidence.synced_this_boot
    return no_time or evidence.stepped_back_ms > STEP_BACK_MAX_MS


def drift_bound_ms(elapsed_ms: int) -> int:
    """10 s a day of the elapsed time, rounded up: a bound is never 0 for an elapsed time above 0."""
    return -(-elapsed_ms * DRIFT_MS_PER_DAY // DAY_MS)


def stepped_back_ms(*, wall_passed_ms: int, mono_passed_ms: int) -> int:
    """How far the time of day went backwards against the monotonic clock between two readings; 0 if it did not."""
    return max(0, mono_passed_ms - wall_passed_ms)


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The time of day was set: what it would have been at this moment, and what it was instead."""

    before_ms: int
    after_ms: int

    @property
    def by_ms(self) -> int:
        return self.after_ms - self.before_ms


def step_between(last_wall_ms: int, wall_ms: int, mono_passed_ms: int) -> ClockStep | None:
    """What two readings show, by the time that passed between them; None where the clock was at most slewed."""
    step = ClockStep(last_wall_ms + mono_passed_ms, wall_ms)
    slewed_ms = STEP_MIN_MS + mono_passed_ms * SLEW_PER_CENT // 100
    return step if abs(step.by_ms) > slewed_ms else None


def lower_bound_ms(*, build_ms: int, signed_ms: int, event_ms: int) -> int:
    """The earliest it can be: later than the build, the last signed state and the last recorded event."""
    return max(build_ms, signed_ms, event_ms)


def time_span(
    state: ClockState, now_ms: int, floor_ms: int, max_offline_ms: int = MAX_OFFLINE_MS
) -> TimeSpan:
    """The moment windows are judged at: the clock's word, or from the floor to the longest outage without one."""
    if state is ClockState.UNTRUSTED:
        return TimeSpan(floor_ms, floor_ms + max_offline_ms)
    return TimeSpan.at(now_ms)
