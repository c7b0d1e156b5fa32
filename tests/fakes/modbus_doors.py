"""gate-io's side of a Modbus lock and of Modbus inputs, opened as a profile would have them."""

import contextlib
import json
import time
from collections.abc import Iterator

from pydantic import TypeAdapter

from edge.core.events import AccessPointId
from edge.drivers.inputs.modbus import ModbusInputs, ModbusInputsSettings, open_inputs
from edge.drivers.locks.modbus_relay import ModbusRelay, ModbusRelaySettings, open_lock
from edge.ports import Outcome
from edge.ports_io import Ask, BusLink, BusTold
from tests.fakes.gateio_rig import until
from tests.fakes.modbus_board import Site

GATE = AccessPointId("gate")
MS = 1_000_000


class Hand:
    """gate-io's side of one lock: asks, and gathers what it is told."""

    def __init__(self, lock: ModbusRelay, rest: bool) -> None:
        self.lock = lock
        self._rest = rest
        self._told: list[BusTold | BusLink] = []
        self._seq = 0

    @property
    def told(self) -> list[BusTold | BusLink]:
        self._told += self.lock.told()
        return self._told

    def ask(self, energised: bool, *, pulse_ms: int | None = None, within_ms: int = 500) -> int:
        self._seq += 1
        deadline_ns = time.monotonic_ns() + within_ms * MS
        self.lock.ask(Ask(self._seq, energised, pulse_ms, deadline_ns, self._rest))
        return self._seq

    def answer(self, seq: int) -> BusTold:
        def found() -> list[BusTold]:
            return [word for word in self.told if isinstance(word, BusTold) and word.seq == seq]

        until(lambda: bool(found()), f"an answer to ask {seq}")
        (told,) = found()
        return told

    def outcome(self, energised: bool, **how: int | None) -> Outcome:
        return self.answer(self.ask(energised, **how)).outcome

    def links(self) -> list[BusLink]:
        return [word for word in self.told if isinstance(word, BusLink)]

    def wait_for_link(self, online: bool, after: int = 0) -> BusLink:
        until(lambda: any(link.online is online for link in self.links()[after:]), f"online {online}")
        return next(link for link in self.links()[after:] if link.online is online)


@contextlib.contextmanager
def lock_at(
    site: Site, *, rest: bool = False, dead: bool = False, up: bool = True, **changed
) -> Iterator[Hand]:
    bus = site.bus | changed.pop("bus", {})
    settings = TypeAdapter(ModbusRelaySettings).validate_json(
        json.dumps({"bus": bus, "coil": 0, **changed}), strict=True
    )
    lock = open_lock(settings, GATE, energised=rest, dead=dead)
    hand = Hand(lock, rest)
    try:
        if up:
            hand.wait_for_link(True)
        yield hand
    finally:
        lock.close()


@contextlib.contextmanager
def inputs_at(site: Site, **points: dict[str, object]) -> Iterator[ModbusInputs]:
    settings = TypeAdapter(ModbusInputsSettings).validate_json(
        json.dumps({"bus": site.bus, **points}), strict=True
    )
    inputs = open_inputs(settings, GATE)
    try:
        yield inputs
    finally:
        inputs.close()
        inputs.close()
