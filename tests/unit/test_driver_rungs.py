"""A driver is at bench until somebody stood before the device; what is claimed is claimed of drivers that exist."""

from importlib.metadata import entry_points

import pytest

from edge.drivers.rungs import RUNGS, Rung, rung_of

KINDS = ("locks", "node_locks", "inputs", "readers", "indicators", "cameras", "supplies", "voices")


def test_every_claim_is_about_an_installed_driver():
    installed = {(kind, point.name) for kind in KINDS for point in entry_points(group=f"gatehouse.{kind}")}
    assert set(RUNGS) - installed == set()


def test_what_has_no_device_says_so_and_everything_else_starts_at_bench():
    assert rung_of("locks", "simulated") is Rung.SIMULATED
    assert rung_of("locks", "gpio_relay") is Rung.BENCH
    assert rung_of("locks", "a stranger's") is Rung.BENCH


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_called_tried_in_the_field_yet(kind):
    tried = [key for key, rung in RUNGS.items() if key[0] == kind and rung in (Rung.FIELD, Rung.TRUSTED)]
    assert tried == []
