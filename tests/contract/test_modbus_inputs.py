"""Inputs on a Modbus board that is a process of its own, and what the owner may write about both its drivers."""

import json
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from edge.drivers.inputs.modbus import ModbusInputsSettings
from edge.drivers.locks.modbus_relay import ModbusRelaySettings
from edge.gateio.drivers import resolve, settings_of
from edge.gateio.profile import load_profile
from edge.ports import LineEdge, Outcome, Point
from tests.fakes.gateio_rig import until
from tests.fakes.modbus_board import SITES, Site
from tests.fakes.modbus_doors import MS, inputs_at, lock_at

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=SITES)
def site(request) -> Iterator[Site]:
    with SITES[request.param]() as made:
        yield made


def test_levels_are_not_known_before_the_board_answers_and_then_they_are(site):
    site.board.kill()
    with inputs_at(site, contact={"input": 0, "invert": True}, rex={"input": 1}) as inputs:
        assert inputs.levels() == {Point.CONTACT: None, Point.REX: None}
        site.board.start()
        until(lambda: inputs.levels() == {Point.CONTACT: True, Point.REX: False}, "the first levels")


def test_a_press_is_two_edges_and_the_descriptor_says_when_to_look(site):
    with inputs_at(site, rex={"input": 1}) as inputs:
        until(lambda: inputs.levels() == {Point.REX: False}, "the first level")
        inputs.edges()
        began = time.monotonic_ns()
        found: list[LineEdge] = []
        for order in ("input 1 1", "input 1 0"):
            site.board.order(order)
            until(lambda: bool(_ready(inputs.fileno())), "an edge")
            found += inputs.edges()
            assert not _ready(inputs.fileno())
        assert [(edge.point, edge.level) for edge in found] == [(Point.REX, True), (Point.REX, False)]
        assert began < found[0].t_ns < found[1].t_ns < time.monotonic_ns()


def _ready(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def test_a_silent_board_is_a_fault_of_every_input(site):
    with inputs_at(site, fire={"input": 2}) as inputs:
        until(lambda: inputs.levels() == {Point.FIRE: False}, "the first level")
        inputs.edges()
        site.board.freeze()
        until(lambda: inputs.levels() == {Point.FIRE: None}, "the fault")
        assert [edge.level for edge in inputs.edges()] == [None]
        site.board.thaw()
        until(lambda: inputs.levels() == {Point.FIRE: False}, "the level again")


def test_an_input_that_the_board_does_not_have_is_a_fault_and_is_said_once(site, caplog):
    with inputs_at(site, rex={"input": 1}) as there, inputs_at(site, contact={"input": 20}) as missing:
        site.board.order("input 1 1")
        until(lambda: there.levels() == {Point.REX: True}, "the input that is there")
        assert missing.levels() == {Point.CONTACT: None}
    assert caplog.text.count("refuses function 2 at address 20") == 1


def test_a_dead_board_costs_no_more_than_its_knocks(site):
    site.board.kill()
    with lock_at(site, up=False) as hand, inputs_at(site, rex={"input": 1}):
        hand.wait_for_link(False)
        bus, turns = hand.lock._bus, []
        turn = bus._turn
        bus._turn = lambda: turns.append(time.monotonic_ns()) or turn()
        until(lambda: len(turns) > 12, "a dozen turns of the thread")
        assert turns[-1] - turns[0] > 1000 * MS  # it sleeps between its knocks


def test_a_supervised_point_sees_a_cut_wire(site):
    with inputs_at(site, contact={"input": 0, "opposite": 4}) as inputs:
        site.board.order("input 4 1")
        until(lambda: inputs.levels() == {Point.CONTACT: False}, "the closed door")
        site.board.order("input 4 0")
        until(lambda: inputs.levels() == {Point.CONTACT: None}, "the fault")
        site.board.order("input 0 1")
        until(lambda: inputs.levels() == {Point.CONTACT: True}, "the open door")


def test_a_lock_and_inputs_share_one_connection(site):
    with lock_at(site) as hand, inputs_at(site, rex={"input": 1}) as inputs:
        until(lambda: inputs.levels() == {Point.REX: False}, "the first level")
        assert hand.outcome(True) is Outcome.DONE
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("modbus")]
        assert len(threads) == 1


# --- what the owner writes ------------------------------------------------------------------------------------------------


def test_gate_io_finds_both_drivers_by_name():
    assert resolve("locks", "modbus_relay").settings is ModbusRelaySettings
    assert resolve("inputs", "modbus").settings is ModbusInputsSettings


@pytest.mark.parametrize(
    ("bus", "why"),
    [
        ({}, "a host or at a serial port"),
        ({"host": "10.0.0.1", "serial": "/dev/ttyS0"}, "a host or at a serial port"),
        ({"host": "board.lan"}, "is not an IP address"),
        ({"host": "10.0.0.1", "unit": 248}, "unit 248 is not within 1 to 247"),
        ({"host": "10.0.0.1", "timeout_ms": 3000}, "timeout_ms 3000 is not within 20 to 300"),
        ({"host": "10.0.0.1", "retries": 3}, "retries 3 is not within 0 to 1"),
        ({"host": "10.0.0.1", "poll_ms": 5}, "poll_ms 5 is not within 20 to 200"),
        ({"host": "10.0.0.1", "speed": 5}, "Unexpected keyword argument"),
    ],
)
def test_a_wrong_bus_is_one_clear_sentence(bus, why):
    with pytest.raises(ValidationError, match=why):
        TypeAdapter(ModbusRelaySettings).validate_json(json.dumps({"bus": bus, "coil": 0}), strict=True)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ({}, "no input is wired"),
        ({"contact": {"input": 1}, "rex": {"input": 1}}, "one input is named twice"),
        ({"contact": {"input": 1, "opposite": 1}}, "its own opposite"),
        ({"contact": {"input": -1}}, "is not within 0 to 65535"),
        ({"contact": {"input": 1, "debounce_ms": 400}}, "debounce_ms 400 is not within 10 to 300"),
    ],
)
def test_wrong_inputs_are_one_clear_sentence(points, why):
    table = {"bus": {"host": "10.0.0.1"}, **points}
    with pytest.raises(ValidationError, match=why):
        TypeAdapter(ModbusInputsSettings).validate_json(json.dumps(table), strict=True)


@pytest.mark.parametrize("name", ["modbus8_tcp", "modbus8_rtu"])
def test_the_profiles_of_the_boards_are_taken_by_these_drivers(name):
    profile = load_profile(ROOT / "firmware_config" / "profiles" / f"{name}.toml")
    for door in profile.door:
        assert (door.lock.driver, door.inputs.driver) == ("modbus_relay", "modbus")
        lock = settings_of(resolve("locks", door.lock.driver), door.lock.rest, "lock")
        inputs = settings_of(resolve("inputs", door.inputs.driver), door.inputs.rest, "inputs")
        assert lock.bus == inputs.bus
        assert Point.CONTACT in inputs.points
