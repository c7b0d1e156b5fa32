"""A lock at an output of an OSDP reader or door module: its pulse ends in the device, although we are gone.

The device's *permanent* level is always the dead one.  Everything else is told it for a time only, which it counts by
itself: a pulse once with its whole length, a level that lasts with ten seconds that are renewed.  So a cut cable or a
dead node leaves the dead level behind, at the latest after those.
"""

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from edge.core.events import AccessPointId
from edge.drivers.osdp_bus import attach, detach
from edge.drivers.osdp_link import Mailbox, OsdpPlace
from edge.drivers.osdp_peer import MS, Command, Event, Fate, Job, Peer, Report
from edge.ports import Feedback, Outcome
from edge.ports_io import Ask, BusLink, BusTold

log = logging.getLogger(__name__)

# Control codes of osdp_OUT.  1 and 2 end a running time, 3 and 4 let it run out.
PERMANENTLY = {False: 1, True: 2}
PERMANENTLY_AFTER = {False: 3, True: 4}
FOR_A_TIME = {False: 6, True: 5}

UNIT_MS = 100  # of timer_count

# The count has 16 bits on the line, but libosdp 3.2.9 keeps only 8 of what Python hands it: 256 would become 0.
COUNT_MAX = 255

# A level that lasts: a cut cable leaves the dead level behind within the first, the second is three tries.
LEASE_MS, RENEW_MS = 10_000, 3_000

ACK_MS = 500  # hardware.md §2.4
SUPERVISE_MS = 1000

# A pulse that may be over before the output could be read back is believed by its acknowledgement.
READ_BACK_FROM_MS = 1000

# A device counts in tenths of a second, and not by our clock.
LOOK_AFTER_NS = 300 * MS

# Nothing that moves a lock is sent later than this, whatever its deadline (hardware.md §5 rule 3).
STALE_NS = 1000 * MS

CLOSE_S = 0.8

# Asks come at most as fast as people; each has one answer, and links are told once.
TOLD_KEPT = 256


@dataclass(frozen=True, slots=True)
class OsdpOutputSettings(OsdpPlace):
    output: int = 0

    def __post_init__(self) -> None:
        OsdpPlace.__post_init__(self)
        if not 0 <= self.output <= 63:
            raise ValueError(f"output {self.output} is not within 0 to 63")


@dataclass
class _Standing:
    """What the device was last told, and acknowledged."""

    level: bool
    until_ns: int | None  # of a pulse; None: until asked again
    renew_ns: int | None


