"""One reader on an OSDP bus, seen from the bus thread: its session, its silence, its return, and what it is sent.

libosdp repeats an unanswered packet up to eight times, 1 s apart, and then leaves the reader alone for 300 s; while it
repeats it takes no order to stop.  For a lock both are wrong: an unlock must not be sent late, and a reader whose plug
was pulled must be back within two seconds.  So a session that misses an answer is thrown away whole, with what it
still had to send, and a parked one is disabled and enabled again.
"""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum
from types import ModuleType
from typing import Any, Protocol

from edge.drivers.osdp_link import Channel, OsdpPlace, SerialLine, control_panel

log = logging.getLogger(__name__)

MS = 1_000_000

# hardware.md §5: a reader that says nothing for this long is offline.
SILENCE_NS = 1000 * MS

# A reader has 200 ms to begin its answer; polls follow each other within 50 ms of it.
LOST_NS = 300 * MS

# A session that was refused (no key, no secure channel, out of step) is tried again after this, doubling.
RETRY_FIRST_NS, RETRY_MAX_NS = 200 * MS, 1000 * MS

# One session asks a silent reader once a second by itself and is parked after 8.2 s: then, or when it does not even
# park, it is begun anew.
STUCK_NS = 1500 * MS

SILENT = "is silent"
NOT_OURS = "answers, but not with our key over a secure channel"
NO_PORT = "cannot be reached: its port is not there, or another program holds it"

# Sealed packets of one session; a flood of events from one reader is cut here, a tick later there is room again.
EVENTS_MAX = 64


class Command(IntEnum):
    """What a panel may send, as libosdp counts it."""

    OUTPUT = 1
    LED = 2
    BUZZER = 3
    STATUS = 9


class Event(IntEnum):
    """What a reader may say, as libosdp counts it."""

    CARD = 1
    KEYS = 2
    STATUS = 4
    NOTIFICATION = 5


class Report(IntEnum):
    INPUT = 0
    OUTPUT = 1
    LOCAL = 2


class Fate(Enum):
    """What became of one command."""

    OK = "ok"  # the reader acknowledged it under the secure channel
    REFUSED = "refused"  # it said no; the library ends the session over that
    UNSENT = "unsent"  # it never reached the line
    UNKNOWN = "unknown"  # it was sent, and no answer came


@dataclass(frozen=True, slots=True)
class Job:
    """One command; ``done`` is called in the bus thread, exactly once."""

    command: dict[str, Any]
    done: Callable[[Fate, int], None]
    send_by_ns: int | None = None  # never put on the line later than this
    within_ms: int = 500  # without an answer in this time the session is dropped


class Part(Protocol):
    """One use of a reader: a lock output, the reader itself, its inputs, its lights.  All calls in the bus thread."""

    rank: int  # the lower, the sooner it may send
    peer: "Peer"  # set before the first call

    def up(self, now: int, /) -> None:
        """A new secure session stands; whatever was sent before is void."""
        ...

    def down(self, now: int, why: str, /) -> None:
        """Silent for a second; said once."""
        ...

    def next_job(self, now: int, /) -> Job | None:
        """What to send now; asked for while a session stands and nothing is out."""
        ...

    def hear(self, event: dict[str, Any], now: int, /) -> None: ...

    def offline(self, now: int, /) -> None:
        """Asked for on every tick without a session: answer what waits."""
        ...


