"""The machine's clock, and the one a drill moves."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.compose import serve
from edge.config import NodeConfig
from edge.core.clock import ClockStep
from edge.core.door_rules import DoorRule, RuleSet
from edge.core.events import ClockState
from edge.core.schedule import Calendar
from edge.drivers.clock import JUDGED_FOR_NS, RehearsalClock, SystemClock, clock_of
from edge.errors import ConfigError
from edge.runtime.clock_notes import note_steps
from edge.runtime.rule_parts import local_time
from tests.fakes.eyes_only import EyesOnly
from tests.fakes.lone_gate import GATE
from tests.fakes.ruled_house import RuledHouse

HOUR_MS = 3_600_000


@pytest.fixture
def drill(tmp_path, monkeypatch):
    """A rehearsed clock, how to move it, and how to let monotonic time pass until it is judged again."""
    passed = [0]
    real = time.monotonic_ns
    monkeypatch.setattr("edge.drivers.clock.time.monotonic_ns", lambda: real() + passed[0])
    file = tmp_path / "clock.json"

    def move(offset_ms: int, *, synchronised: bool) -> None:
        file.write_text(json.dumps({"offset_ms": offset_ms, "synchronised": synchronised}))
        passed[0] += JUDGED_FOR_NS

    move(0, synchronised=True)
    return RehearsalClock(file, "present"), move, file


def apart_ms(clock: SystemClock) -> int:
    return clock.read().wall_ms - SystemClock().read().wall_ms


def test_without_a_rehearsal_it_is_the_machine_s():
    assert type(clock_of("auto", None)) is SystemClock
    assert abs(apart_ms(clock_of("auto", None))) < HOUR_MS


def test_a_night_passes_in_a_moment_and_is_believed_while_something_keeps_the_time(drill):
    clock, move, _ = drill
    mono_ns = clock.read().mono_ns
    move(8 * HOUR_MS, synchronised=True)
    reading = clock.read()
    assert abs(apart_ms(clock) - 8 * HOUR_MS) < HOUR_MS
    assert reading.state is ClockState.TRUSTED
    assert reading.mono_ns - mono_ns < 60_000_000_000


@pytest.mark.story("23d")
def test_a_step_back_that_nobody_vouches_for_is_not_believed_until_somebody_does(drill):
    clock, move, _ = drill
    clock.read()
    move(-3 * HOUR_MS, synchronised=False)
    assert clock.read().state is ClockState.UNTRUSTED
    move(0, synchronised=False)
    assert clock.read().state is ClockState.UNTRUSTED
    move(0, synchronised=True)
    assert clock.read().state is ClockState.TRUSTED


@pytest.mark.parametrize("broken", ["", "{}", '{"offset_ms": "soon"}', "[]"])
def test_what_cannot_be_read_changes_nothing(drill, broken):
    clock, move, file = drill
    move(8 * HOUR_MS, synchronised=True)
    clock.read()
    file.write_text(broken)
    assert abs(apart_ms(clock) - 8 * HOUR_MS) < HOUR_MS


def test_a_rehearsal_is_refused_where_a_lock_is_real(tmp_path: Path):
    io = tmp_path / "io.toml"
    io.write_text(
        'socket = "io.sock"\nstate_dir = "s"\njournal = "j"\n[[door]]\naccess_point = "AP-1"\n'
        'lock_profile = "strike_fail_secure"\nrex_unlocks = true\n'
        'lock = { driver = "gpio_relay", chip = "/dev/gpiochip0", line = "GPIO17" }\n'
        'inputs = { driver = "simulated", rig = "r.sock", wired = ["rex"] }\n'
    )
    config = NodeConfig(
        node="n-1",
        data_dir=tmp_path,
        join_file=tmp_path / "join.json",
        io_profile=io,
        clock={"rehearsal": tmp_path / "clock.json"},
        cameras=[{"name": "c", "driver": "replay"}],
        doors=[{"access_point": "AP-1", "kind": "gate", "name_zh": "门", "name_en": "Gate", "camera": "c"}],
    )
    with pytest.raises(
        ConfigError, match=r"clock\.rehearsal: moves the time of day, and .* has a gpio_relay lock"
    ):
        asyncio.run(serve(config))


@pytest.mark.story("25g")
def test_a_clock_that_was_set_is_a_fact_with_before_and_after_and_told_once(drill, tmp_path):
    clock, move, _ = drill
    clock.take_steps()
    move(2 * HOUR_MS, synchronised=True)
    steps = clock.take_steps()
    move(2 * HOUR_MS, synchronised=True)
    assert ([round(step.by_ms / HOUR_MS) for step in steps], list(clock.take_steps())) == ([2], [])

    async def written():
        rules = RuleSet(Calendar(local_time(UTC), {}), {GATE: DoorRule(access_point=GATE)})
        made = await RuledHouse(tmp_path, rules, []).start()
        await note_steps(steps, made.record)
        (row,) = made.ledger.rows(range(made.ledger.head, made.ledger.head + 1), bytes_max=10**6)
        made.close()
        return json.loads(row.body)

    body = asyncio.run(written())
    (step,) = steps
    assert (body["type"], body["x"]) == (
        "sys.clock",
        {"before_ms": step.before_ms, "after_ms": step.after_ms},
    )


@pytest.mark.story("25g")
def test_a_node_asks_its_clock_beside_its_housekeeping(monkeypatch):
    monkeypatch.setattr("edge.runtime.node.HOUSEKEEPING_S", 0)
    eyes, told = EyesOnly(), []
    steps = [ClockStep(1_000, 7_201_000)]

    async def record(facts):
        told.extend(facts)
        raise asyncio.CancelledError

    templates = SimpleNamespace(expired=lambda _now_ms: set())
    eyes.node._parts = replace(eyes.node._parts, clock_steps=lambda: steps, templates=templates)
    eyes.node.record = record
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(eyes.node._housekeeping())
    assert [(fact.type, fact.x) for fact in told] == [
        ("sys.clock", {"before_ms": 1_000, "after_ms": 7_201_000})
    ]
