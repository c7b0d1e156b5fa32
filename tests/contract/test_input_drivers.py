"""Every input driver passes this; a new driver adds one line to ``INPUTS``."""

import json
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import gpiod
import pytest
from gpiod.line import Bias, Clock
from gpiod.line import Edge as LineEdgeKind

from edge.core.events import AccessPointId
from edge.drivers.inputs import gpio
from edge.drivers.inputs import simulated as sim
from edge.drivers.inputs.osdp import OsdpPoint
from edge.errors import HardwareError
from edge.ports import InputLines, Level, LineEdge, Point
from tests.fakes.fake_gpiod import FakeBoard
from tests.fakes.osdp_house import Bench
from tests.fakes.waiting import eventually

GATE = AccessPointId("gate")
WIRED = (Point.CONTACT, Point.REX, Point.FIRE)


@dataclass
class Rig:
    inputs: InputLines
    put: Callable[[Point, Level], list[LineEdge]]  # move a point from outside; the edges that came of it
    supervised: bool = False  # it can tell a cut wire: ``put(point, None)`` cuts one
    stop: Callable[[], None] = lambda: None  # the peer, if there is one


def readable(inputs: InputLines, within_s: float = 10) -> bool:
    return bool(select.select([inputs.fileno()], [], [], within_s)[0])


def simulated(folder: Path, monkeypatch) -> Rig:
    inputs = sim.open_inputs(sim.SimulatedInputsSettings(folder / "rig", WIRED), GATE)

    def put(point: Point, level: Level) -> list[LineEdge]:
        hand = threading.Thread(target=sim.set_point, args=(folder / "rig", GATE, point, level))
        hand.start()
        edges: list[LineEdge] = []
        while hand.is_alive():
            if readable(inputs, 0.05):
                edges += inputs.edges()
        hand.join()
        return edges

    return Rig(inputs, put, supervised=True)


def gpio_lines(folder: Path, monkeypatch) -> Rig:
    board = FakeBoard({"/dev/gpiochip0": ["GPIO27", "GPIO22", "GPIO23"]})
    board.high |= {"GPIO22": True, "GPIO23": True}  # pulled up, not pressed, no fire
    monkeypatch.setattr(gpiod, "Chip", board.chip)
    wired = {
        Point.CONTACT: gpio.GpioPoint("GPIO27", active_low=False),
        Point.REX: gpio.GpioPoint("GPIO22"),
        Point.FIRE: gpio.GpioPoint("GPIO23"),
    }
    settings = gpio.GpioInputsSettings("/dev/gpiochip0", *(wired[point] for point in WIRED))

    def put(point: Point, level: bool) -> list[LineEdge]:
        board.put(wired[point].line, level != wired[point].active_low)
        return inputs.edges() if readable(inputs, 0) else []

    inputs = gpio.open_inputs(settings, GATE)
    return Rig(inputs, put)


def osdp(folder: Path, monkeypatch) -> Rig:
    stack = ExitStack()
    bench = Bench(folder, stack)
    device = bench.reader()
    numbers = {point: number for number, point in enumerate(WIRED)}
    made = bench.inputs(**{point: OsdpPoint(number) for point, number in numbers.items()})
    reported = [0, 0, 0, 0]
    eventually(lambda: None not in made.levels().values(), what="the first levels")
    made.edges()

    def put(point: Point, level: Level) -> list[LineEdge]:
        moves = made.levels()[point] is not level
        reported[numbers[point]] = 2 if level is None else int(level)
        device.do("inputs " + ",".join(map(str, reported)))
        return made.edges() if moves and readable(made) else []

    return Rig(made, put, supervised=True, stop=stack.close)


INPUTS = [simulated, gpio_lines, osdp]


def _param(make):
    """A device on an OSDP line has a peer that counts milliseconds."""
    return pytest.param(make, id=make.__name__, marks=[pytest.mark.alone] if make is osdp else [])


@pytest.fixture(params=map(_param, INPUTS))
def rig(request, tmp_path, monkeypatch):
    made = request.param(tmp_path, monkeypatch)
    yield made
    made.inputs.close()
    made.stop()


def test_levels_are_those_of_the_wired_points_and_no_others(rig):
    assert rig.inputs.levels() == dict.fromkeys(WIRED, False)


def test_a_change_is_one_edge_with_its_time(rig):
    before = time.monotonic_ns()
    (edge,) = rig.put(Point.REX, True)
    assert (edge.point, edge.level) == (Point.REX, True)
    assert before <= edge.t_ns <= time.monotonic_ns()
    assert rig.inputs.levels()[Point.REX] is True


