"""One Modbus connection, TCP or RTU: a question, its answer, and never longer than the time it was given.

pymodbus frames, checks and decodes; the socket and the serial port are ours.  Its own clients measure waits by the
time of day, which jumps when a gate learns it, and reconnect by themselves before the next request, so that nobody
can say which write was the first.
"""

import select
import socket
import struct
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from edge.errors import HardwareError

if TYPE_CHECKING:
    from pymodbus.framer import FramerBase
    from pymodbus.pdu import ModbusPDU

READ_COILS, READ_INPUTS, WRITE_COIL = 1, 2, 5
ON, OFF = 0xFF00, 0x0000

# A frame is at most 260 bytes; what is longer than a few of them is noise.
HEAP_MAX = 1024


class WireSilent(HardwareError):
    """No answer in time."""


class WireBroken(HardwareError):
    """There is no connection, or none any more."""


class WireRefusal(HardwareError):
    """The board answered with an exception."""


class TooLate(HardwareError):
    """Its time had passed before it was sent.  Not a TimeoutError: that is also the kernel's word for a dead peer."""


@dataclass(frozen=True, slots=True)
class BusSettings:
    """Where a board is.  ``host`` and ``port``, or ``serial`` and its line settings; ``unit`` on either."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    host: str | None = None  # an address: a name would need a name server before a door opens
    port: int = 502
    serial: Path | None = None  # a lasting name, such as /dev/serial/by-id/...
    baudrate: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1
    unit: int = 1
    timeout_ms: int | None = None  # TCP 200, serial 150
    retries: int | None = None  # of reads and of the resting level, never of an unlock; TCP 0, serial 1
    poll_ms: int = 50

    def __post_init__(self) -> None:
        if (self.host is None) == (self.serial is None):
            raise ValueError("a board is at a host or at a serial port: name one of the two")
        if self.host is not None:
            try:
                ip_address(self.host)
            except ValueError:
                raise ValueError(f"host {self.host!r} is not an IP address") from None
        for name, low, high in (
            ("port", 1, 65_535),
            ("baudrate", 1200, 1_000_000),
            ("unit", 1, 247),
            ("timeout_ms", 20, 300),
            ("retries", 0, 1),
            ("poll_ms", 20, 200),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} {value} is not within {low} to {high}")

    @property
    def timeout_s(self) -> float:
        return (self.timeout_ms or (200 if self.serial is None else 150)) / 1000

    @property
    def attempts(self) -> int:
        """How often a question that may be repeated is asked."""
        return 1 + (self.retries if self.retries is not None else int(self.serial is not None))

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}" if self.serial is None else str(self.serial)

    @property
    def line(self) -> tuple[object, ...]:
        """What boards on one connection have to agree on."""
        if self.serial is None:
            return (self.host, self.port)
        return (self.serial, self.baudrate, self.parity, self.stopbits)


@dataclass(frozen=True, slots=True)
class Question:
    """``value``: how many bits to read, or the word to write to a coil."""

    unit: int
    function: int
    address: int
    value: int

    @property
    def payload(self) -> bytes:
        return struct.pack(">BHH", self.function, self.address, self.value)

    def bits_of(self, answer: "ModbusPDU") -> list[bool] | None:
        """The bits read (empty after a write), or None when this is no answer to us.

        Raises:
            WireRefusal: the board said no.
        """
        if answer.function_code == self.function | 0x80:
            raise WireRefusal(
                f"the board refuses function {self.function} at address {self.address} "
                f"(exception {answer.exception_code})"
            )
        if answer.function_code != self.function:
            return None
        if self.function == WRITE_COIL:
            echoed = answer.address == self.address and list(answer.bits) == [self.value != OFF]
            return [] if echoed else None
        if len(answer.bits) != -(-self.value // 8) * 8:
            return None
        return list(answer.bits[: self.value])


class Line(Protocol):
    """Bytes to and from the board; neither call waits."""

    def fileno(self) -> int: ...

    def send(self, frame: bytes) -> None: ...

    def receive(self) -> bytes: ...

    def flush(self) -> None:
        """Forget what came before the question."""
        ...

    def close(self) -> None: ...


class TcpLine:
    def __init__(self, settings: BusSettings) -> None:
        assert settings.host is not None
        self._socket = socket.create_connection((settings.host, settings.port), settings.timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, frame: bytes) -> None:
        if self._socket.send(frame) != len(frame):  # twelve bytes into an empty buffer
            raise OSError("the connection is stuck")

    def receive(self) -> bytes:
        if data := self._socket.recv(HEAP_MAX):
            return data
        raise OSError("the board closed the connection")

    def flush(self) -> None:
        """The transaction number tells an answer from a late one."""

    def close(self) -> None:
        self._socket.close()


class SerialLine:
    def __init__(self, settings: BusSettings) -> None:
        import serial

        self._port = serial.Serial(
            str(settings.serial),
            settings.baudrate,
            parity=settings.parity,
            stopbits=settings.stopbits,
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )
        # The silence between two frames: 3.5 characters of 11 bits, and not less than the standard's 1.75 ms.
        self._quiet_s = max(3.5 * 11 / settings.baudrate, 0.00175)
        self._busy_at = 0.0

    def fileno(self) -> int:
        return int(self._port.fileno())

    def send(self, frame: bytes) -> None:
        self._port.write(frame)
        self._busy_at = time.monotonic()

    def receive(self) -> bytes:
        data: bytes = self._port.read(HEAP_MAX)
        if not data:
            raise OSError("the serial port is gone")
        self._busy_at = time.monotonic()
        return data

    def flush(self) -> None:
        time.sleep(max(0.0, self._busy_at + self._quiet_s - time.monotonic()))
        self._port.reset_input_buffer()

    def close(self) -> None:
        with suppress(OSError, termios.error):  # an adapter that was pulled out
            self._port.close()


class Wire:
    """Closed until ``open``; whatever goes wrong on the way closes it again."""

    def __init__(self, settings: BusSettings, now: Callable[[], int] = time.monotonic_ns) -> None:
        from pymodbus.framer import FramerRTU, FramerSocket
        from pymodbus.pdu import DecodePDU

        self._settings = settings
        self._now = now
        self._line: Line | None = None
        self._rtu = settings.serial is not None
        self._framer: FramerBase = (FramerRTU if self._rtu else FramerSocket)(DecodePDU(False))
        self._tid = 0

    @property
    def is_open(self) -> bool:
        return self._line is not None

    def open(self) -> None:
        """Connect; at most ``timeout_ms``.

        Raises:
            WireBroken: nobody is there.
        """
        try:
            self._line = (SerialLine if self._rtu else TcpLine)(self._settings)
        except (OSError, ValueError, termios.error) as error:
            raise WireBroken(f"{self._settings.where} cannot be reached ({error})") from error

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def exchange(self, question: Question, timeout_s: float, not_after_ns: int | None = None) -> list[bool]:
        """Ask once and wait for the answer; the bits that were read.

        Raises:
            TooLate: ``not_after_ns`` had passed; nothing was sent.
            WireSilent: no answer within ``timeout_s``; the wire is closed.
            WireBroken: it broke; the wire is closed.
            WireRefusal: the board said no; the wire stays open.
        """
        try:
            return self._exchange(question, timeout_s, not_after_ns)
        except WireSilent:
            self.close()
            raise
        except (OSError, termios.error) as error:
            self.close()
            raise WireBroken(f"{self._settings.where}: the connection broke ({error})") from error

    def _exchange(self, question: Question, timeout_s: float, not_after_ns: int | None) -> list[bool]:
        if self._line is None:
            raise WireBroken(f"{self._settings.where} is not connected")
        self._tid = self._tid % 65_000 + 1
        frame = self._framer.encode(question.payload, question.unit, self._tid)
        self._line.flush()
        if not_after_ns is not None and self._now() >= not_after_ns:
            raise TooLate(f"{self._settings.where}: its time had passed before it was sent")
        self._line.send(frame)
        heap, end = b"", time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(self._line.fileno(), select.POLLIN)
        while (left := end - time.monotonic()) > 0:
            if not poll.poll(left * 1000):
                continue
            heap = (heap + self._line.receive())[-HEAP_MAX:]
            heap, answers = self._split(heap, question)
            for answer in answers:
                if (bits := question.bits_of(answer)) is not None:
                    return bits
        raise WireSilent(f"{self._settings.where} unit {question.unit} did not answer in time")

    def _split(self, heap: bytes, question: Question) -> tuple[bytes, list["ModbusPDU"]]:
        """Whole frames for us, and what is left; several late answers may lie in one heap.

        pymodbus expects one RTU frame at a time and drops what follows it, so it is shown no more than one.
        """
        found: list[ModbusPDU] = []
        size = 1 if self._rtu else len(heap)
        while 0 < size <= len(heap):
            used, unit, tid, data = self._framer.decode(heap[:size])
            if used and not data:  # a checksum that does not fit: the frame may begin one byte later
                heap, size = heap[1:], 1
            elif used:
                if (
                    unit == question.unit
                    and tid in (0, self._tid)
                    and (answer := self._framer.decoder.decode(data))
                ):
                    found.append(answer)
                heap, size = heap[used:], 1 if self._rtu else len(heap) - used
            elif self._rtu:
                size += 1
            else:
                break
        return heap, found
