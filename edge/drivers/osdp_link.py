"""What lies under an OSDP bus: the place of a reader, the library that may drive it, the serial line and its turns."""

import logging
import os
import termios
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from edge.errors import HardwareError

if TYPE_CHECKING:
    import serial

log = logging.getLogger(__name__)

LIBRARY, SERIES = "libosdp", "3.2."

# Another project whose package has the same name; with both installed nobody knows which one is imported.
NAMESAKE = "osdp"

BAUDS = (9600, 19_200, 38_400, 57_600, 115_200, 230_400)

# 7-bit addresses; 0x7F calls everybody, and nobody may answer it with a secure channel.
ADDRESS_MAX = 126

# A packet is at most 256 bytes here: 67 ms at 38400 baud, 267 ms at 9600 with the driver's own buffer in between.
WRITE_WITHIN_S = 0.2

# A port that went away (an adapter pulled out) is looked for this often.
REOPEN_NS = 1_000_000_000

MARK, CONTROL_AT, SEQUENCE = 0xFF, 4, 0b11

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OsdpPlace:
    """Where a reader is: its port, its address on it, and the file that holds its key (32 hex digits)."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    port: str
    key_file: Path
    address: int = 0
    baud: int = 38_400

    def __post_init__(self) -> None:
        if not 0 <= self.address <= ADDRESS_MAX:
            raise ValueError(f"address {self.address} is not within 0 to {ADDRESS_MAX}")
        if self.baud not in BAUDS:
            raise ValueError(f"baud {self.baud} is none of {', '.join(map(str, BAUDS))}")


def library() -> ModuleType:
    """The C core of libosdp, silent: its own log lines could carry what a reader read.

    The package around it is not used: it keeps every event, card numbers with them, in a queue without a bound.

    Raises:
        HardwareError: it is not installed, of another series, or its namesake is installed too.
    """
    with suppress(PackageNotFoundError):
        found = version(NAMESAKE)
        raise HardwareError(
            f"the distribution {NAMESAKE} {found} is installed; it is another project with the import name of {LIBRARY}. "
            f"Uninstall both, then install {LIBRARY} again."
        )
    try:
        found = version(LIBRARY)
    except PackageNotFoundError as error:
        raise HardwareError(f"{LIBRARY} is not installed. Install the extra 'edge'.") from error
    if not found.startswith(SERIES):
        raise HardwareError(f"{LIBRARY} {found} was never tried here. Install {LIBRARY} {SERIES}x.")
    import osdp_sys

    osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
    made: ModuleType = osdp_sys
    return made


def control_panel(lib: ModuleType, place: OsdpPlace, key: bytes, channel: "Channel", flags: int) -> Any:
    """A fresh session with one reader, in its first state."""
    told_by_peripherals_only = dict.fromkeys(
        ("version", "model", "vendor_code", "serial_number", "firmware_version"), 0
    )
    reader = {
        "name": f"reader {place.address}",
        "address": place.address,
        "flags": flags,
        "scbk": key,
        "channel": channel,
    }
    return lib.ControlPanel([reader | told_by_peripherals_only])


class Mailbox(Generic[T]):
    """From a bus thread to gate-io's timing thread: ``fileno`` is readable while ``take`` has something."""

    def __init__(self, keep: int) -> None:
        self._items: deque[T] = deque(maxlen=keep)
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def put(self, item: T) -> None:
        self._items.append(item)
        with suppress(OSError, ValueError):  # closed: nobody reads any more
            os.eventfd_write(self._fd, 1)

    def take(self) -> list[T]:
        with suppress(OSError, ValueError):
            os.eventfd_read(self._fd)
        taken: list[T] = []
        with suppress(IndexError):
            while True:
                taken.append(self._items.popleft())
        return taken

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        """Whoever could not be opened has no ``close`` to call."""
        self.close()


# What pyserial raises for a port that died; termios has an error of its own, which is no OSError.
BROKEN = (OSError, termios.error)