def test_edges_keep_their_order(rig):
    edges = rig.put(Point.REX, True) + rig.put(Point.REX, False) + rig.put(Point.CONTACT, True)
    assert [(edge.point, edge.level) for edge in edges] == [
        (Point.REX, True),
        (Point.REX, False),
        (Point.CONTACT, True),
    ]
    assert [edge.t_ns for edge in edges] == sorted(edge.t_ns for edge in edges)


def test_the_same_level_again_is_no_edge(rig):
    rig.put(Point.FIRE, True)
    assert rig.put(Point.FIRE, True) == []


def test_a_cut_wire_is_told_as_not_known_where_it_can_be_told(rig):
    if not rig.supervised:
        return
    rig.put(Point.FIRE, True)
    (edge,) = rig.put(Point.FIRE, None)
    assert (edge.point, edge.level) == (Point.FIRE, None)
    assert rig.inputs.levels()[Point.FIRE] is None
    (mended,) = rig.put(Point.FIRE, False)
    assert mended.level is False


def test_asking_without_news_does_not_wait(rig):
    assert not readable(rig.inputs, 0)
    assert rig.inputs.edges() == []


@pytest.mark.alone
def test_nothing_is_left_open(tmp_path, monkeypatch):
    for make in INPUTS:
        before = set(Path("/proc/self/fd").iterdir())
        made = make(tmp_path, monkeypatch)
        made.put(Point.REX, True)
        made.inputs.close()
        made.stop()
        assert set(Path("/proc/self/fd").iterdir()) == before


# --- the rig's own manners -----------------------------------------------------------------------------------


def ask(inputs, path, packet):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hand:
        hand.settimeout(10)
        hand.connect(str(path))
        hand.send(packet)
        for _ in range(2):  # one to let the hand in, one to hear it
            readable(inputs)
            assert inputs.edges() == []
        return json.loads(hand.recv(600))


@pytest.mark.parametrize(
    "packet",
    [
        b"nonsense",
        b"[]",
        b'{"door": "gate", "point": "moat", "level": true}',
        b'{"door": "stair", "point": "rex", "level": true}',
        b'{"door": "gate", "point": "rex", "level": 1}',
        b'{"door": "gate", "point": "tamper", "level": true}',
        b'{"door": "gate", "point": "rex"}',
        b"[" * 4000,
    ],
)
def test_the_rig_refuses_what_it_does_not_have(tmp_path, packet):
    inputs = sim.open_inputs(sim.SimulatedInputsSettings(tmp_path / "rig", WIRED), GATE)
    answer = ask(inputs, tmp_path / "rig", packet)
    assert answer["ok"] is False
    assert answer["reason"]
    assert inputs.levels() == dict.fromkeys(WIRED, False)
    inputs.close()


def test_a_director_without_a_gate_io_is_told(tmp_path):
    with pytest.raises(HardwareError, match="gate rex was not set"):
        sim.set_point(tmp_path / "nobody", "gate", Point.REX, True)


# --- what the kernel is asked for ----------------------------------------------------------------------------


def test_the_kernel_debounces_each_point_as_the_design_asks(monkeypatch):
    board = FakeBoard({"/dev/gpiochip0": ["A", "B", "C"]})
    monkeypatch.setattr(gpiod, "Chip", board.chip)
    settings = gpio.GpioInputsSettings(
        "/dev/gpiochip0",
        contact=gpio.GpioPoint("A"),
        rex=gpio.GpioPoint("B", debounce_ms=20),
        fire=gpio.GpioPoint("C"),
    )
    inputs = gpio.open_inputs(settings, GATE)
    asked = board.settings
    assert [asked[line].debounce_period / timedelta(milliseconds=1) for line in "ABC"] == [50, 20, 20]
    assert all(asked[line].edge_detection is LineEdgeKind.BOTH for line in "ABC")
    assert all(asked[line].event_clock is Clock.MONOTONIC for line in "ABC")
    assert all(asked[line].bias is Bias.PULL_UP for line in "ABC")
    inputs.close()


def test_an_input_that_is_taken_is_named(monkeypatch):
    board = FakeBoard({"/dev/gpiochip0": ["A"]})
    monkeypatch.setattr(gpiod, "Chip", board.chip)
    settings = gpio.GpioInputsSettings("/dev/gpiochip0", contact=gpio.GpioPoint("A"))
    first = gpio.open_inputs(settings, GATE)
    with pytest.raises(HardwareError, match="gate: GPIO inputs A cannot be taken"):
        gpio.open_inputs(settings, GATE)
    first.close()
