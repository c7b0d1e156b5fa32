"""A scanner, card reader or keypad that plays a USB keyboard, read from the kernel and grabbed.

Grabbed, because what it types would otherwise arrive in the kiosk's browser as well.  A device that cannot be grabbed
is not read.  What was read is never logged.
"""

import fcntl
import logging
import os
import select
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from edge.core.events import AccessPointId
from edge.drivers.keyboard import Typist, card_of
from edge.drivers.outbox import Outbox
from edge.ports_io import Read, ReadKind

log = logging.getLogger(__name__)

# struct input_event of linux/input.h with this machine's own long: time, time, type, code, value.
EVENT = struct.Struct("llHHi")
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
EVIOCGRAB = 0x40044590

READS_MAX = 16
CHUNK = 64 * EVENT.size

# An unplugged reader is looked for this often.
RETRY_S = 0.5
JOIN_S = 0.9

# No wait is without an end, not even for a key.
LOOK_UP_S = 10.0

GAP_MS: dict[ReadKind, int] = {"text": 1000, "card": 1000, "keys": 8000}


@dataclass(frozen=True, slots=True)
class HidSettings:
    """``kind`` says what the device types: a code as it stands, a card's number, or digits somebody typed."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    device: Path  # a lasting name, such as /dev/input/by-id/...-event-kbd
    kind: Literal["text", "card", "keys"] = "text"
    mode: Literal["us", "alt_numpad"] = "us"
    card_bits: int = 32
    card_base: Literal[10, 16] = 10
    gap_ms: int | None = None  # so long without a key, and the line is forgotten

    def __post_init__(self) -> None:
        if not 8 <= self.card_bits <= 128:
            raise ValueError(f"card_bits {self.card_bits} is not within 8 to 128")
        if self.gap_ms is not None and not 100 <= self.gap_ms <= 15_000:
            raise ValueError(f"gap_ms {self.gap_ms} is not within 100 to 15000")

    def read_of(self, line: str) -> str | None:
        """What is passed on of one line; None when the line is not of this kind."""
        match self.kind:
            case "text":
                return line
            case "keys":
                return line if line.isascii() and line.isdecimal() else None
            case "card":
                return card_of(line, self.card_bits, self.card_base)


def grab(fd: int) -> None:
    """Nobody else gets the keystrokes from now on, until the descriptor is closed."""
    fcntl.ioctl(fd, EVIOCGRAB, 1)


class HidReader:
    """A ``ReaderLines``.  A thread waits for keys, so that an unplugged device costs gate-io nothing."""

    def __init__(
        self, settings: HidSettings, door: AccessPointId, seize: Callable[[int], None] = grab
    ) -> None:
        self._settings = settings
        self._door = door
        self._grab = seize
        self._outbox: Outbox[Read] = Outbox(READS_MAX)
        self._online = False
        self._trouble = ""
        self._stop = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"hid {door}", daemon=True)
        self._thread.start()

    @property
    def online(self) -> bool:
        return self._online

    def fileno(self) -> int:
        return self._outbox.fileno()

    def reads(self) -> list[Read]:
        return self._outbox.take()

    def selftest(self) -> str:
        state = "is read" if self._online else f"is not there ({self._trouble or 'not looked for yet'})"
        return f"{self._door}: the {self._settings.kind} reader {self._settings.device} {state}."

    def close(self) -> None:
        """Returns within a second; repeatable."""
        if self._closing.is_set():
            return
        self._closing.set()
        os.eventfd_write(self._stop, 1)
        self._thread.join(JOIN_S)
        self._outbox.close()
        if not self._thread.is_alive():
            os.close(self._stop)

    # --- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        with suppress(
            OSError
        ):  # gate-io starts every thread in the real-time class; a scanner does not belong there
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        while not self._closing.is_set():
            try:
                self._serve()
            except OSError as error:
                self._note(error.strerror or str(error))
            _readable(RETRY_S, self._stop)

    def _serve(self) -> None:
        """Read until the device goes away or we are closed.

        Raises:
            OSError: why it cannot be read (any more).
        """
        fd = os.open(self._settings.device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._grab(fd)
            self._note("")
            gap_ms = self._settings.gap_ms or GAP_MS[self._settings.kind]
            typist = Typist(self._settings.mode, gap_ns=gap_ms * 1_000_000)
            rest = b""
            while not self._closing.is_set():
                if not _readable(LOOK_UP_S, fd, self._stop) or self._closing.is_set():
                    continue
                chunk = os.read(fd, CHUNK)
                if not chunk:
                    raise OSError("it was unplugged")
                heap = rest + chunk
                rest = heap[len(heap) - len(heap) % EVENT.size :]
                self._outbox.put(self._reads_in(heap[: len(heap) - len(rest)], typist))
        finally:
            self._online = False
            os.close(fd)

    def _reads_in(self, events: bytes, typist: Typist) -> Iterator[Read]:
        now = time.monotonic_ns()
        for _, _, kind, code, value in EVENT.iter_unpack(events):
            if kind == EV_SYN and code == SYN_DROPPED:
                typist.lose()
            if kind != EV_KEY:
                continue
            line = typist.key(code, value, now)
            if line is None:
                continue
            data = self._settings.read_of(line)
            if data is None:
                log.warning("%s: the reader typed something that is no %s", self._door, self._settings.kind)
            else:
                yield Read(self._settings.kind, data, now)

    def _note(self, trouble: str) -> None:
        """One line in the log whenever the device is lost or found."""
        self._online = not trouble
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble:
            log.warning("%s: the reader %s is not read: %s", self._door, self._settings.device, trouble)
        else:
            log.info("%s: the reader %s is read", self._door, self._settings.device)


def _readable(within_s: float, *fds: int) -> bool:
    """True once one of them has something to say, or has gone."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return bool(poll.poll(within_s * 1000))


def open_reader(settings: HidSettings, door: AccessPointId) -> HidReader:
    """Returns at once; a device that is not there is looked for until it is."""
    return HidReader(settings, door)
