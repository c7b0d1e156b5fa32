"""The nights of ``make sim``, a few of them, and that a night is what it says it is (docs/simulation.md)."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from rich.console import Console

from edge.core.door_events import TamperOn
from edge.core.door_table import TABLE, Input
from edge.core.door_types import Link, Mode
from sim.mishaps import Doer
from sim.plan import write_night
from sim.play import Stage, play
from sim.rows import leave_rows
from sim.run import Sum, play_lot, ready, verdict
from sim.script import BEGIN_NS, S_NS, Deed, Night
from sim.shrink import fewest, shrink
from sim.table_mutants import Mutant, apply

SEED = 2026


@pytest.fixture(autouse=True)
def _quiet_programs_and_counted_rows() -> Iterator[None]:
    before = structlog.get_config()
    ready()
    yield
    asyncio._set_running_loop(None)
    leave_rows()
    structlog.configure(**before)


def night_of(*deeds: Deed, k: int = 0) -> Night:
    return replace(write_night(SEED, k), deeds=deeds)


def at(second: float, what: str, **how: int | str | bool) -> Deed:
    return Deed(BEGIN_NS + int(second * S_NS), what, how)


@pytest.mark.parametrize("k", range(6))
def test_a_night_breaks_no_rule_and_is_full(k: int) -> None:
    outcome = play(write_night(SEED, k))
    assert outcome.broken == ""
    assert outcome.passages >= 60
    assert outcome.inputs >= 300
    assert outcome.faults >= 1


def test_a_night_played_again_is_the_same_night() -> None:
    first, again = (play(write_night(SEED, 3)) for _ in range(2))
    assert first == again


def test_nights_add_up_to_the_same_however_they_are_handed_out() -> None:
    together = play_lot((SEED, 0, 4))
    apart = Sum()
    for k in (2, 0, 3, 1):
        apart.add(play_lot((SEED, k, k + 1)))
    assert apart == together


def test_a_broken_night_shrinks_to_the_few_deeds_it_takes() -> None:
    row = next(
        n for n, row in enumerate(TABLE) if row.inputs == {Input.CMD_BLOCK} and row.after is Mode.BLOCKED
    )
    undo = apply(Mutant(row, "drop"))
    try:
        night, rule = next(
            (night, outcome.rule)
            for k in range(20)
            if (outcome := play(night := write_night(SEED, k))).broken
        )
        few = shrink(night, rule)
        assert play(few).rule == rule
        assert len(few.deeds) <= 4
        assert any("op=block" in line for line in few.lines())
    finally:
        undo()
    assert play(few).broken == ""


def test_shrinking_leaves_exactly_what_is_needed() -> None:
    deeds = [at(n, "leave") for n in range(40)]
    needed = [deeds[7], deeds[31]]
    assert fewest(deeds, lambda some: all(deed in some for deed in needed)) == needed


def test_a_full_disk_keeps_the_news_of_the_link_from_no_door() -> None:
    stage = Stage(night_of())
    stage.house.link(up=True)
    stage.box.start()
    stage.house.start()
    stage.hours.play(BEGIN_NS + S_NS)
    life = stage.house.life
    assert life is not None
    assert life.gate.state.link is Link.ONLINE
    stage.house.disk.ledger.full = True
    stage.house.link(up=False)
    stage.hours.play(BEGIN_NS + 2 * S_NS)
    assert life.gate.state.link is Link.OFFLINE


def test_an_evacuation_that_gate_io_did_not_end_in_time_is_ended_by_the_next_thing_that_happens() -> None:
    """Found by night 13 of seed 20261129: locked in the books, open at the wire, until somebody restarted the node."""
    stage = Stage(night_of())
    doer, wires = Doer(stage), stage.wires
    stage.house.link(up=True)
    stage.box.start()
    stage.house.start()
    deeds = [
        at(1, "command", op="lockopen", kind="good", kid="k1"),
        at(5, "slow_line", lag_ms=320, for_ms=10_000),
        at(10, "command", op="lockopen_release", kind="good", kid="k1"),
    ]
    for deed in deeds:
        stage.hours.at(deed.at_ns, doer.do, deed)
    stage.hours.play(BEGIN_NS + 30 * S_NS)
    life = stage.house.life
    assert life is not None
    assert (life.gate.state.mode, wires.current) == (Mode.LOCKED, True)
    stage.house.tell(TamperOn())
    stage.hours.play(BEGIN_NS + 31 * S_NS)
    assert (life.gate.state.mode, wires.current, life.gate.fault) == (Mode.LOCKED, False, "")


@pytest.mark.parametrize(
    ("kind", "sees"),
    [("drop", "mode"), ("mute", "lock released"), ("LOCKED_OPEN", "mode")],
)
def test_a_changed_row_is_noticed(kind: str, sees: str) -> None:
    row = next(
        n for n, row in enumerate(TABLE) if Input.CRED_GRANTED in row.inputs and row.after is Mode.ACCESSED
    )
    undo = apply(Mutant(row, kind))
    try:
        outcome = play(night_of(at(10, "visit", who="g01", by="code", pace_ms=700, open_ms=1_500)))
    finally:
        undo()
    assert outcome.rule in {sees, "mode", "facts", "grants waiting", "raised"}


def test_a_long_run_that_never_takes_a_row_fails_and_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    total = Sum(nights=1_000)
    total.rows.update(dict.fromkeys(range(len(TABLE)), 1))
    assert verdict(total, 1, 1_000, Console(width=200)) == 0
    del total.rows[5]
    assert verdict(total, 1, 1_000, Console(width=200)) == 1
    assert "never taken: 05 mode" in capsys.readouterr().out


def test_a_night_in_which_nothing_happened_fails_the_run() -> None:
    total = Sum()
    total.take(0, play(night_of()))
    assert total.thin
    assert verdict(total, SEED, 1, Console(width=200)) == 1
