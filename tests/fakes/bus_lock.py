"""A lock behind a bus that a test holds in its hand, and a way to install it beside the real drivers.

It keeps what it is asked; nothing comes of it until the test says so: ``do``, ``refuse``, ``fall_silent``, ``come_back``.
With ``prompt`` it does at once whatever it is asked.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import ClassVar

from edge.errors import HardwareError
from edge.gateio import drivers
from edge.ports import Feedback, Outcome
from edge.ports_io import Ask, BusLink, BusTold, Read, Show


class Bell:
    """Readable while something lies in it; callable from any thread."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        self._items: deque[object] = deque()
        self._lock = threading.Lock()

    def ring(self, item: object) -> None:
        with self._lock:
            self._items.append(item)
            os.eventfd_write(self.fd, 1)

    def take(self) -> list[object]:
        with self._lock:
            items = [*self._items]
            if items:
                self._items.clear()
                os.eventfd_read(self.fd)
            return items

    def close(self) -> None:
        os.close(self.fd)


@dataclass(frozen=True, slots=True)
class FakeBusSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    prompt: bool = True
    self_timed: bool = True


class FakeBus:
    feedback = Feedback.COIL
    ack_ms = 400
    supervise_ms = 1000

    opened: ClassVar[dict[str, "FakeBus"]] = {}

    def __init__(self, settings: FakeBusSettings, door: str, *, energised: bool, dead: bool) -> None:
        self.prompt = settings.prompt
        self.self_timed_pulse = settings.self_timed
        self.door, self.energised, self.dead = door, energised, dead
        self.asks: list[Ask] = []
        self.moves: list[bool] = []
        self.broken = False  # the driver itself fails
        self.closed = False
        self._bell = Bell()
        if self.prompt:
            self._bell.ring(BusLink(online=True, t_ns=time.monotonic_ns(), energised=energised))

    def ask(self, ask: Ask) -> None:
        if self.broken:
            raise HardwareError("the bus driver is broken")
        self.asks.append(ask)
        if self.prompt:
            self.do()

    def fileno(self) -> int:
        return self._bell.fd

    def told(self) -> list[BusTold | BusLink]:
        if self.broken:
            raise HardwareError("the bus driver is broken")
        return self._bell.take()

    def selftest(self) -> str:
        return f"{self.door}: a lock behind a pretended bus."

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._move(self.dead)
            self._bell.close()

    # --- what a test does with it ---

    def do(self, ask: Ask | None = None) -> None:
        ask = ask or self.asks[-1]
        self._move(ask.energised)
        self._bell.ring(BusTold(ask.seq, Outcome.DONE, time.monotonic_ns()))

    def fail(self, outcome: Outcome, detail: str = "", *, of: Ask | None = None) -> None:
        self._bell.ring(BusTold((of or self.asks[-1]).seq, outcome, time.monotonic_ns(), detail))

    def fall_silent(self) -> None:
        self.prompt = False
        self._bell.ring(BusLink(online=False, t_ns=time.monotonic_ns(), detail="no answer for a second"))

    def come_back(self, *, prompt: bool = True) -> None:
        """At rest first, whatever it was asked."""
        self.prompt = prompt
        self._move(self.asks[-1].rest if self.asks else self.dead)
        self._bell.ring(BusLink(online=True, t_ns=time.monotonic_ns(), energised=self.energised))

    def ring(self) -> None:
        """Wake gate-io without a word."""
        os.eventfd_write(self._bell.fd, 1)

    def _move(self, energised: bool) -> None:
        if energised != self.energised:
            self.energised = energised
            self.moves.append(energised)


def open_lock(settings: FakeBusSettings, door: str, *, energised: bool, dead: bool) -> FakeBus:
    FakeBus.opened[door] = made = FakeBus(settings, door, energised=energised, dead=dead)
    return made


@dataclass(frozen=True, slots=True)
class FakeReaderSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


class FakeReader:
    online = True
    opened: ClassVar[dict[str, "FakeReader"]] = {}

    def __init__(self, door: str) -> None:
        self._door, self._bell, self.broken = door, Bell(), False

    def fileno(self) -> int:
        return self._bell.fd

    def reads(self) -> list[Read]:
        if self.broken:
            raise HardwareError("the reader's driver is broken")
        return self._bell.take()

    def selftest(self) -> str:
        return f"{self._door}: a pretended reader."

    def close(self) -> None:
        self._bell.close()

    def show(self, kind: str, data: str) -> None:
        self._bell.ring(Read(kind, data, time.monotonic_ns()))


def open_reader(settings: FakeReaderSettings, door: str) -> FakeReader:
    FakeReader.opened[door] = made = FakeReader(door)
    return made


@dataclass(frozen=True, slots=True)
class FakeLightSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


class FakeLight:
    opened: ClassVar[dict[str, "FakeLight"]] = {}

    def __init__(self) -> None:
        self.seen: list[Show] = []

    def show(self, what: Show) -> None:
        self.seen.append(what)

    def close(self) -> None:
        pass


def open_indicator(settings: FakeLightSettings, door: str) -> FakeLight:
    FakeLight.opened[door] = made = FakeLight()
    return made


INSTALLED = {
    "gatehouse.locks": "open_lock",
    "gatehouse.readers": "open_reader",
    "gatehouse.indicators": "open_indicator",
}


@contextmanager
def installed() -> Iterator[None]:
    """Beside the drivers that are there, one named ``fake`` of each kind."""

    def with_fakes(*, group: str) -> list[EntryPoint]:
        ours = INSTALLED.get(group)
        fakes = [EntryPoint("fake", f"{__name__}:{ours}", group)] if ours else []
        return [*entry_points(group=group), *fakes]

    drivers.entry_points = with_fakes
    drivers.resolve.cache_clear()
    try:
        yield
    finally:
        drivers.entry_points = entry_points
        drivers.resolve.cache_clear()
        for kind in (FakeBus, FakeReader, FakeLight):
            kind.opened.clear()
