"""Every indicator driver passes this; a new driver adds one line to ``INDICATORS``."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import gpiod
import pytest

from edge.core.events import AccessPointId
from edge.drivers.indicators import gpio
from edge.drivers.indicators import simulated as sim
from edge.drivers.indicators.gpio import PATTERNS, GpioIndicatorSettings, Lamp
from edge.drivers.indicators.osdp import IDLE, LOOKS
from edge.drivers.osdp_peer import Command
from edge.errors import HardwareError
from edge.ports_io import IndicatorLines, Show
from tests.fakes.fake_gpiod import FakeBoard
from tests.fakes.gateio_rig import lines, until
from tests.fakes.osdp_house import Bench

GATE = AccessPointId("gate")
CHIP = "/dev/gpiochip0"


@dataclass
class Rig:
    light: IndicatorLines
    says: Callable[
        [Show], bool
    ]  # looked at from outside: does it say this now, or did it since the last look?
    dark: Callable[[], bool]
    spoil: Callable[[], None] = lambda: None  # the device fails
    stop: Callable[[], None] = lambda: None  # the peer, if there is one


def simulated(folder: Path, monkeypatch) -> Rig:
    light = sim.open_indicator(sim.SimulatedIndicatorSettings(folder / "light.jsonl"), GATE)

    def last() -> object:
        seen = lines(folder / "light.jsonl")
        return seen[-1]["show"] if seen else sim.DARK

    return Rig(light, lambda what: last() == what, lambda: last() == sim.DARK)


def gpio_lines(folder: Path, monkeypatch) -> Rig:
    board = FakeBoard({CHIP: ["R", "G", "B"]})
    monkeypatch.setattr(gpiod, "Chip", board.chip)
    light = gpio.open_indicator(GpioIndicatorSettings(CHIP, Lamp("R"), Lamp("G"), Lamp("B")), GATE)
    names = {gpio.RED: "R", gpio.GREEN: "G", gpio.BEEP: "B"}
    looked = [0]

    def says(what: Show) -> bool:
        """The sets of lamps that were on, in their order, since the last look, hold its steps in theirs."""
        on, seen = set(), [frozenset[str]()]
        for line, high in board.history[looked[0] :]:
            on = on | {line} if high else on - {line}
            seen.append(frozenset(on))
        wanted = [frozenset(names[lamp] for lamp in step.on) for step in PATTERNS[what].steps]
        rest = iter(seen)
        found = all(step in rest for step in wanted)
        if found:
            looked[0] = len(board.history)
        return found

    def spoil() -> None:
        for request in {*board.holders.values()}:
            request.set_values = refuse  # type: ignore[method-assign]

    def refuse(values: object) -> None:
        raise OSError(5, "Input/output error")

    return Rig(light, says, lambda: not any(board.high.values()), spoil)


def osdp(folder: Path, monkeypatch) -> Rig:
    stack = ExitStack()
    bench = Bench(folder, stack)
    device, light = bench.reader(), bench.lights()
    device.wait(lambda: device.orders(Command.LED), "the idle light")

    def says(what: Show) -> bool:
        look = LOOKS.get(what) or IDLE["red"]
        led = device.orders(Command.LED)[-1]
        return (led["on_color"], led["on_count"], led["off_count"]) == (look.colour, look.on, look.off)

    def dark() -> bool:
        return device.orders(Command.LED)[-1]["on_color"] == 0

    return Rig(light, says, dark, lambda: bench.line.plug(False), stack.close)


INDICATORS = [simulated, gpio_lines, osdp]


def _param(make):
    """A device on an OSDP line has a peer that counts milliseconds."""
    return pytest.param(make, id=make.__name__, marks=[pytest.mark.alone] if make is osdp else [])


@pytest.fixture(params=map(_param, INDICATORS))
def rig(request, tmp_path, monkeypatch):
    made = request.param(tmp_path, monkeypatch)
    yield made
    made.light.close()
    made.stop()


@pytest.mark.parametrize("what", [show for show in Show if show is not Show.IDLE])
def test_what_it_is_told_it_shows(rig, what):
    rig.light.show(what)
    until(lambda: rig.says(what), f"{what} to be seen")


def test_the_newest_word_counts(rig):
    for what in (Show.ALARM, Show.DENIED, Show.PREALARM, Show.GRANTED):
        rig.light.show(what)
    until(lambda: rig.says(Show.GRANTED), "the newest")


def test_closing_leaves_it_dark_and_can_be_repeated(rig):
    rig.light.show(Show.ALARM)
    for _ in range(2):
        rig.light.close()
    assert rig.dark()
    rig.light.show(Show.GRANTED)  # too late, and no reason to raise


def test_a_device_that_fails_raises_nothing(rig):
    rig.spoil()
    for what in Show:
        rig.light.show(what)


@pytest.mark.alone
def test_nothing_is_left_open(tmp_path, monkeypatch):
    for make in INDICATORS:
        before, threads = set(Path("/proc/self/fd").iterdir()), threading.active_count()
        made = make(tmp_path, monkeypatch)
        made.light.show(Show.ALARM)
        made.light.close()
        made.stop()
        assert set(Path("/proc/self/fd").iterdir()) == before
        assert threading.active_count() <= threads


# --- GPIO ------------------------------------------------------------------------------------------------------


def test_nothing_blinks_faster_than_twice_a_second():
    for what, pattern in PATTERNS.items():
        if pattern.again:
            assert sum(step.ms for step in pattern.steps) >= 500, what


def test_every_word_has_a_pattern_and_no_two_look_the_same():
    assert set(PATTERNS) == set(Show)
    assert len({pattern.steps for pattern in PATTERNS.values()}) == len(Show)


def test_green_is_only_for_who_may_pass():
    green = {what for what, pattern in PATTERNS.items() if gpio.GREEN in pattern.steps[-1].on}
    assert green == {Show.GRANTED}
    assert all(gpio.RED not in step.on for step in PATTERNS[Show.FREE].steps)


def test_a_lamp_that_is_on_while_its_line_is_low(monkeypatch):
    board = FakeBoard({CHIP: ["R"]})
    monkeypatch.setattr(gpiod, "Chip", board.chip)
    light = gpio.open_indicator(GpioIndicatorSettings(CHIP, red=Lamp("R", active_low=True)), GATE)
    assert board.high["R"] is True
    light.show(Show.DENIED)
    until(lambda: board.high["R"] is False, "the red light")
    light.close()
    assert board.high["R"] is True
    assert board.holders == {}


@pytest.mark.parametrize(
    ("lamps", "why"),
    [
        ({}, "nothing is wired"),
        ({"red": Lamp("A"), "green": Lamp("A")}, "one line is named twice"),
    ],
)
def test_a_wiring_that_cannot_be_is_said(lamps, why):
    with pytest.raises(ValueError, match=why):
        GpioIndicatorSettings(**lamps)


def test_a_line_that_somebody_holds_is_named(monkeypatch):
    board = FakeBoard({CHIP: ["R"]})
    monkeypatch.setattr(gpiod, "Chip", board.chip)
    other = board.chip(CHIP).request_lines({"R": gpiod.LineSettings()})
    with pytest.raises(HardwareError, match="GPIO lights R cannot be taken"):
        gpio.open_indicator(GpioIndicatorSettings(CHIP, red=Lamp("R")), GATE)
    other.release()