class Peer:
    """``tick`` is the whole life; other threads may read ``online``, ``down`` and ``story`` at any time."""

    def __init__(self, lib: ModuleType, place: OsdpPlace, key: bytes, line: SerialLine, now: int) -> None:
        self._lib, self.place, self._key = lib, place, key
        self.parts: list[Part] = []
        self.channel = Channel(line)
        self.channel.heard_ns = now
        self.online = False  # a secure session stands and the last valid answer is less than a second old
        self.story = "has not answered yet"
        self.down = False  # silent for more than a second, and said so
        self._secured = False
        self._job: Job | None = None
        self._job_ns = 0
        self._retry_ns = RETRY_FIRST_NS
        self._wake_at: int | None = None
        self._disabled = False
        self._up_ns = self._asleep_until = 0
        self._renew(now)

    def join(self, part: Part, now: int) -> None:
        """One more use of this reader; it is told how things stand."""
        part.peer = self
        self.parts = sorted([*self.parts, part], key=lambda one: one.rank)
        if self._secured:
            part.up(now)
        elif self.down:
            part.down(now, self.story)

    # --- the session -----------------------------------------------------------------------------------------

    def _renew(self, now: int) -> None:
        """A new session, in its first state; the old one takes its unsent commands with it."""
        if self.channel.busy:
            self.channel.drop()  # what is still on its way belongs to the old one
        lib = self._lib
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS_MAX)
        self._fates: deque[int] = deque(maxlen=EVENTS_MAX)
        events, fates = self._events, self._fates
        self.channel.renew()
        self._ctx = control_panel(
            lib, self.place, self._key, self.channel, lib.FLAG_ENFORCE_SECURE | lib.FLAG_ENABLE_NOTIFICATION
        )
        self._ctx.set_event_callback(lambda _, event: events.append(event))
        self._ctx.set_command_completion_callback(lambda _, __, status: fates.append(status))
        self._began_ns, self._wake_at, self._disabled = now, None, False

    @property
    def has_turn(self) -> bool:
        """An answer is out; nobody else may speak on the line."""
        return self.channel.busy

    @property
    def working(self) -> bool:
        return self._job is not None

    def refresh(self, now: int) -> None:
        self.channel.busy = False
        if now >= self._asleep_until:
            self._ctx.refresh()

    def tick(self, now: int) -> None:
        """After ``refresh``: take in what came, judge the silence, send what is due."""
        self._take_in(now)
        secured = bool(self._ctx.sc_status() & self._ctx.status() & 1)
        if secured and not self._secured:
            self._came_up(now)
        elif self._secured and (not secured or self._lost(now)):
            self._lose(now)
        if not self._secured:
            self._knock(now)
        self._judge_silence(now)
        if self._secured:
            self._send(now)
        else:
            for part in self.parts:
                part.offline(now)

    def _take_in(self, now: int) -> None:
        while self._events:
            event = self._events.popleft()
            if event["event"] == Event.NOTIFICATION:
                if event["type"] == self._lib.EVENT_NOTIFICATION_PD_STATUS and not event["arg0"]:
                    self._parked(now)
            elif self._secured:
                for part in self.parts:
                    part.hear(event, now)
        while self._fates:
            status = self._fates.popleft()
            if status == self._lib.COMPLETION_OK:
                self._end_job(Fate.OK, now)
            elif self.channel.held_back or not self.channel.wrote:
                self._end_job(Fate.UNSENT, now)
            else:
                self._end_job(Fate.REFUSED, now)

    def _came_up(self, now: int) -> None:
        self._secured = self.channel.sealed = True
        self._up_ns = now
        self.channel.heard_ns = now
        for part in self.parts:
            part.up(now)

    def _lost(self, now: int) -> bool:
        """An answer is overdue, or what comes makes no sense for a second, or a command took too long."""
        sent = self.channel.sent_ns
        unanswered = self.channel.read_ns < sent and now - sent > LOST_NS
        overdue = self._job is not None and now - self._job_ns > self._job.within_ms * MS
        return unanswered or now - self.channel.heard_ns > SILENCE_NS or overdue or self.channel.held_back

    def _lose(self, now: int) -> None:
        self._secured = False
        if self._job is not None:
            self._end_job(
                Fate.UNKNOWN if self.channel.wrote and not self.channel.held_back else Fate.UNSENT, now
            )
        if now - self._up_ns > SILENCE_NS:
            self._retry_ns = RETRY_FIRST_NS
            self._renew(now)
        else:  # a session that ends as soon as it stands: not forty times a second
            self._renew(now)
            self._asleep_until, self._retry_ns = now + self._retry_ns, min(2 * self._retry_ns, RETRY_MAX_NS)

    def reconnect(self, now: int) -> None:
        """A part no longer believes this session; the next begins at once."""
        if self._secured:
            self._lose(now)

    # --- a reader that does not answer -----------------------------------------------------------------------

    def _parked(self, now: int) -> None:
        """The library would leave it alone for 300 s now."""
        if self._wake_at is None and not self._disabled and not self._secured:
            self._wake_at = now + self._retry_ns
            self._retry_ns = min(2 * self._retry_ns, RETRY_MAX_NS)

    def _knock(self, now: int) -> None:
        if now < self._asleep_until:
            self._began_ns = now
        elif now - max(self._began_ns, self.channel.sent_ns) > STUCK_NS and self._wake_at is None:
            self._renew(now)
        elif self._disabled and not self._ctx.is_pd_enabled(0):
            self.channel.renew()
            self._ctx.enable_pd(0)
            self._began_ns, self._disabled = now, False
        elif self._wake_at is not None and now >= self._wake_at:
            self._ctx.disable_pd(0)
            self._began_ns, self._disabled, self._wake_at = now, True, None

    def _judge_silence(self, now: int) -> None:
        if self._secured:
            self.online, self.down, self.story = True, False, "answers over its secure channel"
        elif now - self.channel.heard_ns > SILENCE_NS:
            # Bytes that came after the last valid answer: somebody is there, and not with our key.
            heard, read = self.channel.heard_ns, self.channel.read_ns
            answers = read - heard > LOST_NS and now - read < 2 * SILENCE_NS
            self.story = NOT_OURS if answers else SILENT if self.channel.there else NO_PORT
            if not self.down:
                self.online, self.down = False, True
                log.warning("OSDP reader %d at %s %s", self.place.address, self.place.port, self.story)
                for part in self.parts:
                    part.down(now, self.story)

    # --- commands --------------------------------------------------------------------------------------------

    def outputs(self) -> int:
        return self._capability(self._lib.CAP_OUTPUT_CONTROL)

    def inputs(self) -> int:
        return self._capability(self._lib.CAP_CONTACT_STATUS_MONITORING)

    def lights(self) -> int:
        return self._capability(self._lib.CAP_READER_LED_CONTROL)

    def sounds(self) -> int:
        return self._capability(self._lib.CAP_READER_AUDIBLE_OUTPUT)

    def _capability(self, code: int) -> int:
        """How many the reader says it has; 0 where it knows nothing of the kind."""
        level, items = self._ctx.check_capability(0, code)
        return max(int(items), 1) if level else 0

    def _send(self, now: int) -> None:
        if self._job is not None:
            return
        for part in self.parts:
            job = part.next_job(now)
            if job is not None:
                self._submit(job, now)
                return

    def _submit(self, job: Job, now: int) -> None:
        self._job, self._job_ns = job, now
        self.channel.wrote, self.channel.not_after_ns = False, job.send_by_ns
        late = job.send_by_ns is not None and now > job.send_by_ns
        if late or not self._ctx.submit_command(0, job.command):
            self._end_job(Fate.UNSENT, now)

    def _end_job(self, fate: Fate, now: int) -> None:
        job, self._job = self._job, None
        self.channel.not_after_ns = None
        if job is not None:
            job.done(fate, now)
