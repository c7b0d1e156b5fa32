"""The machine's clock, and how far the kernel says it may be believed."""

import ctypes
import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from edge.core.clock import (
    ClockEvidence,
    ClockJudgement,
    ClockStep,
    judge_clock,
    step_between,
    stepped_back_ms,
)
from edge.ports import ClockReading

TIME_ERROR = 5  # adjtimex(2): the kernel clock is not synchronised
TIMEX_BYTES = 256  # struct timex is 208 bytes on 64-bit Linux
JUDGED_FOR_NS = 1_000_000_000
STEPS_KEPT = 16  # until somebody takes them, the newest

Rtc = Literal["auto", "present", "absent"]


class SystemClock:
    """Wall and monotonic time of this machine with the clock state of access.md §8.  Safe from any thread."""

    def __init__(self, rtc: Rtc = "auto") -> None:
        self._rtc_valid = Path("/sys/class/rtc/rtc0").exists() if rtc == "auto" else rtc == "present"
        self._lock = threading.Lock()
        self._synced_ns: int | None = None
        self._stepped_back_ms = 0
        self._last = (self._wall_ms(), time.monotonic_ns())
        self._judged_ns = 0
        self._judgement: ClockJudgement | None = None
        self._steps: deque[ClockStep] = deque(maxlen=STEPS_KEPT)

    def read(self) -> ClockReading:
        wall_ms, mono_ns = self._wall_ms(), time.monotonic_ns()
        with self._lock:
            judgement = self._judge(wall_ms, mono_ns)
        return ClockReading(wall_ms, mono_ns, judgement.state, judgement.bound_ms)

    def take_steps(self) -> Sequence[ClockStep]:
        """How the time of day was set since the last asking, oldest first."""
        self.read()
        with self._lock:
            return [self._steps.popleft() for _ in range(len(self._steps))]

    def _wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def _synchronised(self) -> bool:
        return _kernel_is_synchronised()

    def _judge(self, wall_ms: int, mono_ns: int) -> ClockJudgement:
        if self._judgement is not None and mono_ns - self._judged_ns < JUDGED_FOR_NS:
            return self._judgement
        passed_ms = (mono_ns - self._last[1]) // 1_000_000
        step_ms = stepped_back_ms(wall_passed_ms=wall_ms - self._last[0], mono_passed_ms=passed_ms)
        if (step := step_between(self._last[0], wall_ms, passed_ms)) is not None:
            self._steps.append(step)
        self._last = (wall_ms, mono_ns)
        if self._synchronised():
            self._synced_ns, self._stepped_back_ms = mono_ns, 0
        else:
            self._stepped_back_ms = max(self._stepped_back_ms, step_ms)
        age_ms = None if self._synced_ns is None else (mono_ns - self._synced_ns) // 1_000_000
        evidence = ClockEvidence(self._rtc_valid, age_ms, self._synced_ns is not None, self._stepped_back_ms)
        self._judgement, self._judged_ns = judge_clock(evidence), mono_ns
        return self._judgement


class RehearsalClock(SystemClock):
    """This machine's clock, moved by a file: for drills at simulated locks, where nights have to pass in seconds.

    The file is one JSON object: ``offset_ms`` is added to the time of day, ``synchronised`` is what the kernel would
    say of it.  As long as it cannot be read, what it said last goes on.  The monotonic clock is never moved.
    """

    def __init__(self, file: Path, rtc: Rtc = "auto") -> None:
        self._file = file
        self._offset_ms, self._told = 0, _kernel_is_synchronised()
        super().__init__(rtc)

    def _wall_ms(self) -> int:
        try:
            said = json.loads(self._file.read_text())
            self._offset_ms, self._told = int(said["offset_ms"]), bool(said["synchronised"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not there yet, or just being written
        return super()._wall_ms() + self._offset_ms

    def _synchronised(self) -> bool:
        return self._told


def clock_of(rtc: Rtc, rehearsal: Path | None) -> SystemClock:
    """The machine's clock, or the one that a drill moves."""
    return SystemClock(rtc) if rehearsal is None else RehearsalClock(rehearsal, rtc)


def _kernel_is_synchronised() -> bool:
    """What adjtimex(2) says; a kernel that cannot be asked is not synchronised."""
    libc = ctypes.CDLL(None, use_errno=True)
    timex = ctypes.create_string_buffer(TIMEX_BYTES)
    return 0 <= int(libc.adjtimex(timex)) < TIME_ERROR