class SerialLine:
    """One port; a broken one is opened again by itself.  Only the bus thread reads and writes."""

    def __init__(self, port: str, baud: int) -> None:
        self._port, self._baud = port, baud
        self._serial: serial.Serial | None = None
        self._try_at = 0

    def open(self) -> None:
        """
        Raises:
            HardwareError: there is no such port, or another program holds it.
        """
        import serial

        try:
            self._serial = serial.Serial(
                self._port, self._baud, timeout=0, write_timeout=WRITE_WITHIN_S, exclusive=True
            )
        except (OSError, ValueError) as error:
            raise HardwareError(
                f"OSDP port {self._port} cannot be opened ({error}). Is the adapter plugged in, and who else holds it?"
            ) from error

    def open_or_wait(self) -> None:
        """Where the port is not there yet it is tried again and again, once a second, by ``write``."""
        try:
            self.open()
        except HardwareError as error:
            log.error("%s It is tried again.", error)
            self._try_at = time.monotonic_ns() + REOPEN_NS

    @property
    def there(self) -> bool:
        return self._serial is not None

    def read(self, most: int) -> bytes:
        if self._serial is None:
            return b""
        try:
            return bytes(self._serial.read(most))
        except (*BROKEN, TypeError) as error:  # pyserial trips over its own None when a port dies
            self._broken(error)
            return b""

    def write(self, packet: bytes) -> int:
        """-1 when the line is not there, as the library expects it."""
        if self._serial is None:
            self._reopen()
            return -1
        try:
            return int(self._serial.write(packet) or 0)
        except BROKEN as error:
            self._broken(error)
            return -1

    def flush(self) -> None:
        if self._serial is not None:
            with suppress(*BROKEN):
                self._serial.reset_input_buffer()

    def drop(self) -> None:
        """What is on its way, in both directions: an adapter that hangs must not say later what was given up."""
        if self._serial is not None:
            with suppress(*BROKEN):
                self._serial.reset_input_buffer()
                self._serial.reset_output_buffer()

    def close(self) -> None:
        made, self._serial = self._serial, None
        if made is not None:
            with suppress(*BROKEN):
                made.close()

    def _broken(self, error: Exception) -> None:
        log.error("OSDP port %s is gone (%s); it is tried again", self._port, error)
        self.close()
        self._try_at = time.monotonic_ns() + REOPEN_NS

    def _reopen(self) -> None:
        now = time.monotonic_ns()
        if now < self._try_at:
            return
        self._try_at = now + REOPEN_NS
        with suppress(HardwareError):
            self.open()
            log.info("OSDP port %s is back", self._port)


class Channel:
    """One reader's view of the line, as the library wants it; nothing in here may raise.

    It tells what the library does not: when the reader last gave a *valid* answer.  The library moves the sequence
    number on only after a packet whose check, address, sequence and seal (under a secure channel) were right.
    """

    id = 1  # the library shares lines by this number; we give each reader a context of its own

    def __init__(self, line: SerialLine) -> None:
        self._line = line
        self.busy = (
            False  # the library wrote or listened since ``busy`` was last cleared: its answer is still out
        )
        self.sent_ns = self.read_ns = self.heard_ns = 0
        self.not_after_ns: int | None = None  # what is written later than this never reaches the line
        self.held_back = False
        self.wrote = False
        self.sealed = False  # a secure session stands: an answer in clear proves nothing
        self._sequence: int | None = None

    @property
    def there(self) -> bool:
        """False while the port itself is missing."""
        return self._line.there

    def renew(self) -> None:
        """A new session begins: its numbers start again, and nothing is held back."""
        self._sequence = None
        self.sent_ns = 0
        self.busy = self.held_back = self.wrote = self.sealed = False
        self.not_after_ns = None

    def read(self, most: int) -> bytes:
        self.busy = True
        found = self._line.read(most)
        if found:
            self.read_ns = time.monotonic_ns()
        return found

    def write(self, packet: bytes) -> int:
        self.busy = True
        now = time.monotonic_ns()
        sequence = packet[CONTROL_AT + (packet[0] == MARK)] & SEQUENCE
        if self.sealed and self._sequence is not None and sequence != self._sequence:
            self.heard_ns = self.read_ns
        self._sequence, self.sent_ns = sequence, now
        if self.not_after_ns is not None and now > self.not_after_ns:
            self.held_back = True
            return -1
        self.wrote = True
        return self._line.write(packet)

    def flush(self) -> None:
        self._line.flush()

    def drop(self) -> None:
        self._line.drop()