class OsdpOutput:
    """A ``BusLock``.  Underscored methods and those of ``Part`` run in the bus thread."""

    ack_ms, supervise_ms = ACK_MS, SUPERVISE_MS
    rank = 0
    peer: Peer

    def __init__(
        self, settings: OsdpOutputSettings, door: AccessPointId, *, energised: bool, dead: bool
    ) -> None:
        self._settings, self._door, self._dead = settings, door, dead
        self._rest = dead  # until the first ask says better
        self._mail: Mailbox[BusTold | BusLink] = Mailbox(TOLD_KEPT)
        # Where a release *is* the dead level (a magnet nobody signed for) no device can end it: gate-io has to.
        self.self_timed_pulse = energised == dead
        self._asks: deque[tuple[Ask, int]] = deque()
        self._standing: _Standing | None = None
        self._fresh = True
        self._check: tuple[Ask | None, bool] | None = None  # read back for this ask, this level is expected
        self._read_back: bool | None = None
        self._mute = False  # it does not say how its outputs stand; its acknowledgement has to do
        self._linked: bool | None = None
        self._closing = False
        self._closed = threading.Event()
        self.bus = attach(settings, self)

    # --- from gate-io's timing thread ------------------------------------------------------------------------

    @property
    def feedback(self) -> Feedback:
        return Feedback.NONE if self._mute else Feedback.COIL

    def ask(self, ask: Ask) -> None:
        self.self_timed_pulse = ask.rest == self._dead
        self._asks.append((ask, time.monotonic_ns()))
        self.bus.wake()

    def fileno(self) -> int:
        return self._mail.fileno()

    def told(self) -> list[BusTold | BusLink]:
        return self._mail.take()

    def selftest(self) -> str:
        where = f"{self._door}: output {self._settings.output} of OSDP reader {self._settings.address}"
        if not self.peer.online:
            return f"{where} at {self._settings.port}: the reader {self.peer.story}."
        if self._settings.output >= self.peer.outputs():
            return f"{where} does not exist; the reader says it has {self.peer.outputs()}."
        level = {True: "on", False: "off", None: "not read yet"}[self._read_back]
        return f"{where} {self.peer.story}; it is {level}."

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        self.bus.wake()
        self._closed.wait(CLOSE_S)
        detach(self.bus, self)
        self._mail.close()

    # --- Part ------------------------------------------------------------------------------------------------

    def up(self, now: int) -> None:
        if self._linked and self._released(now):
            self._link(False, now, "an answer was lost while the lock was released; it is put to rest")
        self._give_up_check(now)
        self._fresh, self._standing = True, None

    def down(self, now: int, why: str) -> None:
        self._standing = self._read_back = None
        self._link(False, now, why)

    def offline(self, now: int) -> None:
        """A session that is only being renewed may still be in time for an ask, and for a good-bye."""
        self._give_up_check(now)
        while self._asks and (self.peer.down or now > self._send_by(*self._asks[0])):
            ask, _ = self._asks.popleft()
            self._rest = ask.rest
            self._tell(ask, Outcome.OFFLINE, now, f"the reader {self.peer.story}")
        if self._closing and self.peer.down:
            self._closed.set()

    def next_job(self, now: int) -> Job | None:
        if self._settings.output >= self.peer.outputs():
            self._refuse_all(now)
            return None
        if self._check is not None and (self._mute or self._asks or self._closing):
            # What waits does not wait for a level to be read: the acknowledgement has to do.
            (ask, expected), self._check = self._check, None
            self._judge(ask, expected, now, follows=True)
        if self._check is not None:
            return Job({"command": Command.STATUS, "type": Report.OUTPUT}, self._asked_back)
        if self._closing:
            return None if self._closed.is_set() else self._out(PERMANENTLY[self._dead], 0, self._put_dead)
        if self._fresh:
            with suppress(IndexError):
                self._rest = self._asks[-1][0].rest
            return self._to_rest(now)
        if self._asks:
            return self._newest(now)
        return self._renewal(now) or self._look_after_pulse(now)

    def hear(self, event: dict[str, Any], now: int) -> None:
        if (event["event"], event.get("type")) == (Event.STATUS, Report.OUTPUT) and len(
            event["report"]
        ) > self._settings.output:
            self._read_back = event["report"][self._settings.output] == 1
            if self._check is None:
                return
            (ask, expected), self._check = self._check, None
            self._judge(ask, expected, now, follows=self._read_back == expected)

    # --- what is sent ----------------------------------------------------------------------------------------

    def _refuse_all(self, now: int) -> None:
        while self._asks:
            ask, _ = self._asks.popleft()
            self._tell(ask, Outcome.REFUSED, now, f"the reader has {self.peer.outputs()} outputs")
        self._closed.set()

    def _out(self, code: int, count: int, done: Any, send_by_ns: int | None = None) -> Job:
        command = {
            "command": Command.OUTPUT,
            "output_no": self._settings.output,
            "control_code": code,
            "timer_count": count,
        }
        return Job(command, done, send_by_ns, ACK_MS)

    def _to_rest(self, now: int) -> Job:
        """First word of every session.  Where rest is not the dead level, a time that still runs is not cut."""
        if self._standing is not None or self._rest == self._dead:
            return self._level(self._rest, None, now, self._at_rest)
        code = PERMANENTLY_AFTER[self._dead]
        return self._out(code, 0, lambda fate, _: self._permanent_is_dead(fate))

    def _permanent_is_dead(self, fate: Fate) -> None:
        if fate is Fate.OK:
            self._standing = _Standing(self._dead, None, None)

    def _at_rest(self, fate: Fate, _: int) -> None:
        if fate is Fate.OK:
            self._fresh, self._check = False, (None, self._rest)

    def _newest(self, now: int) -> Job | None:
        *older_ones, (ask, asked_ns) = [self._asks.popleft() for _ in range(len(self._asks))]
        for older, _ in older_ones:
            self._tell(older, Outcome.REFUSED, now, "a newer ask took its place")
        self._rest = ask.rest
        send_by = self._send_by(ask, asked_ns) if ask.energised != self._rest else None
        if send_by is not None and now > send_by:
            self._tell(ask, Outcome.REFUSED, now, "too late to be sent")
            return None
        until = None if ask.pulse_ms is None else now + ask.pulse_ms * MS
        return self._level(ask.energised, until, now, partial(self._answered, ask, asked_ns), send_by)

    @staticmethod
    def _send_by(ask: Ask, asked_ns: int) -> int:
        return min(ask.deadline_ns, asked_ns + STALE_NS)

    def _released(self, now: int) -> bool:
        standing = self._standing
        return (
            standing is not None
            and standing.level != self._rest
            and (standing.until_ns is None or now < standing.until_ns)
        )

    def _look_after_pulse(self, now: int) -> Job | None:
        """The device ended a pulse by itself: it is asked whether it really did, and told once more if not."""
        standing = self._standing
        if standing is None or standing.until_ns is None or now < standing.until_ns + LOOK_AFTER_NS:
            return None
        self._standing, self._check = _Standing(self._rest, None, None), (None, self._rest)
        return self.next_job(now)

    def _level(
        self, level: bool, until_ns: int | None, now: int, done: Any, send_by: int | None = None
    ) -> Job:
        """One command for this level; what it leaves standing is noted once it is acknowledged."""
        if level == self._dead:
            code, count, standing = PERMANENTLY[level], 0, _Standing(level, None, None)
        else:
            left_ms = LEASE_MS if until_ns is None else (until_ns - now) // MS
            count = min(max(left_ms // UNIT_MS, 1), COUNT_MAX)
            more = until_ns is None or left_ms > COUNT_MAX * UNIT_MS
            renew_ms = RENEW_MS if until_ns is None else count * UNIT_MS - RENEW_MS
            standing = _Standing(level, until_ns, now + renew_ms * MS if more else None)
            code = FOR_A_TIME[level]

        def noted(fate: Fate, at: int) -> None:
            if fate is Fate.OK:
                self._standing = standing
            done(fate, at)

        return self._out(code, count, noted, send_by)

    def _renewal(self, now: int) -> Job | None:
        standing = self._standing
        if standing is None or standing.renew_ns is None or now < standing.renew_ns:
            return None
        return self._level(standing.level, standing.until_ns, now, lambda *_: None)

    # --- what came of it -------------------------------------------------------------------------------------

    def _answered(self, ask: Ask, asked_ns: int, fate: Fate, now: int) -> None:
        match fate:
            case Fate.OK if ask.pulse_ms is not None and ask.pulse_ms < READ_BACK_FROM_MS:
                self._tell(ask, Outcome.DONE, now)
            case Fate.OK:
                self._check = (ask, ask.energised)
            case Fate.UNSENT if now < self._send_by(ask, asked_ns):
                self._asks.appendleft((ask, asked_ns))  # it never left: the next session may still be in time
            case Fate.UNSENT:
                self._tell(ask, Outcome.REFUSED, now, "not sent in time")
            case Fate.REFUSED:
                self._tell(ask, Outcome.REFUSED, now, "the reader refused the command")
            case Fate.UNKNOWN:
                self._tell(ask, Outcome.TIMEOUT_UNKNOWN, now, "sent, and no answer came")

    def _asked_back(self, fate: Fate, now: int) -> None:
        """The levels themselves come as an event, before this."""
        if self._check is None:
            return
        (ask, _), self._check = self._check, None
        if fate is Fate.REFUSED and not self._mute:
            self._mute = True
            log.warning(
                "%s: OSDP reader %d does not say how its outputs stand", self._door, self._settings.address
            )
        if ask is not None:
            self._tell(
                ask, Outcome.TIMEOUT_UNKNOWN, now, "acknowledged, but the output could not be read back"
            )
            self.peer.reconnect(now)

    def _give_up_check(self, now: int) -> None:
        """The session ended before the level could be read back: whoever asked is told all the same."""
        check, self._check = self._check, None
        if check is not None and check[0] is not None:
            self._tell(check[0], Outcome.TIMEOUT_UNKNOWN, now, "acknowledged, and then no answer came")

    def _judge(self, ask: Ask | None, expected: bool, now: int, *, follows: bool) -> None:
        if ask is not None:
            outcome = Outcome.DONE if follows else Outcome.TIMEOUT_UNKNOWN
            self._tell(ask, outcome, now, "" if follows else "acknowledged, but the output does not follow")
        if not follows:
            log.error(
                "%s: output %d is not %s", self._door, self._settings.output, "on" if expected else "off"
            )
            self.peer.reconnect(now)
        elif ask is None:
            self._link(True, now)

    def _put_dead(self, *_: object) -> None:
        self._closed.set()

    def _tell(self, ask: Ask, outcome: Outcome, now: int, detail: str = "") -> None:
        self._mail.put(BusTold(ask.seq, outcome, now, detail))

    def _link(self, online: bool, now: int, detail: str = "") -> None:
        if online != self._linked:
            self._linked = online
            self._mail.put(BusLink(online, now, self._read_back if online else None, detail))


def open_lock(
    settings: OsdpOutputSettings, door: AccessPointId, *, energised: bool, dead: bool
) -> OsdpOutput:
    """Returns at once; the device is met by the bus thread, and ``told`` says when.

    ``energised`` is asked for by gate-io like any other level: the first word to a device is its rest.

    Raises:
        HardwareError: the library or the key file is not right, or the port is used twice with different settings.
    """
    return OsdpOutput(settings, door, energised=energised, dead=dead)
