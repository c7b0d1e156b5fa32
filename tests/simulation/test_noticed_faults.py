"""Deliberate faults are noticed: three of those of ``make mutants``, each in a process of its own."""

import multiprocessing

import pytest

from sim.faults import FAULTS
from sim.mutants import try_fault
from sim.table_mutants import Mutant, all_mutants, mutant_of


@pytest.mark.parametrize("name", ["REX not served", "acts before it writes", "late release sent to a bus"])
def test_a_deliberate_fault_is_noticed(name: str) -> None:
    number = next(n for n, fault in enumerate(FAULTS) if fault.name == name)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        caught = pool.apply(try_fault, ((1, number),))
    assert caught.by


def test_there_are_at_least_twenty_deliberate_faults_in_every_part() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 20
    assert {fault.where for fault in FAULTS} >= {"machine", "decision", "commands", "gate", "gate-io", "bus"}


def test_every_row_is_dropped_once_and_led_everywhere_else() -> None:
    mutants = list(all_mutants())
    assert len(set(mutants)) == len(mutants)
    assert all(mutant_of(mutant.name) == mutant for mutant in mutants)
    assert {mutant.kind for mutant in mutants if mutant.row == 0} == {
        "drop", "mute", "UNKNOWN", "LOCKED", "ACCESSED", "UNLOCKED", "BLOCKED", "LOCKED_DOWN",
    }  # fmt: skip
    assert Mutant(0, "drop") in mutants
