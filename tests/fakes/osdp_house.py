"""An OSDP line with its key, and whatever a test opens on it through our drivers."""

import time
from contextlib import ExitStack
from pathlib import Path

from edge.core.events import AccessPointId
from edge.drivers.indicators import osdp as lights
from edge.drivers.inputs import osdp as inputs
from edge.drivers.locks import osdp_output as locks
from edge.drivers.osdp_keys import new_key
from edge.drivers.osdp_peer import Command
from edge.drivers.readers import osdp as readers
from edge.ports_io import Ask, BusLink, BusTold
from tests.fakes import osdp_bench
from tests.fakes.waiting import eventually

GATE = AccessPointId("gate")
MS = 1_000_000
LONG_NS = 400 * MS  # a deadline that is met on a busy machine, and shorter than a driver may be late

# Codes of osdp_OUT.
OFF, ON, OFF_AFTER, TEMPORARILY_ON, TEMPORARILY_OFF = 1, 2, 3, 5, 6


class Bench:
    """One line, its key, and whatever a test opens on it; all of it is closed again."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.key_file = folder / "reader.key"
        new_key(self.key_file)
        self._stack = stack
        self.wire(1)

    def wire(self, how_many: int, baud: int | None = None) -> None:
        self.line = self._stack.enter_context(osdp_bench.line(baud, how_many))

    def reader(self, *more: str, key_file: Path | None = None, at: int = 0) -> osdp_bench.Reader:
        made = osdp_bench.reader(self.line.readers[at], key_file or self.key_file, *more)
        return self._stack.enter_context(made)

    def lock(self, *, dead: bool = False, rest: bool = False, **more: object) -> "Lock":
        settings = locks.OsdpOutputSettings(self.line.panel, self.key_file, **more)  # type: ignore[arg-type]
        made = locks.open_lock(settings, GATE, energised=rest, dead=dead)
        self._stack.callback(made.close)
        return Lock(made, rest=rest)

    def cards(self, **more: object) -> readers.OsdpReader:
        settings = readers.OsdpReaderSettings(self.line.panel, self.key_file, **more)  # type: ignore[arg-type]
        made = readers.open_reader(settings, GATE)
        self._stack.callback(made.close)
        return made

    def inputs(self, **more: object) -> inputs.OsdpInputs:
        settings = inputs.OsdpInputsSettings(self.line.panel, self.key_file, **more)  # type: ignore[arg-type]
        made = inputs.open_inputs(settings, GATE)
        self._stack.callback(made.close)
        return made

    def lights(self, **more: object) -> lights.OsdpIndicator:
        settings = lights.OsdpIndicatorSettings(self.line.panel, self.key_file, **more)  # type: ignore[arg-type]
        made = lights.open_indicator(settings, GATE)
        self._stack.callback(made.close)
        return made


class Lock:
    """A lock and everything it ever told."""

    def __init__(self, driver: locks.OsdpOutput, *, rest: bool) -> None:
        self.driver, self.rest = driver, rest
        self.told: list[BusTold | BusLink] = []
        self._seq = 0

    def hear(self) -> list[BusTold | BusLink]:
        self.told += self.driver.told()
        return self.told

    def links(self) -> list[BusLink]:
        return [one for one in self.hear() if isinstance(one, BusLink)]

    def linked(self) -> bool:
        return bool(self.links()) and self.links()[-1].online

    def ask(self, energised: bool, pulse_ms: int | None = None, within_ns: int = LONG_NS) -> int:
        self._seq += 1
        self.driver.ask(Ask(self._seq, energised, pulse_ms, time.monotonic_ns() + within_ns, self.rest))
        return self._seq

    def answer(self, seq: int) -> BusTold:
        def found() -> list[BusTold]:
            return [one for one in self.hear() if isinstance(one, BusTold) and one.seq == seq]

        eventually(found, what=f"no answer to ask {seq}; told {self.told}")
        (one,) = found()
        return one

    def meet(self) -> "Lock":
        eventually(self.linked, what=f"the lock never answered: {self.driver.selftest()}")
        return self


def codes(reader: osdp_bench.Reader) -> list[int]:
    return [order["control_code"] for order in reader.orders(Command.OUTPUT)]


def pass_time(seconds: float) -> None:
    """For what only time shows: that something stays away, or that nothing comes."""
    begun = time.monotonic()
    eventually(lambda: time.monotonic() - begun > seconds)
